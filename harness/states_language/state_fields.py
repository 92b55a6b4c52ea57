"""Reads the fields of a state: templates, paths, JSONata, numbers; each is compiled, or something is said of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from harness.states_language.diagnostics import INVALID_JSONATA, UNSUPPORTED_JSONATA
from harness.states_language.effects import Json
from harness.states_language.errors import SyntaxFault, UnsupportedFault
from harness.states_language.fields import (
    Evaluator,
    compile_jsonata,
    compile_named,
    compile_path,
    compile_reference,
    compile_template,
    constant,
    is_intrinsic,
    is_jsonata,
)
from harness.states_language.machine import Limit

if TYPE_CHECKING:
    from harness.states_language.states import FlowReader

MAX_TIMEOUT = 99_999_999


class StateFields:
    """Reads fields of one state.

    Args:
        flow: reads what the state is in.
        name: of the state.
        state: as it is written.
        at: its location.
        targets: gathers where, whither and from which state it leads.
    """

    def __init__(
        self, flow: FlowReader, name: str, state: Json, at: str, targets: list[tuple[str, str, str | None]]
    ) -> None:
        self._flow = flow
        self._name = name
        self._state: dict[str, Json] = state if isinstance(state, dict) else {}
        self._given = state
        self._at = at
        self._targets = targets
        self._jsonata = flow.jsonata

    def _limit(self, name: str, least: float, most: float | None = None, whole: bool = True) -> Limit | None:
        state, path = self._state, f"{name}Path"
        if path in state:
            if name in state:
                self._wrong(f"There should only be one of the following fields: [{name}, {path}]", self._at)
            return Limit(evaluate=self._path(path), field=name, path=state[path])
        if name not in state:
            return None
        value = state[name]
        if self._jsonata and is_jsonata(value):
            return Limit(evaluate=self._compiled(value, name), field=name)
        self._flow.found.number(value, f"{self._at}/{name}", least, most, whole)
        return Limit(evaluate=constant(value), field=name)

    def _any(self, value: Json, field: str) -> Evaluator:
        """Compile a template or a field of JSONata."""
        if self._jsonata:
            return self._compiled(value, field)
        try:
            return compile_template(value)
        except SyntaxFault as fault:
            self._wrong(
                f"The value for the field '{fault}' must be a valid JSONPath or a valid intrinsic function call",
                f"{self._at}/{field}",
            )
            return constant(None)

    def _compiled(self, value: Json, field: str) -> Evaluator:
        try:
            return compile_jsonata(value, field)
        except SyntaxFault as fault:
            code = UNSUPPORTED_JSONATA if isinstance(fault, UnsupportedFault) else INVALID_JSONATA
            for words in fault.args:
                self._flow.found.add(words, f"{self._at}/{fault.field}", code)
            return constant(None)

    def _guarded(self, compile_it: Callable[[], Evaluator], name: str, field: str = "") -> Evaluator:
        try:
            return compile_it()
        except SyntaxFault:
            at = f"{self._at}/{field}/{name}" if field else f"{self._at}/{name}"
            self._wrong("Value is not a valid JSONPath", at)
            return constant(None)

    def _path(self, name: str) -> Evaluator:
        value = self._state[name]
        if not isinstance(value, str) or not value.startswith("$"):
            if isinstance(value, str) and is_intrinsic(value):
                return self._named(name)
            self._wrong("Value is not a valid JSONPath", f"{self._at}/{name}")
            return constant(None)
        return self._guarded(lambda: compile_path(value, name), name)

    def _named(self, name: str) -> Evaluator:
        value = self._state[name]
        if not self._flow.found.text(value, f"{self._at}/{name}"):
            return constant(None)
        return self._guarded(lambda: compile_named(value, name), name)

    def _literal(self, name: str) -> Evaluator | None:
        if name not in self._state:
            return None
        value = self._state[name]
        if not self._flow.found.text(value, f"{self._at}/{name}"):
            return None
        return self._compiled(value, name) if self._jsonata else constant(value)

    def _result_path(self, value: Json, at: str) -> tuple[str | int, ...] | None:
        if value is None:
            return None
        if not self._flow.found.text(value, at):
            return ()
        try:
            return compile_reference(value)
        except SyntaxFault:
            self._wrong(no_reference(value), at)
            return ()

    def _items(self, name: str) -> list[tuple[int, Json]]:
        value = self._state.get(name, [])
        return list(enumerate(value)) if self._flow.found.typed(value, list, f"{self._at}/{name}") else []

    def _require(self, name: str) -> bool:
        if name not in self._state:
            self._wrong(f"These fields are required: [{name}]", self._at)
            return False
        return True

    def _leads(self, place: str, target: Json) -> None:
        if self._flow.found.text(target, f"{self._at}/{place}"):
            self._targets.append((f"{self._at}/{place}", target, self._name))

    def _wrong(self, message: str, at: str) -> None:
        self._flow.found.add(message, at)


def no_reference(path: str) -> str:
    """Return AWS's words for a path that is no reference path."""
    words = "Value is not a Reference Path"
    return words if path.startswith("$") else f"{words}: Reference path didn't start with '$'"
