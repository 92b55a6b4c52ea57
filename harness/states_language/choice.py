"""Choice rules of JSONPath: comparisons, ``And``, ``Or``, ``Not``."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.states_language import jsonpath, timestamps
from harness.states_language.effects import Json
from harness.states_language.errors import EvaluationError, SyntaxFault
from harness.states_language.fields import Evaluator, Scope
from harness.states_language.wildcards import wildcard_pattern

Condition = Callable[[Scope], bool]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One of a Choice state's ``Choices``: where it leads to when *condition* holds."""

    condition: Condition
    next: str
    assign: Evaluator | None = None
    output: Evaluator | None = None


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_text(value: Json) -> bool:
    return isinstance(value, str)


def _is_boolean(value: Json) -> bool:
    return isinstance(value, bool)


def _is_timestamp(value: Json) -> bool:
    return timestamps.parse(value) is not None


_COMPARE: Mapping[str, Callable[[Json, Json], bool]] = {
    "Equals": operator.eq,
    "LessThan": operator.lt,
    "GreaterThan": operator.gt,
    "LessThanEquals": operator.le,
    "GreaterThanEquals": operator.ge,
}
_KINDS: Mapping[str, Callable[[Json], bool]] = {
    "String": _is_text,
    "Numeric": _is_number,
    "Boolean": _is_boolean,
    "Timestamp": _is_timestamp,
}
_TESTS: Mapping[str, Callable[[Json], bool]] = {
    "IsNull": lambda value: value is None,
    "IsString": _is_text,
    "IsNumeric": _is_number,
    "IsBoolean": _is_boolean,
    "IsTimestamp": _is_timestamp,
}

OPERATORS: frozenset[str] = frozenset(
    {
        f"{kind}{comparison}{path}"
        for kind in _KINDS
        for comparison in _COMPARE
        for path in ("", "Path")
        if kind != "Boolean" or comparison == "Equals"
    }
    | set(_TESTS)
    | {"IsPresent", "StringMatches"}
)
"""Every comparison operator."""

_NAME = re.compile(r"(String|Numeric|Boolean|Timestamp)([A-Z]\w*?)(Path)?")


def compile_condition(rule: Mapping[str, Json]) -> Condition:
    """Compile a rule, or a part of one, that has been found well formed.

    Raises:
        SyntaxFault: a path in it is none; its argument is the place in the rule, ``/Variable``.
    """
    if "Not" in rule:
        inner = _placed(rule["Not"], "/Not")
        return lambda scope: not inner(scope)
    for word, judge in (("And", all), ("Or", any)):
        if word in rule:
            parts = [_placed(part, f"/{word}[{index}]") for index, part in enumerate(rule[word])]
            return _together(judge, parts)
    name = next(member for member in rule if member in OPERATORS)
    return _comparison(rule["Variable"], name, rule[name])


def _together(judge: Callable[..., bool], parts: list[Condition]) -> Condition:
    return lambda scope: judge(part(scope) for part in parts)


def _placed(rule: Mapping[str, Json], place: str) -> Condition:
    try:
        return compile_condition(rule)
    except SyntaxFault as fault:
        raise SyntaxFault(place + str(fault)) from None


def _comparison(variable: str, name: str, wanted: Json) -> Condition:
    found = _path(variable, "/Variable")
    if name == "IsPresent":
        reads = jsonpath.compile(variable)

        def present(scope: Scope) -> bool:
            try:
                reads.evaluate(scope.document, scope.context, scope.variables)
            except EvaluationError:
                return not wanted
            return bool(wanted)

        return present
    if name in _TESTS:
        test = _TESTS[name]
        return lambda scope: test(found(scope)) is wanted
    if name == "StringMatches":
        pattern = wildcard_pattern(wanted)

        def matches(scope: Scope) -> bool:
            value = found(scope)
            return isinstance(value, str) and pattern(value)

        return matches
    match = _NAME.fullmatch(name)
    assert match, name
    kind, comparison, path = match.groups()
    return _compared(found, _path(wanted, f"/{name}") if path else lambda scope: wanted, kind, comparison)


def _compared(found: Evaluator, expected: Evaluator, kind: str, comparison: str) -> Condition:
    is_kind, compare = _KINDS[kind], _COMPARE[comparison]

    def holds(scope: Scope) -> bool:
        one, other = found(scope), expected(scope)
        if not (is_kind(one) and is_kind(other)):
            return False
        if kind == "Timestamp":
            return compare(timestamps.parse(one), timestamps.parse(other))
        return compare(one, other)

    return holds


def _path(text: str, place: str) -> Evaluator:
    try:
        path = jsonpath.compile(text)
    except SyntaxFault:
        raise SyntaxFault(place) from None

    def evaluate(scope: Scope) -> Json:
        try:
            return path.evaluate(scope.document, scope.context, scope.variables)
        except EvaluationError:
            raise EvaluationError(
                "States.Runtime",
                f"Invalid path '{text}': The choice state's condition path references an invalid value.",
            ) from None

    return evaluate
