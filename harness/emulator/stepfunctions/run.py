"""One execution that runs: what is known of it, and what is under way for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from harness.emulator.stepfunctions.clock import Timeline
from harness.emulator.stepfunctions.execution_logs import ExecutionLog
from harness.emulator.stepfunctions.integrations.reach import Caller
from harness.emulator.stepfunctions.kept_executions import Kept
from harness.emulator.stepfunctions.machine_records import Revision
from harness.emulator.stepfunctions.reply_log import Told
from harness.states_language.effects import Reply, RunMap
from harness.states_language.execution import Execution


@dataclass(eq=False)
class Run:
    """An execution that runs.

    Attributes:
        kept: what is known of it.
        revision: the state machine as it was when the execution began.
        execution: of the language.
        timeline: its time.
        caller: for whom its tasks call.
        log: where its events go.
        express: whether it is an Express one.
        ended: set when it has.
        on_end: told when it has.
        told: tells the execution what comes, and remembers it.
    """

    kept: Kept
    revision: Revision
    execution: Execution
    told: Told
    timeline: Timeline
    caller: Caller
    log: ExecutionLog | None = None
    express: bool = False
    ended: threading.Event = field(default_factory=threading.Event)
    on_end: list[Callable[[Run], None]] = field(default_factory=list)
    moved: float = 0.0
    logged: int = 0
    undo: dict[int, Callable[[], None]] = field(default_factory=dict)
    """How to give up what is under way, by the effect's id."""
    test_case: str | None = None
    """Of a MockConfigFile, which answers for its states."""
    mocked: dict[str, int] = field(default_factory=dict)
    """How often each state was answered by a mock."""
    answered: dict[tuple[str, object], Reply] = field(default_factory=dict)
    """What answers the job or token of a state that a layer has answered the call of."""

    @property
    def arn(self) -> str:
        """Of the execution."""
        return self.kept.arn


class Maps(Protocol):
    """Carries out Distributed Maps."""

    def run(self, run: Run, effect: RunMap, reply: Callable[[Reply], None]) -> Callable[[], None]:
        """Begin a Distributed Map; return what stops it.

        Args:
            run: the execution that it is in.
            effect: items, processor, concurrency, and what failures are tolerated.
            reply: told that the Map Run has started, and its result.
        """
