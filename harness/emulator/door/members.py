"""Members of a structure, each read as what botocore's model says it is.

What comes by HTTP was read by the model already; a service that asks another one may still be wrong, and is refused as
AWS refuses, instead of an error of Python's somewhere behind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from harness.emulator.door.errors import AwsError

Members = Mapping[str, object]
"""Members of a structure as botocore names them: text, numbers, bytes, datetimes, lists and mappings of such."""

_T = TypeVar("_T")
_GIVEN = {
    str: "STRING_VALUE",
    int: "NUMBER_VALUE",
    float: "DECIMAL_VALUE",
    list: "START_ARRAY",
    dict: "START_OBJECT",
    type(None): "NULL_VALUE",
}


def text(members: Members, name: str, default: str | None = None) -> str:
    """Return the text, *default* where none is given.

    Args:
        members: of the structure.
        name: of the member.
        default: None where the member must be given.

    Raises:
        AwsError: ValidationException without either; SerializationException, as from all below, for another type.
    """
    return _required(optional_text(members, name), default, name)


def optional_text(members: Members, name: str) -> str | None:
    """Return the text, None where none is given."""
    return _read(members.get(name), str, "String")


def flag(members: Members, name: str, default: bool = False) -> bool:
    """Whether it is so.

    Args:
        members: of the structure.
        name: of the member.
        default: where it is not given.
    """
    value = _read(members.get(name), bool, "Boolean")
    return default if value is None else value


def number(members: Members, name: str, default: int | None = None) -> int:
    """Return the integer, *default* where none is given.

    Args:
        members: of the structure.
        name: of the member.
        default: None where the member must be given.

    Raises:
        AwsError: ValidationException without either.
    """
    return _required(optional_number(members, name), default, name)


def optional_number(members: Members, name: str) -> int | None:
    """Return the integer, None where none is given."""
    value = optional_decimal(members, name)
    return None if value is None else int(value)


def optional_decimal(members: Members, name: str) -> float | None:
    """Return the number that need not be whole, None where none is given."""
    value = members.get(name)
    if isinstance(value, bool):
        raise of_another_type(value, "Number")
    return _read(value, (int, float), "Number")


def optional_time(members: Members, name: str) -> datetime | None:
    """Return the moment, in UTC where it says no zone; None where none is given."""
    value = _read(members.get(name), datetime, "Date")
    return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


def blob(members: Members, name: str) -> bytes:
    """Return the bytes, none where they are not given."""
    return bytes(_read(members.get(name), (bytes, bytearray), "ByteBuffer") or b"")


def structure(members: Members, name: str) -> Members:
    """Return the structure, an empty one where none is given."""
    return _structure(members.get(name))


def structures(members: Members, name: str) -> list[Members]:
    """Return the structures of a list, none where it is not given."""
    return [_structure(value) for value in _list(members, name)]


def texts(members: Members, name: str) -> list[str]:
    """Return the texts of a list, none where it is not given."""
    return [_text(value) for value in _list(members, name)]


def text_map(members: Members, name: str) -> dict[str, str]:
    """Return the texts of a map by their keys, none where it is not given."""
    return {key: _text(value) for key, value in structure(members, name).items()}


def unexpected(words: str) -> AwsError:
    """AWS's refusal of what is not what the model says."""
    return AwsError("SerializationException", words)


def of_another_type(value: object, kind: str) -> AwsError:
    """Make AWS's refusal of a *value* that is none of Java's *kind*, ``String``."""
    given = f"{str(value).upper()}_VALUE" if isinstance(value, bool) else _GIVEN.get(type(value), "EMBEDDED_OBJECT")
    return unexpected(f"{given} can not be converted to {kind}")


def _required(value: _T | None, default: _T | None, name: str) -> _T:
    found = default if value is None else value
    if found is None:
        where = name[0].lower() + name[1:]
        words = f"Value null at '{where}' failed to satisfy constraint: Member must not be null"
        raise AwsError("ValidationException", f"1 validation error detected: {words}")
    return found


def _read(value: object, kind: type[_T] | tuple[type[_T], ...], java: str) -> _T | None:
    if value is None or isinstance(value, kind):
        return value
    raise of_another_type(value, java)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise of_another_type(value, "String")


def _structure(value: object) -> Members:
    if value is None:
        return {}
    if isinstance(value, Mapping):
        return value
    raise unexpected("Start of structure or map expected.")


def _list(members: Members, name: str) -> Sequence[object]:
    value = members.get(name)
    if value is None:
        return ()
    if isinstance(value, (list, tuple)):
        return value
    raise unexpected("Expected list or null")
