"""Executions: started, described, listed, stopped, redriven; those that run and those that have ended.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
"""

from __future__ import annotations

import math
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness.emulator.access.sessions import RoleSession
from harness.emulator.door.call import Call
from harness.emulator.door.errors import AwsError
from harness.emulator.door.members import Members, flag, optional_text, text
from harness.emulator.stepfunctions.arns import check_arn, check_name, qualifier_of
from harness.emulator.stepfunctions.clock import Timeline
from harness.emulator.stepfunctions.definitions import Definitions
from harness.emulator.stepfunctions.descriptions import (
    as_step_functions_local,
    data_of,
    item_of,
    redrivable,
    shown_event,
)
from harness.emulator.stepfunctions.execution_logs import ExecutionLogs
from harness.emulator.stepfunctions.inputs import read_input
from harness.emulator.stepfunctions.integrations.reach import Caller
from harness.emulator.stepfunctions.integrations.registry import SESSION_NAME
from harness.emulator.stepfunctions.machine_records import Machine, Revision, moment
from harness.emulator.stepfunctions.machines import Machines
from harness.emulator.stepfunctions.mocks import MockError, Mocks
from harness.emulator.stepfunctions.pages import position_of, size_of, token_of
from harness.emulator.stepfunctions.reply_log import Told
from harness.emulator.stepfunctions.run import Driver, Run
from harness.emulator.stepfunctions.scheduler import Scheduler
from harness.emulator.stepfunctions.status_events import StatusEvents
from harness.emulator.stepfunctions.store import Kept, Store
from harness.emulator.stepfunctions.versions import Versions
from harness.states_language.execution import Execution, Identity
from harness.states_language.text import Payload

