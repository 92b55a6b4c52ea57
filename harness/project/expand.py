"""Expands a SAM template into plain CloudFormation, here, so that the change set that is shown is all that is run.

AWS's own translator does it: https://github.com/aws/serverless-application-model
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.project.install import package
from harness.project.packaging import attributes_as_lists
from harness.project.template import TemplateError, load_template

if TYPE_CHECKING:
    import boto3

CODE_PREFIX = "deploy"
"""Where in the bucket the packages of functions are put, below their digests."""
LONGEST_BODY = 51_200
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""


@dataclass(frozen=True)
class Expanded:
    """A template that CloudFormation takes as it is."""

    body: str
    """JSON."""
    packages: dict[str, bytes]
    """ZIP files by their keys in the bucket; a key has the content's digest."""
    parameters: dict[str, str]
    url: str | None = None
    """Where in S3 the body is, if it is too long for a request."""

    @property
    def resources(self) -> dict[str, str]:
        """Types of resources by their logical names."""
        return {name: resource["Type"] for name, resource in json.loads(self.body)["Resources"].items()}


def expand(template: Path, bucket: str, parameters: Mapping[str, str], session: boto3.Session) -> Expanded:
    """Return the template for a stack whose functions' packages are in *bucket*, expanded as SAM's transform does it.

    Args:
        template: path of the SAM template; its ``CodeUri`` and ``DefinitionUri`` are relative to it.
        bucket: where the packages will be.
        parameters: values of the template's parameters, by name.
        session: for the region and partition that the transform asks for.

    Raises:
        TemplateError: the template cannot be used or is too long.
    """
    from samtranslator.model.exceptions import InvalidDocumentException
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    document: dict[str, Any] = attributes_as_lists(load_template(template))
    packages: dict[str, bytes] = {}
    for resource in document["Resources"].values():
        properties = resource.get("Properties") or {}
        if "CodeUri" in properties:
            folder = template.parent / properties["CodeUri"]
            code = package(folder)
            key = f"{CODE_PREFIX}/{folder.name}-{hashlib.sha256(code).hexdigest()[:12]}.zip"
            packages[key] = code
            properties["CodeUri"] = {"Bucket": bucket, "Key": key}
        if "DefinitionUri" in properties:
            source = template.parent / properties.pop("DefinitionUri")
            properties["Definition"] = json.loads(source.read_text())
    try:
        translated = Translator({}, Parser(), boto_session=session).translate(document, dict(parameters))
    except InvalidDocumentException as error:
        raise TemplateError(f"{template}: {error.message}") from None
    for resource in translated["Resources"].values():
        if resource["Type"] == "AWS::StepFunctions::StateMachine":
            properties = resource["Properties"]
            properties["DefinitionString"] = _in_one_line(properties["DefinitionString"])
    body = json.dumps(translated, sort_keys=True, separators=(",", ":"))
    if len(body.encode()) > LONGEST_BODY:
        raise TemplateError(
            f"{template}: {len(body.encode())} bytes of CloudFormation, and CreateChangeSet takes {LONGEST_BODY}"
        )
    return Expanded(body, packages, dict(parameters))


def _in_one_line(definition: Any) -> Any:
    """A definition without the line breaks and indents that the translator makes, which are most of a template."""
    lines = definition.get("Fn::Join", ["", [None]])[1] if isinstance(definition, dict) else [definition]
    if not all(isinstance(line, str) for line in lines):
        return definition
    return json.dumps(json.loads("\n".join(lines)), separators=(",", ":"))
