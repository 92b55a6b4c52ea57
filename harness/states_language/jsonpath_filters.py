"""Filters of JSONPath: ``[?(@.price < 10 && @.category == 'fiction')]``.

https://github.com/json-path/JsonPath#filter-operators
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import regex

from harness.states_language.effects import Json
from harness.states_language.errors import EvaluationError, SyntaxFault
from harness.states_language.text import number_of

Predicate = Callable[[Json, Json], bool]
"""Whether a value passes; the second is what ``$`` means."""
Operand = Callable[[Json, Json], Any]
ReadPath = Callable[[str, int], tuple[Any, int]]

_ABSENT = object()
_SECONDS = 0.5
_DEEPEST = 50
_SPACE = re.compile(r"\s*")
_OPERATOR = re.compile(r"==|!=|<=|>=|<|>|=~|(?:nin|in|subsetof|anyof|noneof|size|empty|contains)\b", re.IGNORECASE)
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_WORD = re.compile(r"(true|false|null)\b")
_TEXT = re.compile(r"""'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)\"""")
_PATTERN = re.compile(r"/((?:[^/\\]|\\.)*)/([a-z]*)")
_BARE = re.compile(r"[A-Za-z_][\w-]*")
_WORDS = {"true": True, "false": False, "null": None}


def read_filter(text: str, start: int, read_path: ReadPath) -> tuple[Predicate, int]:
    """Read the filter whose expression begins at *start*.

    Args:
        text: the whole path.
        start: index of the first character behind ``[?(``.
        read_path: reads a path inside of the filter (``@.price``).

    Returns:
        the filter, and the index behind its closing bracket.

    Raises:
        SyntaxFault: it is none.
    """
    reader = _Reader(text, start, read_path)
    predicate = reader.either(0)
    reader.expect(")")
    return predicate, reader.position


class _Reader:
    def __init__(self, text: str, position: int, read_path: ReadPath) -> None:
        self._text = text
        self.position = position
        self._read_path = read_path

    def either(self, depth: int) -> Predicate:
        if depth > _DEEPEST:
            raise SyntaxFault(self._text)
        found = [self._both(depth)]
        while self._take("||"):
            found.append(self._both(depth))
        return found[0] if len(found) == 1 else lambda value, top: any(each(value, top) for each in found)

    def _both(self, depth: int) -> Predicate:
        found = [self._one(depth)]
        while self._take("&&"):
            found.append(self._one(depth))
        return found[0] if len(found) == 1 else lambda value, top: all(each(value, top) for each in found)

    def _one(self, depth: int) -> Predicate:
        if self._take("!", unless="!="):
            inner = self._one(depth + 1)
            return lambda value, top: not inner(value, top)
        if self._take("("):
            inner = self.either(depth + 1)
            self.expect(")")
            return inner
        left = self._operand()
        self._skip()
        match = _OPERATOR.match(self._text, self.position)
        if match is None:
            return lambda value, top: left(value, top) is not _ABSENT
        self.position = match.end()
        compare = _COMPARE[match[0].lower()]
        right = self._operand()
        return lambda value, top: compare(left(value, top), right(value, top))

    def _operand(self) -> Operand:
        self._skip()
        text, position = self._text, self.position
        char = text[position : position + 1]
        if char in ("@", "$"):
            path, self.position = self._read_path(text, position)
            return _of_path(path, char == "$")
        if match := _TEXT.match(text, position):
            raw = match[1] if match[1] is not None else match[2]
            constant: Any = re.sub(r"\\(.)", r"\1", raw)
        elif match := _NUMBER.match(text, position):
            constant = number_of(match[0], text)
        elif match := _WORD.match(text, position):
            constant = _WORDS[match[1]]
        elif match := _PATTERN.match(text, position):
            try:
                constant = regex.compile(match[1], regex.IGNORECASE if "i" in match[2] else 0)
            except regex.error:
                raise SyntaxFault(text) from None
        elif match := _BARE.match(text, position):  # an older JsonPath takes it for a text, and so does AWS's
            constant = match[0]
        elif char == "[":
            try:
                constant, end = json.JSONDecoder().raw_decode(text[position:].replace("'", '"'))
            except (ValueError, RecursionError):
                raise SyntaxFault(text) from None
            self.position = position + end
            return lambda value, top: constant
        else:
            raise SyntaxFault(text)
        self.position = match.end()
        return lambda value, top: constant

    def expect(self, char: str) -> None:
        if not self._take(char):
            raise SyntaxFault(self._text)

    def _take(self, token: str, unless: str = "\0") -> bool:
        self._skip()
        if self._text.startswith(token, self.position) and not self._text.startswith(unless, self.position):
            self.position += len(token)
            return True
        return False

    def _skip(self) -> None:
        match = _SPACE.match(self._text, self.position)
        self.position = match.end() if match else self.position


def _of_path(path: Any, from_top: bool) -> Operand:
    def find(value: Json, top: Json) -> Any:
        try:
            return path.evaluate(top if from_top else value, {}, {})
        except EvaluationError:
            return _ABSENT

    return find


def _kind(value: Any) -> type | None:
    if isinstance(value, bool):
        return bool
    if isinstance(value, int | float):
        return float
    return str if isinstance(value, str) else None


def _equal(left: Any, right: Any) -> bool:
    if left is _ABSENT or right is _ABSENT:
        return left is right
    if isinstance(left, bool) is not isinstance(right, bool):
        return False
    return bool(left == right)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def test(left: Any, right: Any) -> bool:
        kind = _kind(left)
        return kind in (float, str) and kind is _kind(right) and compare(left, right)

    return test


def _matches(left: Any, right: Any) -> bool:
    if isinstance(right, str):
        right = regex.compile(right)
    if not isinstance(left, str) or not hasattr(right, "fullmatch"):
        return False
    try:
        return right.fullmatch(left, timeout=_SECONDS) is not None
    except TimeoutError:
        raise EvaluationError("States.Runtime", "a regular expression takes too long") from None


def _within(left: Any, right: Any) -> bool:
    return isinstance(right, list) and any(_equal(left, each) for each in right)


def _all_within(left: Any, right: Any) -> bool:
    return isinstance(left, list) and all(_within(each, right) for each in left)


def _any_within(left: Any, right: Any) -> bool:
    return isinstance(left, list) and any(_within(each, right) for each in left)


def _contains(left: Any, right: Any) -> bool:
    if isinstance(left, str):
        return isinstance(right, str) and right in left
    return _within(right, left)


_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": _equal,
    "!=": lambda left, right: not _equal(left, right),
    "<": _ordered(lambda left, right: left < right),
    "<=": _ordered(lambda left, right: left <= right),
    ">": _ordered(lambda left, right: left > right),
    ">=": _ordered(lambda left, right: left >= right),
    "=~": _matches,
    "in": _within,
    "nin": lambda left, right: left is not _ABSENT and not _within(left, right),
    "subsetof": _all_within,
    "anyof": _any_within,
    "noneof": lambda left, right: isinstance(left, list) and not _any_within(left, right),
    "size": lambda left, right: isinstance(left, list | str) and _equal(len(left), right),
    "empty": lambda left, right: isinstance(left, list | str) and _equal(not left, right),
    "contains": _contains,
}
