"""The states that wait for nothing but time: Pass, Succeed, Fail, Choice, Wait."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any

from harness.states_language import timestamps
from harness.states_language.effects import Json
from harness.states_language.errors import EvaluationError
from harness.states_language.fields import Evaluator
from harness.states_language.machine import Choice, Fail, Pass, Wait
from harness.states_language.run import Run, until
from harness.states_language.strands import StateFailed
from harness.states_language.text import Payload, dumps

NO_ERRORS: Mapping[str, Json] = {}
_FORMAT = "ISO-8601 extended offset date-time format string"


def _pass(run: Run) -> Payload:
    state = run.state
    assert isinstance(state, Pass)
    worked = run.take()
    if state.jsonata:
        return run.give(run.raw, NO_ERRORS)
    if state.result is not None:
        result = Payload(state.result(run.scope(worked)))
        run.note("result", result.text)
        return run.give(result)
    return run.give(run.effective if state.parameters is None else Payload(worked))


def _succeed(run: Run) -> Payload:
    run.take()
    return run.give(run.effective, NO_ERRORS)


def _fail(run: Run) -> Payload:
    state = run.state
    assert isinstance(state, Fail)
    if not state.jsonata:
        run.note("afterInputPath", run.raw.text)
    parts = [
        None if evaluate is None else run.value(evaluate, run.raw.value) for evaluate in (state.error, state.cause)
    ]
    for name, part in zip(("Error", "Cause"), parts, strict=True):
        if part is not None and not isinstance(part, str):
            if state.jsonata:
                raise run.unexpected(name, state.definition[name], "string", part)
            raise EvaluationError("States.Runtime", f"The {name} field must be a string: {dumps(part)}")
    raise StateFailed(*parts)


def _choice(run: Run) -> Payload:
    state = run.state
    assert isinstance(state, Choice)
    worked = run.take()
    scope = run.scope(worked)
    for index, rule in enumerate(state.rules):
        held = rule.condition(scope)
        if not isinstance(held, bool):
            written = state.definition["Choices"][index]["Condition"]
            raise run.unexpected(f"Choices[{index}]/Condition", written, "boolean", held)
        if held:
            run.followed, run.rule = rule.next, index
            return _chosen(run, rule.output, rule.assign)
    if state.default is None:
        words = "Failed to transition out of the state. The state does not point to a next state."
        raise EvaluationError("States.Runtime" if state.jsonata else "States.NoChoiceMatched", words)
    run.followed = state.default
    return _chosen(run, state.output, state.assign)


def _chosen(run: Run, output: Evaluator | None, assign: Evaluator | None) -> Payload:
    document = run.raw.value if run.state.jsonata else run.effective.value
    given = run.effective
    if output is not None:
        given = Payload(run.value(output, document))
    run.assign(assign, document)
    if run.state.output_path is not None:
        given = Payload(run.value(run.state.output_path, given.value))
    return run.fits(given)


def run_wait(run: Run) -> Generator[object, Any, Payload]:
    """Run a Wait state: wait, and return its output."""
    state = run.state
    assert isinstance(state, Wait)
    document = run.take()
    moment = _moment(run, state, document)
    if moment > run.execution.now:
        yield from until(run, moment)
    return run.give(run.effective, NO_ERRORS)


def _waited_for(run: Run, state: Wait, evaluate: Evaluator, document: Json) -> Json:
    try:
        return run.value(evaluate, document)
    except EvaluationError:
        if state.path is None or state.jsonata:
            raise
        field = "SecondsPath" if state.seconds is not None else "TimestampPath"
        words = f"The {field} parameter does not reference an input value: {state.path}"
        raise EvaluationError("States.Runtime", words) from None


def _moment(run: Run, state: Wait, document: Json) -> float:
    if state.timestamp is not None:
        value = _waited_for(run, state, state.timestamp, document)
        at = timestamps.parse(value)
        if at is None:
            if state.jsonata:
                words = f"The Timestamp field cannot be parsed as an {_FORMAT}: {value}"
                raise EvaluationError("States.QueryEvaluationError", words, "Timestamp")
            words = f"The TimestampPath parameter does not reference a valid {_FORMAT}: {state.path} == {value}"
            raise EvaluationError("States.Runtime", words)
    else:
        assert state.seconds is not None
        value = _waited_for(run, state, state.seconds, document)
        if not isinstance(value, int | float) or isinstance(value, bool) or value != int(value):
            if state.jsonata:
                raise run.unexpected("Seconds", state.definition["Seconds"], "number", value)
            words = f"The SecondsPath parameter cannot be parsed as a long value: {state.path} == {dumps(value)}"
            raise EvaluationError("States.Runtime", words)
        if value < 0:
            if state.jsonata:
                words = f"The Seconds field references a negative value: {dumps(value)}"
                raise EvaluationError("States.QueryEvaluationError", words, "Seconds")
            words = f"The SecondsPath parameter references a negative value: {state.path} == {dumps(value)}"
            raise EvaluationError("States.Runtime", words)
        at = run.execution.now + value
    if at - run.execution.now > 2**31 - 1:
        raise EvaluationError("States.Runtime", "Wait state delay is too long.")
    return at


SIMPLE: Mapping[str, Callable[[Run], Payload]] = {
    "Pass": _pass,
    "Succeed": _succeed,
    "Fail": _fail,
    "Choice": _choice,
}
