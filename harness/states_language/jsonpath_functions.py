"""Functions at the end of a JSONPath, ``$.items.length()``, as Jayway's JsonPath has them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from harness.states_language.effects import Json
from harness.states_language.errors import EvaluationError


def _numbers(value: Json) -> list[float]:
    listed = value if isinstance(value, list) else []
    found = [each for each in listed if isinstance(each, int | float) and not isinstance(each, bool)]
    if not found:
        raise EvaluationError("States.Runtime", "Aggregation function attempted to calculate value using empty array")
    return found


def _length(value: Json) -> Json:
    if isinstance(value, list | dict | str):
        return len(value)
    raise EvaluationError("States.Runtime", "length() can only be applied to arrays, objects and strings")


def _keys(value: Json) -> Json:
    if isinstance(value, dict):
        return list(value)
    raise EvaluationError("States.Runtime", "keys() can only be applied to objects")


def _deviation(value: Json) -> float:
    numbers = _numbers(value)
    mean = sum(numbers) / len(numbers)
    return math.sqrt(sum((each - mean) ** 2 for each in numbers) / len(numbers))


def _at(value: Json, index: int) -> Json:
    if isinstance(value, list) and value:
        return value[index]
    raise EvaluationError("States.Runtime", "the array is empty")


FUNCTIONS: Mapping[str, Callable[[Json], Json]] = {
    "length": _length,
    "size": _length,
    "keys": _keys,
    "min": lambda value: float(min(_numbers(value))),
    "max": lambda value: float(max(_numbers(value))),
    "sum": lambda value: float(sum(_numbers(value))),
    "avg": lambda value: sum(_numbers(value)) / len(_numbers(value)),
    "stddev": _deviation,
    "first": lambda value: _at(value, 0),
    "last": lambda value: _at(value, -1),
}
