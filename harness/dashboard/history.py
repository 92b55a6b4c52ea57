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


def steps_of(events: Iterable[Mapping[str, Any]], fails: Mapping[str, tuple[str, str]] | None = None) -> list[Step]:
    """The states that a history tells of: in the order in which they were entered, branches and items apart.

    Args:
        events: by number, from the first; the last may be missing as yet.
        fails: by Fail state, the error and cause in its definition: the history of one inside a Map or Parallel does
            not tell them.
    """
    reader = _Reader()
    for event in events:
        reader.read(event)
    for step in reader.steps:
        if step.kind == "Fail" and not step.error:
            step.error, step.cause = (fails or {}).get(step.name, ("", ""))
            for around in _ancestors(step.parent):
                if around.broke and not around.error:
                    around.error, around.cause = step.error, step.cause
    return sorted(reader.steps, key=lambda step: step.place)


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
        self._broken_off: list[Step] = []
        """What went on when the execution ended: a redrive goes on there."""

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
        elif kind == "ExecutionRedriven":
            self._reopen()
        elif kind.startswith("MapIteration"):
            owner = next((step for step in _ancestors(at.step) if step.kind == "Map" and step.left is None), None)
            at = _Place(owner, int(details.get("index", 0)))
        elif kind.startswith(CONTAINERS):
            at = _Place(self._container(kind, details, at))
        elif at.step is not None and at.step.left is None:
            _attempt(at.step, kind, details, time)
        self._places[number] = at

    def _enter(self, number: int, kind: str, details: Mapping[str, Any], time: datetime, at: _Place) -> Step:
        before = at.step
        if before is None:
            parent, iteration, branch = None, None, 0
        elif before.left is None and before.kind in CONTAINERS:
            parent, iteration, branch = before, at.iteration, number
        else:
            parent, iteration, branch = before.parent, before.iteration, before.branch
        step = Step(number, details["name"], kind, time, details.get("input", ""), parent, iteration, branch)
        self.steps.append(step)
        return step

    def _container(self, kind: str, details: Mapping[str, Any], at: _Place) -> Step | None:
        """The Parallel or Map that an event is about; notes what it failed of."""
        kinds = tuple(name for name in CONTAINERS if kind.startswith(name))
        failed = kind.endswith("Failed")
        for step in _ancestors(at.step):
            if step.kind in kinds and step.left is None and not (failed and step.broke):
                if failed:
                    step.broke = True
                    step.error, step.cause = details.get("error", step.error), details.get("cause", step.cause)
                return step
        return at.step

    def _exit(self, details: Mapping[str, Any], time: datetime, at: _Place) -> _Place:
        step = at.step
        while step is not None and step.name != details.get("name"):
            step = step.parent
        if step is None:
            return at
        step.left, step.output = time, details.get("output", "")
        if step.kind in CONTAINERS:
            self._break_inside(step, time)
            broken = next((s for s in reversed(self.steps) if s.status == "FAILED" and _inside(s, step)), None)
            if step.broke and broken is not None and not step.error:
                step.error, step.cause = broken.error, broken.cause
        step.status = "CAUGHT" if step.broke else "SUCCEEDED"
        return _Place(step, step.iteration)

    def _break_inside(self, container: Step | None, time: datetime) -> None:
        """Ends what goes on in *container*, or everywhere: innermost first, for a failure in it is its own."""
        for step in sorted(self.steps, key=lambda step: -step.depth):
            if step.left is not None or (container is not None and not _inside(step, container)):
                continue
            step.left = time
            holds = any(other.parent is step and other.status == "FAILED" for other in self.steps)
            step.status = "FAILED" if step.broke or holds or step.kind == "Fail" else "ABORTED"

    def _end(self, kind: str, details: Mapping[str, Any], time: datetime) -> None:
        going_on = self._broken_off = [step for step in self.steps if step.left is None]
        self._break_inside(None, time)
        if kind != "ExecutionFailed" or not going_on:
            return
        for step in [step for step in going_on if step.kind == "Fail" and not step.error]:
            step.error, step.cause = details.get("error", ""), details.get("cause", "")
        if not any(step.status == "FAILED" for step in going_on):
            # One that failed without a try of its own, of its input for one: the execution has its error.
            last = max(going_on, key=lambda step: step.number)
            last.status, last.error, last.cause = "FAILED", details.get("error", ""), details.get("cause", "")
            while last.parent is not None:
                last = last.parent
                last.status = "FAILED"

    def _reopen(self) -> None:
        for step in self._broken_off:
            step.left, step.status, step.broke, step.error, step.cause = None, "RUNNING", False, "", ""


def _attempt(step: Step, kind: str, details: Mapping[str, Any], time: datetime) -> None:
    if kind in _BEGUN:
        step.attempts.append(Attempt(time, function=_function(kind, details)))
        return
    if "error" in details or kind.endswith(("Failed", "TimedOut")):
        error, cause = details.get("error") or kind, details.get("cause", "")
        step.broke = True
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
        step.error, step.cause, step.broke = "", "", False


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
        said = (answer.get("SdkResponseMetadata") or {}).get("RequestId")
        return str(said or answer["SdkHttpMetadata"]["HttpHeaders"]["x-amzn-RequestId"])
    except (ValueError, KeyError, TypeError, AttributeError):
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


def _inside(step: Step, container: Step) -> bool:
    return any(other is container for other in _ancestors(step.parent))


def _time(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
