"""Two histories of an execution, compared event by event."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

_NOT_COMPARED = frozenset({"timestamp", "redriveId", "stepName"})
"""Times differ, and the console adds the other two to each event."""
_DRAWN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|(AQ|AAAAK)[\w+/=]{200,}")
"""Ids and task tokens, which are drawn anew in every execution."""
_LONGEST = 160


def differences(aws: Sequence[dict[str, Any]], here: Sequence[dict[str, Any]]) -> list[str]:
    """Return what differs, a line each; empty when the histories are equal.

    Compared are types, order, ids, ``previousEventId`` and every detail. Times are not, nor ids and task tokens, which
    each execution draws for itself.
    """
    found = []
    for expected, actual in zip(aws, here, strict=False):
        place = f"event {expected['id']} ({expected['type']})"
        found += [
            f"{place}: {where}: AWS {_shown(one)}, here {_shown(other)}"
            for where, one, other in _unequal(_comparable(expected), _comparable(actual), "")
        ]
    for event in aws[len(here) :]:
        found.append(f"event {event['id']} ({event['type']}): on AWS only")
    for event in here[len(aws) :]:
        found.append(f"event {event['id']} ({event['type']}): here only")
    return found


def _comparable(event: dict[str, Any]) -> dict[str, Any]:
    comparable = {name: value for name, value in event.items() if name not in _NOT_COMPARED}
    details = comparable.get("taskScheduledEventDetails")
    if details is not None and isinstance(details.get("parameters"), str):
        # The console shows them parsed.
        comparable["taskScheduledEventDetails"] = {**details, "parameters": json.loads(details["parameters"])}
    return comparable


def _unequal(one: Any, other: Any, where: str) -> list[tuple[str, Any, Any]]:
    if isinstance(one, dict) and isinstance(other, dict):
        found = []
        for name in [*one, *(name for name in other if name not in one)]:
            found += _unequal(one.get(name), other.get(name), f"{where}.{name}" if where else name)
        return found
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = zip(one, other, strict=True)
        return [each for index, pair in enumerate(pairs) for each in _unequal(*pair, f"{where}[{index}]")]
    if one == other and type(one) is type(other):
        return []
    if isinstance(one, str) and isinstance(other, str):
        if _DRAWN.fullmatch(one) and _DRAWN.fullmatch(other):
            return []
        inside = _inside(one, other, where)
        return [(where, *_around(one, other))] if inside is None else inside
    return [(where, one, other)]


def _inside(one: str, other: str, where: str) -> list[tuple[str, Any, Any]] | None:
    """Tell what differs in two payloads, member by member; None where they are no JSON or differ as texts alone."""
    try:
        values = json.loads(one), json.loads(other)
    except ValueError:
        return None
    first, second = values
    if not all(isinstance(value, dict | list) for value in values) or (first == second and repr(first) == repr(second)):
        return None
    return _unequal(first, second, where)


def _around(one: str, other: str) -> tuple[str, str]:
    """Two long texts, cut to where they begin to differ."""
    if max(len(one), len(other)) <= _LONGEST:
        return one, other
    start = next((index for index, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), 0)
    start = max(0, (start or min(len(one), len(other))) - _LONGEST // 4)
    cut = [("..." if start else "") + text[start : start + _LONGEST] for text in (one, other)]
    return cut[0], cut[1]


def _shown(value: Any) -> str:
    text = "nothing" if value is None else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 2 * _LONGEST else f"{text[: 2 * _LONGEST]}... ({len(text)} characters)"
