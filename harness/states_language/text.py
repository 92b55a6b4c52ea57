"""JSON as Step Functions reads and writes it: strict, without spaces, doubles as Java prints them."""

from __future__ import annotations

import json
import math
from json.encoder import encode_basestring
from typing import NoReturn

from harness.states_language.effects import Json
from harness.states_language.errors import EvaluationError, SyntaxFault

MAX_PAYLOAD = 262_144
"""Bytes of UTF-8 that a state's input, output or result may have."""

MAX_DEPTH = 200
"""Arrays and objects within one another; deeper text is refused where it comes in."""

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


def dumps(value: Json) -> str:
    """Return *value* as the text that AWS makes of it.

    Raises:
        EvaluationError: it lies too deep.
    """
    try:
        text = _encode(value)
        return _slowly(value) if _differs(value) else text
    except RecursionError:
        raise EvaluationError("States.Runtime", "The JSON value is nested too deeply.") from None


def number(value: float) -> str:
    """Return a double as ``Double.toString`` of Java prints it: ``7.45675279176794E-5``, ``1.0E7``."""
    size = abs(value)
    if size == 0 or 1e-3 <= size < 1e7:
        return repr(value)
    mantissa, power = "", ""
    for precision in range(1, 18):
        mantissa, _, power = f"{value:.{precision}e}".partition("e")
        if float(f"{mantissa}e{power}") == value:
            break
    return f"{mantissa}E{int(power)}"


def _differs(value: Json) -> bool:
    """Tell whether *value* holds a double that Java prints otherwise than Python."""
    held = [value]
    while held:
        member = held.pop()
        if type(member) is str:  # nearly all of them
            continue
        if isinstance(member, dict):
            held.extend(member.values())
        elif isinstance(member, list | tuple):
            held.extend(member)
        elif isinstance(member, float) and not (member == 0 or 1e-3 <= abs(member) < 1e7):
            return True
    return False


def _slowly(value: Json) -> str:
    if isinstance(value, str):
        return encode_basestring(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{encode_basestring(key)}:{_slowly(member)}" for key, member in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_slowly, value)) + "]"
    if isinstance(value, float):
        return number(value)
    return _encode(value)


def loads(text: str) -> Json:
    """Read JSON strictly.

    Raises:
        ValueError: it is not JSON, has numbers that are none (``NaN``, ``1e999``), or lies too deep.
    """
    try:
        value = json.loads(text, parse_constant=_refuse, parse_float=_float)
    except RecursionError:
        raise ValueError("the JSON text is nested too deeply") from None
    if is_deep(value, text):
        raise ValueError(f"the JSON text is nested more than {MAX_DEPTH} levels deep")
    return value


def number_of(text: str, whole: str) -> int | float:
    """Return the number that *text* is, within *whole*.

    Raises:
        SyntaxFault: it is larger than numbers are.
    """
    try:
        found = json.loads(text, parse_float=_float)
    except ValueError:
        raise SyntaxFault(whole) from None
    assert isinstance(found, int | float)
    return found


def is_deep(value: Json, text: str) -> bool:
    """Tell whether *value*, of which *text* is the text, lies deeper than ``MAX_DEPTH``."""
    return text.count("[") + text.count("{") > MAX_DEPTH and not _shallow(value)


def size(text: str) -> int:
    """Return how many bytes *text* has in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text} is too large a number")
    return value


def _shallow(value: Json) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [
            member
            for holder in level
            if isinstance(holder, dict | list)
            for member in (holder.values() if isinstance(holder, dict) else holder)
        ]
        if not level:
            return True
    return False


class Payload:
    """A JSON value and its text, which stays as it came where nothing changes it; either is made when it is needed."""

    __slots__ = ("_text", "_value")

    def __init__(self, value: Json, text: str | None = None) -> None:
        self._value = value
        self._text = text

    @property
    def value(self) -> Json:
        """The value; not to be changed."""
        return self._value

    @property
    def text(self) -> str:
        """The value's JSON text."""
        if self._text is None:
            self._text = dumps(self._value)
        return self._text

    @classmethod
    def of_list(cls, members: list[Payload]) -> Payload:
        """Return the list of *members*, each with its text as it was."""
        return cls([member.value for member in members], "[" + ",".join(member.text for member in members) + "]")
