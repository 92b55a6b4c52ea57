"""What an execution did, state by state, read from its history.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

CONTAINERS = ("Parallel", "Map")
_ENDED_BADLY = ("ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted")
_BEGUN = ("TaskScheduled", "LambdaFunctionScheduled", "ActivityScheduled")


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
    status: str = "RUNNING"
    """``RUNNING``, ``SUCCEEDED``, ``CAUGHT`` (it failed, and a catcher led on), ``FAILED`` or ``ABORTED``."""
    left: datetime | None = None
    output: str = ""
    attempts: list[Attempt] = field(default_factory=list)
    error: str = ""
    """What it failed of at last, also where that was caught."""
    cause: str = ""

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it runs."""
        return None if self.left is None else (self.left - self.entered).total_seconds()

    @property
    def depth(self) -> int:
        """How many Parallels and Maps it is inside of."""
        return 0 if self.parent is None else self.parent.depth + 1

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


def steps_of(events: Iterable[Mapping[str, Any]]) -> list[Step]:
    """The states that a history tells of, in the order in which they were entered.

    Args:
        events: by number, from the first; the last may be missing as yet.
    """
    reader = _Reader()
    for event in events:
        reader.read(event)
    return reader.steps


def states_of(steps: Iterable[Step]) -> dict[str, dict[str, Any]]:
    """By state, what its steps come to: ``status``, how many ``done`` and ``failed`` of how many ``steps``."""
    found: dict[str, list[Step]] = {}
    for step in steps:
        found.setdefault(step.name, []).append(step)
    return {name: _summary(those) for name, those in found.items()}


def _summary(steps: list[Step]) -> dict[str, Any]:
    statuses = [step.status for step in steps]
    if len(steps) > 1 and all(step.iteration is None for step in steps):
        statuses = statuses[-1:]  # a loop: what counts is the last time round
    order = ("RUNNING", "FAILED", "ABORTED", "CAUGHT", "SUCCEEDED")
    return {
        "status": next(status for status in order if status in statuses),
        "steps": len(steps),
        "done": sum(step.status in ("SUCCEEDED", "CAUGHT") for step in steps),
        "failed": sum(step.status == "FAILED" for step in steps),
        "waits": any(step.waits for step in steps),
        "tries": max(len(step.attempts) for step in steps),
    }


@dataclass(frozen=True)
class _Place:
    """Where an event belongs: the step that it tells of, and inside a Map, to which item."""

    step: Step | None = None
    iteration: int | None = None


class _Reader:
    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._places: dict[int, _Place] = {}

    def read(self, event: Mapping[str, Any]) -> None:
        kind, number = str(event["type"]), int(event["id"])
        details: Mapping[str, Any] = next((value for name, value in event.items() if name.endswith("EventDetails")), {})
        at = self._places.get(int(event.get("previousEventId") or 0), _Place())
        time = _time(event["timestamp"])
        if kind.endswith("StateEntered"):
            at = _Place(self._enter(number, kind.removesuffix("StateEntered"), details, time, at))
        elif kind.endswith("StateExited"):
            at = self._exit(details, time, at)
        elif kind in _ENDED_BADLY:
            self._end(kind, details, time)
        elif kind.startswith("MapIteration"):
            owner = _enclosing(at.step, ("Map",))
            index = details.get("index")
            at = _Place(owner, int(index) if index is not None else None)
        elif kind.startswith(("Map", "Parallel")) and kind != "MapRunRedriven":
            owner = _enclosing(at.step, CONTAINERS)
            if owner is not None and "error" in details:
                owner.error, owner.cause = details["error"], details.get("cause", "")
            elif owner is not None and kind.endswith("Failed"):
                owner.error = owner.error or next((s.error for s in reversed(self.steps) if s.parent is owner), "")
            at = _Place(owner)
        elif at.step is not None:
            _attempt(at.step, kind, details, time)
        self._places[number] = at

    def _enter(self, number: int, kind: str, details: Mapping[str, Any], time: datetime, at: _Place) -> Step:
        before = at.step
        if before is None:
            parent, iteration = None, None
        elif before.left is None and before.kind in CONTAINERS:
            parent, iteration = before, at.iteration
        else:
            parent, iteration = before.parent, before.iteration
        step = Step(number, details["name"], kind, time, details.get("input", ""), parent, iteration)
        self.steps.append(step)
        return step

    def _exit(self, details: Mapping[str, Any], time: datetime, at: _Place) -> _Place:
        step = at.step
        while step is not None and step.name != details.get("name"):
            step = step.parent
        if step is None:
            return at
        caught = bool(step.error) or (bool(step.attempts) and bool(step.attempts[-1].error))
        step.status, step.left = ("CAUGHT" if caught else "SUCCEEDED"), time
        step.output = details.get("output", "")
        if step.kind in CONTAINERS:
            for other in self.steps:
                if other.left is None and _inside(other, step):
                    _break(other, time)
        return _Place(step, step.iteration)

    def _end(self, kind: str, details: Mapping[str, Any], time: datetime) -> None:
        for step in reversed(self.steps):  # what is inside comes before what it is inside of
            if step.left is None:
                _break(step, time)
        broken = [step for step in self.steps if step.left == time and step.status in ("FAILED", "ABORTED")]
        if kind == "ExecutionFailed" and broken and not any(step.status == "FAILED" for step in broken):
            # A Fail state, or one that failed without a try of its own: the execution has its error.
            last = broken[-1]
            last.status, last.error, last.cause = "FAILED", details.get("error", ""), details.get("cause", "")
        for step in broken:
            holds = [other for other in broken if other.parent is step and other.status == "FAILED"]
            if holds and step.status == "ABORTED":
                step.status = "FAILED"
        for step in reversed(broken):
            if step.status == "FAILED" and step.parent is not None and step.parent in broken:
                step.parent.status = "FAILED"


