"""How states run: data flow, retriers, catchers, and the types that wait for nothing but time."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.states_language import events as event
from harness.states_language import timestamps
from harness.states_language.effects import Json
from harness.states_language.effects import Wait as WaitUntil
from harness.states_language.errors import EvaluationError
from harness.states_language.fields import Evaluator, Scope, is_jsonata, write
from harness.states_language.machine import (
    Catcher,
    Choice,
    Fail,
    Flow,
    Limit,
    Map,
    Parallel,
    Pass,
    State,
    Succeed,
    Task,
    Wait,
)
from harness.states_language.strands import TURN, Position, StateFailed, Steps, Strand
from harness.states_language.text import MAX_PAYLOAD, Payload, dumps, is_deep, size

if TYPE_CHECKING:
    from harness.states_language.execution import Execution

MAX_VARIABLES = 10 * 1024 * 1024
"""Bytes of all variables that a state sees."""

NO_ERRORS: Mapping[str, Json] = {}
_LONGEST_WAIT = 31_536_000 * 5
_FORMAT = "ISO-8601 extended offset date-time format string"


@dataclass(frozen=True, slots=True)
class Transition:
    """A state was left, or is tried again.

    Attributes:
        path: of the states around it.
        state: its name.
        next: where to; None at the end of a branch.
        rule: index of the choice rule that held, None for another state or for ``Default``.
        catcher: index of the catcher that caught.
        retrier: index of the retrier by which it is tried again; then it goes to itself.
        failed: whether it failed, with no catcher.
    """

    path: tuple[tuple[str, int], ...]
    state: str
    next: str | None
    rule: int | None = None
    catcher: int | None = None
    retrier: int | None = None
    failed: bool = False


class Run:
    """One state at work: what it was given, and what it evaluates on the way."""

    __slots__ = (
        "again",
        "assigned",
        "context",
        "effective",
        "entered",
        "execution",
        "followed",
        "raw",
        "retries",
        "rule",
        "state",
        "strand",
    )

    def __init__(self, execution: Execution, strand: Strand, state: State, raw: Payload, entered: int | None) -> None:
        self.execution = execution
        self.strand = strand
        self.state = state
        self.raw = raw
        self.effective = raw
        self.retries = execution.single.retries if execution.single and strand.parent is None else 0
        self.assigned: dict[str, Json] = {}
        self.followed = state.next
        self.rule: int | None = None
        self.again = entered is not None  # after a redrive
        if entered is None:
            name = {**event.given(raw.text), "name": state.name}
            entered = execution.tell(strand, f"{state.type}StateEntered", name)
        self.entered = entered
        counted = self.retries if isinstance(state, Task | Map | Parallel) else None
        self.context = execution.context(strand, state, execution.now, counted)

    # Evaluation

    def scope(self, document: Json, extra: Mapping[str, Json] | None = None) -> Scope:
        """Return what an expression of this state sees."""
        return Scope(document, self.context, self.strand.variables, self.execution.random, extra, self.execution.now)

    def value(self, evaluate: Evaluator, document: Json, extra: Mapping[str, Json] | None = None) -> Json:
        """Evaluate a field."""
        return evaluate(self.scope(document, extra))

    def limit(self, limit: Limit | None, what: str = "integer") -> Any:
        """Evaluate a number that the state may have."""
        if limit is None:
            return None
        value = self.value(limit.evaluate, self.effective.value)
        if limit.path is not None and isinstance(value, str):
            value = _number(value)
        good = isinstance(value, int) or (isinstance(value, float) and (what == "float" or value.is_integer()))
        if not good or isinstance(value, bool):
            if limit.path is None:
                raise self.unexpected(limit.field, self.state.definition.get(limit.field), "number", value)
            shown = value if isinstance(value, str) else dumps(value)
            words = f'The {limit.field}Path field refers to value "{shown}" which is not a valid {what}: {limit.path}'
            raise EvaluationError("States.Runtime", words)
        return value

    def unexpected(self, field: str, written: Json, expected: str, value: Json) -> EvaluationError:
        """Return the error of a JSONata field that came to a *value* of another kind than *expected*."""
        shown = written[2:-2].strip() if is_jsonata(written) else written
        words = (
            f"The JSONata expression '{shown}' specified for the field '{field}' returned an unexpected result type. "
            f"Expected '{expected}', but was '{kind_of_json(value)}' for value: {dumps(value)}"
        )
        return EvaluationError("States.QueryEvaluationError", words, field)

    def note(self, name: str, value: Any) -> None:
        """Keep what TestState tells of the way."""
        if self.execution.inspect and not self.strand.path:
            self.execution.inspection[name] = value

    # Data flow

    def take(self) -> Json:
        """Apply ``InputPath``, then ``Parameters`` or ``Arguments``; return what the state works with."""
        state = self.state
        if state.input_path is not None:
            self.effective = Payload(self.value(state.input_path, self.raw.value))
        named = not state.jsonata and not (isinstance(state, Pass) and state.result is not None)
        if named and not isinstance(state, Parallel):
            self.note("afterInputPath", self.effective.text)
        arguments = self.effective.value
        if state.parameters is not None:
            arguments = self.value(state.parameters, arguments)
        if isinstance(state, Task) or (named and isinstance(state, Pass)):
            self.note("afterArguments" if state.jsonata else "afterParameters", dumps(arguments))
        return arguments

    def give(self, result: Payload, extra: Mapping[str, Json] | None = None) -> Payload:
        """Make the state's output of its *result*: ``ResultSelector``, ``ResultPath``, ``OutputPath``, or ``Output``.

        Variables are assigned with it.
        """
        state = self.state
        if state.jsonata:
            seen = extra if extra is not None else {"result": result.value}
            output = result
            if state.output is not None:
                output = Payload(self.value(state.output, self.raw.value, seen))
            self.assign(state.assign, self.raw.value, seen)
            return self.fits(output)
        raw_result = result
        if state.result_selector is not None:
            result = Payload(self.value(state.result_selector, result.value))
        output = self.combined(result, state.result_path)
        if not isinstance(state, Succeed | Wait):
            self.note("afterResultSelector", result.text)
            self.note("afterResultPath", output.text)
        self.assign(state.assign, raw_result.value)
        if state.output_path is not None:
            output = Payload(self.value(state.output_path, output.value))
        return self.fits(output)

    def combined(self, result: Payload, path: tuple[str | int, ...] | None) -> Payload:
        """Apply a ``ResultPath``."""
        if path is None:
            return self.raw
        if not path:
            return result
        try:
            return Payload(write(self.raw.value, path, result.value))
        except EvaluationError as error:
            words = f"Unable to apply step to input {self.raw.text}"
            raise EvaluationError(error.error, words) from None

    def assign(self, assign: Evaluator | None, document: Json, extra: Mapping[str, Json] | None = None) -> None:
        """Evaluate ``Assign``; what it assigns exists once the state is left."""
        if assign is not None:
            self.assigned = self.value(assign, document, extra)
            kept = sum(size(dumps(value)) for value in (self.strand.variables | self.assigned).values())
            for name, value in self.assigned.items():
                if size(dumps(value)) > MAX_PAYLOAD or kept > MAX_VARIABLES:
                    words = f"The variable '{name}' exceeds the maximum number of bytes service limit."
                    raise StateFailed("States.DataLimitExceeded", words)

    def fits(self, output: Payload) -> Payload:
        """Refuse an output that is larger, or lies deeper, than states may hand on."""
        if is_deep(output.value, output.text):
            raise EvaluationError("States.Runtime", "The JSON value is nested too deeply.")
        if size(output.text) > MAX_PAYLOAD:
            raise StateFailed("States.DataLimitExceeded", too_large(self.state.name))
        return output

    # Events

    def tell(self, event_type: str, details: Mapping[str, Any] | None = None) -> int:
        """Add an event."""
        return self.execution.tell(self.strand, event_type, details)

    def leave(self, output: Payload) -> None:
        """Tell that the state is left, and make its variables exist."""
        texts = {name: dumps(value) for name, value in self.assigned.items()}
        details = {**event.assigned(texts), "name": self.state.name, **event.gave(output.text)}
        self.tell(f"{self.state.type}StateExited", details)
        if self.assigned:
            self.strand.variables = {**self.strand.variables, **self.assigned}
            self.note("variables", dumps(self.strand.variables))

    def failed(self, error: EvaluationError) -> StateFailed:
        """Make the state's failure of an evaluation's; JSONata's has an event of its own."""
        name, entered = self.state.name, self.entered
        where = f"An error occurred while executing the state '{name}' (entered at the event id #{entered}). "
        cause = error.cause if self.execution.single else where + error.cause
        if self.state.jsonata and error.error == "States.QueryEvaluationError":
            details = event.failure(error.error, cause, location=error.location, state=self.state.name)
            self.strand.previous = self.execution.add("EvaluationFailed", self.strand.step, details)
        return StateFailed(error.error, cause)


