"""The Condition element of a policy's statement, and policy variables.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from harness.emulator.door.members import Members, structure

KeyValues = Callable[[str], Sequence[str] | None]
"""Gives a condition key's values in a request, by the key in small letters; None where the request has no such key."""

_VARIABLE = re.compile(r"\$\{([^{},]+)(?:,\s*'([^']*)')?\}")
_LITERAL = ("*", "?", "$")


def are_met(conditions: Members, values: KeyValues) -> bool:
    """Whether a request meets all *conditions* of a statement.

    Args:
        conditions: ``{"StringEquals": {"iam:PassedToService": ["lambda.amazonaws.com"]}}``.
        values: what the request has.
    """
    return all(
        _is_met(operator, key, wanted, values)
        for operator in conditions
        for key, wanted in structure(conditions, operator).items()
    )


def fill_in(text: str, values: KeyValues) -> re.Pattern[str] | None:
    """Turn a policy's pattern into an expression, its variables filled in; None where the request lacks one.

    What a variable stands for, and ``${*}``, are taken literally.
    """
    if "${" not in text:
        return glob(text)
    expression = _replaced(text, values, _expression, re.escape)
    return None if expression is None else re.compile(_without_backtracking(expression), re.DOTALL)


@lru_cache(2048)
def glob(text: str, flags: re.RegexFlag = re.NOFLAG) -> re.Pattern[str]:
    """Turn a policy's pattern without variables, where ``*`` and ``?`` stand for any characters, into an expression."""
    return re.compile(_without_backtracking(_expression(text)), flags | re.DOTALL)


def _replaced(
    text: str, values: KeyValues, write: Callable[[str], str], write_value: Callable[[str], str]
) -> str | None:
    """*text* as *write* has it, its variables as *write_value* has their values; None where the request lacks one."""
    parts, end = [], 0
    for match in _VARIABLE.finditer(text):
        value = _variable(match, values)
        if value is None:
            return None
        parts += [write(text[end : match.start()]), write_value(value)]
        end = match.end()
    return "".join([*parts, write(text[end:])])


def _variable(match: re.Match[str], values: KeyValues) -> str | None:
    if match[1] in _LITERAL:
        return match[1]
    found = values(match[1].lower())
    return found[0] if found and len(found) == 1 else match[2]


def _expression(text: str) -> str:
    return re.escape(text).replace(r"\*", ".*").replace(r"\?", ".")


def _without_backtracking(expression: str) -> str:
    """*expression*, in which what follows each ``.*`` is taken where it is found first.

    That never loses a match, and many of them in one pattern would go back and forth for years.
    """
    first, *rest = expression.split(".*")
    if not rest:
        return expression
    return "".join([first, *(f"(?>.*?{part})" for part in rest[:-1] if part), ".*", rest[-1]])


def _is_met(operator: str, key: str, wanted: Any, values: KeyValues) -> bool:
    expected = [_text(item) for item in (wanted if isinstance(wanted, list) else [wanted])]
    found = values(key.lower())
    quantifier, _, name = operator.rpartition(":")
    if name == "Null":
        return (found is None) == (expected[0].lower() == "true")
    optional = name.endswith("IfExists")
    name = name.removesuffix("IfExists")
    negated = "Not" in name
    compare = _OPERATORS.get(name.replace("Not", "", 1))
    if compare is None:
        return False
    if found is None or (quantifier and not found):
        return optional or quantifier == "ForAllValues" or (negated and not quantifier)

    def matches(value: str) -> bool:
        return any(compare(value, item, values) for item in expected) is not negated

    of_all = quantifier == "ForAllValues" or (negated and not quantifier)
    return (all if of_all else any)(map(matches, found))


def _text(value: Any) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def _equal(value: str, expected: str, values: KeyValues) -> bool:
    plain = _plain(expected, values)
    return plain is not None and value == plain


def _equal_in_any_case(value: str, expected: str, values: KeyValues) -> bool:
    plain = _plain(expected, values)
    return plain is not None and value.lower() == plain.lower()


def _plain(text: str, values: KeyValues) -> str | None:
    """*text* with its variables replaced, where ``*`` is no pattern; None where the request lacks one."""
    return _replaced(text, values, str, str)


def _like(value: str, expected: str, values: KeyValues) -> bool:
    pattern = fill_in(expected, values)
    return pattern is not None and pattern.fullmatch(value) is not None


def _arn_like(value: str, expected: str, values: KeyValues) -> bool:
    """Each of an ARN's six parts by itself."""
    parts, patterns = value.split(":", 5), expected.split(":", 5)
    if len(parts) != len(patterns):
        return False
    return all(_like(part, pattern, values) for part, pattern in zip(parts, patterns, strict=True))


def _in_network(value: str, expected: str, values: KeyValues) -> bool:
    try:
        return ipaddress.ip_address(value) in ipaddress.ip_network(expected, strict=False)
    except ValueError:
        return False


def _numbers(compare: Callable[[float, float], bool]) -> Callable[[str, str, KeyValues], bool]:
    return lambda value, expected, values: _compared(float, compare, value, expected)


def _dates(compare: Callable[[Any, Any], bool]) -> Callable[[str, str, KeyValues], bool]:
    return lambda value, expected, values: _compared(_date, compare, value, expected)


def _compared(read: Callable[[str], Any], compare: Callable[[Any, Any], bool], value: str, expected: str) -> bool:
    try:
        return compare(read(value), read(expected))
    except ValueError:
        return False


def _date(text: str) -> datetime:
    if text.isdigit():
        return datetime.fromtimestamp(int(text), UTC)
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


_OPERATORS: Mapping[str, Callable[[str, str, KeyValues], bool]] = {
    "StringEquals": _equal,
    "StringEqualsIgnoreCase": _equal_in_any_case,
    "StringLike": _like,
    "ArnEquals": _arn_like,
    "ArnLike": _arn_like,
    "Bool": _equal_in_any_case,
    "BinaryEquals": _equal,
    "IpAddress": _in_network,
    "NumericEquals": _numbers(lambda value, expected: value == expected),
    "NumericLessThan": _numbers(lambda value, expected: value < expected),
    "NumericLessThanEquals": _numbers(lambda value, expected: value <= expected),
    "NumericGreaterThan": _numbers(lambda value, expected: value > expected),
    "NumericGreaterThanEquals": _numbers(lambda value, expected: value >= expected),
    "DateEquals": _dates(lambda value, expected: value == expected),
    "DateLessThan": _dates(lambda value, expected: value < expected),
    "DateLessThanEquals": _dates(lambda value, expected: value <= expected),
    "DateGreaterThan": _dates(lambda value, expected: value > expected),
    "DateGreaterThanEquals": _dates(lambda value, expected: value >= expected),
}
"""By name without ``Not``: what the negated ones deny."""
