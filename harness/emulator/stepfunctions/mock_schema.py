"""Mocked results of tasks, held against the models of the services that they stand for, as TestState does.

https://docs.aws.amazon.com/step-functions/latest/dg/test-state-isolation.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from harness.emulator.door.errors import AwsError
from harness.emulator.stepfunctions.integrations import aws_sdk
from harness.emulator.stepfunctions.integrations.java import member, sdk_member
from harness.emulator.stepfunctions.integrations.registry import OPTIMIZED
from harness.emulator.stepfunctions.integrations.resource import SYNC, SYNC_2, parse_resource
from harness.states_language.effects import Json

if TYPE_CHECKING:
    from botocore.model import Shape

STRICT, PRESENT, NONE = "STRICT", "PRESENT", "NONE"
"""What is looked at: also that required members are there; members that are there; nothing."""


def check_mock(resource: str, result: Json, mode: str) -> None:
    """Refuse a mocked result that the service could not answer.

    Args:
        resource: the Task's.
        result: JSON.
        mode: ``STRICT``, ``PRESENT`` or ``NONE``, as TestState has it (``fieldValidationMode``).

    Raises:
        AwsError: ValidationException, naming the field.
    """
    found = _output_of(resource) if mode != NONE else None
    if found is not None:
        shape, spell = found
        free = ("Payload",) if ":lambda:invoke" in resource else ()  # which is JSON of any kind, not bytes
        _Check(spell, mode == STRICT, free).structure(shape, result)


def _output_of(resource: str) -> tuple[Shape, Callable[[str], str]] | None:
    """Return the shape of what the service answers, and how it is spelled; None where there is no model of it."""
    named = parse_resource(resource)
    if named is None or named.service in ("function", "activity", "http", "apigateway"):
        return None
    if named.sdk_service is not None:
        model = aws_sdk.operation_model(named.sdk_service, named.action)
        shape = model.output_shape if model is not None else None
        return (shape, sdk_member) if shape is not None else None
    service = OPTIMIZED.get(named.service)
    action = service.actions.get(named.action) if service is not None else None
    if service is None or action is None:
        return None
    if named.waiting in (SYNC, SYNC_2):
        if action.job is None:
            return None
        described = service.model(action.job.describe[0].lower() + action.job.describe[1:])
        return (described.output_shape, member) if described.output_shape is not None else None
    shape = service.model(named.action).output_shape
    return (shape, member) if shape is not None else None


class _Check:
    def __init__(self, spell: Callable[[str], str], strict: bool, free: Sequence[str]) -> None:
        self._free = free
        self._spell = spell
        self._strict = strict

    def structure(self, shape: Any, value: Json) -> None:
        if not isinstance(value, Mapping):
            _refuse("Mock result must be a JSON object")
        members = {self._spell(name): member for name, member in shape.members.items()}
        if self._strict:
            for name in map(self._spell, shape.required_members):
                if name not in value:
                    _refuse(f"Required field '{name}' is missing")
        for name, given in value.items():
            if name in members and name not in self._free:
                self.value(members[name], given, name)

    def value(self, shape: Any, value: Json, name: str) -> None:
        match shape.type_name:
            case "structure":
                if getattr(shape, "is_document_type", False):
                    return
                if not isinstance(value, Mapping):
                    _refuse(f"Field '{name}' must be an object")
                self.structure(shape, value)
            case "list":
                if not isinstance(value, list):
                    _refuse(f"Field '{name}' must be an array")
                for each in value:
                    self.value(shape.member, each, name)
            case "map":
                if not isinstance(value, Mapping):
                    _refuse(f"Field '{name}' must be an object")
                for each in value.values():
                    self.value(shape.value, each, name)
            case "integer" | "long" | "float" | "double":
                self._number(shape, value, name)
            case "boolean":
                if not isinstance(value, bool):
                    _refuse(f"Field '{name}' must be a boolean")
            case _:
                self._text(shape, value, name)

    def _number(self, shape: Any, value: Json, name: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            _refuse(f"Field '{name}' must be a number")
        low, high = shape.metadata.get("min"), shape.metadata.get("max")
        if low is not None and value < low:
            _refuse(f"Field '{name}' is less than the minimum value")
        if high is not None and value > high:
            _refuse(f"Field '{name}' exceeds the maximum value")

    def _text(self, shape: Any, value: Json, name: str) -> None:
        if not isinstance(value, str):
            _refuse(f"Field '{name}' must be a string")
        if getattr(shape, "enum", None) and value not in shape.enum:
            _refuse(f"Field '{name}' is not an expected value")
        low, high = shape.metadata.get("min"), shape.metadata.get("max")
        if low is not None and len(value) < low:
            _refuse(f"Field '{name}' is smaller than the minimum length")
        if high is not None and len(value) > high:
            _refuse(f"Field '{name}' exceeds the maximum length")


def _refuse(words: str) -> NoReturn:
    raise AwsError("ValidationException", f"Mock result schema validation error: {words}")