def _break(step: Step, time: datetime) -> None:
    step.left = time
    failed = bool(step.error) or (bool(step.attempts) and bool(step.attempts[-1].error))
    step.status = "FAILED" if failed else "ABORTED"


def _attempt(step: Step, kind: str, details: Mapping[str, Any], time: datetime) -> None:
    if kind in _BEGUN:
        step.attempts.append(Attempt(time, function=_function(kind, details)))
        return
    if "error" in details or kind.endswith(("Failed", "TimedOut")):
        error, cause = details.get("error") or kind, details.get("cause", "")
        if kind == "EvaluationFailed" or not step.attempts:
            step.error, step.cause = error, cause
            return
        last = step.attempts[-1]
        last.ended, last.error, last.cause = time, error, cause
        last.request_id = last.request_id or _in_json(cause, "requestId")
        step.error, step.cause = error, cause
    elif kind.endswith("Succeeded") and step.attempts:
        last = step.attempts[-1]
        last.ended = time
        last.request_id = _request_id(details.get("output", ""))
        step.error = step.cause = ""


def _function(kind: str, details: Mapping[str, Any]) -> str:
    if kind == "LambdaFunctionScheduled":
        return name_of_function(details.get("resource", ""))
    if details.get("resourceType") != "lambda":
        return ""
    parameters = details.get("parameters", "")
    if isinstance(parameters, str):
        try:
            parameters = json.loads(parameters)
        except ValueError:
            return ""
    return name_of_function(str(parameters.get("FunctionName", "")))


def name_of_function(reference: str) -> str:
    """``f`` of ``f``, ``f:PROD`` or ``arn:aws:lambda:...:function:f:$LATEST``."""
    return reference.partition(":function:")[2].partition(":")[0] or reference.partition(":")[0]


def _request_id(output: str) -> str:
    try:
        answer = json.loads(output)
        return str(answer["SdkResponseMetadata"]["RequestId"])
    except (ValueError, KeyError, TypeError):
        return ""


def _in_json(text: str, member: str) -> str:
    try:
        return str(json.loads(text).get(member) or "")
    except (ValueError, AttributeError):
        return ""


def _ancestors(step: Step | None) -> Iterator[Step]:
    while step is not None:
        yield step
        step = step.parent


def _enclosing(step: Step | None, kinds: tuple[str, ...]) -> Step | None:
    return next((other for other in _ancestors(step) if other.kind in kinds and other.left is None), None)


def _inside(step: Step, container: Step) -> bool:
    return any(other is container for other in _ancestors(step.parent))


def _time(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
