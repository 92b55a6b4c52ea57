"""Map Runs of all executions: begun, described, listed, changed.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeMapRun.html
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

from harness.emulator.access.permissions import Permissions
from harness.emulator.door.call import Call
from harness.emulator.door.errors import AwsError
from harness.emulator.stepfunctions.arns import check_arn
from harness.emulator.stepfunctions.executions import Executions
from harness.emulator.stepfunctions.integrations.reach import Reach
from harness.emulator.stepfunctions.map_runs.driver import MapRunDriver
from harness.emulator.stepfunctions.map_runs.run import Child, Ended, MapRun
from harness.emulator.stepfunctions.pages import page_of
from harness.emulator.stepfunctions.run import Driver, Run
from harness.emulator.stepfunctions.scheduler import Scheduler
from harness.emulator.stepfunctions.store import Kept, Store
from harness.states_language.effects import Failure, Json, MapRunStarted, Reply, Result, RunMap

_KIND = "mapRun"


class MapRuns:
    """The Map Runs of an emulator, and the operations on them.

    Args:
        store: keeps them.
        scheduler: on whose thread they are driven.
        driver: drives executions.
        executions: starts children.
        reach: calls S3.
        permissions: know what roles may do.
    """

    def __init__(
        self,
        store: Store,
        scheduler: Scheduler,
        driver: Driver,
        executions: Executions,
        reach: Reach,
        permissions: Permissions,
    ) -> None:
        self._store = store
        self._scheduler = scheduler
        self._driver = driver
        self._executions = executions
        self._reach = reach
        self._permissions = permissions
        self._runs = {arn: MapRun.restored(body) for arn, body in store.resources(_KIND)}
        self._drivers: dict[str, MapRunDriver] = {}
        driver.maps = self

    def run(self, run: Run, effect: RunMap, reply: Callable[[Reply], None]) -> Callable[[], None]:
        """Begin the Map Run that an execution asks for, or go on with the one that a redrive goes on with.

        Returns:
            What stops it.
        """
        host = _Host(self, run, effect, reply)
        before = self._redriven(run, effect)
        driver = MapRunDriver(effect, run.kept.machine, run.arn, self._reach, run.caller, host, before)
        host.driver = self._drivers[driver.run.arn] = driver
        self._scheduler.post(driver.start)
        return driver.cancel

    def _redriven(self, run: Run, effect: RunMap) -> MapRun | None:
        found = [made for made in self._of(run.arn) if made.state == effect.state]
        if not found or found[-1].status == "SUCCEEDED" or found[-1].redrives >= run.kept.redrives:
            return None
        return found[-1] if found[-1].children else None  # one that never had a child is begun anew

    def _of(self, execution_arn: str) -> list[MapRun]:
        return [run for run in list(self._runs.values()) if run.execution_arn == execution_arn]

    # Operations

    def describe(self, call: Call) -> dict[str, Any]:
        """DescribeMapRun."""
        return self._find(call).describe()

    def list(self, call: Call) -> dict[str, Any]:
        """ListMapRuns, the youngest first."""
        arn = call.parameters["executionArn"]
        check_arn(arn, "execution")
        if self._store.execution(arn) is None and arn not in self._driver.running:
            raise AwsError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
        return page_of([run.item() for run in reversed(self._of(arn))], "mapRuns", call.parameters)

    def update(self, call: Call) -> dict[str, Any]:
        """UpdateMapRun."""
        run, given = self._find(call), call.parameters

        def change() -> None:
            if "maxConcurrency" in given:
                run.max_concurrency = given["maxConcurrency"]
            if "toleratedFailureCount" in given:
                run.tolerated_count = given["toleratedFailureCount"]
            if "toleratedFailurePercentage" in given:
                run.tolerated_percentage = given["toleratedFailurePercentage"]
            if run.arn in self._drivers:
                self._drivers[run.arn].changed()

        self._scheduler.ask(change)
        return {}

    def check(self, arn: str) -> None:
        """Refuse an ARN that no Map Run has.

        Raises:
            AwsError: InvalidArn, ResourceNotFound.
        """
        check_arn(arn, _KIND)
        if arn not in self._runs:
            raise AwsError("ResourceNotFound", f"Resource not found: '{arn}'", resourceName=arn)

    def _find(self, call: Call) -> MapRun:
        arn = call.parameters["mapRunArn"]
        self.check(arn)
        return self._runs[arn]

    # For hosts

    def keep(self, run: MapRun) -> None:
        """Keep *run* as it is now."""
        self._runs[run.arn] = run
        self._store.put(_KIND, run.arn, run.saved())
        if run.status != "RUNNING":
            self._drivers.pop(run.arn, None)

    def refusal(self, run: Run) -> str | None:
        """Why the role of *run* may not start executions of its state machine."""
        actor = run.caller.actor
        return None if actor is None else self._permissions.refusal(actor, "states:StartExecution", run.kept.machine)

    def aside(self, run: Run, job: Callable[[], Json], done: Callable[[Json | Failure], None]) -> None:
        """Do *job* on the pool; the time of *run* does not jump meanwhile."""

        def finish(result: Json | BaseException) -> None:
            if isinstance(result, BaseException):
                result = Failure("States.Runtime", f"The emulator failed: {result!r}")
            done(result)

        self._scheduler.submit(run.timeline, job, finish)

    def start(self, parent: Run, effect: RunMap, run: MapRun, child: Child, ended: Callable[[Run], None]) -> None:
        """Start *child*, or redrive it where it has ended before."""
        express = effect.execution_type == "EXPRESS"
        if child.ended is not None and not express:
            kept = self._store.execution(child.arn)
            assert kept is not None
            again = self._executions.redrive_kept(
                kept, parent.caller.region, parent.caller.account, effect.processor, parent.timeline
            )
            again.on_end.append(ended)
            return
        if child.ended is not None:  # nobody keeps an Express execution: it runs again as another
            child.arn = f"{child.arn.rpartition(':')[0]}:{uuid.uuid4()}"
        members = {"input": child.input, "revision": parent.revision.number}
        if effect.processor.text:
            members["definition"] = effect.processor.text
        kept = Kept(child.arn, run.child_machine_arn, map_run=run.arn, started=parent.timeline.now(), members=members)
        if not express:
            self._store.begin(kept)
        self._executions.begin(
            parent.revision,
            kept,
            json.loads(child.input),
            region=parent.caller.region,
            account=parent.caller.account,
            express=express,
            timeline=parent.timeline,
            machine=effect.processor,
            on_end=ended,
        )

    def stop(self, arn: str) -> None:
        """Abort a child."""
        run = self._driver.running.get(arn)
        if run is None:  # it has not begun yet
            self._scheduler.post(lambda: self.stop(arn))
        else:
            self._executions.abort(run)


class _Host:
    """What one Map Run needs of the others."""

    def __init__(self, runs: MapRuns, parent: Run, effect: RunMap, reply: Callable[[Reply], None]) -> None:
        self._runs = runs
        self._parent = parent
        self._effect = effect
        self.reply: Callable[[MapRunStarted | Result | Failure], None] = reply
        self.driver: MapRunDriver | None = None

    def now(self) -> float:
        return self._parent.timeline.now()

    def refusal(self) -> str | None:
        return self._runs.refusal(self._parent)

    def aside(self, job: Callable[[], Json], done: Callable[[Json | Failure], None]) -> None:
        self._runs.aside(self._parent, job, done)

    def start(self, run: MapRun, child: Child) -> None:
        driver = self.driver
        assert driver is not None

        def ended(of: Run) -> None:
            kept = of.kept
            output, error, cause = (kept.members.get(name) for name in ("output", "error", "cause"))
            stopped = kept.stopped or kept.started
            driver.ended(child, Ended(kept.status, kept.started, stopped, output, error, cause))

        self._runs.start(self._parent, self._effect, run, child, ended)

    def stop(self, child: Child) -> None:
        self._runs.stop(child.arn)

    def keep(self, run: MapRun) -> None:
        self._runs.keep(run)
