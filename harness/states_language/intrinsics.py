"""Holds the face until the whole is here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.states_language.effects import Json
from harness.states_language.errors import EvaluationError


@dataclass(frozen=True)
class Expression:
    """An expression that nothing evaluates yet."""

    text: str

    def evaluate(self, document: Json, context: Mapping[str, Json], variables: Mapping[str, Json], seed: int) -> Json:
        """Say that it is not evaluated."""
        raise EvaluationError("States.IntrinsicFailure", f"is not emulated: {self.text}")


def compile(text: str) -> Expression:
    """Read an expression."""
    return Expression(text)
