"""A state that is tested alone: found in a definition, and made a machine of its own.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_TestState.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from harness.emulator.door.errors import AwsError

_NAME = "StateName"
"""Of a state that is given without one."""
_REFERENCES = ("Next", "Default")


def single_machine(definition: str, name: str | None) -> tuple[str, str]:
    """Make a state machine of one state, and return its name too; what the state leads to is there, and does nothing.

    Raises:
        AwsError: ValidationException: which state it is has to be said, or there is none of that name.
    """
    try:
        given = json.loads(definition)
    except ValueError:
        return definition, _NAME  # refused where it is read
    if not isinstance(given, dict):
        return definition, _NAME
    more: dict[str, Any] = {}
    if name is not None:
        found = _find(given, name)
        if found is None:
            raise invalid("State not found in definition")
        state, language = found
        if language is not None:
            more["QueryLanguage"] = language
    elif "States" in given:
        raise invalid("StateName must be specified when the definition is a state machine")
    else:
        state, name = given, _NAME
    states = {name: state}
    for target in _targets(state):
        states.setdefault(target, {"Type": "Succeed"})
    return json.dumps({"StartAt": name, "States": states, **more}), name


def _find(flow: Mapping[str, Any], name: str, language: str | None = None) -> tuple[Any, str | None] | None:
    """Find the state *name*, wherever it lies, and the query language around it."""
    language = flow.get("QueryLanguage", language)
    states = flow.get("States")
    for key, state in (states if isinstance(states, Mapping) else {}).items():
        if key == name:
            return state, language
        if isinstance(state, Mapping):
            for inner in (*(state.get("Branches") or ()), state.get("ItemProcessor"), state.get("Iterator")):
                found = _find(inner, name, language) if isinstance(inner, Mapping) else None
                if found is not None:
                    return found
    return None


def _targets(state: Any) -> list[str]:
    if not isinstance(state, Mapping):
        return []
    found = [state.get(member) for member in _REFERENCES]
    for member in ("Choices", "Catch"):
        handlers = state.get(member)
        found += [each.get("Next") for each in (handlers if isinstance(handlers, list) else ()) if _is_object(each)]
    return [target for target in found if isinstance(target, str)]


def _is_object(value: Any) -> bool:
    return isinstance(value, Mapping)


def invalid(words: str) -> AwsError:
    """AWS's refusal of what is asked."""
    return AwsError("ValidationException", words)
