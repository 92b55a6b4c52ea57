"""Executions and their events as Step Functions' API shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.emulator.door.members import Members
from harness.emulator.stepfunctions.execution_logs import DATA
from harness.emulator.stepfunctions.kept_executions import Kept
from harness.emulator.stepfunctions.machine_records import moment


def item_of(kept: Kept) -> Members:
    """Return an execution as ListExecutions shows it."""
    item: dict[str, object] = {
        "executionArn": kept.arn,
        "stateMachineArn": kept.machine,
        "name": kept.name,
        "status": kept.status,
        "startDate": moment(kept.started),
        "redriveCount": kept.redrives,
    }
    times = {"stopDate": kept.stopped, "redriveDate": kept.redriven}
    item |= {member: moment(seconds) for member, seconds in times.items() if seconds is not None}
    names = {"stateMachineVersionArn": kept.version, "stateMachineAliasArn": kept.alias, "mapRunArn": kept.map_run}
    return item | {member: value for member, value in names.items() if value is not None}


def data_of(kept: Kept, included: str | None, *, with_output: bool = False) -> Members:
    """Return input and output of an execution, as far as they are asked for.

    Args:
        kept: the execution.
        included: ``includedData`` of the request: ``ALL_DATA``, ``METADATA_ONLY``, or None for all.
        with_output: that ``outputDetails`` is there even where there is no output.
    """
    shown = included != "METADATA_ONLY"
    answer: dict[str, object] = {"inputDetails": {"included": shown}}
    if "output" in kept.members or with_output:
        answer["outputDetails"] = {"included": shown}
    if shown:
        answer |= {member: kept.members[member] for member in ("input", "output") if member in kept.members}
    return answer


def redrivable(kept: Kept) -> dict[str, str]:
    """Return whether an execution can be redriven, and why not, as DescribeExecution shows it."""
    if kept.status in ("RUNNING", "SUCCEEDED"):
        reason = f"Execution is {kept.status} and cannot be redriven"
        return {"redriveStatus": "NOT_REDRIVABLE", "redriveStatusReason": reason}
    return {"redriveStatus": "REDRIVABLE" if kept.map_run is None else "REDRIVABLE_BY_MAP_RUN"}


def as_step_functions_local(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Step Functions Local, whose test cases these are, names a task of an SDK otherwise than AWS."""
    for name, details in event.items():
        if isinstance(details, Mapping) and str(details.get("resourceType")).startswith("aws-sdk:"):
            sdk, _, service = details["resourceType"].partition(":")
            return {**event, name: {**details, "resourceType": sdk, "resource": f"{service}:{details['resource']}"}}
    return event


def shown_event(event: Mapping[str, Any], with_data: bool) -> dict[str, Any]:
    """Return an event as GetExecutionHistory shows it, without its data where that is not asked for."""
    shown: dict[str, Any] = {**event, "timestamp": moment(event["timestamp"])}
    if not with_data:
        for name, details in event.items():
            if name.endswith("EventDetails") and isinstance(details, Mapping):
                shown[name] = {member: value for member, value in details.items() if member not in DATA}
    return shown
