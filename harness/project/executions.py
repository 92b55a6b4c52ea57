"""Starts executions and waits for what comes of them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import datetime
from typing import Any

FIRST_POLL = 0.004
"""Seconds before the first look at an execution; each further look waits half as long again."""
SLOWEST_POLL = 1.0


@dataclass(frozen=True)
class ExecutionResult:
    """An execution that has ended."""

    arn: str
    name: str
    input: dict[str, Any]
    status: str
    """``SUCCEEDED``, ``FAILED``, ``TIMED_OUT`` or ``ABORTED``."""
    output: Any
    """The output, read from JSON; None unless it succeeded."""
    error: str | None
    cause: str | None
    started: datetime
    stopped: datetime

    @property
    def duration(self) -> float:
        """Seconds from start to end, as Step Functions dates them."""
        return (self.stopped - self.started).total_seconds()

    @property
    def succeeded(self) -> bool:
        """Return whether it ended well."""
        return self.status == "SUCCEEDED"


class ExecutionTimeout(TimeoutError):
    """An execution was still running when the wait for it ended."""


def start(states: Any, state_machine_arn: str, event: dict[str, Any]) -> str:
    """Start an execution; return its ARN.

    Args:
        states: client of Step Functions.
        state_machine_arn: of the state machine, a version or an alias.
        event: its input.
    """
    return str(states.start_execution(stateMachineArn=state_machine_arn, input=json.dumps(event))["executionArn"])


def wait(states: Any, execution_arn: str, timeout: float = 300) -> ExecutionResult:
    """Wait until an execution has ended.

    Args:
        states: a Step Functions client.
        execution_arn: the execution.
        timeout: seconds after which to give up.

    Raises:
        ExecutionTimeout: it was still running by then.
    """
    deadline = time.monotonic() + timeout
    pause = FIRST_POLL
    while True:
        answer = states.describe_execution(executionArn=execution_arn)
        if answer["status"] != "RUNNING":
            return _result(answer)
        if time.monotonic() > deadline:
            raise ExecutionTimeout(f"{execution_arn} was still running after {timeout:g} s")
        time.sleep(pause)
        pause = min(pause * 1.5, SLOWEST_POLL)


def run(states: Any, state_machine_arn: str, event: dict[str, Any], timeout: float = 300) -> ExecutionResult:
    """Start an execution and wait until it has ended.

    Args:
        states: client of Step Functions.
        state_machine_arn: of the state machine, a version or an alias.
        event: its input.
        timeout: seconds to wait.

    Raises:
        ExecutionTimeout: it was still running then.
    """
    return wait(states, start(states, state_machine_arn, event), timeout)


def run_all(
    states: Any, state_machine_arn: str, events: Iterable[dict[str, Any]], *, concurrency: int = 4
) -> Iterator[ExecutionResult]:
    """Run an execution for each event, some at a time; yield each as it ends.

    Args:
        states: client of Step Functions.
        state_machine_arn: of the state machine, a version or an alias.
        events: an input each.
        concurrency: how many run at a time.
    """
    with ThreadPoolExecutor(concurrency, thread_name_prefix="execution") as threads:
        futures = [threads.submit(run, states, state_machine_arn, event) for event in events]
        for future in as_completed(futures):
            yield future.result()


def history(states: Any, execution_arn: str) -> list[dict[str, Any]]:
    """All events of an execution, oldest first."""
    pages = states.get_paginator("get_execution_history").paginate(
        executionArn=execution_arn, includeExecutionData=True
    )
    return [event for page in pages for event in page["events"]]


def failed_state(events: list[dict[str, Any]]) -> str | None:
    """Name of the state in which an execution failed: the last that was entered and not left."""
    entered: str | None = None
    for event in events:
        if "stateEnteredEventDetails" in event:
            entered = event["stateEnteredEventDetails"]["name"]
        elif "stateExitedEventDetails" in event:
            entered = None
    return entered


def inferences_of(events: list[dict[str, Any]]) -> list[str]:
    """Return the endpoint's answers, as text, that the states of an execution passed on in ``body``."""
    found = []
    for event in events:
        details = event.get("stateExitedEventDetails")
        if details is None:
            continue
        body = json.loads(details["output"]).get("body") if details["output"].startswith("{") else None
        if isinstance(body, str) and body.startswith("["):
            found.append(body)
    return found


def _result(answer: dict[str, Any]) -> ExecutionResult:
    output = answer.get("output")
    return ExecutionResult(
        arn=answer["executionArn"],
        name=answer["name"],
        input=json.loads(answer["input"]),
        status=answer["status"],
        output=None if output is None else json.loads(output),
        error=answer.get("error"),
        cause=answer.get("cause"),
        started=answer["startDate"],
        stopped=answer["stopDate"],
    )
