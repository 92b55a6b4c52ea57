"""What each intrinsic function does.

https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from harness.states_language.effects import Json
from harness.states_language.text import dumps, loads

LONGEST_ARRAY = 1000
"""Elements that States.ArrayRange may make."""
LONGEST_TEXT = 10_000
"""Characters that States.Base64Encode, Base64Decode and Hash take."""
LARGEST = 262_144
"""Characters of what States.Format and the like may make: more is no payload."""
_PLACE = re.compile(r"\\(.)|\{\}|([{}])")
_DIGESTS = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}


class FunctionError(Exception):
    """Arguments that a function cannot take."""


@dataclass(frozen=True)
class Function:
    """An intrinsic function.

    Attributes:
        run: does it, given what is drawn from and the arguments.
        fewest: arguments.
        most: arguments.
    """

    run: Callable[[Random, list[Any]], Json]
    fewest: int
    most: int


def _text(value: Any, what: str = "argument") -> str:
    if not isinstance(value, str):
        raise FunctionError(f"The {what} must be a string, but was {dumps(value)}")
    meant = getattr(value, "value", value)
    return str(meant)


def _array(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise FunctionError(f"The argument must be an array, but was {dumps(value)}")
    return value


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FunctionError(f"The argument must be an integer, but was {dumps(value)}")
    return value if isinstance(value, int) else math.floor(value + 0.5)  # as Java's Math.round


def _value(argument: Any) -> Any:
    return getattr(argument, "value", argument) if isinstance(argument, str) else argument


def _bounded(text: str) -> str:
    if len(text) > LARGEST:
        raise FunctionError(f"The result is longer than {LARGEST} characters")
    return text


def _as_java(value: Any) -> str:
    """Return *value* as ``toString`` of Java's collections prints it."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}={_as_java(member)}" for name, member in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_as_java, value)) + "]"
    return dumps(value)


def _format(random: Random, arguments: list[Any]) -> Json:
    template, values = arguments[0], [_value(argument) for argument in arguments[1:]]
    if not isinstance(template, str):
        raise FunctionError("The first argument must be a string")
    waiting = iter(values)
    count = 0

    def put(match: re.Match[str]) -> str:
        nonlocal count
        if match[1] is not None:
            return match[1] if match[1] in "'{}\\" else match[0]
        if match[2] is not None:
            raise FunctionError("Braces must stand in pairs, or be escaped")
        count += 1
        try:
            value = next(waiting)
        except StopIteration:
            raise FunctionError("There are fewer arguments than places for them") from None
        return _as_java(value)

    made = _PLACE.sub(put, template)
    if count != len(values):
        raise FunctionError("There are more arguments than places for them")
    return _bounded(made)


def _string_to_json(random: Random, arguments: list[Any]) -> Json:
    text = _text(arguments[0])
    if not text.strip():
        return None
    try:
        return loads(text)
    except ValueError as error:
        raise FunctionError(f"The argument is not valid JSON: {error}") from None


def _json_to_string(random: Random, arguments: list[Any]) -> Json:
    return _bounded(dumps(_value(arguments[0])))


def _array_partition(random: Random, arguments: list[Any]) -> Json:
    items, size = _array(arguments[0]), _integer(arguments[1])
    if size < 1:
        raise FunctionError("The chunk size must be a positive integer")
    return [items[start : start + size] for start in range(0, len(items), size)]


def _array_range(random: Random, arguments: list[Any]) -> Json:
    first, last, step = (_integer(argument) for argument in arguments)
    if step == 0:
        raise FunctionError("The increment must not be 0")
    count = (last - first) // step + 1
    if count > LONGEST_ARRAY:
        raise FunctionError(f"The array must not have more than {LONGEST_ARRAY} elements")
    return [first + number * step for number in range(max(0, count))]


def _array_get_item(random: Random, arguments: list[Any]) -> Json:
    items, index = _array(arguments[0]), _integer(arguments[1])
    if not 0 <= index < len(items):
        raise FunctionError(f"The index {index} is out of the bounds of the array")
    return items[index]


def _same(one: Any, other: Any) -> bool:
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)


