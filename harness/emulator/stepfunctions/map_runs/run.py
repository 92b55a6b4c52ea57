"""A Map Run: its child executions, how many of them run, what they came to, and when it gives up. Does nothing itself.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-examine-map-run.html
"""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

MOST_AT_ONCE = 1000
"""Child executions that run at a time, whatever MaxConcurrency says; AWS has ten times as many."""
_STATES = ("aborted", "failed", "pending", "running", "succeeded", "timedOut")
_OUTCOMES = {"SUCCEEDED": "succeeded", "FAILED": "failed", "TIMED_OUT": "timedOut", "ABORTED": "aborted"}


@dataclass(frozen=True, slots=True)
class Ended:
    """What a child execution came to; times in seconds since the epoch, *output* as text."""

    status: str
    started: float
    stopped: float
    output: str | None = None
    error: str | None = None
    cause: str | None = None


@dataclass(slots=True)
class Child:
    """A child execution, from before it starts until its Map Run is done with.

    Attributes:
        arn: of the execution.
        items: how many items its input holds.
        input: JSON.
        state: one of the counts of a Map Run.
        redrives: how often it was redriven.
        ended: what it came to, once it has ended.
    """

    arn: str
    items: int
    input: str
    state: str = "pending"
    redrives: int = 0
    ended: Ended | None = None


@dataclass
class MapRun:
    """A Map Run as the API shows it; times in seconds since the epoch.

    ``tolerated_count`` and ``tolerated_percentage`` are None where the definition does not say; where it says neither,
    nothing is tolerated.
    """

    state_machine_arn: str
    execution_arn: str
    label: str
    max_concurrency: int
    tolerated_count: int | None
    tolerated_percentage: float | None
    started: float
    state: str = ""
    """Name of the Distributed Map."""
    identifier: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "RUNNING"
    stopped: float | None = None
    children: list[Child] = field(default_factory=list)
    pending: deque[Child] = field(default_factory=deque)
    results_written: tuple[int, int] = (0, 0)
    """Items and executions whose results are in the output, or in S3."""
    redrives: int = 0
    redriven: float | None = None
    counts: dict[str, list[int]] = field(default_factory=lambda: {state: [0, 0] for state in _STATES})
    """By state: items, and executions."""

    @property
    def arn(self) -> str:
        """``arn:aws:states:...:mapRun:<machine>/<label>:<identifier>``."""
        return f"{self.state_machine_arn.replace(':stateMachine:', ':mapRun:', 1)}/{self.label}:{self.identifier}"

    @property
    def child_machine_arn(self) -> str:
        """Of the state machine that the child executions are of."""
        return f"{self.state_machine_arn}/{self.label}"

    def add(self, inputs: Iterable[tuple[str, int]]) -> None:
        """Have a child execution for each input, with the number of items in it."""
        before = self.child_machine_arn.replace(":stateMachine:", ":execution:", 1)
        for text, items in inputs:
            child = Child(f"{before}:{uuid.uuid4()}", items, text)
            self.children.append(child)
            self.pending.append(child)
            self._count("pending", items, 1)

    def next(self) -> Child | None:
        """Take a child to be started, which counts as running from now on; None while there is none, or enough run."""
        most = min(self.max_concurrency or MOST_AT_ONCE, MOST_AT_ONCE)
        if not self.pending or self.counts["running"][1] >= most:
            return None
        child = self.pending.popleft()
        self._move(child, "running")
        return child

    def end(self, child: Child, ended: Ended) -> None:
        """Note what *child* came to."""
        child.ended = ended
        self._move(child, _OUTCOMES[ended.status])

    @property
    def running(self) -> list[Child]:
        """The children that run."""
        return [child for child in self.children if child.state == "running"] if self.counts["running"][1] else []

    def redrive(self, now: float) -> None:
        """Have the children that did not succeed run again."""
        self.redrives, self.redriven, self.stopped, self.status = self.redrives + 1, now, None, "RUNNING"
        for child in self.children:
            if child.state in ("failed", "timedOut", "aborted"):
                child.redrives += 1
                self._move(child, "pending")
        self.pending = deque(child for child in self.children if child.state == "pending")

    def is_over_threshold(self) -> bool:
        """Whether more items failed than are tolerated.

        https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html#maprun-fail-threshold
        """
        failed = sum(self.counts[state][0] for state in ("failed", "timedOut"))
        total = sum(items for items, _ in self.counts.values())
        if self.tolerated_count is None and self.tolerated_percentage is None:
            return failed > 0
        if self.tolerated_count is not None and failed > self.tolerated_count:
            return True
        return self.tolerated_percentage is not None and failed * 100 > self.tolerated_percentage * total

    def describe(self) -> dict[str, Any]:
        """DescribeMapRun's answer."""
        answer: dict[str, Any] = {
            "mapRunArn": self.arn,
            "executionArn": self.execution_arn,
            "status": self.status,
            "startDate": _date(self.started),
            "maxConcurrency": self.max_concurrency,
            "toleratedFailurePercentage": float(self.tolerated_percentage or 0),
            "toleratedFailureCount": self.tolerated_count or 0,
            "itemCounts": self._described(0),
            "executionCounts": self._described(1),
            "redriveCount": self.redrives,
        }
        if self.stopped is not None:
            answer["stopDate"] = _date(self.stopped)
        if self.redriven is not None:
            answer["redriveDate"] = _date(self.redriven)
        return answer

    def item(self) -> dict[str, Any]:
        """As ListMapRuns shows it."""
        shown = {
            "executionArn": self.execution_arn,
            "mapRunArn": self.arn,
            "stateMachineArn": self.child_machine_arn,
            "startDate": _date(self.started),
        }
        if self.stopped is not None:
            shown["stopDate"] = _date(self.stopped)
        return shown

    def count_results(self) -> None:
        """Note that the results of all children that have ended are where they belong."""
        ended = [child for child in self.children if child.ended is not None]
        self.results_written = sum(child.items for child in ended), len(ended)

    def _move(self, child: Child, state: str) -> None:
        self._count(child.state, -child.items, -1)
        child.state = state
        self._count(state, child.items, 1)

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
            again = [child for child in self.pending if child.redrives]
            shown["pendingRedrive"] = sum(child.items for child in again) if which == 0 else len(again)
        return shown


def _date(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