def _number(text: str) -> Json:
    """Return the number that a text holds, or the text: where a path leads may be either."""
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text


def kind_of_json(value: Json) -> str:
    """Return what JSON calls the kind of *value*."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "string" if isinstance(value, str) else "object" if isinstance(value, dict) else "array"


def too_large(what: str) -> str:
    """Return AWS's words for a payload that exceeds 256 KiB."""
    return f"The state/task '{what}' returned a result with a size exceeding the maximum number of bytes service limit."


def run_flow(
    execution: Execution, strand: Strand, flow: Flow, payload: Payload, position: Position | None = None
) -> Steps:
    """Run states from the first, or from *position*, to the end, and return the last output."""
    name: str | None = position.state if position else flow.start_at
    entered = position.entered if position else None
    while name is not None:
        payload, name = yield from run_state(execution, strand, flow.states[name], payload, entered)
        entered = None
        if execution.single and strand.parent is None:
            execution.next_state = name
            return payload
        if name is not None:
            yield TURN
    return payload


def run_state(
    execution: Execution, strand: Strand, state: State, payload: Payload, entered: int | None
) -> Generator[object, Any, tuple[Payload, str | None]]:
    """Run one state, as often as its retriers say, and return its output and where it leads."""
    from harness.states_language.nested import run_map, run_parallel
    from harness.states_language.tasks import run_task

    top = strand.parent is None
    strand.position = Position(state.name, payload, entered, strand.previous)
    run = Run(execution, strand, state, payload, entered)
    if not isinstance(state, Fail):
        strand.position = Position(state.name, payload, run.entered)
    strand.inside = state.type
    counts = [run.retries] * len(state.retry)
    catcher_index: int | None = None
    while True:
        try:
            try:
                if isinstance(state, Task):
                    output = yield from run_task(run)
                elif isinstance(state, Parallel):
                    output = yield from run_parallel(run)
                elif isinstance(state, Map):
                    output = yield from run_map(run)
                elif isinstance(state, Wait):
                    output = yield from _wait(run)
                else:
                    output = _SIMPLE[state.type](run)
                break
            except EvaluationError as error:
                raise run.failed(error) from None
        except StateFailed as failure:
            execution.give_up_children(strand)
            delay, retrier = _retry(run, failure, counts)
            if delay is not None and execution.single and top:
                details = {"retryBackoffIntervalSeconds": _rounded(delay), "retryIndex": retrier}
                execution.inspection["errorDetails"] = details
                raise
            if delay is not None:
                execution.transitions.append(Transition(strand.path, state.name, state.name, retrier=retrier))
                if delay > 0:
                    yield from until(run, execution.now + delay)
                run.retries += 1
                run.context = {**run.context, "State": {**run.context["State"], "RetryCount": run.retries}}
                run.context.pop("Task", None)
                run.effective = run.raw
                run.again = False
                continue
            if isinstance(state, Map | Parallel) and not failure.fatal:
                run.tell(f"{state.type}StateFailed")
            caught = _caught(run, failure)
            if caught is None:
                execution.transitions.append(Transition(strand.path, state.name, None, failed=True))
                raise
            output, catcher_index = caught
            if execution.single and top:
                execution.error, execution.cause = failure.error or "", failure.cause
                execution.inspection["errorDetails"] = {"catchIndex": catcher_index}
            break
    run.leave(output)
    strand.inside = None
    where = Transition(strand.path, state.name, run.followed, rule=run.rule, catcher=catcher_index)
    execution.transitions.append(where)
    return output, run.followed


