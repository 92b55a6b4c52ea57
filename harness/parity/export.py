"""Executions as files: what AWS's console exports, and what ``--record`` makes of any execution."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any


class ExportError(ValueError):
    """A file is no export of an execution; the message says what is missing."""


@dataclass(frozen=True)
class RecordedExecution:
    """One execution: its definition, its input, and what happened."""

    definition: str
    role_arn: str
    name: str
    input: str
    events: list[dict[str, Any]]
    """The whole history, by id."""


def read_export(path: Path) -> RecordedExecution:
    """Read a file that the Step Functions console exported, or that :func:`record` made.

    Raises:
        ExportError: it is neither.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        machine, execution = document["stateMachine"], document["execution"]
        history = document["historyHash"]
        events = sorted(history.values() if isinstance(history, dict) else history, key=lambda event: event["id"])
        return RecordedExecution(
            machine["definition"],
            machine["roleArn"],
            execution.get("name") or execution["executionArn"].rpartition(":")[2],
            execution["input"],
            events,
        )
    except (OSError, ValueError) as error:
        raise ExportError(f"{path}: {error}") from None
    except (KeyError, TypeError, AttributeError) as error:
        raise ExportError(
            f"{path} is no export of an execution: {error!s} is missing. Export one from the execution's page in the "
            "Step Functions console, or make one with --record."
        ) from None


def record(states: Any, execution_arn: str) -> dict[str, Any]:
    """An execution on any target, in the console's form.

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
