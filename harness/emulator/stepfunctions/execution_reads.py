"""Executions: described, listed, with their histories.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from harness.emulator.door.call import Call
from harness.emulator.door.errors import AwsError
from harness.emulator.door.members import Members, flag, optional_text, text
from harness.emulator.stepfunctions.arns import check_arn, qualifier_of
from harness.emulator.stepfunctions.clock import Clock
from harness.emulator.stepfunctions.descriptions import (
    as_step_functions_local,
    data_of,
    item_of,
    redrivable,
    shown_event,
)
from harness.emulator.stepfunctions.execution_life import NOT_SUPPORTED, ExecutionLife
from harness.emulator.stepfunctions.machine_records import moment
from harness.emulator.stepfunctions.machines import Machines
from harness.emulator.stepfunctions.pages import position_of, size_of, token_of
from harness.emulator.stepfunctions.run import Run
from harness.emulator.stepfunctions.store import Store

_PATIENCE = 0.1
"""Seconds that DescribeExecution waits for the end of an execution that runs."""
_FEW = 4
_MOST_PATIENCE = 1.0
"""The same where more than :data:`_FEW` wait, each for one in which something happens: a hundred that ask ten times a
second take more time than the executions that they ask for."""


class ExecutionReads:
    """The operations that tell of executions.

    Args:
        life: of executions.
        store: keeps them.
        machines: what they run.
        clock: tells whether something happens in them.
    """

    def __init__(self, life: ExecutionLife, store: Store, machines: Machines, clock: Clock) -> None:
        self._life = life
        self._store = store
        self._machines = machines
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting = 0
        """DescribeExecution requests that wait for an end."""

    def describe(self, call: Call) -> Members:
        """DescribeExecution. An execution that runs is waited for a little: one late answer costs less than many."""
        arn = text(call.parameters, "executionArn")
        check_arn(arn, "execution")
        run = self._life.running(arn)
        if run is not None:
            self._wait_for_end(run)
        kept = self._life.find(arn)
        answer: dict[str, object] = {
            **item_of(kept),
            **data_of(kept, optional_text(call.parameters, "includedData")),
            **redrivable(kept),
        }
        for member in ("error", "cause", "traceHeader"):
            if member in kept.members:
                answer[member] = kept.members[member]
        return answer

    def describe_machine(self, call: Call) -> Members:
        """DescribeStateMachineForExecution: the state machine as it was when the execution began."""
        arn = text(call.parameters, "executionArn")
        check_arn(arn, "execution")
        kept = self._life.find(arn)
        revision = self._machines.revision(kept.members["revision"])
        answer: dict[str, object] = {
            "stateMachineArn": kept.machine,
            "updateDate": moment(revision.made),
            **revision.describe(),
        }
        if kept.map_run is not None:
            child = kept.members.get("definition")
            answer |= {"mapRunArn": kept.map_run, "label": kept.machine.rpartition("/")[2]}
            answer["name"] = kept.machine.split(":")[6]
            if child is not None:
                answer["definition"] = child
        if call.parameters.get("includedData") == "METADATA_ONLY":
            answer["definition"] = "{}"
        return answer

    def list(self, call: Call) -> Members:
        """ListExecutions of a state machine, a version, an alias or a Map Run, the youngest first."""
        given = call.parameters
        machine_arn, run_arn = optional_text(given, "stateMachineArn"), optional_text(given, "mapRunArn")
        if bool(machine_arn) == bool(run_arn):
            raise AwsError("ValidationException", "Exactly one of stateMachineArn and mapRunArn must be provided")
        asked = machine_arn or run_arn or ""
        if machine_arn:
            check_arn(machine_arn, "stateMachine")
            machine = self._machines.find(machine_arn)
            if machine.type == "EXPRESS":
                raise AwsError("StateMachineTypeNotSupported", NOT_SUPPORTED)
            qualifier = qualifier_of(machine_arn)
            column = "machine" if qualifier is None else "alias" if qualifier in machine.aliases else "version"
        else:
            check_arn(asked, "mapRun")
            if not self._store.has(asked):
                raise AwsError("ResourceNotFound", f"Resource not found: '{asked}'", resourceName=asked)
            column = "map_run"
        redriven = {"REDRIVEN": True, "NOT_REDRIVEN": False}.get(text(given, "redriveFilter", ""))
        if given.get("redriveFilter") and column != "map_run":
            raise AwsError("ValidationException", "redriveFilter can only be specified with a mapRunArn")
        found, further = self._store.listed(
            column,
            asked,
            before=position_of(given),
            most=size_of(given),
            status=optional_text(given, "statusFilter"),
            redriven=redriven,
        )
        answer: dict[str, object] = {"executions": [item_of(kept) for kept in found]}
        if further is not None:
            answer["nextToken"] = token_of(further)
        return answer

    def history(self, call: Call) -> Members:
        """GetExecutionHistory."""
        given = call.parameters
        arn = text(given, "executionArn")
        check_arn(arn, "execution")
        run = self._life.running(arn)
        kept = self._life.find(arn)
        events: Sequence[Mapping[str, Any]]
        if run is not None:
            events = [event.as_aws() for event in list(run.execution.events)]
        else:
            events = self._store.history(arn)
        if "testCase" in kept.members:
            events = [as_step_functions_local(event) for event in events]
        first, most = position_of(given) or 0, size_of(given)
        if flag(given, "reverseOrder"):
            events = events[::-1]
        with_data = flag(given, "includeExecutionData", True)
        answer: dict[str, object] = {"events": [shown_event(event, with_data) for event in events[first:][:most]]}
        if first + most < len(events):
            answer["nextToken"] = token_of(first + most)
        return answer

    def _wait_for_end(self, run: Run) -> None:
        with self._lock:
            self._waiting += 1
            patience = _PATIENCE
            if self._waiting > _FEW and self._clock.wall_time() - run.moved < _MOST_PATIENCE:
                patience = min(_PATIENCE * self._waiting / _FEW, _MOST_PATIENCE)
        try:
            run.ended.wait(patience)
        finally:
            with self._lock:
                self._waiting -= 1
