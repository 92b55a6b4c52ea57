"""A pipeline's definition: checked, and its references resolved.

https://aws-sagemaker-mlops.github.io/sagemaker-model-building-pipeline-definition-JSON-schema/
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.emulator.sagemaker.names import refusal

STEPS = frozenset(
    {*("Processing", "Training", "Transform", "Model", "RegisterModel"), *("Condition", "Lambda", "Callback", "Fail")}
)
_CONDITIONS = frozenset(
    {
        *("Equals", "GreaterThan", "GreaterThanOrEqualTo", "LessThan", "LessThanOrEqualTo"),
        *("In", "Not", "Or"),
    }
)
_CONVERT = {"String": str, "Integer": int, "Float": float, "Boolean": bool}
_PART = re.compile(r"\[(?:'([^']*)'|\"([^\"]*)\"|(\d+))\]|\.?([^.\[\]]+)")


class StepError(Exception):
    """A step cannot be carried out; the message is its failure reason."""


Step = Mapping[str, Any]
_UNREADABLE = "Unable to parse pipeline definition. "
"""How AWS's words begin: https://github.com/aws/sagemaker-python-sdk/issues/3908; what follows is ours."""


def parse(text: str) -> Mapping[str, Any]:
    """Return a definition.

    Raises:
        AwsError: ``ValidationException``: it is none, or has a step that is not emulated.
    """
    try:
        definition: dict[str, Any] = json.loads(text)
    except ValueError as error:
        raise refusal(f"{_UNREADABLE}{error}") from None
    steps = definition.get("Steps") if isinstance(definition, dict) else None
    if not isinstance(steps, list) or not steps:
        raise refusal(f"{_UNREADABLE}A pipeline needs Steps.")
    names: set[str] = set()
    for step in every(steps):
        name, kind = step.get("Name"), step.get("Type")
        if not name or name in names:
            raise refusal(f"{_UNREADABLE}Step names must be unique: {name}")
        names.add(name)
        if kind not in STEPS:
            raise refusal(f"not emulated: pipeline steps of type {kind} (step {name})")
        if kind == "Condition":
            _check_conditions((step.get("Arguments") or {}).get("Conditions") or [], name)
        if kind == "Callback" and not step.get("SqsQueueUrl"):
            raise refusal(f"{_UNREADABLE}Step {name} needs a SqsQueueUrl.")
    for step in every(steps):
        for needed in needs(step):
            if needed not in names:
                raise refusal(f"{_UNREADABLE}Step {step['Name']} refers to {needed}, which is no step.")
    return definition


def _check_conditions(conditions: Sequence[Mapping[str, Any]], step: str) -> None:
    for condition in conditions:
        kind = condition.get("Type")
        if kind not in _CONDITIONS:
            raise refusal(f"not emulated: conditions of type {kind} (step {step})")
        inner = [condition["Expression"]] if kind == "Not" else condition.get("Conditions") or []
        _check_conditions(inner, step)


def every(steps: Sequence[Step]) -> Iterator[Step]:
    """All steps, those of conditions as well."""
    for step in steps:
        yield step
        if step.get("Type") == "Condition":
            arguments = step.get("Arguments") or {}
            yield from every([*(arguments.get("IfSteps") or []), *(arguments.get("ElseSteps") or [])])


def needs(step: Step) -> set[str]:
    """Return the names of steps that *step* waits for."""
    looked_at: Any = step
    if step.get("Type") == "Condition":
        looked_at = {**step, "Arguments": step["Arguments"].get("Conditions")}
    found = set(step.get("DependsOn") or ())
    for path in _references(looked_at):
        if path.startswith("Steps."):
            found.add(re.split(r"[.\[]", path)[1])
    return found


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if set(value) == {"Get"} and isinstance(value["Get"], str):
            yield value["Get"]
        else:
            for member in value.values():
                yield from _references(member)
    elif isinstance(value, list):
        for member in value:
            yield from _references(member)


