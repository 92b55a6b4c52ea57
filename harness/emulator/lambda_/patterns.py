"""Patterns by which event source mappings choose records.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

_COMPARED: Mapping[str, Callable[[float, float], bool]] = {
    "=": lambda value, limit: value == limit,
    ">": lambda value, limit: value > limit,
    ">=": lambda value, limit: value >= limit,
    "<": lambda value, limit: value < limit,
    "<=": lambda value, limit: value <= limit,
}
_ABOVE, _BELOW = (">", ">="), ("<", "<=")
_OF_TEXTS = ("prefix", "suffix", "equals-ignore-case")
_ABSENT = object()


def matches(pattern: Mapping[str, Any], value: Any) -> bool:
    """Whether *value*, JSON, is as *pattern* says."""
    for name, wanted in pattern.items():
        if name == "$or":
            if not any(matches(each, value) for each in wanted):
                return False
            continue
        found = value.get(name, _ABSENT) if isinstance(value, Mapping) else _ABSENT
        if isinstance(wanted, Mapping):
            if not matches(wanted, None if found is _ABSENT else found):
                return False
        elif not _any(wanted, found):
            return False
    return True


def is_pattern(value: Any) -> bool:
    """Whether *value*, JSON, is a pattern: objects down to lists of rules, none of them empty."""
    if not isinstance(value, Mapping):
        return False
    for name, wanted in value.items():
        if name == "$or":
            right = isinstance(wanted, list) and len(wanted) > 1 and all(map(is_pattern, wanted))
        elif isinstance(wanted, Mapping):
            right = is_pattern(wanted)
        else:
            right = isinstance(wanted, list) and bool(wanted) and all(map(_is_rule, wanted))
        if not right:
            return False
    return bool(value)


def _is_rule(rule: Any) -> bool:
    """Whether a pattern may want this of a value: a value, or one comparison."""
    if not isinstance(rule, Mapping):
        return not isinstance(rule, list)
    if len(rule) != 1:
        return False
    ((kind, given),) = rule.items()
    match kind:
        case "exists":
            return isinstance(given, bool)
        case "prefix" | "suffix" | "equals-ignore-case":
            return isinstance(given, str)
        case "anything-but":
            if isinstance(given, Mapping):
                return next(iter(given), "") in _OF_TEXTS and _is_rule(given)
            many = given if isinstance(given, list) else [given]
            return bool(many) and all(isinstance(each, str) or _is_number(each) for each in many)
        case "numeric":
            if not isinstance(given, list) or len(given) not in (2, 4):
                return False
            signs, limits = given[::2], given[1::2]
            if not all(map(_is_number, limits)) or any(sign not in _COMPARED for sign in signs):
                return False
            return len(signs) == 1 or (signs[0] in _ABOVE and signs[1] in _BELOW and limits[0] < limits[1])
    return False


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _any(rules: Sequence[Any], found: Any) -> bool:
    values = found if isinstance(found, list) and found else [found]
    return any(_fits(rule, value) for rule in rules for value in values)


def _fits(rule: Any, value: Any) -> bool:
    if not isinstance(rule, Mapping):
        return (type(rule) is type(value) and bool(rule == value)) or _same_number(rule, value)
    ((kind, given),) = rule.items()
    if kind == "exists":  # only what is no object itself does
        return (value is not _ABSENT and not isinstance(value, Mapping)) is bool(given)
    if value is _ABSENT:
        return False
    match kind:
        case "anything-but":
            return not any(_fits(each, value) for each in (given if isinstance(given, list) else [given]))
        case "numeric":
            pairs = zip(given[::2], given[1::2], strict=True)
            return _is_number(value) and all(_COMPARED[sign](value, limit) for sign, limit in pairs)
        case "prefix" | "suffix" | "equals-ignore-case":
            if not isinstance(value, str):
                return False
            if kind == "equals-ignore-case":
                return value.lower() == str(given).lower()
            return value.startswith(given) if kind == "prefix" else value.endswith(given)
    raise ValueError(f"no rule of a pattern: {kind}")


def _same_number(rule: Any, value: Any) -> bool:
    return _is_number(rule) and _is_number(value) and bool(rule == value)
