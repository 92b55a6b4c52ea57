"""AWS's own functions of JSONata, and those of the language that could make much of little.

https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html#jsonata-functions-provided-by-sfn
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import uuid
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from random import Random
from typing import Any

from jsonata import Jsonata
from jsonata.functions import Functions
from jsonata.jexception import JException
from jsonata.utils import Utils

from harness.states_language.jsonata_errors import InternalError, too_large
from harness.states_language.jsonata_strings import string_of
from harness.states_language.text import loads

MOST_BYTES = 6_990_256
"""That a value may have on AWS, eight for an element and one for a character."""
_LONGEST_RANGE = 360_145
_LONGEST_PICTURE = 10_000
_DIGESTS = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}


class _Callable(Jsonata.JFunctionCallable):  # type: ignore[misc]
    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def call(self, input: Any, args: Sequence[Any] | None) -> Any:
        """Call it with the arguments that are there."""
        given = list(args or ())
        while given and given[-1] is None:
            given.pop()
        return self._function(*given)


class _Function(Jsonata.JFunction):  # type: ignore[misc]
    """A function that can be applied in part, ``$join(?, ', ')``: by its name, with as many arguments as are given."""

    def get_number_of_args(self) -> int:
        """More than there are."""
        return 100


def _function(function: Callable[..., Any], signature: str) -> Any:
    return _Function(_Callable(function), signature)


def _fixed(function: Callable[..., Any], signature: str) -> Callable[[str], Any]:
    def make(name: str) -> Any:
        made = _function(function, signature)
        made.function_name = name
        return made

    return make


def java_random(seed: int) -> float:
    """Return the first ``nextDouble()`` of ``java.util.Random(seed)``."""
    state = (seed ^ 0x5DEECE66D) & ((1 << 48) - 1)
    parts = []
    for bits in (26, 27):
        state = (state * 0x5DEECE66D + 0xB) & ((1 << 48) - 1)
        parts.append(state >> (48 - bits))
    return ((parts[0] << 27) + parts[1]) / (1 << 53)


def _partition(items: list[Any] | None = None, size: float | None = None) -> Any:
    if items is None or size is None:
        return None
    length = int(size)
    if length < 1:
        raise JException("The chunk size must be a positive integer", -1)
    return [list(items[start : start + length]) for start in range(0, len(items), length)]


def _range(first: float | None = None, last: float | None = None, step: float | None = None) -> Any:
    if first is None or last is None or step is None:
        return None
    first, last, step = int(first), int(last), int(step)  # towards zero, as AWS
    if step == 0:
        return None
    count = (last - first) // step + 1
    _hold(count, _LONGEST_RANGE)
    # A sequence, as AWS gives it: of one number it is that number.
    found = Utils.create_sequence()
    found.extend(first + number * step for number in range(max(0, count)))
    return found


def _hash(text: str | None = None, algorithm: str = "SHA-256") -> Any:
    if text is None:
        return None
    name = _DIGESTS.get(algorithm)
    if name is None:
        raise JException(f"The hashing algorithm must be one of {', '.join(_DIGESTS)}", -1)
    return hashlib.new(name, text.encode(), usedforsecurity=False).hexdigest()


def _parse(text: str | None = None) -> Any:
    if text is None:
        return None
    try:
        value = loads(text)
    except ValueError as error:
        raise JException(f"The argument of the parse function is not valid JSON: {error}", -1) from None
    return Utils.NULL_VALUE if value is None else value


def _shuffle(items: list[Any] | None, random: Random) -> Any:
    return None if items is None else random.sample(list(items), len(items))


def _pad(text: str | None = None, width: float | None = None, char: str = " ") -> Any:
    if text is None:
        return None
    _hold(abs(width or 0))
    return Functions.pad(text, width, char)


def _join(texts: list[str] | None = None, separator: str = "") -> Any:
    if texts is None:
        return None
    _hold(sum(map(len, texts)) + len(separator) * len(texts))
    return Functions.join(texts, separator)


def _replace(text: str | None = None, pattern: Any = None, replacement: Any = None, limit: Any = None) -> Any:
    if isinstance(text, str) and isinstance(replacement, str):
        if isinstance(pattern, str):
            count = text.count(pattern) if pattern else 0
            count = count if limit is None else min(count, int(limit))
            _hold(len(text) + count * len(replacement))
        else:
            _hold_replaced(text, pattern, replacement, limit)
    return Functions.replace(text, pattern, replacement, limit)


def _hold_replaced(text: str, pattern: Any, replacement: str, limit: float | None) -> None:
    """Refuse before it is made what would be too large once the matches of a regular expression are replaced."""
    size, references = len(text), replacement.count("$")
    for match in islice(pattern.finditer(text), None if limit is None else max(0, int(limit))):
        size += len(replacement) + references * len(match[0])
        _hold(size)


def _distinct(items: Any = None) -> Any:
    if not isinstance(items, list) or len(items) < 2:
        return items
    seen: dict[str, Any] = {}
    for item in items:
        seen.setdefault(_key(item), item)
    found = Utils.create_sequence() if Utils.is_sequence(items) else []
    found.extend(seen.values())
    return found


def _key(item: Any) -> str:
    return json.dumps(item, sort_keys=True, default=lambda value: repr(value))


def _zip(*arrays: list[Any]) -> Any:
    _hold(8 * sum(map(len, arrays)))
    return [list(members) for members in zip(*arrays, strict=False)]


def _hold(size: float, most: int = MOST_BYTES) -> None:
    """Refuse what would be larger than *most*."""
    if size > most:
        raise too_large()


def _pictured(function: Callable[..., Any], picture: int, count: int) -> Callable[..., Any]:
    """Wrap *function* of the library, of *count* arguments: the picture and what is read by it are held to a length."""

    def call(*given: Any) -> Any:
        for argument in given[: picture + 1]:
            if isinstance(argument, str):
                _hold(len(argument), _LONGEST_PICTURE)
        return function(*given, *[None] * (count - len(given)))

    return call


def _format_number(value: Any = None, picture: str = "", options: Any = None) -> Any:
    try:
        return _pictured(Functions.format_number, 1, 3)(value, picture, options)
    except JException as error:
        if error.error == "D3085" and picture:  # nothing in it is active: the last rule that is broken is told
            raise JException("D3086", -1) from None
        raise


def _parse_integer(text: Any = None, picture: Any = None) -> Any:
    try:
        return _pictured(Functions.parse_integer, 1, 2)(text, picture)
    except ValueError:
        return math.nan


def _format_base(value: Any = None, radix: Any = None) -> Any:
    if radix is not None and not 2 <= int(radix) <= 36:
        raise JException("D3100", -1, radix)
    return Functions.format_base(value, radix)


def _sort(items: Any = None, comparator: Any = None) -> Any:
    kinds = {str if isinstance(item, str) else type(None) if not _is_number(item) else float for item in items or ()}
    if comparator is None and len(items or ()) > 1 and (len(kinds) > 1 or type(None) in kinds):
        raise JException("D3070", -1)
    return Functions.sort(items, comparator)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _base64_decode(text: str | None = None) -> Any:
    if text is None:
        return None
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode()
    except ValueError:
        raise InternalError from None


def _or(function: Callable[..., Any], code: str) -> Callable[..., Any]:
    """Wrap *function* of the library, with the code that its own errors of Python have in the language."""

    def call(*given: Any) -> Any:
        try:
            return function(*given)
        except ValueError:
            raise JException(code, -1, given[0]) from None

    return call


Make = Callable[[Random, float], Any]
FUNCTIONS: Mapping[str, Callable[[str], Any]] = {
    "partition": _fixed(_partition, "<a-n:a>"),
    "range": _fixed(_range, "<n?n?n?:a>"),
    "hash": _fixed(_hash, "<s-s?:s>"),
    "parse": _fixed(_parse, "<s-:x>"),
    "pad": _fixed(_pad, "<s-ns?:s>"),
    "join": _fixed(_join, "<a<s>s?:s>"),
    "replace": _fixed(_replace, "<s-(sf)(sf)n?:s>"),
    "distinct": _fixed(_distinct, "<x:x>"),
    "zip": _fixed(_zip, "<a+>"),
    "formatNumber": _fixed(_format_number, "<n-so?:s>"),
    "formatBase": _fixed(_format_base, "<n-n?:s>"),
    "string": _fixed(lambda value=None, prettify=None: string_of(value, bool(prettify)), "<x-b?:s>"),
    "sort": _fixed(_sort, "<af?:a>"),
    "base64decode": _fixed(_base64_decode, "<s-:s>"),
    "formatInteger": _fixed(_pictured(Functions.format_integer, 1, 2), "<n-s:s>"),
    "parseInteger": _fixed(_parse_integer, "<s-s:n>"),
    "toMillis": _fixed(_or(_pictured(Functions.datetime_to_millis, 1, 2), "D3110"), "<s-s?:n>"),
    "fromMillis": _fixed(_pictured(Functions.datetime_from_millis, 1, 3), "<n-s?s?:s>"),
    "number": _fixed(_or(lambda value=None: Functions.number(value), "D3030"), "<(nsb)-:n>"),
    "eval": lambda name: None,  # AWS has none
}
"""What makes each function, by its name without the ``$``."""
MADE: Mapping[str, Make] = {
    "random": lambda random, now: _function(
        lambda seed=None: random.random() if seed is None else java_random(int(seed)), "<n?:n>"
    ),
    "uuid": lambda random, now: _function(lambda: str(uuid.UUID(int=random.getrandbits(128), version=4)), "<:s>"),
    "shuffle": lambda random, now: _function(lambda items: _shuffle(items, random), "<a:a>"),
    "now": lambda random, now: _function(
        lambda picture=None, zone=None: Functions.datetime_from_millis(int(now * 1000), picture, zone), "<s?s?:s>"
    ),
    "millis": lambda random, now: _function(lambda: int(now * 1000), "<:n>"),
}
"""What makes the functions that draw something or tell the time, which is an execution's, not the machine's."""