def _rounded(delay: float) -> float:
    return int(delay) if delay == int(delay) else delay


def until(run: Run, moment: float) -> Generator[object, Any, None]:
    """Wait until *moment*."""
    strand = run.strand
    effect = run.execution.ask(strand, WaitUntil(0, run.state.name, strand.path, until=moment))
    while effect in strand.open:
        yield None


def matches(errors: tuple[str, ...], failure: StateFailed) -> bool:
    """Tell whether a retrier or catcher of *errors* is for *failure*."""
    names = {failure.error, failure.also} - {None}
    if "States.ALL" in errors or names.intersection(errors):
        return True
    return "States.TaskFailed" in errors and failure.error != "States.Timeout"


def _retry(run: Run, failure: StateFailed, counts: list[int]) -> tuple[float | None, int | None]:
    """Return how long to wait before the next try, and by which retrier; None for no further try."""
    if failure.fatal:
        return None, None
    for index, retrier in enumerate(run.state.retry):
        if not matches(retrier.errors, failure):
            continue
        if counts[index] >= retrier.max_attempts:
            return None, None
        try:
            delay = retrier.interval * float(retrier.backoff) ** counts[index]
        except OverflowError:
            delay = float("inf")
        delay = min(delay, retrier.max_delay if retrier.max_delay is not None else _LONGEST_WAIT)
        counts[index] += 1
        return (run.execution.random.uniform(0, delay) if retrier.full_jitter else delay), index
    return None, None


def _caught(run: Run, failure: StateFailed) -> tuple[Payload, int] | None:
    """Return the output by the first catcher for *failure*, and its index."""
    if failure.fatal:
        return None
    for index, catcher in enumerate(run.state.catch):
        if matches(catcher.errors, failure):
            run.followed = catcher.next
            run.assigned = {}
            try:
                return _catch_output(run, catcher, failure.output()), index
            except EvaluationError as error:
                raise run.failed(error) from None
    return None


def _catch_output(run: Run, catcher: Catcher, error: dict[str, Json]) -> Payload:
    if run.state.jsonata:
        seen = {"errorOutput": error}
        output = run.value(catcher.output, run.raw.value, seen) if catcher.output is not None else error
        run.assign(catcher.assign, run.raw.value, seen)
        return run.fits(Payload(output))
    run.assign(catcher.assign, error)
    return run.fits(run.combined(Payload(error), catcher.result_path))


# The types that wait for nothing but time


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


def _wait(run: Run) -> Generator[object, Any, Payload]:
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


_SIMPLE: Mapping[str, Callable[[Run], Payload]] = {
    "Pass": _pass,
    "Succeed": _succeed,
    "Fail": _fail,
    "Choice": _choice,
}