_EXPRESS_SECONDS = 300.0
"""https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""
_PATIENCE = 0.1
"""Seconds that DescribeExecution waits for the end of an execution that runs."""
_FEW = 4
_MOST_PATIENCE = 1.0
"""The same where more than :data:`_FEW` wait, each for one in which something happens: a hundred that ask ten times a
second take more time than the executions that they ask for."""
_EXPRESS_LIMIT = -1
"""What stands for the time-out of an Express execution among its effects."""
_NOT_SUPPORTED = "This operation is not supported by this type of state machine"
_LAST = {
    "ExecutionSucceeded": "SUCCEEDED",
    "ExecutionFailed": "FAILED",
    "ExecutionTimedOut": "TIMED_OUT",
    "ExecutionAborted": "ABORTED",
}
_STOPPED_MEANWHILE = "The emulator was stopped while the execution ran, and did not go on with it."


class Executions:
    """The executions of an emulator, and the operations on them.

    Args:
        store: keeps them.
        machines: what they run.
        versions: which of them a version or an alias is.
        definitions: reads what they run.
        scheduler: on whose thread they run.
        driver: drives them.
        logs: where their events are written.
        mocks: know the test cases by which executions are started.
        events: tell how executions are.
    """

    def __init__(
        self,
        store: Store,
        machines: Machines,
        versions: Versions,
        definitions: Definitions,
        scheduler: Scheduler,
        driver: Driver,
        logs: ExecutionLogs,
        mocks: Mocks,
        events: StatusEvents,
    ) -> None:
        self._store = store
        self._machines = machines
        self._versions = versions
        self._definitions = definitions
        self._scheduler = scheduler
        self._driver = driver
        self._logs = logs
        self._mocks = mocks
        self._events = events
        self._lock = threading.Lock()
        self._waiting = 0
        """DescribeExecution requests that wait for an end."""
        machines.deleted = self._machine_deleted
        driver.finished, driver.left, driver.after_step = self.finished, self.left, self.after_step

    # For others

    def begin(
        self,
        revision: Revision,
        kept: Kept,
        value: Any,
        *,
        region: str,
        account: str,
        express: bool = False,
        timeline: Timeline | None = None,
        machine: Any = None,
        on_end: Callable[[Run], None] | None = None,
        test_case: str | None = None,
    ) -> Run:
        """Start an execution.

        Args:
            revision: what it runs.
            kept: what is known of it; ``members["input"]`` is its input as it was given.
            value: the input.
            region: in which it runs.
            account: in which it runs.
            express: whether it is an Express one, which nobody can ask for later.
            timeline: its time; None for one of its own.
            machine: of the language, where it is not that of the revision: a Distributed Map's children's.
            on_end: told when it has ended.
            test_case: of the mocks, which answers for its states.
        """
        run = self.make(revision, kept, value, region, account, express, timeline, machine)
        run.test_case = test_case
        if on_end is not None:
            run.on_end.append(on_end)

        def start() -> None:
            if express:
                end = kept.started + _EXPRESS_SECONDS
                timer = self._scheduler.at(run.timeline, end, lambda now: self._time_out(run, now), limit=True)
                run.undo[_EXPRESS_LIMIT] = timer.cancel
            self._tell(run)
            self._driver.start(run)

        self._driver.running[run.arn] = run  # whoever asks from now on finds it
        self._scheduler.post(start)
        return run

    def make(
        self,
        revision: Revision,
        kept: Kept,
        value: Any,
        region: str,
        account: str,
        express: bool,
        timeline: Timeline | None = None,
        machine: Any = None,
    ) -> Run:
        """Make an execution that has not begun.

        Args:
            revision: of the state machine, with definition, type and role.
            kept: its name, ARN and times, as the store has them.
            value: its input, JSON.
            region: of it.
            account: of it, twelve digits.
            express: whether it is an Express one.
            timeline: its time; None: one of its own.
            machine: what it runs instead of the revision's definition: the processor of a Distributed Map.
        """
        parsed = machine or self._definitions.parse(revision.definition, revision.type)
        identity = Identity(
            execution_arn=kept.arn,
            name=kept.name,
            role_arn=revision.role,
            machine_arn=kept.machine,
            machine_name=kept.machine.split(":")[6],
            region=region,
            version_arn=kept.version,
            alias_arn=kept.alias,
        )
        seed = kept.members.setdefault("seed", uuid.uuid4().int >> 64)
        given = Payload(value, kept.members["input"])
        execution = Execution(parsed, given, seed, identity, item=kept.members.get("item"))
        execution.refusal = self._driver.refusal
        if express:
            execution.max_events = None
        told = Told(execution, kept.members.pop("told", ()))
        return Run(
            kept,
            revision,
            execution,
            told,
            timeline or self._scheduler.clock.timeline(),
            Caller(region, account, RoleSession(revision.role, SESSION_NAME)),
            self._logs.of(region, revision.machine, kept.arn, revision.logging),
            express,
        )

    def finished(self, run: Run) -> None:
        """Keep an execution that has ended."""
        kept, execution = run.kept, run.execution
        last = execution.events[-1]
        details = last.details or {}
        for member in ("output", "error", "cause"):
            if details.get(member) is not None:
                kept.members[member] = details[member]
        kept.stopped = last.timestamp
        kept.status = _LAST[last.type]
        if kept.status != "SUCCEEDED":
            kept.members["told"] = run.told.record
        if not run.express:
            self._store.end(kept, [event.as_aws() for event in execution.events])
        self._tell(run)

    def _tell(self, run: Run) -> None:
        if not run.express:
            self._events.tell(run.kept, redrivable(run.kept))

    def left(self, run: Run) -> None:
        """Have a state machine be gone that is being deleted, once nothing runs it."""
        machine = self._machines.peek(run.revision.machine)
        if machine is not None and machine.deleting:
            self._gone_when_none_runs(machine)

    def after_step(self, run: Run) -> None:
        """End an execution whose state machine is being deleted."""
        machine = self._machines.peek(run.revision.machine)
        if machine is not None and machine.deleting:
            self._abort(run, None, None)

    def report_interrupted(self) -> None:
        """Tell of executions that ran when the emulator stopped that they have failed."""
        for arn in self._store.left_running():
            kept = self._store.execution(arn)
            assert kept is not None
            now = self._scheduler.clock.time()
            kept.status, kept.stopped = "FAILED", now
            error = {"error": "States.Runtime", "cause": _STOPPED_MEANWHILE}
            kept.members.update(error)
            given = {"input": kept.members["input"], "inputDetails": {"truncated": False}}
            started = {"timestamp": kept.started, "type": "ExecutionStarted", "id": 1, "previousEventId": 0}
            ended = {"timestamp": now, "type": "ExecutionFailed", "id": 2, "previousEventId": 1}
            self._store.end(
                kept,
                [
                    {**started, "executionStartedEventDetails": given},
                    {**ended, "executionFailedEventDetails": error},
                ],
            )

    # Operations

    def start(self, call: Call) -> Members:
        """StartExecution."""
        kept, _ = self._start(call)
        return {"executionArn": kept.arn, "startDate": moment(kept.started)}

    def _start(self, call: Call, *, sync: bool = False) -> tuple[Kept, Run | None]:
        """An execution that is asked for; without its run where it has begun before."""
        given = call.parameters
        asked = text(given, "stateMachineArn")
        arn, _, case = asked.partition("#")  # machine#TestCase, as Step Functions Local has it
        input_text, name = text(given, "input", "{}"), optional_text(given, "name")
        if name is not None:
            check_name(name)
        check_arn(arn, "stateMachine")
        machine, revision, version, alias = self._versions.route(arn)
        if sync and machine.type != "EXPRESS":
            raise AwsError("StateMachineTypeNotSupported", _NOT_SUPPORTED)
        value = read_input(input_text)
        if case:
            self._check_case(machine.revision.name, case)
        name = name or str(uuid.uuid4())
        now = self._scheduler.clock.time()
        members: dict[str, object] = {"input": input_text, "revision": revision.number}
        if case:
            members["testCase"] = case
        if given.get("traceHeader"):
            members["traceHeader"] = given["traceHeader"]
        express = machine.type == "EXPRESS"
        stem = machine.arn.replace(":stateMachine:", ":express:" if express else ":execution:", 1)
        own = f"{name}:{uuid.uuid4()}" if express else name
        kept = Kept(f"{stem}:{own}", machine.arn, version, alias, started=now, members=members)
        if not express and not self._store.begin(kept):
            before = self._store.execution(kept.arn)
            if before is None or before.status != "RUNNING" or before.members["input"] != input_text:
                raise AwsError("ExecutionAlreadyExists", f"Execution Already Exists: '{kept.arn}'")
            return before, None
        run = self.begin(
            revision, kept, value, region=call.region, account=call.account, express=express, test_case=case or None
        )
        return kept, run

    def _check_case(self, machine: str, case: str) -> None:
        try:
            known = self._mocks.has_case(machine, case)
        except MockError as error:
            raise AwsError("ValidationException", str(error)) from None
        if not known:
            raise AwsError("ValidationException", f"the mocks have no test case {machine}#{case}")

    def start_sync(self, call: Call) -> Members:
        """StartSyncExecution: answers when the execution has ended."""
        kept, run = self._start(call, sync=True)
        if run is not None:
            run.ended.wait(_EXPRESS_SECONDS + 60)
        took = max(0.0, (kept.stopped or kept.started) - kept.started)
        answer: dict[str, object] = {
            "executionArn": kept.arn,
            "stateMachineArn": call.parameters["stateMachineArn"],
            "name": kept.name,
            "startDate": moment(kept.started),
            "stopDate": moment(kept.stopped or kept.started),
            "status": kept.status,
            "billingDetails": {
                "billedMemoryUsedInMB": 64,
                "billedDurationInMilliseconds": max(100, math.ceil(took * 10) * 100),
            },
            **data_of(kept, optional_text(call.parameters, "includedData"), with_output=True),
        }
        for member in ("error", "cause", "traceHeader"):
            if member in kept.members:
                answer[member] = kept.members[member]
        return answer

    def describe(self, call: Call) -> Members:
        """DescribeExecution. An execution that runs is waited for a little: one late answer costs less than many."""
        arn = text(call.parameters, "executionArn")
        check_arn(arn, "execution")
        run = self._driver.running.get(arn)
        if run is not None:
            self._wait_for_end(run)
        kept = self.find(arn)
        answer: dict[str, object] = {
            "executionArn": arn,
            "stateMachineArn": kept.machine,
            "name": kept.name,
            "status": kept.status,
            "startDate": moment(kept.started),
            "redriveCount": kept.redrives,
            **data_of(kept, optional_text(call.parameters, "includedData")),
            **redrivable(kept),
        }
        times = {"stopDate": kept.stopped, "redriveDate": kept.redriven}
        answer |= {member: moment(seconds) for member, seconds in times.items() if seconds is not None}
        names = {"stateMachineVersionArn": kept.version, "stateMachineAliasArn": kept.alias, "mapRunArn": kept.map_run}
        answer |= {member: value for member, value in names.items() if value is not None}
        for member in ("error", "cause", "traceHeader"):
            if member in kept.members:
                answer[member] = kept.members[member]
        return answer

    def describe_machine(self, call: Call) -> Members:
        """DescribeStateMachineForExecution: the state machine as it was when the execution began."""
        arn = text(call.parameters, "executionArn")
        check_arn(arn, "execution")
        kept = self.find(arn)
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
                raise AwsError("StateMachineTypeNotSupported", _NOT_SUPPORTED)
            qualifier = qualifier_of(machine_arn)
            column = "machine" if qualifier is None else "alias" if qualifier in machine.aliases else "version"
        else:
            check_arn(asked, "mapRun")
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

    def stop(self, call: Call) -> Members:
        """StopExecution; one that has ended stays as it is."""
        given = call.parameters
        arn = text(given, "executionArn")
        check_arn(arn, "execution")
        run = self._driver.running.get(arn)
        if run is not None:
            error, cause = optional_text(given, "error"), optional_text(given, "cause")
            self._scheduler.ask(lambda: self._abort(run, error, cause))
        kept = run.kept if run is not None else self.find(arn)
        return {"stopDate": moment(kept.stopped or self._scheduler.clock.time())}

    def history(self, call: Call) -> Members:
        """GetExecutionHistory."""
        given = call.parameters
        arn = text(given, "executionArn")
        check_arn(arn, "execution")
        run = self._driver.running.get(arn)
        kept = self.find(arn)
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

    def redrive(self, call: Call) -> Members:
        """RedriveExecution: what failed is begun anew, what went well stays.

        https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html
        """
        arn = text(call.parameters, "executionArn")
        check_arn(arn, "execution")
        kept = self.find(arn)
        if kept.status in ("RUNNING", "SUCCEEDED"):
            raise AwsError("ExecutionNotRedrivable", f"Execution is {kept.status} and cannot be redriven")
        if kept.map_run is not None:
            raise AwsError(
                "ExecutionNotRedrivable",
                "An execution that a Map Run or a state has started is redriven with the one that started it",
            )
        run = self._scheduler.ask(lambda: self.redrive_kept(kept, call.region, call.account))
        return {"redriveDate": moment(run.kept.redriven or 0.0)}

    def redrive_kept(
        self,
        kept: Kept,
        region: str,
        account: str,
        machine: Any = None,
        on_end: Callable[[Run], None] | None = None,
    ) -> Run:
        """Have an execution that has failed go on. For the scheduler's thread.

        Args:
            kept: the execution, as the store has it.
            region: of it.
            account: of it, twelve digits.
            machine: what it runs instead of its revision's definition: the processor of a Distributed Map.
            on_end: told when it has ended.

        Raises:
            AwsError: ExecutionNotRedrivable.
        """
        revision = self._machines.revision(kept.members["revision"])
        run = self.make(revision, kept, read_input(kept.members["input"]), region, account, False, machine=machine)
        run.logged = len(run.execution.events)
        if on_end is not None:
            run.on_end.append(on_end)
        behind = run.execution.events[-1].timestamp - run.timeline.now()
        run.timeline.offset += max(0.0, behind)  # time does not go back
        now = run.timeline.now()
        try:
            effects = run.told.redrive(now)
        except ValueError as error:
            raise AwsError("ExecutionNotRedrivable", str(error)) from None
        kept.redrives, kept.redriven = kept.redrives + 1, now
        kept.status, kept.stopped = "RUNNING", None
        for member in ("output", "error", "cause"):
            kept.members.pop(member, None)
        self._store.end(kept, [])
        self._tell(run)
        self._driver.go_on(run, effects)
        return run

    # Ends

    def abort(self, arn: str) -> None:
        """Abort an execution if it runs. For the scheduler's thread."""
        run = self._driver.running.get(arn)
        if run is not None:
            self._abort(run, None, None)

    def _abort(self, run: Run, error: str | None, cause: str | None) -> None:
        if run.execution.status == "RUNNING":
            self._driver.go_on(run, run.told.stop(error, cause, run.timeline.now()))

    def _time_out(self, run: Run, now: float) -> None:
        if run.execution.status == "RUNNING":
            self._driver.go_on(run, run.told.time_out(now))

    def _machine_deleted(self, machine: Machine) -> None:
        self._scheduler.ask(lambda: self._gone_when_none_runs(machine))

    def _gone_when_none_runs(self, machine: Machine) -> None:
        if not any(run.revision.machine == machine.arn for run in list(self._driver.running.values())):
            self._machines.forget(machine)

    def find(self, arn: str) -> Kept:
        """What is known of an execution.

        Raises:
            AwsError: ExecutionDoesNotExist.
        """
        run = self._driver.running.get(arn)
        kept = run.kept if run is not None and not run.express else self._store.execution(arn)
        if kept is None:
            raise AwsError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
        return kept

    def _wait_for_end(self, run: Run) -> None:
        with self._lock:
            self._waiting += 1
            patience = _PATIENCE
            if self._waiting > _FEW and self._scheduler.clock.wall_time() - run.moved < _MOST_PATIENCE:
                patience = min(_PATIENCE * self._waiting / _FEW, _MOST_PATIENCE)
        try:
            run.ended.wait(patience)
        finally:
            with self._lock:
                self._waiting -= 1