def _array_contains(random: Random, arguments: list[Any]) -> Json:
    wanted = _value(arguments[1])
    return any(_same(item, wanted) for item in _array(arguments[0]))


def _array_unique(random: Random, arguments: list[Any]) -> Json:
    return list({dumps(item): item for item in reversed(_array(arguments[0]))}.values())[::-1]


def _base64_encode(random: Random, arguments: list[Any]) -> Json:
    return base64.b64encode(_limited(_text(arguments[0])).encode()).decode()


def _base64_decode(random: Random, arguments: list[Any]) -> Json:
    try:
        return base64.b64decode(_limited(_text(arguments[0])), validate=True).decode()
    except (binascii.Error, ValueError):
        raise FunctionError("The argument is not valid base64 of a text") from None


def _limited(text: str) -> str:
    if len(text) > LONGEST_TEXT:
        raise FunctionError(f"The argument must not be longer than {LONGEST_TEXT} characters")
    return text


def _hash(random: Random, arguments: list[Any]) -> Json:
    data, algorithm = _value(arguments[0]), _text(arguments[1])
    if algorithm not in _DIGESTS:
        raise FunctionError(f"The hashing algorithm must be one of {', '.join(_DIGESTS)}")
    text = _limited(data if isinstance(data, str) else dumps(data))
    return hashlib.new(_DIGESTS[algorithm], text.encode(), usedforsecurity=False).hexdigest()


def _json_merge(random: Random, arguments: list[Any]) -> Json:
    first, second, deep = arguments
    if not isinstance(first, dict) or not isinstance(second, dict):
        raise FunctionError("The first two arguments must be JSON objects")
    if deep is not False:
        raise FunctionError("Only shallow merging is supported: the third argument must be false")
    return {**first, **second}


def _math_random(random: Random, arguments: list[Any]) -> Json:
    first, last = _integer(arguments[0]), _integer(arguments[1])
    if first >= last:
        raise FunctionError("The end must be greater than the start")
    drawn = Random(_integer(arguments[2])) if len(arguments) > 2 else random
    return drawn.randrange(first, last)


def _math_add(random: Random, arguments: list[Any]) -> Json:
    total = _integer(arguments[0]) + _integer(arguments[1])
    if not -(2**31) <= total < 2**31:
        raise FunctionError("The sum does not fit into 32 bits")
    return total


def _string_split(random: Random, arguments: list[Any]) -> Json:
    text, separators = _text(arguments[0]), _text(arguments[1])
    if not separators:
        return [text]
    return [part for part in re.split(f"[{re.escape(separators)}]", text) if part]


def _uuid(random: Random, arguments: list[Any]) -> Json:
    return str(uuid.UUID(int=random.getrandbits(128), version=4))


_MANY = 10_000
FUNCTIONS: Mapping[str, Function] = {
    "States.Format": Function(_format, 1, _MANY),
    "States.StringToJson": Function(_string_to_json, 1, 1),
    "States.JsonToString": Function(_json_to_string, 1, 1),
    "States.Array": Function(lambda random, arguments: [_value(argument) for argument in arguments], 0, _MANY),
    "States.ArrayPartition": Function(_array_partition, 2, 2),
    "States.ArrayContains": Function(_array_contains, 2, 2),
    "States.ArrayRange": Function(_array_range, 3, 3),
    "States.ArrayGetItem": Function(_array_get_item, 2, 2),
    "States.ArrayLength": Function(lambda random, arguments: len(_array(arguments[0])), 1, 1),
    "States.ArrayUnique": Function(_array_unique, 1, 1),
    "States.Base64Encode": Function(_base64_encode, 1, 1),
    "States.Base64Decode": Function(_base64_decode, 1, 1),
    "States.Hash": Function(_hash, 2, 2),
    "States.JsonMerge": Function(_json_merge, 3, 3),
    "States.MathRandom": Function(_math_random, 2, 3),
    "States.MathAdd": Function(_math_add, 2, 2),
    "States.StringSplit": Function(_string_split, 2, 2),
    "States.UUID": Function(_uuid, 0, 0),
}
