"""Requests held against a service's model, refused in AWS's words.

botocore checks required members and types before it sends; lengths, ranges, enumerations and patterns are AWS's own to
check, and are checked here from the same model that botocore ships.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from harness.emulator.aws_models import service_model
from harness.emulator.door.errors import AwsError
from harness.emulator.door.members import Members

if TYPE_CHECKING:
    from botocore.model import Shape

_LONGEST_LIST = 10
_SCALARS = ("string", "integer", "long", "float", "double")


@dataclass(frozen=True)
class Wording:
    """How AWS tells of a shape, where recordings of it say otherwise than botocore's model.

    Attributes:
        enum: values in AWS's order.
        pattern: as AWS writes it.
        of_members: what is told of a list that has wrong members.
        first: members that are told of before others.
    """

    enum: Sequence[str] = ()
    pattern: str = ""
    of_members: str = ""
    first: Sequence[str] = ()


Wordings = Mapping[str, Wording]
"""By names of shapes."""
_PLAIN = Wording()


def check(service: str, operation: str, parameters: Members, wordings: Wordings | None = None) -> None:
    """Refuse parameters that the service model does not allow.

    Args:
        service: boto3's name of the service.
        operation: whose input shape says what is allowed.
        parameters: by their names in the model.
        wordings: of shapes that AWS tells of in other words than the model's.

    Raises:
        AwsError: ``ValidationException``, naming every member at fault.
    """
    shape = service_model(service).operation_model(operation).input_shape
    if shape is None:
        return
    faults = list(_faults(shape, parameters, "", wordings or {}))
    if faults:
        some = "1 validation error" if len(faults) == 1 else f"{len(faults)} validation errors"
        raise AwsError("ValidationException", f"{some} detected: {'; '.join(faults[:_LONGEST_LIST])}")


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern)
    except re.error:  # some use Java's character classes, which Python's re has not
        return None


def _faults(shape: Shape, value: Any, where: str, wordings: Wordings) -> Iterator[str]:
    kind, said = shape.type_name, wordings.get(shape.name, _PLAIN)
    if kind == "structure" and isinstance(value, Mapping):
        for name in shape.required_members:
            if value.get(name) is None:
                yield _fault("null", _below(where, name), "not be null")
        for name in dict.fromkeys((*said.first, *shape.members)):
            if value.get(name) is not None:
                yield from _faults(shape.members[name], value[name], _below(where, name), wordings)
    elif kind == "list" and isinstance(value, list):
        yield from _size_faults(shape, value, where)
        if shape.member.type_name in _SCALARS:
            if any(any(_faults(shape.member, member, where, wordings)) for member in value):
                constraint = said.of_members or f"satisfy constraint: [{_constraints(shape.member, wordings)}]"
                yield _fault(f"'{_java(shape, value)}'", where, constraint)
            return
        for number, member in enumerate(value, 1):
            yield from _faults(shape.member, member, f"{where}.{number}.member", wordings)
    elif kind == "map" and isinstance(value, Mapping):
        yield from _size_faults(shape, value, where)
        for what, part, members in (("keys", shape.key, value.keys()), ("value", shape.value, value.values())):
            if part.type_name in _SCALARS:
                if any(any(_faults(part, member, where, wordings)) for member in members):
                    constraints = _constraints(part, wordings)
                    words = f"failed to satisfy constraint: Map {what} must satisfy constraint: [{constraints}]"
                    yield f"Value '{_java(shape, value)}' at '{where}' {words}"
            else:
                for member in members:
                    yield from _faults(part, member, f"{where}.member", wordings)
    elif kind == "string" and isinstance(value, str):
        if shape.enum:
            if value not in shape.enum:
                allowed = ", ".join(said.enum or shape.enum)
                yield _fault(f"'{value}'", where, f"satisfy enum value set: [{allowed}]")
            return
        yield from _size_faults(shape, value, where)
        pattern = shape.metadata.get("pattern")
        compiled = _compiled(pattern) if pattern else None
        if compiled and not compiled.fullmatch(value):
            yield _fault(f"'{value}'", where, f"satisfy regular expression pattern: {said.pattern or pattern}")
    elif kind in ("integer", "long", "float", "double") and isinstance(value, (int, float)):
        low, high = shape.metadata.get("min"), shape.metadata.get("max")
        if low is not None and value < low:
            yield _fault(f"'{value}'", where, f"have value greater than or equal to {low}")
        if high is not None and value > high:
            yield _fault(f"'{value}'", where, f"have value less than or equal to {high}")


def _size_faults(shape: Shape, value: Any, where: str) -> Iterator[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if shape.metadata.get("sensitive"):
        shown = None
    else:
        shown = f"'{value}'" if isinstance(value, str) else f"'{_java(shape, value)}'"
    if low is not None and len(value) < low:
        yield _fault(shown, where, f"have length greater than or equal to {low}")
    if high is not None and len(value) > high:
        yield _fault(shown, where, f"have length less than or equal to {high}")


def _constraints(shape: Shape, wordings: Wordings) -> str:
    """All that is asked of a member of a list or map, in the order in which AWS tells it."""
    if getattr(shape, "enum", None):
        return f"Member must satisfy enum value set: [{', '.join(shape.enum)}], Member must not be null"
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    text = shape.type_name == "string"
    what = "length" if text else "value"
    said = []
    if high is not None:
        said.append(f"Member must have {what} less than or equal to {high}")
    if low is not None:
        said.append(f"Member must have {what} greater than or equal to {low}")
    if pattern := wordings.get(shape.name, _PLAIN).pattern or shape.metadata.get("pattern"):
        said.append(f"Member must satisfy regular expression pattern: {pattern}")
    return ", ".join([*said, *([] if text else ["Member must not be null"])])


def _java(shape: Any, value: Any) -> str:
    """*value* as Java prints it, which AWS's words quote."""
    if isinstance(value, Mapping) and shape.type_name == "structure":
        members = (f"{name}={_java(shape.members[name], member)}" for name, member in value.items())
        return f"{shape.name}({', '.join(members)})"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}={_java(shape.value, each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(_java(shape.member, each) for each in value)}]"
    return str(value)


def _below(where: str, name: str) -> str:
    member = name[0].lower() + name[1:]
    return f"{where}.{member}" if where else member


def _fault(value: str | None, where: str, constraint: str) -> str:
    return f"Value {f'{value} ' if value else ''}at '{where}' failed to satisfy constraint: Member must {constraint}"
