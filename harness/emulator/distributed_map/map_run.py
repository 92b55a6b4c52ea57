"""A Map Run: its child executions, how many of them run at a time, what they came to, and when it gives up.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-examine-map-run.html
"""

from __future__ import annotations

import itertools
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

MOST_AT_ONCE = 40
"""Child executions that run at a time, whatever MaxConcurrency says: each takes threads of this process."""
_STATES = ("aborted", "failed", "pending", "running", "succeeded", "timedOut")
_OUTCOMES = {"SUCCEEDED": "succeeded", "FAILED": "failed", "TIMED_OUT": "timedOut", "ABORTED": "aborted"}
_UNSUCCESSFUL = ("failed", "timedOut", "aborted")


@dataclass
class Child:
    """A child execution of a Map Run, from before it starts until after it has ended."""

    index: int
    items: int
    """How many items its input holds."""
    input: str
    """JSON; forgotten once it has ended and is kept elsewhere."""
    state: str = "pending"
    """One of the counts of a Map Run."""
    arn: str = ""
    redrives: int = 0


@dataclass
class MapRun:
    """A Map Run as the API shows it.

    ``tolerated_count`` and ``tolerated_percentage`` are None where the definition does not say; where it says neither,
    nothing is tolerated.
    """

    state_machine_arn: str
    execution_arn: str
    label: str
    max_concurrency: int
    tolerated_count: int | None
    tolerated_percentage: float | None
    started: datetime
    identifier: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "RUNNING"
    stopped: datetime | None = None
    children: list[Child] = field(default_factory=list)
    results_written: tuple[int, int] = (0, 0)
    """Items and executions whose results are in S3."""
    redrives: int = 0
    redriven: datetime | None = None
    counts: dict[str, list[int]] = field(default_factory=lambda: {state: [0, 0] for state in _STATES})
    """By state: items, and executions."""
    changed: Callable[[], None] = lambda: None
    """Called when UpdateMapRun has changed something."""
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def arn(self) -> str:
        """``arn:aws:states:...:mapRun:<machine>/<label>:<identifier>``."""
        return f"{self.state_machine_arn.replace(':stateMachine:', ':mapRun:', 1)}/{self.label}:{self.identifier}"

    @property
    def child_machine_arn(self) -> str:
        """Of the state machine that the child executions are of."""
        return f"{self.state_machine_arn}/{self.label}"

    def add(self, inputs: Iterator[tuple[str, int]]) -> None:
        """Have a child execution for each input, with the number of items in it."""
        with self.lock:
            for text, items in inputs:
                self.children.append(Child(len(self.children), items, text))
                self._count("pending", items, 1)

    def move(self, child: Child, state: str) -> None:
        """Note that *child* is in *state* now."""
        with self.lock:
            self._count(child.state, -child.items, -1)
            child.state = state
            self._count(state, child.items, 1)

    def is_over_threshold(self) -> bool:
        """Whether more items failed than are tolerated.

        https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html#maprun-fail-threshold
        """
        with self.lock:
            failed = sum(self.counts[state][0] for state in ("failed", "timedOut"))
            total = sum(items for items, _ in self.counts.values())
        if self.tolerated_count is None and self.tolerated_percentage is None:
            return failed > 0
        if self.tolerated_count is not None and failed > self.tolerated_count:
            return True
        return self.tolerated_percentage is not None and failed * 100 > self.tolerated_percentage * total

    def describe(self) -> dict[str, Any]:
        """DescribeMapRun's answer."""
        with self.lock:
            answer: dict[str, Any] = {
                "mapRunArn": self.arn,
                "executionArn": self.execution_arn,
                "status": self.status,
                "startDate": self.started.timestamp(),
                "maxConcurrency": self.max_concurrency,
                "toleratedFailurePercentage": float(self.tolerated_percentage or 0),
                "toleratedFailureCount": self.tolerated_count or 0,
                "itemCounts": self._described(0),
                "executionCounts": self._described(1),
                "redriveCount": self.redrives,
            }
            if self.stopped is not None:
                answer["stopDate"] = self.stopped.timestamp()
            if self.redriven is not None:
                answer["redriveDate"] = self.redriven.timestamp()
            return answer

    def item(self) -> dict[str, Any]:
        """As ListMapRuns shows it."""
        shown = {
            "executionArn": self.execution_arn,
            "mapRunArn": self.arn,
            "stateMachineArn": self.child_machine_arn,
            "startDate": self.started.timestamp(),
        }
        if self.stopped is not None:
            shown["stopDate"] = self.stopped.timestamp()
        return shown

    def _count(self, state: str, items: int, executions: int) -> None:
        self.counts[state][0] += items
        self.counts[state][1] += executions

    def _described(self, which: int) -> dict[str, int]:
        shown = {state: count[which] for state, count in self.counts.items()}
        shown |= {
            "total": sum(shown.values()),
            "resultsWritten": self.results_written[which],
            "failuresNotRedrivable": 0,
            "pendingRedrive": 0,
        }
        if self.redrives and self.status == "RUNNING":
            shown["pendingRedrive"] = sum(
                child.items if which == 0 else 1 for child in self.children if child.state == "pending" and child.arn
            )
        return shown


