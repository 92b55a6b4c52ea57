"""Distributed Maps among the executions: Map Runs and their children, and the operations on Map Runs.

https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from harness.emulator.access.permissions import Permissions
from harness.emulator.door.call import Call
from harness.emulator.door.errors import AwsError
from harness.emulator.door.members import Members, optional_decimal, optional_number, text
from harness.emulator.stepfunctions.arns import check_arn
from harness.emulator.stepfunctions.execution_life import ExecutionLife
from harness.emulator.stepfunctions.integrations.reach import Reach
from harness.emulator.stepfunctions.kept_executions import Kept
from harness.emulator.stepfunctions.map_runs.driver import MapRunDriver
from harness.emulator.stepfunctions.map_runs.run import Child, Ended, MapRun
from harness.emulator.stepfunctions.pages import page_of
from harness.emulator.stepfunctions.run import Run
from harness.emulator.stepfunctions.scheduler import Scheduler
from harness.emulator.stepfunctions.store import Store
from harness.states_language.effects import Failure, Json, Reply, RunMap
from harness.states_language.text import loads

logger = logging.getLogger(__name__)

_NOT_KEPT = ("children", "pending")


class MapRuns:
    """The Map Runs of an emulator.

    Args:
        executions: of whose kind the children are.
        scheduler: on whose thread they run.
        store: keeps them.
        reach: calls S3.
        permissions: know whether a role may start executions.
    """

    def __init__(
        self, executions: ExecutionLife, scheduler: Scheduler, store: Store, reach: Reach, permissions: Permissions
    ) -> None:
        self._executions = executions
        self._scheduler = scheduler
        self._store = store
        self._reach = reach
        self._permissions = permissions
        self._runs: dict[str, MapRun] = {}
        self._drivers: dict[str, MapRunDriver] = {}
        self._states: dict[str, tuple[str, str]] = {}
        """By Map Run, the execution and the state that it is of."""
        for arn, record in store.resources("mapRun"):
            run = MapRun(**record)
            if run.status == "RUNNING":
                run.status, run.stopped = "FAILED", run.stopped or scheduler.clock.time()
            self._runs[arn] = run

    # For the driver of executions

    def run(self, parent: Run, effect: RunMap, reply: Callable[[Reply], None]) -> Callable[[], None]:
        """Carry out a Distributed Map; return what stops it.

        Args:
            parent: the execution that it is in.
            effect: items, processor, concurrency, and what failures are tolerated.
            reply: told that the Map Run has started, and its result.
        """
        before = self._to_redrive(parent, effect)
        host = _Host(self, parent, effect, reply)
        driver = MapRunDriver(effect, parent.kept.machine, parent.arn, self._reach, parent.caller, host, before)
        host.driver = driver
        self._drivers[driver.run.arn] = driver
        self._states[driver.run.arn] = parent.arn, effect.state
        self._scheduler.post(driver.start)
        return driver.cancel

    def _to_redrive(self, parent: Run, effect: RunMap) -> MapRun | None:
        """Return the Map Run of the state that failed, where its execution was redriven since."""
        if parent.kept.redriven is None:
            return None
        for run in reversed(list(self._runs.values())):
            if self._states.get(run.arn) == (parent.arn, effect.state) and run.children:
                again = run.status != "SUCCEEDED" and (run.redriven or run.started) < parent.kept.redriven
                return run if again else None
        return None

    def keep(self, run: MapRun) -> None:
        """Keep *run* as it is now."""
        self._runs[run.arn] = run
        self._store.put(
            "mapRun", run.arn, {name: value for name, value in run.__dict__.items() if name not in _NOT_KEPT}
        )
        if run.stopped is not None:
            self._drivers.pop(run.arn, None)

    # Operations

    def describe(self, call: Call) -> Members:
        """DescribeMapRun."""
        return self._find(call).describe()

    def list(self, call: Call) -> Members:
        """ListMapRuns of an execution, the youngest first."""
        arn = text(call.parameters, "executionArn")
        check_arn(arn, "execution")
        self._executions.find(arn)
        runs = [run.item() for run in reversed(list(self._runs.values())) if run.execution_arn == arn]
        return page_of(runs, "mapRuns", call.parameters)

    def update(self, call: Call) -> Members:
        """UpdateMapRun."""
        run, given = self._find(call), call.parameters

        def change() -> None:
            if (most := optional_number(given, "maxConcurrency")) is not None:
                run.max_concurrency = most
            if (count := optional_number(given, "toleratedFailureCount")) is not None:
                run.tolerated_count = count
            if (share := optional_decimal(given, "toleratedFailurePercentage")) is not None:
                run.tolerated_percentage = share
            driver = self._drivers.get(run.arn)
            if driver is not None:
                driver.changed()

        self._scheduler.ask(change)
        return {}

    def _find(self, call: Call) -> MapRun:
        arn = text(call.parameters, "mapRunArn")
        check_arn(arn, "mapRun")
        run = self._runs.get(arn)
        if run is None:
            raise AwsError("ResourceNotFound", f"Resource not found: '{arn}'", resourceName=arn)
        return run

    # For hosts

    def refusal(self, parent: Run) -> str | None:
        """Why the role of *parent* may not start executions of its state machine, or None."""
        actor, machine = parent.caller.actor, parent.kept.machine
        return self._permissions.refusal(actor, "states:StartExecution", machine)

    def aside(self, parent: Run, job: Callable[[], Json], done: Callable[[Json | Failure], None]) -> None:
        """Do something on the pool.

        Args:
            parent: the execution whose time does not jump meanwhile.
            job: what is to be done.
            done: given the result on the scheduler's thread, or a ``States.Runtime`` where *job* raised.
        """

        def finish(result: Json | Failure | BaseException) -> None:
            if isinstance(result, BaseException):
                logger.error("a Map Run of %s failed", parent.arn, exc_info=result)
                result = Failure("States.Runtime", f"The emulator failed: {result!r}")
            done(result)

        self._scheduler.submit(parent.timeline, job, finish)

    def start_child(self, parent: Run, effect: RunMap, run: MapRun, child: Child, driver: MapRunDriver) -> None:
        """Start a child execution, or have it go on where it has failed before.

        Args:
            parent: the execution that the Map Run is in.
            effect: with processor and execution type.
            run: the Map Run.
            child: ARN and input.
            driver: told when it has ended.
        """
        express = effect.execution_type == "EXPRESS"

        def ended(made: Run) -> None:
            kept = made.kept
            members = kept.members
            driver.ended(
                child,
                Ended(
                    kept.status,
                    kept.started,
                    kept.stopped or kept.started,
                    members.get("output"),
                    members.get("error"),
                    members.get("cause"),
                ),
            )

        kept = None if express else self._store.execution(child.arn)
        if kept is not None and kept.status != "RUNNING":
            self._executions.redrive_kept(
                kept, parent.caller.region, parent.caller.account, machine=effect.processor, on_end=ended
            )
            return
        members = {"input": child.input, "revision": parent.kept.members["revision"]}
        started = parent.timeline.now()
        kept = Kept(child.arn, run.child_machine_arn, map_run=run.arn, started=started, members=members)
        if not express:
            self._store.begin(kept)
        self._executions.begin(
            parent.revision,
            kept,
            loads(child.input),
            region=parent.caller.region,
            account=parent.caller.account,
            express=express,
            timeline=parent.timeline,
            machine=effect.processor,
            on_end=ended,
        )

    def stop_child(self, child: Child) -> None:
        """Abort *child*."""
        self._scheduler.post(lambda: self._executions.abort(child.arn))


class _Host:
    """What one Map Run needs of the service."""

    def __init__(self, maps: MapRuns, parent: Run, effect: RunMap, reply: Callable[[Reply], None]) -> None:
        self._maps = maps
        self._parent = parent
        self._effect = effect
        self._reply = reply
        self.driver: MapRunDriver | None = None

    def now(self) -> float:
        return self._parent.timeline.now()

    def reply(self, reply: Reply) -> None:
        self._reply(reply)

    def refusal(self) -> str | None:
        return self._maps.refusal(self._parent)

    def aside(self, job: Callable[[], Json], done: Callable[[Json | Failure], None]) -> None:
        self._maps.aside(self._parent, job, done)

    def start(self, run: MapRun, child: Child) -> None:
        assert self.driver is not None
        self._maps.start_child(self._parent, self._effect, run, child, self.driver)

    def stop(self, child: Child) -> None:
        self._maps.stop_child(child)

    def keep(self, run: MapRun) -> None:
        self._maps.keep(run)
