"""What the page shows, read from a target with plain boto3."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from harness.workflow.executions import history

MOST_EXECUTIONS = 100
"""Executions of a state machine that the list shows, the newest."""
_ENDS = ("Succeeded", "Failed", "TimedOut", "Aborted")


@dataclass(frozen=True)
class ExecutionRow:
    """An execution in the list."""

    arn: str
    name: str
    status: str
    started: datetime
    seconds: float | None
    """From start to end; None while it runs."""


@dataclass(frozen=True)
class Machine:
    """A state machine with its newest executions."""

    name: str
    executions: list[ExecutionRow]

    def count(self, status: str) -> int:
        """How many of the executions shown have *status*."""
        return sum(row.status == status for row in self.executions)


@dataclass(frozen=True)
class EndpointRow:
    """An endpoint; a stub's answers are made up."""

    name: str
    status: str
    stub: bool


@dataclass
class Step:
    """A state on an execution's way."""

    name: str
    kind: str
    """``Task``, ``Choice``, ... as the definition calls it."""
    entered: datetime
    input: str
    status: str = "RUNNING"
    left: datetime | None = None
    output: str = ""
    failures: list[str] = field(default_factory=list)
    """What its attempts failed of, each as ``error: cause``."""

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it runs."""
        return None if self.left is None else (self.left - self.entered).total_seconds()


@dataclass(frozen=True)
class ExecutionView:
    """An execution, whole."""

    row: ExecutionRow
    machine: str
    input: str
    output: str
    error: str
    cause: str
    steps: list[Step]


def machines(states: Any) -> list[Machine]:
    """All state machines, with their newest executions."""
    found = [item for page in states.get_paginator("list_state_machines").paginate() for item in page["stateMachines"]]
    return [
        Machine(
            item["name"],
            [
                _row(execution)
                for execution in states.list_executions(
                    stateMachineArn=item["stateMachineArn"], maxResults=MOST_EXECUTIONS
                )["executions"]
            ],
        )
        for item in sorted(found, key=lambda item: str(item["name"]))
    ]


def endpoints(sagemaker: Any) -> list[EndpointRow]:
    """All endpoints, stubs marked as their tags say."""
    rows = []
    for page in sagemaker.get_paginator("list_endpoints").paginate():
        for item in page["Endpoints"]:
            tags = sagemaker.list_tags(ResourceArn=item["EndpointArn"])["Tags"]
            stub = {"Key": "harness:stub", "Value": "true"} in tags
            rows.append(EndpointRow(item["EndpointName"], item["EndpointStatus"], stub))
    return rows


def execution(states: Any, arn: str) -> ExecutionView:
    """One execution with the states on its way.

    Raises:
        botocore.exceptions.ClientError: there is no such execution.
    """
    described = states.describe_execution(executionArn=arn)
    return ExecutionView(
        row=_row(described),
        machine=described["stateMachineArn"].rpartition(":")[2],
        input=pretty(described.get("input", "")),
        output=pretty(described.get("output", "")),
        error=described.get("error", ""),
        cause=pretty(described.get("cause", "")),
        steps=steps_of(history(states, arn)),
    )


def steps_of(events: Iterable[Mapping[str, Any]]) -> list[Step]:
    """The states that a history tells of, in the order in which they were entered."""
    steps: list[Step] = []
    inside: dict[int, Step] = {}
    """The step that each event belongs to, by the event's number."""
    for event in events:
        kind, number = event["type"], event["id"]
        entered = event.get("stateEnteredEventDetails")
        if entered is not None:
            step = Step(
                entered["name"], kind.removesuffix("StateEntered"), event["timestamp"], pretty(entered.get("input", ""))
            )
            steps.append(step)
            inside[number] = step
            continue
        previous = inside.get(event.get("previousEventId", 0))
        if previous is None:
            continue
        inside[number] = previous
        details: Mapping[str, Any] = next((value for name, value in event.items() if name.endswith("EventDetails")), {})
        if kind.endswith("StateExited"):
            previous.status, previous.left = "SUCCEEDED", event["timestamp"]
            previous.output = pretty(details.get("output", ""))
        elif kind.startswith("Execution") and kind.removeprefix("Execution") in _ENDS:
            if previous.left is None:
                previous.status, previous.left = "FAILED", event["timestamp"]
        elif "error" in details:
            previous.failures.append(": ".join(filter(None, (details["error"], details.get("cause", "")))))
    return steps


def pretty(text: str) -> str:
    """JSON text with line breaks; other text as it is."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text


def _row(item: Mapping[str, Any]) -> ExecutionRow:
    stopped = item.get("stopDate")
    seconds = None if stopped is None else (stopped - item["startDate"]).total_seconds()
    return ExecutionRow(item["executionArn"], item["name"], item["status"], item["startDate"], seconds)
