"""What Distributed Maps need of the emulator around them: clients, clock, Map Runs and executions."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

from harness.emulator.access.sessions import RoleSession
from harness.emulator.context import EmulatorContext
from harness.emulator.distributed_map.archive import Archive, Executions
from harness.emulator.distributed_map.map_run import MapRun
from harness.emulator.engine_seam import failure
from harness.emulator.stepfunctions.clock import Clock

_SESSION_NAME = "StepFunctionsExecution"


class Registry:
    """Knows the Map Runs and their executions. Safe between threads.

    Args:
        context: the emulator's surroundings.
        client_for: the clients with which the engine calls other services.
        clock: by which children run.
    """

    def __init__(
        self, context: EmulatorContext, client_for: Callable[[str, str, RoleSession | None], Any], clock: Clock
    ) -> None:
        self.context = context
        self.clock = clock
        self.archive = Archive(context.folder)
        self.executions = Executions(self.archive)
        self.runs: dict[str, MapRun] = {}
        self.map_run_of: dict[str, str] = {}
        """ARN of the Map Run, by that of a child execution that runs."""
        self.redrives: dict[str, tuple[int, datetime]] = {}
        """How often, and when last, by ARN of an execution that is not a child."""
        self._client_for = client_for
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The time, by the clock."""
        return self.clock.now()

    def environment_of(self, env: Any) -> Any:
        """The environment of the whole execution that *env* is a part of."""
        return getattr(env.event_manager, "harness_root", None) or env

    def session(self, env: Any) -> RoleSession:
        """The state machine, as somebody who calls other services."""
        return RoleSession(env.aws_execution_details.role_arn, _SESSION_NAME)

    def client(self, service: str, env: Any) -> Any:
        """A client with the state machine's rights."""
        return self._client_for(service, env.aws_execution_details.region, self.session(env))

    def allow(self, env: Any, action: str, resource: str) -> None:
        """Let the state machine do *action* to *resource*, or fail the state as AWS does."""
        cause = self.context.permissions.refusal(self.session(env), action, resource)
        if cause is not None:
            raise failure(env, "MapRunFailed", {"error": "States.Permissions", "cause": cause})

    def add(self, run: MapRun) -> None:
        """Know a Map Run."""
        with self._lock:
            self.runs[run.arn] = run

    def runs_of(self, execution_arn: str) -> list[MapRun]:
        """The Map Runs of an execution, oldest first."""
        with self._lock:
            return [run for run in self.runs.values() if run.execution_arn == execution_arn]

    def started(self, execution: Any, run: MapRun | None, redrives: int) -> None:
        """Know a child execution, which the API shows if *run* is given."""
        if run is not None:
            with self._lock:
                self.map_run_of[execution.execution_arn] = run.arn
                self.executions[execution.execution_arn] = execution, execution.execution_input

    def ended(self, execution: Any, run: MapRun | None, redrives: int, *, history: bool = True) -> None:
        """Put an execution that has ended on disk, and forget it here."""
        self.archive.put(execution, run.arn if run is not None else None, redrives, history=history)
        with self._lock:
            self.map_run_of.pop(execution.execution_arn, None)
            self.executions.pop(execution.execution_arn, None)
