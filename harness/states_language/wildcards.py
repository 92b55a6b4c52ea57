"""Texts with ``*`` in them, as ``StringMatches`` and event patterns have them, matched in linear time."""

from __future__ import annotations

from collections.abc import Callable, Sequence


def wildcard_pattern(text: str) -> Callable[[str], bool]:
    r"""Return what tests a text against *text*: ``*`` is any characters, ``\*`` and ``\\`` are themselves."""
    parts: list[str] = [""]
    position = 0
    while position < len(text):
        character = text[position]
        if character == "\\" and text[position + 1 : position + 2] in ("*", "\\"):
            position += 1
            parts[-1] += text[position]
        elif character == "*":
            parts.append("")
        else:
            parts[-1] += character
        position += 1
    return pattern_of_parts(parts)


def pattern_of_parts(parts: Sequence[str]) -> Callable[[str], bool]:
    """Return what tests a text for *parts*, in their order, with any characters between two of them."""
    first, *middle = parts
    if not middle:
        return lambda value: value == first
    last = middle.pop()

    def matches(value: str) -> bool:
        if len(value) < len(first) + len(last) or not (value.startswith(first) and value.endswith(last)):
            return False
        start, end = len(first), len(value) - len(last)
        for part in middle:
            start = value.find(part, start, end)
            if start < 0:
                return False
            start += len(part)
        return True

    return matches
