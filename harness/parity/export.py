"""Executions as files: what AWS's console exports, and what ``--record`` makes of any execution."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.states_language.text import dumps

_MILLISECONDS = 1e11


class ExportError(ValueError):
    """A file is no export of an execution; the message says what is missing."""


@dataclass(frozen=True)
class RecordedExecution:
    """One execution: its definition, its input, and what happened.

    Attributes:
        arn: of the execution.
        name: of the execution.
        machine_arn: of its state machine.
        kind: ``STANDARD`` or ``EXPRESS``.
        definition: of the state machine.
        role_arn: of the state machine.
        input: JSON text.
        events: the whole history, by id, without members that the console writes as null; payloads are JSON texts,
            times ISO ones.
    """

    arn: str
    name: str
    machine_arn: str
    kind: str
    definition: str
    role_arn: str
    input: str
    events: list[dict[str, Any]]


def read_export(path: Path) -> RecordedExecution:
    """Read a file that the Step Functions console exported, or that :func:`record` made.

    Raises:
        ExportError: it is neither.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        machine, execution = document["stateMachine"], document["execution"]
        history = document["historyHash"]
        listed = history.values() if isinstance(history, dict) else history
        events = [_event(event) for event in sorted(listed, key=lambda event: event["id"])]
        arn = execution["executionArn"]
        started = events[0].get("executionStartedEventDetails", {})
        given = execution.get("input")
        return RecordedExecution(
            arn=arn,
            name=execution.get("name") or arn.rpartition(":")[2],
            machine_arn=machine.get("stateMachineArn") or execution["stateMachineArn"],
            kind=machine.get("type") or "STANDARD",
            definition=machine["definition"],
            role_arn=machine.get("roleArn") or started.get("roleArn") or "",
            input=started["input"] if given is None else _text(given),
            events=events,
        )
    except (OSError, ValueError) as error:
        raise ExportError(f"{path}: {error}") from None
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ExportError(
            f"{path} is no export of an execution: {error!s} is missing. Export one from the execution's page in the "
            "Step Functions console, or make one with --record."
        ) from None


def _event(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event in the API's form: without what is null, its payloads as texts."""
    found: dict[str, Any] = {}
    for name, value in event.items():
        if isinstance(value, Mapping) and name.endswith("EventDetails"):
            details = {member: inside for member, inside in value.items() if inside is not None}
            for member in ("input", "output", "parameters"):
                if member in details:
                    details[member] = _text(details[member])
            found[name] = details
        elif name == "timestamp":
            found[name] = _moment(value)
        elif value is not None:
            found[name] = value
    return found


def _moment(stamp: Any) -> str:
    """ISO text; the console writes milliseconds since the epoch, or a text."""
    if isinstance(stamp, int | float):
        return datetime.fromtimestamp(stamp / 1000 if stamp > _MILLISECONDS else stamp, UTC).isoformat()
    return datetime.fromisoformat(str(stamp)).isoformat()


def _text(payload: Any) -> str:
    return payload if isinstance(payload, str) else dumps(payload)


def record(states: Any, execution_arn: str) -> dict[str, Any]:
    """Return an execution on any target, in the console's form.

    Args:
        states: a Step Functions client.
        execution_arn: an execution that has ended.

    Raises:
        botocore.exceptions.ClientError: there is none.
    """
    pages = states.get_paginator("get_execution_history").paginate(
        executionArn=execution_arn, includeExecutionData=True
    )
    events = [event for page in pages for event in page["events"]]
    for event in events:
        scheduled = event.get("taskScheduledEventDetails")
        if scheduled and isinstance(scheduled.get("parameters"), str):
            scheduled["parameters"] = json.loads(scheduled["parameters"])
    return {
        "execution": _plain(states.describe_execution(executionArn=execution_arn)),
        "stateMachine": _plain(states.describe_state_machine_for_execution(executionArn=execution_arn)),
        "historyHash": {str(event["id"]): _plain(event) for event in events},
    }


def record_all(states: Any, state_machine_arn: str, folder: Path) -> list[Path]:
    """Record every execution of a state machine that has ended, a file each; gives the files.

    Args:
        states: a Step Functions client.
        state_machine_arn: whose executions.
        folder: where to put them; made where it is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for page in states.get_paginator("list_executions").paginate(stateMachineArn=state_machine_arn):
        for execution in page["executions"]:
            if execution["status"] == "RUNNING":
                continue
            path = folder / f"{execution['name']}.json"
            document = record(states, execution["executionArn"])
            path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
            written.append(path)
    return written


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(member) for name, member in value.items() if name != "ResponseMetadata"}
    if isinstance(value, list):
        return [_plain(member) for member in value]
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value
