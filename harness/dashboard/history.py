"""What an execution did, state by state, read from its history.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from harness.dashboard.steps import Attempt, Step

CONTAINERS = ("Parallel", "Map")
_ENDED_BADLY = ("ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted")
_BEGUN = ("TaskScheduled", "LambdaFunctionScheduled", "ActivityScheduled")


def steps_of(events: Iterable[Mapping[str, Any]], fails: Mapping[str, tuple[str, str]] | None = None) -> list[Step]:
    """Return the states that a history tells of: in the order in which they were entered, branches and items apart.

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
        """Return the Parallel or Map that an event is about; note what it failed of."""
        kinds = tuple(name for name in CONTAINERS if kind.startswith(name))
        failed = kind.endswith("Failed")
        for step in _ancestors(at.step):
            if step.kind in kinds and step.left is None and not (failed and step.broke):
                step.map_run = details.get("mapRunArn", step.map_run)
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
        step.assigned = dict(details.get("assignedVariables") or {})
        if step.kind in CONTAINERS:
            self._break_inside(step, time)
            broken = next((s for s in reversed(self.steps) if s.status == "FAILED" and _inside(s, step)), None)
            if step.broke and broken is not None and not step.error:
                step.error, step.cause = broken.error, broken.cause
        step.status = "CAUGHT" if step.broke else "SUCCEEDED"
        return _Place(step, step.iteration)

    def _break_inside(self, container: Step | None, time: datetime) -> None:
        """End what goes on in *container*, or everywhere: innermost first, for a failure in it is its own."""
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
            if step.kind == "Fail":
                continue  # it ended, and is entered anew
            step.left, step.status, step.broke, step.error, step.cause = None, "RUNNING", False, "", ""


def _attempt(step: Step, kind: str, details: Mapping[str, Any], time: datetime) -> None:
    if kind in _BEGUN:
        step.attempts.append(Attempt(time, function=_function(kind, details)))
        step.sent, step.result = details.get("parameters") or details.get("input", ""), ""
        return
    if details.get("resourceType") == "states" and kind in ("TaskSubmitted", "TaskSucceeded"):
        child = _in_json(details.get("output", ""), "ExecutionArn")
        if child and child not in step.started:
            step.started.append(child)
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
        step.result = details.get("output", "")
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
