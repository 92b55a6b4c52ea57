"""How long the states of executions take, from Step Functions' histories.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from harness.project.executions import history

_ENDS = ("ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted")
_THREADS = 4


@dataclass(frozen=True)
class StateVisit:
    """One time that an execution was in a state."""

    execution: str
    """Its name."""
    state: str
    seconds: float
    """From when the state was entered until it was left, its retries and waits included; to the millisecond."""
    succeeded: bool
    """False where the execution ended in it."""
    entered: datetime


def visits_of(events: list[dict[str, Any]], execution: str = "") -> list[StateVisit]:
    """All states that an execution went through, in the order of entering. Those still running are left out.

    Branches and iterations run at once; which entry an exit belongs to follows from the events' ``previousEventId``.

    Args:
        events: a whole history, oldest first.
        execution: name to give the visits.
    """
    by_id = {event["id"]: event for event in events}
    left: dict[int, dict[str, Any]] = {}
    for event in events:
        exit_details = event.get("stateExitedEventDetails")
        if exit_details is not None:
            entry = _entry_of(event, exit_details["name"], by_id)
            if entry is not None:
                left[entry["id"]] = event
    end = next((event for event in reversed(events) if event["type"] in _ENDS), None)
    found = []
    for event in events:
        details = event.get("stateEnteredEventDetails")
        if details is None:
            continue
        last = left.get(event["id"], end)
        if last is not None:
            seconds = (last["timestamp"] - event["timestamp"]).total_seconds()
            found.append(StateVisit(execution, details["name"], seconds, event["id"] in left, event["timestamp"]))
    return found


def recent_visits(
    states: Any,
    state_machine_arn: str,
    executions: int,
    *,
    progress: Callable[[int, int | None], None] = lambda done, total: None,
) -> tuple[list[StateVisit], int]:
    """Read the states that the latest executions went through, and how many executions those were.

    Args:
        states: a Step Functions client.
        state_machine_arn: whose executions.
        executions: how many at most; those still running are left out.
        progress: told how many histories of how many are read.

    Raises:
        botocore.exceptions.ClientError: Step Functions refuses.
    """
    pages = states.get_paginator("list_executions").paginate(
        stateMachineArn=state_machine_arn, PaginationConfig={"MaxItems": executions}
    )
    listed = [item for page in pages for item in page["executions"] if item["status"] != "RUNNING"]
    visits: list[StateVisit] = []
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="histories") as pool:
        histories = pool.map(lambda item: history(states, item["executionArn"]), listed)
        for number, (item, events) in enumerate(zip(listed, histories, strict=True), 1):
            visits += visits_of(events, item["name"])
            progress(number, len(listed))
    return visits, len(listed)


def find_state_machine(states: Any, name: str) -> str | None:
    """Find the ARN of the state machine of that name; None where there is none; an ARN is given back as it is."""
    if name.startswith("arn:"):
        return name
    for page in states.get_paginator("list_state_machines").paginate():
        for machine in page["stateMachines"]:
            if machine["name"] == name:
                return str(machine["stateMachineArn"])
    return None


def _entry_of(event: dict[str, Any], name: str, by_id: dict[int, dict[str, Any]]) -> dict[str, Any] | None:
    found = by_id.get(event.get("previousEventId", 0))
    while found is not None:
        if found.get("stateEnteredEventDetails", {}).get("name") == name:
            return found
        found = by_id.get(found.get("previousEventId", 0))
    return None
