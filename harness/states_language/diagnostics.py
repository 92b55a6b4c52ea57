"""What is wrong with a definition, in AWS's codes, words and locations."""

from __future__ import annotations

from dataclasses import dataclass

FAILED = "SCHEMA_VALIDATION_FAILED"
MISSING = "MISSING_TRANSITION_TARGET"
INVALID_JSONATA = "INVALID_JSONATA_EXPRESSION"
UNSUPPORTED_JSONATA = "UNSUPPORTED_JSONATA_EXPRESSION"
DUPLICATE = "DUPLICATE_STATE_NAME"


@dataclass(frozen=True)
class Diagnostic:
    """One thing that is wrong, as ValidateStateMachineDefinition answers it.

    Attributes:
        severity: ``ERROR`` or ``WARNING``.
        code: ``SCHEMA_VALIDATION_FAILED``.
        message: in words.
        location: where, ``/States/A/Next``, or None.
    """

    severity: str
    code: str
    message: str
    location: str | None = None

    def __str__(self) -> str:
        return f"{self.code}: {self.message}" + (f" at {self.location}" if self.location else "")


class Diagnostics:
    """Collects them, in the order in which they are found."""

    def __init__(self) -> None:
        self.all: list[Diagnostic] = []

    def add(self, message: str, location: str | None = None, code: str = FAILED) -> None:
        """Add an error.

        Args:
            message: in AWS's words.
            location: JSON pointer to the field, e.g. ``/States/Charge/Resource``; None: the definition as a whole.
            code: as ValidateStateMachineDefinition names it, e.g. ``SCHEMA_VALIDATION_FAILED``.
        """
        self.all.append(Diagnostic("ERROR", code, message, location))
