"""The steps of an execution: the states that it entered, each with its tries, and what they come to by state."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass
class Attempt:
    """One try of a task."""

    began: datetime
    ended: datetime | None = None
    error: str = ""
    """Empty unless it failed."""
    cause: str = ""
    request_id: str = ""
    """Of the Lambda invocation, where the history tells it."""
    function: str = ""
    """Name of the Lambda function that was called; empty for another service."""


@dataclass
class Step:
    """A state on an execution's way; in a Map, one for each item."""

    number: int
    """Number of the event that entered it."""
    name: str
    kind: str
    """``Task``, ``Choice``, ... as the definition calls it."""
    entered: datetime
    input: str
    parent: Step | None = field(default=None, repr=False)
    """The Parallel or Map that it is part of."""
    iteration: int | None = None
    """Which item of the Map, from 0."""
    branch: int = 0
    """Number of the event that entered the first state of its branch or item; 0 outside of any."""
    status: str = "RUNNING"
    """``RUNNING``, ``SUCCEEDED``, ``CAUGHT`` (it failed, and a catcher led on), ``FAILED`` or ``ABORTED``."""
    left: datetime | None = None
    output: str = ""
    attempts: list[Attempt] = field(default_factory=list)
    error: str = ""
    """What it failed of at last, also where that was caught; empty where the history does not tell."""
    cause: str = ""
    sent: str = ""
    """JSON that the last try handed to what it called; empty for states that call nothing."""
    result: str = ""
    """JSON that what it called answered at last."""
    assigned: dict[str, str] = field(default_factory=dict)
    """Variables that it assigned when it was left, as JSON."""
    map_run: str = ""
    """ARN of the Map Run of a Distributed Map."""
    started: list[str] = field(default_factory=list)
    """ARNs of the executions that it started, by ``states:startExecution``."""
    broke: bool = False
    """Whether it failed at last, also where that was caught."""

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it runs."""
        return None if self.left is None else (self.left - self.entered).total_seconds()

    @property
    def depth(self) -> int:
        """How many Parallels and Maps it is inside of."""
        return 0 if self.parent is None else self.parent.depth + 1

    @property
    def place(self) -> tuple[int, ...]:
        """Sorts steps as they belong together: what is inside of a state after it, branch by branch, item by item."""
        around = () if self.parent is None else self.parent.place
        return (*around, -1 if self.iteration is None else self.iteration, self.branch, self.number)

    @property
    def waits(self) -> bool:
        """Whether its last try failed and the next is due."""
        return self.status == "RUNNING" and bool(self.attempts) and bool(self.attempts[-1].error)

    @property
    def function(self) -> str:
        """Name of the Lambda function that it calls; empty where it calls none."""
        return next((attempt.function for attempt in self.attempts if attempt.function), "")

    @property
    def items(self) -> str:
        """``Map`` and ``Parallel``: nothing; an item of a Map: ``item 3``."""
        step: Step | None = self
        numbers = []
        while step is not None:
            if step.iteration is not None:
                numbers.append(str(step.iteration + 1))
            step = step.parent
        return f"item {'.'.join(reversed(numbers))}" if numbers else ""


def states_of(steps: Iterable[Step]) -> dict[str, dict[str, Any]]:
    """By state, what its steps come to: ``status``, how many ``done`` and ``failed`` of how many ``steps``."""
    found: dict[str, list[Step]] = {}
    for step in steps:
        found.setdefault(step.name, []).append(step)
    return {name: _summary(those) for name, those in found.items()}


def status_of(steps: Iterable[Step]) -> str:
    """Say what steps come to together: what runs counts before what failed, and that before what went well."""
    statuses = {step.status for step in steps}
    return next(status for status in ("RUNNING", "FAILED", "ABORTED", "CAUGHT", "SUCCEEDED") if status in statuses)


def _summary(steps: list[Step]) -> dict[str, Any]:
    loop = len(steps) > 1 and all(step.iteration is None for step in steps)
    return {
        "status": status_of(steps[-1:] if loop else steps),  # of a loop, what counts is the last time round
        "steps": len(steps),
        "done": sum(step.status in ("SUCCEEDED", "CAUGHT") for step in steps),
        "failed": sum(step.status == "FAILED" for step in steps),
        "waits": any(step.waits for step in steps),
        "tries": max(len(step.attempts) for step in steps),
    }
