"""Which variables each state refers to, as DescribeStateMachine tells.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeStateMachine.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_IN_PATH = re.compile(r"(?<![\w$'\"])\$([A-Za-z_]\w*)")
_IN_JSONATA = re.compile(r"\$([A-Za-z_]\w*)\s*(\(|:=)?")
_BOUND = re.compile(r"\$([A-Za-z_]\w*)\s*:=|(?:function|λ)\s*\(([^()]*)\)")
_TEXT = re.compile(r"'(?:\\.|[^'\\])*'")
_INNER = ("Branches", "ItemProcessor", "Iterator")
_OWN = frozenset({"states"})


def variable_references(text: str) -> dict[str, list[str]]:
    """Names of variables by state, both in their order; states without any are left out."""
    definition = json.loads(text)
    found: dict[str, list[str]] = {}
    for name, state in _states(definition):
        fields = {key: value for key, value in state.items() if key not in _INNER}
        names = sorted(set(_names(fields, "")))
        if names:
            found[name] = names
    return found


def _states(flow: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, state in flow.get("States", {}).items():
        yield name, state
        for inner in (*state.get("Branches", ()), state.get("ItemProcessor"), state.get("Iterator")):
            if inner:
                yield from _states(inner)


def _names(value: Any, key: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, member in value.items():
            yield from _names(member, name)
    elif isinstance(value, list):
        for member in value:
            yield from _names(member, key)
    elif isinstance(value, str):
        stripped = value.strip()
        if stripped.startswith("{%") and stripped.endswith("%}"):
            yield from _in_jsonata(stripped[2:-2])
        elif key.endswith((".$", "Path")) or key == "Variable":
            yield from _IN_PATH.findall(_TEXT.sub("''", value))


def _in_jsonata(expression: str) -> Iterator[str]:
    plain = re.sub(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'", "''", expression)
    bound = set(_OWN)
    for assigned, arguments in _BOUND.findall(plain):
        bound.add(assigned)
        bound.update(re.findall(r"\$(\w+)", arguments))
    for name, follows in _IN_JSONATA.findall(plain):
        if name not in bound and follows != "(":
            yield name
