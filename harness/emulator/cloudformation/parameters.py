"""Values of a stack's parameters: given, kept from before, by default, or out of Parameter Store.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.emulator.bounded_patterns import BoundedPattern
from harness.emulator.cloudformation.documents import invalid

HIDDEN = "****"
"""What is shown in place of a NoEcho parameter's value."""
_SSM = re.compile(r"AWS::SSM::Parameter::Value<(.+)>")
_LIST = re.compile(r"List<.+>|CommaDelimitedList")
_TYPES = re.compile(
    r"String|Number|CommaDelimitedList|List<(Number|String|AWS::[\w:]+)>|AWS::SSM::Parameter::(Name|Value<.+>)"
    r"|AWS::(EC2|Route53|Lambda|S3|IAM)::[\w:.]+"
)


@dataclass(frozen=True)
class Parameter:
    """A parameter with its value.

    Attributes:
        given: as the caller gave it, or the default.
        resolved: what Parameter Store has under that name, for SSM types.
    """

    name: str
    kind: str
    given: str
    no_echo: bool
    resolved: str | None = None

    @property
    def value(self) -> str | list[str]:
        """What ``Ref`` gives."""
        text = self.given if self.resolved is None else self.resolved
        of = _SSM.fullmatch(self.kind)
        if _LIST.fullmatch(of[1] if of else self.kind):
            return [item.strip() for item in text.split(",")] if text else []
        return text

    def described(self) -> dict[str, str]:
        """As DescribeStacks tells it."""
        found = {"ParameterKey": self.name, "ParameterValue": HIDDEN if self.no_echo else self.given}
        if self.resolved is not None and not self.no_echo:
            found["ResolvedValue"] = self.resolved
        return found


def read(
    declared: Mapping[str, Mapping[str, Any]],
    given: Iterable[Mapping[str, Any]],
    before: Mapping[str, Parameter],
    from_store: Callable[[str], str],
) -> dict[str, Parameter]:
    """Read the values of all *declared* parameters.

    Args:
        declared: the template's ``Parameters``.
        given: the request's ``Parameters``.
        before: the stack's until now, for ``UsePreviousValue``.
        from_store: the value of a parameter in Parameter Store.

    Raises:
        AwsError: ValidationError, as CloudFormation says it.
    """
    asked = {item["ParameterKey"]: item for item in given or ()}
    if unknown := sorted(asked.keys() - declared.keys()):
        raise invalid(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    found: dict[str, Parameter] = {}
    missing = []
    for name, declaration in declared.items():
        kind = str(declaration.get("Type", ""))
        if not _TYPES.fullmatch(kind):
            raise invalid(
                f"Template format error: Unrecognized parameter type: {kind}"
                if kind
                else f"Template format error: Every Parameters object must contain a Type member. ({name})"
            )
        item = asked.get(name)
        if item is not None and item.get("UsePreviousValue") and item.get("ParameterValue") is None:
            if name not in before:
                raise invalid(
                    f"Invalid input for parameter key {name}. Cannot specify usePreviousValue as "
                    "true for a parameter key not in the previous template"
                )
            value = before[name].given
        elif item is not None and item.get("ParameterValue") is not None:
            value = str(item["ParameterValue"])
        elif "Default" in declaration:
            value = _text(declaration["Default"])
        else:
            missing.append(name)
            continue
        _check(name, declaration, kind, value)
        resolved = from_store(value) if _SSM.fullmatch(kind) else None
        found[name] = Parameter(name, kind, value, _is_true(declaration.get("NoEcho")), resolved)
    if missing:
        raise invalid(f"Parameters: [{', '.join(missing)}] must have values")
    return found


def _check(name: str, declaration: Mapping[str, Any], kind: str, value: str) -> None:
    words = declaration.get("ConstraintDescription")

    def refuse(said: str) -> None:
        raise invalid(
            f"Parameter {name} failed to satisfy constraint: {words or said}" if words else f"Parameter '{name}' {said}"
        )

    of = _SSM.fullmatch(kind)
    items = [item.strip() for item in value.split(",")] if _LIST.fullmatch(kind) and value else [value]
    allowed = declaration.get("AllowedValues")
    if allowed is not None and not of:
        texts = [_text(item) for item in allowed]
        if any(item not in texts for item in items):
            refuse(f"must be one of AllowedValues: [{', '.join(texts)}]") if not words else refuse("")
    if kind in ("Number", "List<Number>"):
        for item in items:
            try:
                number = float(item)
            except ValueError:
                raise invalid(f"Parameter '{name}' must be a number.") from None
            if "MinValue" in declaration and number < float(declaration["MinValue"]):
                refuse(f"must be a number not less than {_text(declaration['MinValue'])}.")
            if "MaxValue" in declaration and number > float(declaration["MaxValue"]):
                refuse(f"must be a number not greater than {_text(declaration['MaxValue'])}.")
    elif not of:
        pattern = declaration.get("AllowedPattern")
        if pattern is not None:
            try:
                fits = all(map(BoundedPattern(str(pattern)).fullmatch, items))
            except ValueError as error:
                raise invalid(f"Parameter {name} has an AllowedPattern that cannot be used: {error}") from None
            if not fits:
                refuse(f"must match pattern {pattern}")
        if "MinLength" in declaration and len(value) < int(declaration["MinLength"]):
            refuse(f"must contain at least {declaration['MinLength']} characters")
        if "MaxLength" in declaration and len(value) > int(declaration["MaxLength"]):
            refuse(f"must contain at most {declaration['MaxLength']} characters")


def _text(value: Any) -> str:
    """Write a value of a template as CloudFormation has it: all are texts."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _is_true(value: Any) -> bool:
    return _text(value).lower() == "true"
