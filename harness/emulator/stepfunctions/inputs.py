"""Inputs of executions as they are given, refused in the words of the JSON reader that AWS has."""

from __future__ import annotations

import json
import re

from harness.emulator.door.errors import AwsError
from harness.emulator.limits import EXECUTION_INPUT
from harness.states_language import text as json_text
from harness.states_language.effects import Json

_WORD = re.compile(r"[A-Za-z_$][\w$]*")


def read_input(text: str) -> Json:
    """Read the input of an execution.

    Raises:
        AwsError: InvalidExecutionInput, ValidationException where it is too long.
    """
    if len(text.encode()) > EXECUTION_INPUT.most:
        raise EXECUTION_INPUT.refusal()
    try:
        return json_text.loads(text)
    except json.JSONDecodeError as error:
        raise invalid_input(_words(text, error)) from None
    except ValueError as error:
        raise invalid_input(str(error)) from None


def invalid_input(words: str) -> AwsError:
    """AWS's refusal of an input."""
    return AwsError("InvalidExecutionInput", f"Invalid State Machine Execution Input: '{words}'")


def _words(text: str, error: json.JSONDecodeError) -> str:
    if not text.strip():
        return "Invalid execution input."
    word = _WORD.match(text, error.pos)
    if error.msg.startswith("Expecting property name") and error.pos < len(text):
        character = text[error.pos]
        return (
            f"Unexpected character ('{character}' (code {ord(character)})): was expecting double-quote to start field "
            "name"
        )
    if word is not None:
        return (
            f"Unrecognized token '{word.group()}': was expecting (JSON String, Number, Array, Object or token 'null', "
            "'true' or 'false')"
        )
    if error.pos >= len(text.rstrip()):
        return "Unexpected end-of-input"
    character = text[error.pos]
    return f"Unexpected character ('{character}' (code {ord(character)}))"
