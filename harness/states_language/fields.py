"""The fields of a state that are evaluated: paths, payload templates and JSONata, compiled once for a machine.

A compiled field is a function of a :class:`Scope`. Subtrees of a template without anything to evaluate are given as
they stand: what a field gives is not to be changed by who takes it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from harness.states_language import intrinsics, jsonpath
from harness.states_language.effects import Json
from harness.states_language.errors import EvaluationError, SyntaxFault, UnsupportedFault
from harness.states_language.text import dumps

Evaluator = Callable[["Scope"], Json]
"""Gives what a field comes to; raises EvaluationError."""


@dataclass(slots=True)
class Scope:
    """What an expression may see.

    Attributes:
        document: what ``$`` means in JSONPath, and ``$states.input`` in JSONata.
        context: the context object.
        variables: by name, the innermost first.
        random: what is drawn from.
        extra: members of ``$states`` besides input and context: result, errorOutput.
        now: seconds since the epoch.
    """

    document: Json
    context: Mapping[str, Json]
    variables: Mapping[str, Json]
    random: Random
    extra: Mapping[str, Json] | None = None
    now: float = 0.0

    def states(self) -> dict[str, Json]:
        """Return what ``$states`` means."""
        return {"input": self.document, "context": self.context, **(self.extra or {})}


def is_jsonata(text: object) -> bool:
    """Tell whether *text* is a JSONata expression: ``{% ... %}``."""
    return isinstance(text, str) and text.startswith("{%") and text.endswith("%}") and len(text) >= 4


def is_intrinsic(text: str) -> bool:
    """Tell whether *text* calls an intrinsic function, as against being a path."""
    return text.startswith("States.")


def constant(value: Json) -> Evaluator:
    """Return what always gives *value*."""
    return lambda scope: value


def compile_path(text: str, field: str) -> Evaluator:
    """Compile a path in a field of its own, as ``InputPath``.

    Raises:
        SyntaxFault: it is no path.
    """
    if text == "$":
        return lambda scope: scope.document
    path = jsonpath.compile(text)

    def evaluate(scope: Scope) -> Json:
        try:
            return path.evaluate(scope.document, scope.context, scope.variables)
        except EvaluationError as error:
            raise EvaluationError("States.Runtime", f"Invalid path '{text}' : {error.cause}") from None

    return evaluate


def compile_named(text: str, field: str) -> Evaluator:
    """Compile a path or an intrinsic function in a member, ``name.$``, or in ``ErrorPath`` and the like.

    Raises:
        SyntaxFault: it is neither.
    """
    if is_intrinsic(text):
        call = intrinsics.compile(text)
        return lambda scope: call.evaluate(scope.document, scope.context, scope.variables, scope.random)
    if text == "$":
        return lambda scope: scope.document
    path = jsonpath.compile(text)

    def evaluate(scope: Scope) -> Json:
        try:
            return path.evaluate(scope.document, scope.context, scope.variables)
        except EvaluationError:
            root = scope.context if text.startswith("$$") else scope.document
            raise EvaluationError(
                "States.Runtime",
                f"The JSONPath '{text}' specified for the field '{field}' could not be found in the input "
                f"'{dumps(root)}'",
            ) from None

    return evaluate


def compile_template(template: Json) -> Evaluator:
    """Compile a payload template of JSONPath: ``Parameters``, ``ResultSelector``, ``ItemSelector``, ``Assign``.

    Raises:
        SyntaxFault: a member ``name.$`` holds neither a path nor an intrinsic function; its argument is the place.
    """
    return _template(template) or constant(template)


def _template(template: Json) -> Evaluator | None:
    """Return what evaluates *template*, or None where there is nothing in it to evaluate."""
    if isinstance(template, list):
        return _list([(_template(member), member) for member in template])
    if not isinstance(template, dict):
        return None
    members: list[tuple[str, Evaluator | None, Json]] = []
    for key, member in template.items():
        if key.endswith(".$"):
            if not isinstance(member, str):
                raise SyntaxFault(key)
            try:
                members.append((key[:-2], compile_named(member, key), None))
            except SyntaxFault:
                raise SyntaxFault(key) from None
        else:
            members.append((key, _template(member), member))
    return _object(members)


def compile_jsonata(value: Json, field: str) -> Evaluator:
    """Compile a field of a JSONata state: any JSON with expressions in its texts.

    Raises:
        SyntaxFault: an expression is not well formed.
    """
    return _jsonata(value, field) or constant(value)


def _jsonata(value: Json, field: str) -> Evaluator | None:
    if isinstance(value, str):
        return _expression(value, field) if is_jsonata(value) else None
    if isinstance(value, list):
        return _list([(_jsonata(member, f"{field}[{index}]"), member) for index, member in enumerate(value)])
    if isinstance(value, dict):
        return _object([(key, _jsonata(member, f"{field}/{key}"), member) for key, member in value.items()])
    return None


def _expression(text: str, field: str) -> Evaluator:
    from harness.states_language import jsonata  # most machines have none

    inner = text[2:-2].strip()
    try:
        expression = jsonata.compile(inner)
    except SyntaxFault as fault:
        fault.field = field
        raise
    if "$states.errorOutput" in inner and not field.startswith("Catch["):
        missing = UnsupportedFault("Field '$states.errorOutput' does not exist.")
        missing.field = field
        raise missing

    def evaluate(scope: Scope) -> Json:
        try:
            return expression.evaluate(scope.states(), scope.variables, scope.random, scope.now)
        except EvaluationError as error:
            words = f"The JSONata expression '{inner}' specified for the field '{field}' {error.cause}"
            raise EvaluationError(error.error, words, field) from None

    return evaluate


def _list(members: list[tuple[Evaluator | None, Json]]) -> Evaluator | None:
    if all(evaluate is None for evaluate, _ in members):
        return None
    return lambda scope: [evaluate(scope) if evaluate else value for evaluate, value in members]


def _object(members: list[tuple[str, Evaluator | None, Json]]) -> Evaluator | None:
    if all(evaluate is None for _, evaluate, _ in members):
        return None
    return lambda scope: {key: evaluate(scope) if evaluate else value for key, evaluate, value in members}


_STEP = re.compile(
    r"\.([^.\[\]'\"*?@()\s]+|[^.\[\]*?@()]+?)(?=[.\[]|$)|\[(\d+)\]|\['((?:[^'\\]|\\.)*)'\]|\[\"((?:[^\"\\]|\\.)*)\"\]"
)


def compile_reference(text: str) -> tuple[str | int, ...]:
    """Return the steps of a reference path, ``$.a[0].b``, as ``ResultPath`` has it.

    Raises:
        SyntaxFault: it is no reference path.
    """
    steps: list[str | int] = []
    position = 1
    if not text.startswith("$") or text.startswith("$$"):
        raise SyntaxFault(text)
    while position < len(text):
        match = _STEP.match(text, position)
        if not match:
            raise SyntaxFault(text)
        name, index, single, double = match.groups()
        steps.append(int(index) if index is not None else next(n for n in (name, single, double) if n is not None))
        position = match.end()
    return tuple(steps)


def write(document: Json, steps: tuple[str | int, ...], value: Json) -> Json:
    """Return *document* with *value* at *steps*; what lies on the way is copied, the rest shared.

    Args:
        document: as it was; it is not changed.
        steps: names of members and indices of arrays, from the outside; none replaces the document.
        value: what is to be there.

    Raises:
        EvaluationError: the way leads through something that is no object or array.
    """
    if not steps:
        return value
    step, rest = steps[0], steps[1:]
    if isinstance(step, int):
        if not isinstance(document, list) or step >= len(document):
            raise EvaluationError("States.ResultPathMatchFailure", "")
        members = list(document)
        members[step] = write(members[step], rest, value)
        return members
    if document is None and rest:
        document = {}
    if not isinstance(document, dict):
        raise EvaluationError("States.ResultPathMatchFailure", "")
    changed: dict[str, Any] = dict(document)
    changed[step] = write(changed.get(step, {} if rest else None), rest, value)
    return changed
