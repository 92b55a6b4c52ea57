"""JSON that tasks give and get, turned into the values that services take and answer, and back, by botocore's models.

https://docs.aws.amazon.com/step-functions/latest/dg/connect-parameters.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from harness.states_language.effects import Json

if TYPE_CHECKING:
    from botocore.model import Shape

Spelling = Callable[[str], str]
"""Gives a member as tasks spell it, from how the model has it."""
Dates = Callable[[datetime], Json]
_NUMBERS = {"integer": int, "long": int, "float": float, "double": float, "bigdecimal": float}


class Unusable(Exception):
    """Arguments do not fit the operation; the message is AWS's, without the brackets around it."""


def as_text(value: Json) -> str:
    """JSON as Step Functions writes it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def to_request(shape: Shape | None, value: Json, spell: Spelling) -> dict[str, Any]:
    """Return what to call an operation with.

    Args:
        shape: the operation's input, None where it has none.
        value: the arguments.
        spell: how tasks spell members.

    Raises:
        Unusable: a member that there is not, or a value that is none of its kind.
    """
    if not isinstance(value, dict):
        raise Unusable("The Parameters must be a JSON object")
    if shape is None:
        for name in value:
            raise Unusable(_unsupported(name))
        return {}
    made: dict[str, Any] = _to_service(shape, value, spell, "")
    return made


def _unsupported(name: str) -> str:
    return f'The field "{name}" is not supported by Step Functions'


def _to_service(shape: Any, value: Json, spell: Spelling, field: str) -> Any:
    if value is None:
        return None
    kind = shape.type_name
    if kind == "structure":
        if getattr(shape, "is_document_type", False):
            return value
        return _structure(shape, _expect(value, dict, field), spell)
    if kind == "map":
        return {name: _to_service(shape.value, part, spell, name) for name, part in _expect(value, dict, field).items()}
    if kind == "list":
        return [_to_service(shape.member, part, spell, field) for part in _expect(value, list, field)]
    if kind == "blob":
        return (value if isinstance(value, str) else as_text(value)).encode()
    if kind == "timestamp":
        return _moment(value, field)
    if kind == "boolean":
        return _expect(value, bool, field)
    if kind in _NUMBERS:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Unusable(
                f"The value for the field '{field}' must be a{'n INTEGER' if kind == 'integer' else ' NUMBER'}"
            )
        return _NUMBERS[kind](value)
    if isinstance(value, dict | list):
        return as_text(value)
    return _expect(value, str, field)


def _structure(shape: Any, value: dict[str, Json], spell: Spelling) -> dict[str, Any]:
    names = {spell(name): name for name in shape.members}
    made = {}
    for given, part in value.items():
        name = names.get(given)
        if name is None and given[:1].isupper():  # as the API spells it
            name = next((found for found in (given, given[0].lower() + given[1:]) if found in shape.members), None)
        if name is None:
            raise Unusable(_unsupported(given))
        made[name] = _to_service(shape.members[name], part, spell, given)
    return {name: part for name, part in made.items() if part is not None}


_KINDS = {dict: "n OBJECT", list: "n ARRAY", str: " STRING", bool: " BOOLEAN"}


def _expect(value: Json, kind: type, field: str) -> Any:
    if not isinstance(value, kind):
        raise Unusable(f"The value for the field '{field}' must be a{_KINDS[kind]}")
    return value


def _moment(value: Json, field: str) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return datetime.fromtimestamp(value, UTC)
    try:
        return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", value))
    except (TypeError, ValueError):
        raise Unusable(f"The value for the field '{field}' must be a valid timestamp") from None


def iso_text(moment: datetime) -> str:
    """As Java prints an instant: fractions of a second in groups of three digits, none where there are none."""
    moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    fraction = moment.microsecond
    precision = "seconds" if not fraction else "microseconds" if fraction % 1000 else "milliseconds"
    return moment.replace(tzinfo=None).isoformat(timespec=precision) + "Z"


def milliseconds(moment: datetime) -> int:
    """As version 1 of the SDK for Java writes a date: milliseconds since the epoch."""
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def to_json(shape: Shape | None, value: Mapping[str, Any], spell: Spelling, dates: Dates) -> dict[str, Json]:
    """Return a task's result, its members by the alphabet, a body behind them, as AWS writes them.

    Args:
        shape: the operation's output, None where it has none.
        value: what the service answered.
        spell: how tasks spell members.
        dates: how timestamps are written.
    """
    if shape is None:
        return {}
    made: dict[str, Json] = _to_task(shape, value, spell, dates)
    return made


def _to_task(shape: Any, value: Any, spell: Spelling, dates: Dates) -> Json:
    kind = shape.type_name
    if value is None:
        return None
    if kind == "structure":
        if getattr(shape, "is_document_type", False):
            return value
        stream = shape.serialization.get("payload")
        known = [name for name in shape.members if name in value and value[name] is not None]
        known.sort(key=lambda name: (name == stream, spell(name)))
        return {spell(name): _to_task(shape.members[name], value[name], spell, dates) for name in known}
    if kind == "map":
        return {name: _to_task(shape.value, part, spell, dates) for name, part in value.items()}
    if kind == "list":
        return [_to_task(shape.member, part, spell, dates) for part in value]
    if kind == "timestamp":
        return dates(value) if isinstance(value, datetime) else value
    if kind == "blob" and isinstance(value, bytes | bytearray):
        return value.decode(errors="replace")
    if kind in _NUMBERS and isinstance(value, str):
        return _NUMBERS[kind](value)
    return value
