"""What each field of a state made of its data: InputPath, Parameters, ResultSelector, ..., as TestState tells.

The history has a state's input, what it called, the answer and the output. What lies between is computed again from the
definition, by the package that runs it: nothing is called, what the service answered comes from the history.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-input-output-filtering.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from harness.dashboard.definition import state_in
from harness.dashboard.steps import Step
from harness.dashboard.views import ExecutionView
from harness.states_language.definition import InvalidDefinition, parse
from harness.states_language.effects import (
    AwaitActivity,
    AwaitJob,
    AwaitToken,
    CallResource,
    Failure,
    Reply,
    Result,
    Wait,
)
from harness.states_language.execution import Execution
from harness.states_language.text import Payload
from harness.states_language.workings import Single

_JSON_PATH = (
    ("InputPath", "afterInputPath"),
    ("Parameters", "afterParameters"),
    ("ItemsPath", "afterItemsPath"),
    ("ResultSelector", "afterResultSelector"),
    ("ResultPath", "afterResultPath"),
)
_JSONATA = (("Arguments", "afterArguments"), ("Items", "afterItemsPath"))
_MOST_EFFECTS = 10


@dataclass(frozen=True)
class Stage:
    """A piece of a state's way: the name of a field or of what came and went, and what was made there."""

    name: str
    value: str | None
    """JSON; None where the state did not come so far, or where it is not known."""
    written: str = ""
    same: bool = False
    """Whether it is as before."""


@dataclass(frozen=True)
class DataFlow:
    """A state's data, from its input to its output."""

    stages: list[Stage]
    note: str = ""
    """What is to be known about it, in words."""


def data_flow(view: ExecutionView, step: Step) -> DataFlow:
    """Tell what became of a step's data, piece by piece.

    Args:
        view: the execution.
        step: one of its steps.
    """
    found = state_in(view.definition, step.name)
    ends = [Stage("Input", step.input), *([Stage("Output", step.output)] if step.output else [])]
    if found is None:
        return DataFlow(ends, "The state machine is gone: what it did with the input is not known.")
    state, language = found
    try:
        execution = _repeated(view, step, state, language)
    except (InvalidDefinition, ValueError, LookupError) as error:
        return DataFlow(ends, f"It could not be computed again: {error}.")
    made, note = execution.inspection, ""
    if step.output and execution.output is not None and not _equal(execution.output.text, step.output):
        note = "Computed again it comes to another output than the history has, as random numbers and times do."
    stages = list(_stages(step, state, language, made, view))
    return DataFlow(_marked(stages), note)


def _stages(
    step: Step, state: dict[str, Any], language: str, made: dict[str, Any], view: ExecutionView
) -> Iterator[Stage]:
    yield Stage("Input", step.input)
    before, after = (_JSONATA, ()) if language == "JSONata" else (_JSON_PATH[:3], _JSON_PATH[3:])
    for field, member in before:
        if field in state:
            yield Stage(field, made.get(member), _written(state[field]))
    if step.kind in ("Map", "Parallel"):
        yield from _inside(step, state, view)
    result = step.result or made.get("result")
    if step.kind in ("Task", "Pass") and result is not None:
        yield Stage("Result", result, _written(state["Result"]) if "Result" in state else "")
    for field, member in after:
        if field in state:
            yield Stage(field, made.get(member), _written(state[field]))
    for name in state.get("Assign", {}):
        plain = name.removesuffix(".$")
        yield Stage(f"Assign: {plain}", step.assigned.get(plain), _written(state["Assign"][name]))
    last = "Output" if language == "JSONata" else "OutputPath"
    if step.output:
        yield Stage("Output", step.output, _written(state[last]) if last in state else "")


def _inside(step: Step, state: dict[str, Any], view: ExecutionView) -> Iterator[Stage]:
    first = min((other for other in view.steps if other.parent is step), key=lambda each: each.number, default=None)
    for field in ("ItemSelector", "Parameters" if step.kind == "Map" else "", "Arguments"):
        if field in state and first is not None:
            whose = f"of {first.items}" if step.kind == "Map" else "of each branch"
            yield Stage(f"{field}, the input {whose}", first.input, _written(state[field]))
    result = _result_of(view, step)
    if result is not None:
        yield Stage("Result", json.dumps(result))


