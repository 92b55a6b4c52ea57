"""Carries out transforms: AWS's own translator for SAM, snippets from S3, loops.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/transform-reference.html
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

from harness.emulator.cloudformation.documents import Document, invalid, parse
from harness.emulator.cloudformation.expressions import text_of
from harness.emulator.cloudformation.serverless import SERVERLESS

INCLUDE = "AWS::Include"
EXTENSIONS = "AWS::LanguageExtensions"
_MOST_MADE = 5000
"""By a loop, with those in it: ten times what a template may have of resources."""
_DEEPEST = 10
"""How many snippets may include one another."""
_IGNORED = frozenset({"AWS::CodeDeployBlueGreen"})

FetchText = Callable[[str], str]
"""Gives the text at ``s3://bucket/key`` or an address of S3."""
Translate = Callable[[Document, Mapping[str, Any], str], Document]
"""Gives a template of SAM as plain CloudFormation, given its values and the region."""


def names_of(template: Mapping[str, Any]) -> list[str]:
    """List the transforms that a template declares as a whole."""
    declared = template.get("Transform") or []
    listed = declared if isinstance(declared, list) else [declared]
    return [item["Name"] if isinstance(item, Mapping) else str(item) for item in listed]


def transform(
    template: Document, values: Mapping[str, Any], region: str, fetch: FetchText, translate: Translate
) -> Document:
    """*template* with all its transforms carried out.

    Args:
        template: as it was given.
        values: of its parameters and of pseudo parameters.
        region: of the stack.
        fetch: reads snippets.
        translate: carries out SAM's transform.

    Raises:
        AwsError: ValidationError; ``not emulated`` for macros.
    """
    names = names_of(template)
    found: Document = _include(copy.deepcopy(template), values, fetch)
    declared = found.pop("Transform", None)
    for item in declared if isinstance(declared, list) else [declared] if declared else []:
        name, arguments = (item["Name"], item.get("Parameters") or {}) if isinstance(item, Mapping) else (item, {})
        if name == INCLUDE:
            found.update(_snippet(arguments, values, fetch))
        elif name not in (SERVERLESS, EXTENSIONS) and name not in _IGNORED:
            raise invalid(f"not emulated: transform {name}")
    if EXTENSIONS in names:
        found = _loops(found, values, {})
    if SERVERLESS in names:
        found = translate(found, values, region)
    return found


def _include(part: Any, values: Mapping[str, Any], fetch: FetchText, depth: int = 0) -> Any:
    """*part* with its ``Fn::Transform`` of snippets replaced; it is in *depth* snippets itself."""
    if depth > _DEEPEST:
        raise invalid(f"Transform {INCLUDE} failed with: a snippet includes itself")
    if isinstance(part, list):
        return [_include(item, values, fetch, depth) for item in part]
    if not isinstance(part, dict):
        return part
    found: Document = {}
    for key, value in part.items():
        if key == "Fn::Transform":
            for item in value if isinstance(value, list) else [value]:
                if item.get("Name") != INCLUDE:
                    raise invalid(f"not emulated: transform {item.get('Name')}")
                snippet = _include(_snippet(item.get("Parameters") or {}, values, fetch), values, fetch, depth + 1)
                if not isinstance(snippet, dict):
                    return snippet
                found.update(snippet)
        else:
            found[key] = _include(value, values, fetch, depth)
    return found


def _snippet(arguments: Mapping[str, Any], values: Mapping[str, Any], fetch: FetchText) -> Any:
    location = arguments.get("Location")
    if isinstance(location, Mapping) and "Ref" in location:
        location = values.get(location["Ref"])
    if not isinstance(location, str):
        raise invalid("Transform AWS::Include failed with: The value of Location must be a string or a parameter")
    return parse(fetch(location))


def _loops(part: Any, values: Mapping[str, Any], names: Mapping[str, str]) -> Any:
    """*part* with ``Fn::ForEach`` carried out.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-foreach.html
    """
    if isinstance(part, str):
        for name, value in names.items():
            part = part.replace(f"${{{name}}}", value).replace(f"&{{{name}}}", "".join(filter(str.isalnum, value)))
        return part
    if isinstance(part, list):
        return [_loops(item, values, names) for item in part]
    if not isinstance(part, dict):
        return part
    if len(part) == 1 and part.get("Ref") in names:
        return names[part["Ref"]]
    found: Document = {}
    for key, value in part.items():
        if not key.startswith("Fn::ForEach::"):
            found[_loops(key, values, names)] = _loops(value, values, names)
            continue
        name, items, body = value
        items = _loops(items, values, names)
        if isinstance(items, Mapping) and "Ref" in items:
            items = values.get(items["Ref"], [])
        for item in items:
            if isinstance(item, Mapping) and "Ref" in item:
                item = values.get(item["Ref"])
            found.update(_loops(body, values, {**names, name: text_of(item)}))
            if len(found) > _MOST_MADE:
                raise invalid(f"Transform {EXTENSIONS} failed with: {key} makes more than {_MOST_MADE} members")
    return found