class Pool:
    """Runs the children of a Map Run that are pending, as many at a time as it allows.

    Args:
        run: of which Map Run.
        clock: gives threads and events.
        run_child: runs one to its end and gives the execution's status.
    """

    def __init__(self, run: MapRun, clock: Any, run_child: Callable[[Child], str]) -> None:
        self._run = run
        self._clock = clock
        self._run_child = run_child
        self._pending = deque(child for child in run.children if child.state == "pending")
        self._workers = 0
        self._numbers = itertools.count()
        self._stopping = False
        self._error: Exception | None = None
        self._done = clock.event()

    def work(self, go_on: Callable[[], bool], look: float = 0.25) -> bool:
        """Run them all.

        Args:
            go_on: asked now and then; False ends it: no child is started any more.
            look: seconds between two such questions.

        Returns:
            Whether it came to its end: none is pending.

        Raises:
            Exception: what kept a child from running at all.
        """
        self._run.changed = self._spawn
        over = threading.Event()

        def watch() -> None:
            # By the wall clock, on a thread that the test clock does not know: a wait of a quarter of a second would
            # keep virtual time from jumping further than that.
            while not over.wait(look):
                if not go_on():
                    self.stop()

        threading.Thread(target=watch, name="map-run-watch", daemon=True).start()
        try:
            self._spawn()
            self._done.wait()
        finally:
            over.set()
            self._run.changed = lambda: None
        if self._error is not None:
            raise self._error
        return not self._pending

    def stop(self) -> None:
        """Start no further child."""
        with self._run.lock:
            self._stopping = True
            if self._workers == 0:
                self._done.set()

    @property
    def stopping(self) -> bool:
        """Whether it was stopped."""
        return self._stopping

    def _limit(self) -> int:
        return min(self._run.max_concurrency or MOST_AT_ONCE, MOST_AT_ONCE)

    def _spawn(self) -> None:
        with self._run.lock:
            wanted = 0 if self._stopping else min(self._limit() - self._workers, len(self._pending))
            threads = [
                self._clock.thread(target=self._work, name=f"map-run-{next(self._numbers)}", daemon=True)
                for _ in range(max(0, wanted))
            ]
            self._workers += len(threads)
            if not self._workers:
                self._done.set()
        for thread in threads:
            thread.start()

    def _work(self) -> None:
        while True:
            with self._run.lock:
                if self._stopping or not self._pending or self._workers > self._limit():
                    self._workers -= 1
                    if not self._workers:
                        self._done.set()
                    return
                child = self._pending.popleft()
            self._run.move(child, "running")
            try:
                status = self._run_child(child)
            except Exception as error:  # what no child execution can tell ends the Map Run
                self._error = error
                self._run.move(child, "failed")
                self.stop()
                continue
            self._run.move(child, _OUTCOMES[status])
            if self._run.is_over_threshold():
                self.stop()


def unsuccessful(run: MapRun) -> list[Child]:
    """The children that a redrive runs again, those that never started among them."""
    return [child for child in run.children if child.state in (*_UNSUCCESSFUL, "pending")]