def _marked(stages: list[Stage]) -> list[Stage]:
    """Return the stages, each marked whether it is as the one before that has a value."""
    marked: list[Stage] = []
    for stage in stages:
        before = next((each for each in reversed(marked) if each.value is not None and ":" not in each.name), None)
        same = bool(before and stage.value is not None and before.value and _equal(before.value, stage.value))
        marked.append(Stage(stage.name, stage.value, stage.written, same))
    return marked


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _equal(one: str, other: str) -> bool:
    try:
        return bool(json.loads(one) == json.loads(other))
    except ValueError:
        return one == other


def _repeated(view: ExecutionView, step: Step, state: dict[str, Any], language: str) -> Execution:
    """Run the state alone again, on what the history says that it was given and answered."""
    states = {target: {"Type": "Succeed"} for target in _targets(state)} | {step.name: state}
    whole = {"StartAt": step.name, "QueryLanguage": language, "States": states}
    mock = None
    if step.kind in ("Map", "Parallel"):
        result = _result_of(view, step)
        mock = Failure(step.error or None, step.cause or None) if result is None else Result(result)
    execution = Execution(
        parse(json.dumps(whole)),
        Payload(json.loads(step.input), step.input),
        context=_context(view, step),
        variables={name: json.loads(text) for name, text in _variables(view, step).items()},
        single=Single(mock=mock),
        inspect=True,
    )
    now = step.entered.timestamp()
    effects = list(execution.start(now))
    for _ in range(_MOST_EFFECTS):
        if not effects or execution.status != "RUNNING":
            break
        effect = effects.pop(0)
        reply: Reply
        match effect:
            case Wait(limit=True):
                continue
            case Wait():
                now, reply = max(now, effect.until), None
            case CallResource(token=str()):
                reply = Result({})
            case CallResource() | AwaitJob() | AwaitToken() | AwaitActivity() if step.result:
                reply = Result(json.loads(step.result), step.result)
            case CallResource() | AwaitJob() | AwaitToken() | AwaitActivity() if step.broke:
                reply = Failure(step.error or None, step.cause or None)
            case _:
                continue  # it is still under way
        effects += execution.resolve(effect.id, reply, now)
    return execution


def _targets(state: dict[str, Any]) -> Iterator[str]:
    for handler in (state, *state.get("Choices", []), *state.get("Catch", [])):
        yield from (handler[member] for member in ("Next", "Default") if isinstance(handler.get(member), str))


def _context(view: ExecutionView, step: Step) -> dict[str, Any]:
    """Return the context object as the history lets it be known."""
    row = view.row
    context: dict[str, Any] = {
        "Execution": {
            "Id": row.arn,
            "Input": json.loads(view.input),
            "Name": row.name,
            "StartTime": row.started.isoformat(),
            "RedriveCount": view.redrives,
        },
        "StateMachine": {"Id": row.machine_arn, "Name": row.machine},
        "State": {
            "Name": step.name,
            "EnteredTime": step.entered.isoformat(),
            "RetryCount": max(0, len(step.attempts) - 1),
        },
    }
    inner = step
    while inner.parent is not None and inner.iteration is None:
        inner = inner.parent
    around, item = inner.parent, inner.iteration
    if around is not None and item is not None:
        found = state_in(view.definition, around.name)
        items = json.loads(_repeated(view, around, *found).inspection.get("afterItemsPath", "[]")) if found else []
        context["Map"] = {"Item": {"Index": item, "Value": items[item] if item < len(items) else None}}
    return context


def _variables(view: ExecutionView, step: Step) -> dict[str, str]:
    """Return what the steps before it assigned that it sees: in its own branch or item, and around that."""
    found: dict[str, str] = {}
    scopes, around = [step], step.parent
    while around is not None:
        scopes.insert(0, around)
        around = around.parent
    ordered = sorted(view.steps, key=lambda each: each.number)
    for scope in scopes:
        place = (scope.iteration, scope.branch)
        for other in ordered:
            beside = other.parent is scope.parent and (other.iteration, other.branch) == place
            if beside and other.number < scope.number:
                found |= other.assigned
    return found


def _result_of(view: ExecutionView, step: Step) -> list[Any] | None:
    """Return what the branches or items of a Parallel or Map came to; None where one ended badly, or it is unknown."""
    if step.map_run or not step.output:
        return None
    inside = [other for other in view.steps if other.parent is step]
    last: dict[tuple[int, int], Step] = {}
    for other in sorted(inside, key=lambda each: each.number):
        last[-1 if other.iteration is None else other.iteration, other.branch] = other
    ends = [last[place] for place in sorted(last)]
    if any(end.status not in ("SUCCEEDED", "CAUGHT") or not end.output for end in ends):
        return None
    return [json.loads(end.output) for end in ends]
