"""One state at work: what it was given, evaluates, gives and tells; the order in which data flows through it."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any

from harness.states_language import events as event
from harness.states_language.effects import Json
from harness.states_language.effects import Wait as WaitUntil
from harness.states_language.errors import EvaluationError
from harness.states_language.fields import Evaluator, Scope, is_jsonata, write
from harness.states_language.machine import Limit, Map, Parallel, Pass, State, Succeed, Task, Wait
from harness.states_language.strands import StateFailed, Strand
from harness.states_language.text import MAX_PAYLOAD, Payload, dumps, is_deep, size

if TYPE_CHECKING:
    from harness.states_language.workings import Workings

MAX_VARIABLES = 10 * 1024 * 1024
"""Bytes of all variables that a state sees."""


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

    def __init__(self, execution: Workings, strand: Strand, state: State, raw: Payload, entered: int | None) -> None:
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
        """Evaluate a field of the state.

        Args:
            evaluate: the field as the definition was read.
            document: the state's input, or its result, whichever the field looks at.
            extra: members of ``$states`` beside input and context: ``result`` or ``errorOutput``.
        """
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
        """Return the error of a JSONata field that came to a value of the wrong type.

        Args:
            field: its name, e.g. ``TimeoutSeconds``.
            written: as the definition has it, ``{% ... %}``.
            expected: the type that it must have, in AWS's words (``number``).
            value: what it came to.
        """
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
        """Evaluate ``Assign``; what it assigns exists once the state is left.

        Args:
            assign: ``Assign`` as the definition was read; None where the state has none.
            document: what the expressions look at: the state's result, or its input.
            extra: members of ``$states`` beside input and context: ``result`` or ``errorOutput``.

        Raises:
            StateFailed: ``States.DataLimitExceeded``, where a variable, or all of them together, are too large.
        """
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


def until(run: Run, moment: float) -> Generator[object, Any, None]:
    """Wait until *moment*."""
    strand = run.strand
    effect = run.execution.ask(strand, WaitUntil(0, run.state.name, strand.path, until=moment))
    while effect in strand.open:
        yield None
