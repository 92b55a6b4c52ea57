"""What is wrong with a definition, in AWS's codes, words and locations."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from harness.states_language.effects import Json

FAILED = "SCHEMA_VALIDATION_FAILED"
MISSING = "MISSING_TRANSITION_TARGET"
INVALID_JSONATA = "INVALID_JSONATA_EXPRESSION"
UNSUPPORTED_JSONATA = "UNSUPPORTED_JSONATA_EXPRESSION"
DUPLICATE = "DUPLICATE_STATE_NAME"
ENDLESS = "MISSING_END_STATE"
TOO_DEEP = "TOO_DEEPLY_NESTED"
INVALID_NAME = "INVALID_STATE_NAME"
INVALID_LABEL = "INVALID_LABEL_NAME"
DUPLICATE_LABEL = "DUPLICATE_LABEL_NAME"


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
        return f"{self.code}: {self.message} at {self.location or 'null'}"


_TYPES = {str: "STRING", bool: "BOOLEAN", dict: "OBJECT", list: "ARRAY"}


class Diagnostics:
    """Collects them, in the order in which they are found."""

    def __init__(self) -> None:
        self.all: list[Diagnostic] = []

    @property
    def failed(self) -> bool:
        """Whether one of them refuses the definition."""
        return any(each.severity == "ERROR" for each in self.all)

    def add(self, message: str, location: str | None = None, code: str = FAILED) -> None:
        """Add an error.

        Args:
            message: in AWS's words.
            location: JSON pointer to the field, e.g. ``/States/Charge/Resource``; None: the definition as a whole.
            code: as ValidateStateMachineDefinition names it, e.g. ``SCHEMA_VALIDATION_FAILED``.
        """
        self.all.append(Diagnostic("ERROR", code, message, location))

    def warn(self, message: str, location: str, code: str) -> None:
        """Add a warning.

        Args:
            message: in AWS's words.
            location: JSON pointer to the field.
            code: as ValidateStateMachineDefinition names it, e.g. ``NO_DOLLAR``.
        """
        self.all.append(Diagnostic("WARNING", code, message, location))

    # Values that are none of their field's

    def typed(self, value: Json, kind: type, location: str) -> bool:
        """Return whether a value is of a type; say so where it is not.

        Args:
            value: of the field.
            kind: what JSON gives it in Python: ``str``, ``bool``, ``dict`` or ``list``.
            location: JSON pointer to the field.
        """
        good = isinstance(value, kind)
        if not good:
            self.add(f"Expected value of type [{_TYPES[kind]}]", location)
        return good

    def text(self, value: Json, location: str) -> bool:
        """Return whether a value is a text; say so where it is not."""
        return self.typed(value, str, location)

    def number(self, value: Json, location: str, least: float, most: float | None = None, whole: bool = True) -> bool:
        """Return whether a value is a number that is not too small and not too large; say so where it is not.

        Args:
            value: of the field.
            location: JSON pointer to the field.
            least: the smallest one there may be.
            most: the largest one; None for no limit.
            whole: whether it must be an integer.
        """
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            self.add(f"Expected value of type [{'INTEGER' if isinstance(value, float) else 'NUMBER'}]", location)
        elif value < least:
            self.add(f"Minimum value is {least}", location)
        elif most is not None and value > most:
            self.add(f"Maximum value is {most}", location)
        else:
            return True
        return False

    def fields(self, given: Collection[str], known: Collection[str], location: str) -> None:
        """Refuse each field that is not known, by its name.

        Args:
            given: names of the fields that there are.
            known: names of those that there may be.
            location: JSON pointer to what has them.
        """
        for name in given:
            if name not in known:
                self.add(f"Field '{name}' is not supported", location)

    def one_of(self, value: Json, allowed: Collection[str], location: str) -> None:
        """Refuse a text that is none of those that there are; say it with the field's name.

        Args:
            value: of the field.
            allowed: what it may be.
            location: JSON pointer to the field, whose last part is its name.
        """
        if value not in allowed:
            name = location.rpartition("/")[2]
            self.add(f"The field '{name}' should have one of these values: [{', '.join(allowed)}]", location)

    def language(self, value: Json, location: str) -> None:
        """Refuse a ``QueryLanguage`` that there is not; it counts as JSONata all the same, as on AWS."""
        if self.text(value, location) and value not in ("JSONPath", "JSONata"):
            self.add("Value should be one of the following: [JSONPath, JSONata]", location)
