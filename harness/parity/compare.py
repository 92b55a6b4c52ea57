"""Two histories of an execution, compared event by event."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

_NOT_COMPARED = frozenset({"timestamp", "redriveId", "stepName"})
"""Times differ, and the console adds the other two to each event."""
_LONGEST = 160


def differences(aws: Sequence[dict[str, Any]], here: Sequence[dict[str, Any]]) -> list[str]:
    """What differs, a line each; empty when the histories are equal.

    Compared are types, order, ids, ``previousEventId`` and every detail; times are not.
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
    return [] if one == other and type(one) is type(other) else [(where, one, other)]


def _shown(value: Any) -> str:
    text = "nothing" if value is None else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}... ({len(text)} characters)"
