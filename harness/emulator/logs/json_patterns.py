"""Filter patterns for log events that are JSON: ``{ $.level = "ERROR" && $.latency > 100 }``.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/matching-terms-json-log-events.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from harness.emulator.logs.pattern_parts import Condition, InvalidPatternError, Reader

_SELECTOR = re.compile(r"\$(?:\.?\['[^']*'\]|\.[\w-]+|\[(?:\d+|\*)\])*")
_STEP = re.compile(r"\.?\['(?P<quoted>[^']*)'\]|\.(?P<name>[\w-]+)|\[(?P<place>\d+|\*)\]")
_ABSENT = object()
_WORDS: dict[tuple[str, str], Callable[[Any], bool]] = {
    ("IS", "NULL"): lambda value: value is None,
    ("IS", "TRUE"): lambda value: value is True,
    ("IS", "FALSE"): lambda value: value is False,
    ("NOT", "EXISTS"): lambda value: value is _ABSENT,
}


def json_pattern(text: str) -> Callable[[str], bool]:
    """Read a pattern in braces; what it gives says whether a message is wanted.

    Raises:
        InvalidPatternError: AWS takes no such pattern.
    """
    if not text.endswith("}"):
        raise InvalidPatternError("Invalid filter pattern")
    reader = Reader(text[1:-1])
    condition = reader.condition(lambda: _comparison(reader))
    if not reader.has_ended:
        raise InvalidPatternError("Invalid filter pattern")

    def matches(message: str) -> bool:
        try:
            event = json.loads(message)
        except (ValueError, RecursionError):
            return False
        return isinstance(event, (dict, list)) and condition(event)

    return matches


def _comparison(reader: Reader) -> Condition:
    selector = reader.need("bare")
    if not _SELECTOR.fullmatch(selector):
        raise InvalidPatternError("Invalid filter pattern")
    steps = [(found["quoted"] or found["name"], found["place"]) for found in _STEP.finditer(selector)]
    word = reader.take("bare", "IS", "NOT")
    if word is not None:
        test = _WORDS.get((word, reader.need("bare")))
        if test is None:
            raise InvalidPatternError("Invalid filter pattern")
        return lambda event: any(test(value) for value in _values(event, steps))
    compare = reader.compared()
    return lambda event: any(value is not _ABSENT and compare(value) for value in _values(event, steps))


def _values(event: Any, steps: Sequence[tuple[str | None, str | None]]) -> list[Any]:
    """Find what a selector leads to; one value, or as many as ``[*]`` has."""
    found = [event]
    for name, place in steps:
        if name is not None:
            found = [each.get(name, _ABSENT) if isinstance(each, dict) else _ABSENT for each in found]
        elif place == "*":
            found = [item for each in found if isinstance(each, list) for item in each] or [_ABSENT]
        else:
            at = int(place or 0)
            found = [each[at] if isinstance(each, list) and at < len(each) else _ABSENT for each in found]
    return found
