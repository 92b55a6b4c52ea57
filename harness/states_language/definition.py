"""Definitions: read into a :class:`~harness.states_language.machine.Machine`, or refused in AWS's words.

``diagnose`` is what ValidateStateMachineDefinition answers, ``parse`` what CreateStateMachine does: both come from one
reading, so that they say the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from harness.states_language import text as json_text
from harness.states_language.diagnostics import Diagnostic, Diagnostics
from harness.states_language.known_fields import MACHINE
from harness.states_language.machine import JSONPATH, Machine
from harness.states_language.state_fields import MAX_TIMEOUT
from harness.states_language.states import FlowReader

__all__ = ["Diagnostic", "InvalidDefinition", "diagnose", "parse"]

Known = Callable[[str], bool]

MAX_DEFINITION = 1_048_576
"""Bytes that a definition may have."""


class InvalidDefinition(Exception):
    """A definition that is none.

    Attributes:
        diagnostics: all that is wrong with it.
        message: CreateStateMachine's, ``Invalid State Machine Definition: '...'``.
    """

    def __init__(self, diagnostics: list[Diagnostic]) -> None:
        words = ", ".join(str(diagnostic) for diagnostic in diagnostics if diagnostic.severity == "ERROR")
        self.message = f"Invalid State Machine Definition: '{words}'"
        self.diagnostics = diagnostics
        super().__init__(self.message)


def parse(text: str, *, kind: str = "STANDARD", known: Known | None = None) -> Machine:
    """Read a definition.

    Args:
        text: the definition, JSON.
        kind: ``STANDARD`` or ``EXPRESS``, which lacks some integrations.
        known: tells of a task's ``Resource`` whether it is one; None takes every ARN.

    Raises:
        InvalidDefinition: it is none.
    """
    machine, diagnostics = _read(text, kind, known)
    if machine is None:
        raise InvalidDefinition(diagnostics)
    return machine


def diagnose(text: str, kind: str = "STANDARD", *, known: Known | None = None) -> list[Diagnostic]:
    """Return what is wrong with a definition; an empty list where it is valid.

    Args:
        text: the definition, JSON.
        kind: ``STANDARD`` or ``EXPRESS``, which lacks some integrations.
        known: tells of a task's ``Resource`` whether it is one; None takes every ARN.
    """
    return _read(text, kind, known)[1]


def _read(text: str, kind: str, known: Known | None) -> tuple[Machine | None, list[Diagnostic]]:
    found = Diagnostics()
    if not text.strip():
        found.add("Definition must be a valid JSON object")
        return None, found.all
    try:
        definition = json_text.loads(text)
    except json.JSONDecodeError as error:
        found.all.append(_not_json(text, error))
        return None, found.all
    except ValueError as error:
        found.add(f"Definition must be a valid JSON object: {error}", code="INVALID_JSON_DESCRIPTION")
        return None, found.all
    if not isinstance(definition, dict):
        found.add("Definition must be a valid JSON object")
        return None, found.all
    language = definition.get("QueryLanguage", JSONPATH)
    found.language(language, "/QueryLanguage")
    jsonata = language != JSONPATH
    found.fields(definition, MACHINE, "/")
    timeout = definition.get("TimeoutSeconds")
    if timeout is not None:
        found.number(timeout, "/TimeoutSeconds", 1, MAX_TIMEOUT)
    reader = FlowReader(found, kind, jsonata, known)
    flow = reader.flow(definition, "")
    if flow is None or found.failed:
        return None, found.all
    machine = Machine(
        start_at=flow.start_at,
        states=flow.states,
        text=text,
        kind=kind,
        timeout=timeout,
        jsonata=jsonata,
        comment=definition.get("Comment"),
    )
    return machine, found.all


_TOKEN = re.compile(r"[A-Za-z_$][\w$]*")


def _not_json(text: str, error: json.JSONDecodeError) -> Diagnostic:
    """Return what AWS's JSON reader says of a text that is no JSON."""
    token = _TOKEN.match(text, error.pos)
    shown = text if len(text) <= 500 else f"{text[:500]}[truncated {len(text) - 500} chars]"
    column = error.colno + (len(token.group()) if token else 1)
    location = f'[Source: (String)"{shown}"; line: {error.lineno}, column: {column}]'
    if token:
        words = "was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
        message = f"Unrecognized token '{token.group()}': {words}"
    elif error.pos >= len(text):
        message = "Unexpected end-of-input"
    else:
        character = text[error.pos]
        message = f"Unexpected character ('{character}' (code {ord(character)}))"
    return Diagnostic("ERROR", "INVALID_JSON_DESCRIPTION", f"{message}\n at {location}", location)
