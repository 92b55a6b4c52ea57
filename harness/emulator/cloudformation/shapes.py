"""Brings the properties of resources into the form that an operation takes, by botocore's model of it.

Most properties have the names of the operation's members, but for capitals; numbers and truths are texts as often as
not, and documents are written as mappings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from harness.emulator.aws_models import service_model
from harness.emulator.cloudformation.expressions import text_of

if TYPE_CHECKING:
    from botocore.model import Shape


def fit(service: str, operation: str, properties: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Fit properties of a resource to an operation's input: names, and types of texts that are numbers or booleans.

    Args:
        service: boto3's name.
        operation: that makes or changes the resource.
        properties: as the template has them, evaluated.

    Returns:
        the operation's parameters, and the names of properties that it does not take.
    """
    shape = service_model(service).operation_model(operation).input_shape
    if shape is None:
        return {}, list(properties)
    left: list[str] = []
    return _structure(shape, properties, left, ""), left


def takes(service: str, operation: str, member: str) -> bool:
    """Return whether an operation has an input member.

    Args:
        service: boto3's name.
        operation: of it.
        member: as the service's model spells it.
    """
    shape = service_model(service).operation_model(operation).input_shape
    return shape is not None and member in shape.members


def _structure(shape: Shape, value: Mapping[str, Any], left: list[str], path: str) -> dict[str, Any]:
    members = {name.lower(): name for name in shape.members}
    found = {}
    for key, item in value.items():
        name = key if key in shape.members else members.get(str(key).lower())
        if name is None:
            left.append(f"{path}{key}")
        elif item is not None:
            found[name] = _value(shape.members[name], item, left, f"{path}{key}.")
    return found


def _value(shape: Shape, value: Any, left: list[str], path: str) -> Any:
    kind = shape.type_name
    if kind == "structure":
        if shape.metadata.get("document"):
            return value
        return _structure(shape, value, left, path) if isinstance(value, Mapping) else value
    if kind == "list":
        if isinstance(value, Mapping) and shape.member.type_name == "structure":
            return tag_list(value, shape)
        items = value if isinstance(value, list) else [value]
        return [_value(shape.member, item, left, path) for item in items]
    if kind == "map":
        if isinstance(value, list):
            return {item["Key"]: text_of(item.get("Value")) for item in value}
        return {str(key): _value(shape.value, item, left, path) for key, item in value.items()}
    if kind == "boolean":
        return value if isinstance(value, bool) else text_of(value).lower() == "true"
    if kind in ("integer", "long"):
        return value if isinstance(value, (int, bool)) else int(float(value))
    if kind in ("float", "double"):
        return float(value)
    if kind == "string":
        return json.dumps(value) if isinstance(value, (Mapping, list)) else text_of(value)
    if kind == "blob":
        text = json.dumps(value) if isinstance(value, (Mapping, list)) else text_of(value)
        return value if isinstance(value, bytes) else text.encode()
    return value


def tag_list(tags: Mapping[str, Any], shape: Shape) -> list[dict[str, str]]:
    """Tags as the members of a list's *shape* have it: ``Key``, ``key`` or ``TagKey``."""
    names = {name.lower(): name for name in shape.member.members}
    key = names.get("key") or names.get("tagkey") or "Key"
    value = names.get("value") or names.get("tagvalue") or "Value"
    return [{key: name, value: text_of(text)} for name, text in tags.items()]


def with_tags(service: str, operation: str, tags: Mapping[str, str]) -> dict[str, Any]:
    """Return the member of an operation that takes tags, in the form that it wants; nothing where it has none.

    Args:
        service: boto3's name.
        operation: of it.
        tags: by key; CloudFormation's own (``aws:...``) are left out.
    """
    tags = {key: value for key, value in tags.items() if not key.startswith("aws:")}
    shape = service_model(service).operation_model(operation).input_shape
    members = {name.lower(): name for name in shape.members} if shape is not None else {}
    if shape is None or not tags:
        return {}
    if "tags" in members:
        name = members["tags"]
        member = shape.members[name]
        return {name: dict(tags) if member.type_name == "map" else tag_list(tags, member)}
    if "tagspecifications" in members:
        words = re.findall("[A-Z][a-z]+", re.sub("^(Create|Allocate)", "", operation))
        kind = "-".join(words).lower()
        listed = [{"Key": key, "Value": value} for key, value in tags.items()]
        return {"TagSpecifications": [{"ResourceType": _EC2_KINDS.get(kind, kind), "Tags": listed}]}
    return {}


_EC2_KINDS = {"address": "elastic-ip", "nat-gateway": "natgateway", "flow-logs": "vpc-flow-log"}
"""Resource types of EC2's tags that are not called as the operations that make them."""
