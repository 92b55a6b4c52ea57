"""The life of executions: begun, driven, ended, kept; gone on with when they are redriven.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-state-machine-executions.html
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from harness.emulator.access.sessions import RoleSession
from harness.emulator.door.errors import AwsError
from harness.emulator.stepfunctions.clock import Timeline
from harness.emulator.stepfunctions.definitions import Definitions
from harness.emulator.stepfunctions.descriptions import redrivable
from harness.emulator.stepfunctions.driver import Driver
from harness.emulator.stepfunctions.execution_logs import ExecutionLogs
from harness.emulator.stepfunctions.inputs import read_input
from harness.emulator.stepfunctions.integrations.reach import Caller
from harness.emulator.stepfunctions.integrations.registry import SESSION_NAME
from harness.emulator.stepfunctions.kept_executions import Kept
from harness.emulator.stepfunctions.machine_records import Machine, Revision
from harness.emulator.stepfunctions.machines import Machines
from harness.emulator.stepfunctions.reply_log import Told
from harness.emulator.stepfunctions.run import Run
from harness.emulator.stepfunctions.scheduler import Scheduler
from harness.emulator.stepfunctions.status_events import StatusEvents
from harness.emulator.stepfunctions.store import Store
from harness.states_language.context_object import Identity
from harness.states_language.execution import Execution
from harness.states_language.text import Payload

EXPRESS_SECONDS = 300.0
"""https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""
NOT_SUPPORTED = "This operation is not supported by this type of state machine"
_EXPRESS_LIMIT = -1
"""What stands for the time-out of an Express execution among its effects."""
_LAST = {
    "ExecutionSucceeded": "SUCCEEDED",
    "ExecutionFailed": "FAILED",
    "ExecutionTimedOut": "TIMED_OUT",
    "ExecutionAborted": "ABORTED",
}


class ExecutionLife:
    """The executions of an emulator.

    Args:
        store: keeps them.
        machines: what they run.
        definitions: reads what they run.
        scheduler: on whose thread they run.
        driver: drives them.
        logs: where their events are written.
        events: tell how executions are.
    """

    def __init__(
        self,
        store: Store,
        machines: Machines,
        definitions: Definitions,
        scheduler: Scheduler,
        driver: Driver,
        logs: ExecutionLogs,
        events: StatusEvents,
    ) -> None:
        self._store = store
        self._machines = machines
        self._definitions = definitions
        self._scheduler = scheduler
        self._driver = driver
        self._logs = logs
        self._events = events
        machines.deleted = self._machine_deleted
        driver.finished, driver.left, driver.after_step = self.finished, self.left, self.after_step

    def running(self, arn: str) -> Run | None:
        """Return an execution that runs; None where it does not."""
        return self._driver.running.get(arn)

    def find(self, arn: str) -> Kept:
        """Return what is known of an execution.

        Raises:
            AwsError: ExecutionDoesNotExist.
        """
        run = self.running(arn)
        kept = run.kept if run is not None and not run.express else self._store.execution(arn)
        if kept is None:
            raise AwsError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
        return kept

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
                end = kept.started + EXPRESS_SECONDS
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
        details = {} if last.type == "ExecutionTimedOut" else last.details or {}  # the event alone names an error
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
            self.end(run, None, None)

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
        for member in ("output", "error", "cause", "stoppedBy"):
            kept.members.pop(member, None)
        self._store.end(kept, [])
        self._tell(run)
        self._driver.go_on(run, effects)
        return run

    # Ends

    def abort(self, arn: str) -> None:
        """Abort an execution if it runs. For the scheduler's thread."""
        run = self.running(arn)
        if run is not None:
            self.end(run, None, None)

    def end(self, run: Run, error: str | None, cause: str | None, who: str = "") -> None:
        """Abort an execution if it still runs. For the scheduler's thread.

        Args:
            run: the execution.
            error: name of the error, as StopExecution was given it, or None.
            cause: the same of its cause.
            who: ARN of the caller of StopExecution; empty where the emulator itself ends it.
        """
        if run.execution.status == "RUNNING":
            if who:
                run.kept.members["stoppedBy"] = who
            self._driver.go_on(run, run.told.stop(error, cause, run.timeline.now()))

    def _time_out(self, run: Run, now: float) -> None:
        if run.execution.status == "RUNNING":
            self._driver.go_on(run, run.told.time_out(now))

    def _machine_deleted(self, machine: Machine) -> None:
        self._scheduler.ask(lambda: self._gone_when_none_runs(machine))

    def _gone_when_none_runs(self, machine: Machine) -> None:
        if not any(run.revision.machine == machine.arn for run in list(self._driver.running.values())):
            self._machines.forget(machine)
