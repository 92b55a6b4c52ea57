"""Definitions, read once: what was read is remembered, for executions share it."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from harness.emulator.door.errors import AwsError
from harness.states_language import definition as language
from harness.states_language.machine import Machine

_REMEMBERED = 256


class Definitions:
    """Reads definitions for this emulator.

    Args:
        refusal: why a task's resource is refused, None where it is not; told whether the machine is an Express one.
    """

    def __init__(self, refusal: Callable[[str, bool], str | None]) -> None:
        self._refusal = refusal
        self._parsed = lru_cache(_REMEMBERED)(self._parse)

    def parse(self, text: str, kind: str) -> Machine:
        """Read a definition of a state machine of *kind*.

        Raises:
            AwsError: InvalidDefinition.
        """
        return self._parsed(text, kind)

    check = parse

    def diagnostics(self, text: str, kind: str) -> list[dict[str, Any]]:
        """Say what is wrong with a definition, as ValidateStateMachineDefinition answers it."""
        found = language.diagnose(text, kind, known=self._known(kind))
        return [
            {"severity": each.severity, "code": each.code, "message": each.message}
            | ({"location": each.location} if each.location is not None else {})
            for each in found
        ]

    def _known(self, kind: str) -> Callable[[str], bool]:
        return lambda resource: self._refusal(resource, kind == "EXPRESS") is None

    def _parse(self, text: str, kind: str) -> Machine:
        try:
            return language.parse(text, kind=kind, known=self._known(kind))
        except language.InvalidDefinition as error:
            raise AwsError("InvalidDefinition", error.message) from None
