"""Definitions of state machines that Step Functions refuses, beyond what the engine's parser sees.

The words for missing and unreachable states and for missing fields are AWS's; where AWS's are not known, the code is
AWS's and the words are ours.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from harness.emulator.door.errors import AwsError

_TYPES = ("Task", "Pass", "Choice", "Wait", "Succeed", "Fail", "Parallel", "Map")
_ENDS = ("Succeed", "Fail", "Choice")
_TEMPLATES = ("Parameters", "ResultSelector", "ItemSelector")
_NEEDS = {"Task": ("Resource",), "Choice": ("Choices",), "Parallel": ("Branches",)}


def check_definition(text: str) -> None:
    """Refuse what AWS refuses.

    Raises:
        AwsError: InvalidDefinition, with all that is wrong.
    """
    try:
        definition = json.loads(text)
    except ValueError as error:
        raise invalid_definition(f"INVALID_JSON_DESCRIPTION: {error}") from None
    if not isinstance(definition, dict):
        raise invalid_definition("INVALID_JSON_DESCRIPTION: the definition is not a JSON object")
    problems = list(_problems(definition, ""))
    if problems:
        raise invalid_definition(", ".join(problems))


def invalid_definition(problems: str) -> AwsError:
    """AWS's refusal of a definition."""
    return AwsError("InvalidDefinition", f"Invalid State Machine Definition: '{problems}'")


def _problems(scope: Mapping[str, Any], path: str) -> Iterator[str]:
    missing = [name for name in ("StartAt", "States") if not scope.get(name)]
    if missing:
        yield _required(missing, path)
        return
    states = scope["States"]
    targets = {"/StartAt": scope["StartAt"]}
    for name, state in states.items():
        here = f"/States/{name}"
        if not isinstance(state, dict):
            yield f"SCHEMA_VALIDATION_FAILED: A state is an object at {path}{here}"
            continue
        yield from _state_problems(state, path + here)
        targets |= {f"{here}{where}": target for where, target in _targets(state)}
    for where, target in targets.items():
        if target not in states:
            yield f"MISSING_TRANSITION_TARGET: Missing 'Next' target: {target} at {path}{where}"
    for name in states:
        # What leads to itself alone is not reached by that.
        own = f"/States/{name}/"
        if not any(target == name and not where.startswith(own) for where, target in targets.items()):
            yield f'MISSING_TRANSITION_TARGET: State "{name}" is not reachable. at {path}/States/{name}'


def _state_problems(state: Mapping[str, Any], path: str) -> Iterator[str]:
    kind = state.get("Type")
    if kind is None:
        yield _required(["Type"], path)
        return
    if kind not in _TYPES:
        yield f"SCHEMA_VALIDATION_FAILED: Field 'Type' has to be one of [{', '.join(_TYPES)}] at {path}/Type"
        return
    missing = [name for name in _NEEDS.get(kind, ()) if not state.get(name)]
    if missing:
        yield _required(missing, path)
    if kind not in _ENDS and ("Next" in state) == bool(state.get("End")):
        yield f"SCHEMA_VALIDATION_FAILED: Exactly one of these fields is required: [Next, End] at {path}"
    for name in _TEMPLATES:
        yield from _path_problems(state.get(name), f"{path}/{name}")
    for index, branch in enumerate(state.get("Branches") or ()):
        yield from _problems(branch, f"{path}/Branches[{index}]")
    for name in ("ItemProcessor", "Iterator"):
        if isinstance(state.get(name), dict):
            yield from _problems(state[name], f"{path}/{name}")


def _path_problems(template: Any, path: str) -> Iterator[str]:
    if isinstance(template, dict):
        for name, value in template.items():
            if name.endswith(".$") and not (isinstance(value, str) and value.startswith(("$", "States."))):
                yield (
                    f"SCHEMA_VALIDATION_FAILED: The value for the field '{name}' must be a valid JSONPath or a valid "
                    f"intrinsic function call at {path}"
                )
            else:
                yield from _path_problems(value, f"{path}/{name}")
    elif isinstance(template, list):
        for index, value in enumerate(template):
            yield from _path_problems(value, f"{path}[{index}]")


def _targets(state: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in ("Next", "Default"):
        if state.get(name):
            yield f"/{name}", state[name]
    for member in ("Choices", "Catch"):
        for index, item in enumerate(state.get(member) or ()):
            if isinstance(item, dict) and item.get("Next"):
                yield f"/{member}[{index}]/Next", item["Next"]


def _required(names: list[str], path: str) -> str:
    return f"SCHEMA_VALIDATION_FAILED: These fields are required: [{', '.join(names)}] at {path or '/'}"
