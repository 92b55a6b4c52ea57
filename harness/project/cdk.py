"""Reads what ``cdk synth`` has written: stacks in their order, and the files that they need in S3.

https://docs.aws.amazon.com/cdk/v2/guide/deploy.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.project.template import TemplateError
from harness.project.zipping import zip_folder

_STACK = "aws:cloudformation:stack"
_ASSETS = "cdk:asset-manifest"
BOOTSTRAP_VERSION = "30"
"""What `cdk bootstrap` would have written down."""


@dataclass(frozen=True)
class CdkStack:
    """A stack of an application.

    Attributes:
        name: of the stack.
        template: its file.
        parameters: values that the application sets.
        files: contents by bucket and key.
        images: sources of container images, which are not built here.
    """

    name: str
    template: Path
    parameters: Mapping[str, str]
    tags: Mapping[str, str]
    files: Mapping[tuple[str, str], bytes]
    images: tuple[str, ...]


def read_application(folder: Path, account: str, region: str) -> list[CdkStack]:
    """Read the stacks of the application in *folder*, each after those that it needs.

    Args:
        folder: what ``cdk synth`` wrote (``cdk.out``), with its ``manifest.json``.
        account: twelve digits, put for ``${AWS::AccountId}`` in the names of assets.
        region: put for ``${AWS::Region}`` there.

    Raises:
        TemplateError: it cannot be read.
    """
    artifacts = _read(folder / "manifest.json").get("artifacts", {})
    found: dict[str, CdkStack] = {}

    def visit(name: str) -> None:
        artifact = artifacts.get(name, {})
        if name in found or not artifact:
            return
        for other in artifact.get("dependencies", ()):
            visit(other)
        if artifact.get("type") == _STACK:
            found[name] = _stack(folder, name, artifact, artifacts, account, region)

    for name in artifacts:
        visit(name)
    if not found:
        raise TemplateError(f"{folder}: the application has no stack")
    return list(found.values())


def _stack(
    folder: Path, name: str, artifact: Mapping[str, Any], artifacts: Mapping[str, Any], account: str, region: str
) -> CdkStack:
    properties = artifact.get("properties", {})
    files: dict[tuple[str, str], bytes] = {}
    images: list[str] = []
    for other in artifact.get("dependencies", ()):
        if artifacts.get(other, {}).get("type") == _ASSETS:
            manifest = _read(folder / artifacts[other]["properties"]["file"])
            images += manifest.get("dockerImages", {})
            for asset in manifest.get("files", {}).values():
                content = _content(folder, asset["source"])
                for place in asset["destinations"].values():
                    bucket, key = (_filled(place[member], account, region) for member in ("bucketName", "objectKey"))
                    files[bucket, key] = content
    return CdkStack(
        properties.get("stackName", name),
        folder / properties["templateFile"],
        {key: str(value) for key, value in properties.get("parameters", {}).items()},
        {key: str(value) for key, value in properties.get("tags", {}).items()},
        files,
        tuple(images),
    )


def _content(folder: Path, source: Mapping[str, str]) -> bytes:
    path = folder / source["path"]
    return zip_folder(path) if source.get("packaging") == "zip" and path.is_dir() else path.read_bytes()


def _filled(text: str, account: str, region: str) -> str:
    return (
        text.replace("${AWS::AccountId}", account).replace("${AWS::Region}", region).replace("${AWS::Partition}", "aws")
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise TemplateError(f"{path}: {error}") from None
    return found
