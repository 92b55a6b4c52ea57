"""Reads templates: JSON, or YAML with the short forms of functions.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-formats.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import yaml

from harness.emulator.door.errors import AwsError

Document = dict[str, Any]
"""A template, or a part of one: as JSON has it."""

_MOST_VALUES = 250_000
"""A template has at most 1 MB; of a few hundred bytes, YAML's aliases can make a thousand million values."""
_SECTIONS = frozenset(
    {
        "AWSTemplateFormatVersion",
        "Conditions",
        "Description",
        "Globals",
        "Hooks",
        "Mappings",
        "Metadata",
        "Outputs",
        "Parameters",
        "Resources",
        "Rules",
        "Transform",
    }
)
LONGEST_BODY, LONGEST_FILE = 51_200, 1_000_000
"""Bytes of a template in a request, and of one in S3."""
_MOST_MEMBERS = {"Resources": 500, "Parameters": 200, "Outputs": 200, "Mappings": 200}
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""
_TYPE = re.compile(r"[A-Za-z0-9]+(::[A-Za-z0-9]+){2,3}|Custom::[A-Za-z0-9_@-]+")
_RESOURCE_MEMBERS = frozenset(
    {
        "Condition",
        "Connectors",
        "CreationPolicy",
        "DeletionPolicy",
        "DependsOn",
        "Description",
        "IgnoreGlobals",
        "Metadata",
        "Properties",
        "Type",
        "UpdatePolicy",
        "UpdateReplacePolicy",
    }
)


class _Loader(yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader):  # type: ignore[misc]
    """YAML as CloudFormation reads it: dates and the like stay texts, ``!Sub`` is ``Fn::Sub``."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Make a mapping; its keys are texts, and none comes twice."""
        self.flatten_mapping(node)
        found: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = str(self.construct_object(key_node, deep=True))
            found[key] = self.construct_object(value_node, deep=True)
        return found


def _short_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", lambda loader, node: loader.construct_scalar(node))


def invalid(message: str) -> AwsError:
    """Make the error for a template or request that cannot be used."""
    return AwsError("ValidationError", message)


def parse(text: str) -> Any:
    """Read the value that a JSON or YAML text with short forms stands for.

    Raises:
        AwsError: ValidationError, it is neither, or stands for more than a template may hold.
    """
    try:
        value = _load(text)
        if _size(value, {}) > _MOST_VALUES:
            raise invalid(f"Template error: the text stands for more than {_MOST_VALUES} values.")
    except RecursionError:
        raise invalid("Template format error: the text is nested too deeply.") from None
    return value


def _load(text: str) -> Any:
    try:
        if text.lstrip().startswith("{"):
            return json.loads(text)
    except ValueError:
        pass  # YAML has mappings in braces, too
    try:
        return yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise invalid(f"Template format error: YAML not well-formed.{where}") from None


def _size(value: Any, known: dict[int, int]) -> int:
    """How many values *value* holds; what YAML's aliases share counts as often as it is named.

    Raises:
        AwsError: ValidationError, it holds itself.
    """
    if not isinstance(value, (dict, list)):
        return 1
    if id(value) not in known:
        known[id(value)] = 0
        inner = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_size(item, known) for item in inner)
    if known[id(value)] == 0:
        raise invalid("Template format error: YAML not well-formed.")
    return known[id(value)]


def _events(text: str) -> Iterator[yaml.Event]:
    try:
        yield from yaml.parse(text, _Loader)
    except yaml.YAMLError:
        return  # told when it is loaded


def read(text: str) -> Document:
    """Read the template in *text*.

    Raises:
        AwsError: ValidationError, it is not well-formed or not a template.
    """
    if "*" in text and any(isinstance(event, yaml.AliasEvent) for event in _events(text)):
        raise invalid("Template error: YAML aliases are not allowed in CloudFormation templates")
    found = parse(text)
    if not isinstance(found, dict):
        raise invalid("Template format error: unsupported structure.")
    document: Document = _normal(found)
    return document


def check(template: Mapping[str, Any]) -> None:
    """Refuse what is no template, in CloudFormation's words.

    Resources of SAM are looked at by its translator.

    Raises:
        AwsError: ValidationError.
    """
    unknown = sorted(template.keys() - _SECTIONS)
    if unknown:
        raise invalid(f"Invalid template property or properties [{', '.join(unknown)}]")
    version = template.get("AWSTemplateFormatVersion", "2010-09-09")
    if str(version) != "2010-09-09":
        raise invalid(f"Template format error: [/AWSTemplateFormatVersion] is invalid: {version}")
    for section, most in _MOST_MEMBERS.items():
        if (count := len(template.get(section) or ())) > most:
            words = f"Number of {section.lower()}, {count}, is greater than maximum allowed, {most}"
            raise invalid(f"Template format error: {words}")
    resources = template.get("Resources")
    if not isinstance(resources, Mapping) or not resources:
        raise invalid("Template format error: At least one Resources member must be defined.")
    for name, resource in resources.items():
        if name.startswith("Fn::"):  # a transform or a loop, which makes resources
            continue
        if not name.isalnum() or not name.isascii():
            raise invalid(f"Template format error: Resource name {name} is non alphanumeric.")
        if not isinstance(resource, Mapping):
            raise invalid("Template format error: [/Resources] Every Resources object must contain a Type member.")
        if not isinstance(resource.get("Type"), str):
            raise invalid(
                f"Template format error: [/Resources/{name}] Every Resources object must contain a Type member."
            )
        strange = sorted(resource.keys() - _RESOURCE_MEMBERS)
        if strange and not resource["Type"].startswith("AWS::Serverless::"):
            raise invalid(f"Invalid template resource property '{strange[0]}'")
    types = {resource["Type"] for name, resource in resources.items() if not name.startswith("Fn::")}
    unknown = sorted(kind for kind in types if not _TYPE.fullmatch(kind))
    if unknown:
        raise invalid(f"Template format error: Unrecognized resource types: [{', '.join(unknown)}]")
    for name, output in (template.get("Outputs") or {}).items():
        if not name.startswith("Fn::") and not (isinstance(output, Mapping) and "Value" in output):
            raise invalid(
                f"Template format error: Output {name} is malformed. Every Outputs member must contain a Value object"
            )


def _normal(value: Any) -> Any:
    """*value* as JSON templates have it."""
    if isinstance(value, Mapping):
        found = {str(key): _normal(item) for key, item in value.items()}
        if isinstance(found.get("Fn::GetAtt"), str) and len(found) == 1:
            found["Fn::GetAtt"] = found["Fn::GetAtt"].split(".", 1)
        return found
    if isinstance(value, list):
        return [_normal(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value
