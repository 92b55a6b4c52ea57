"""Warns of texts that look like paths or calls and are taken as they stand.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinitionDiagnostic.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from harness.states_language.diagnostics import Diagnostics
from harness.states_language.effects import Json

_PATH = re.compile(r"\$\$?[.\[].*|\$\$?", re.DOTALL)
_CALL = re.compile(r"States\.[A-Za-z0-9]+\(.*\)", re.DOTALL)
_TEMPLATES = ("Assign", "ItemSelector", "Parameters", "ResultSelector")


def warn_of_static(found: Diagnostics, state: Mapping[str, Json], at: str) -> None:
    """Warn of the texts in a JSONPath state that were perhaps meant to be evaluated.

    Args:
        found: takes the warnings.
        state: as it is written.
        at: its location.
    """
    for field in _TEMPLATES:
        _template(found, state.get(field), f"{at}/{field}")
    result = state.get("Result")
    if state["Type"] == "Pass" and isinstance(result, str) and _PATH.fullmatch(result):
        found.warn("Attempt to use a path in the result of a pass state.", f"{at}/Result", "PASS_RESULT_IS_STATIC")
    for name in ("Error", "Cause"):
        _value(found, state.get(name), f"{at}/{name}")
    for index, rule in enumerate(choices if isinstance(choices := state.get("Choices"), list) else ()):
        _rule(found, rule, f"{at}/Choices[{index}]")


def _template(found: Diagnostics, value: Json, at: str) -> None:
    if isinstance(value, list):
        for index, member in enumerate(value):
            _template(found, member, f"{at}[{index}]")
    elif isinstance(value, dict):
        for name, member in value.items():
            if not isinstance(member, str):
                _template(found, member, f"{at}/{name}")
            elif not name.endswith(".$") and (_PATH.fullmatch(member) or _CALL.fullmatch(member)):
                words = "No .$ on a field that appears to be a JSONPath or Intrinsic Function."
                found.warn(words, f"{at}/{name}", "NO_DOLLAR")


def _value(found: Diagnostics, value: Json, at: str) -> None:
    if isinstance(value, str) and _PATH.fullmatch(value):
        found.warn("Field value looks like a path, but field name does not end with 'Path'.", at, "NO_PATH")


def _rule(found: Diagnostics, rule: Json, at: str) -> None:
    if not isinstance(rule, dict):
        return
    for name, value in rule.items():
        if isinstance(value, list):
            for index, part in enumerate(value):
                _rule(found, part, f"{at}/{name}[{index}]")
        elif name.startswith("String") and not name.endswith("Path"):
            _value(found, value, f"{at}/{name}")
        elif name == "Not":
            _rule(found, value, f"{at}/{name}")