def parameters_of(definition: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
    """Return the parameters of an execution.

    Raises:
        AwsError: ``ValidationException``: one is unknown, missing, or of another type.
    """
    declared = {item["Name"]: item for item in definition.get("Parameters") or []}

    unknown = sorted(values.keys() - declared.keys())
    if unknown:
        raise refusal(f"Unknown parameter(s) found in the request: {unknown}")
    found = {}
    for name, item in declared.items():
        value = values.get(name, item.get("DefaultValue"))
        if value is None:
            raise refusal(f"Missing value for parameter: {name}")
        try:
            found[name] = _CONVERT[item["Type"]](value) if item["Type"] != "Boolean" else str(value).lower() == "true"
        except (KeyError, ValueError):
            raise refusal(f"Parameter {name} must be of type {item['Type']}.") from None
        allowed = item.get("EnumValues")
        if allowed and found[name] not in allowed:
            raise refusal(f"Parameter {name} must be one of {allowed}.")
    return found


def resolve(value: Any, known: Mapping[str, Any]) -> Any:
    """*value* with its references and functions replaced.

    Args:
        value: out of a definition.
        known: ``Parameters``, ``Execution``, ``Steps`` (by name, the members of each), and ``JsonGet``, which reads
            property files.

    Raises:
        StepError: something referred to is not there.
    """
    if isinstance(value, list):
        return [resolve(member, known) for member in value]
    if not isinstance(value, Mapping):
        return value
    if set(value) == {"Get"}:
        return at(known, value["Get"])
    if set(value) == {"Std:Join"}:
        join = value["Std:Join"]
        return str(join["On"]).join(_text(resolve(member, known)) for member in join["Values"])
    if set(value) == {"Std:JsonGet"}:
        wanted = value["Std:JsonGet"]
        return at(known["JsonGet"](wanted["PropertyFile"]["Get"]), wanted["Path"])
    return {name: resolve(member, known) for name, member in value.items()}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def at(value: Any, path: str) -> Any:
    """Return what lies at ``a.b['c'][0]``; in a list of named things, ``['c']`` is the one of that name."""
    place = value
    for match in _PART.finditer(path.removeprefix("$.")):
        name = next(group for group in match.groups() if group is not None)
        if isinstance(place, list):
            named = [item for item in place if isinstance(item, Mapping) and name in _names(item)]
            place = named[0] if named else place[int(name)] if name.isdigit() and int(name) < len(place) else None
        else:
            place = place.get(name) if isinstance(place, Mapping) else None
        if place is None:
            raise StepError(f"ClientError: {path} is not there")
    return place


def _names(item: Mapping[str, Any]) -> list[Any]:
    return [value for key, value in item.items() if key.endswith("Name")]


def holds(condition: Mapping[str, Any], known: Mapping[str, Any]) -> bool:
    """Whether a condition is true.

    Raises:
        StepError: it compares what cannot be compared, or is of an unknown type.
    """
    kind = condition.get("Type")
    if kind == "Not":
        return not holds(condition["Expression"], known)
    if kind == "Or":
        return any(holds(one, known) for one in condition["Conditions"])
    if kind == "In":
        return resolve(condition["QueryValue"], known) in resolve(condition["Values"], known)
    left, right = resolve(condition.get("LeftValue"), known), resolve(condition.get("RightValue"), known)
    if kind == "Equals":
        return bool(left == right)
    try:
        if kind == "GreaterThan":
            return bool(left > right)
        if kind == "GreaterThanOrEqualTo":
            return bool(left >= right)
        if kind == "LessThan":
            return bool(left < right)
        if kind == "LessThanOrEqualTo":
            return bool(left <= right)
    except TypeError:
        raise StepError(f"ClientError: {left!r} and {right!r} cannot be compared") from None
    raise StepError(f"ClientError: not emulated: conditions of type {kind}")
