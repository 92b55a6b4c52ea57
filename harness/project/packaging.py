"""Packages what a template names on this disk, as ``sam package`` does: files go to S3, the template names them there.

https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-cli-command-reference-sam-package.html
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.project.template import TemplateError, load_template
from harness.project.zipping import zip_files, zip_folder

BUILT = Path(".aws-sam", "build")
"""Where ``sam build`` puts what it has built."""
LIVE_BUCKET = "hot-reload"
"""The bucket's name that stands for folders, in LocalStack and in ``harness up --live``."""
_SKIPPED = ("s3://", "http://", "https://", "arn:")


@dataclass(frozen=True)
class Artifact:
    """A property that may name a file or folder.

    Attributes:
        path: of the property, below ``Properties``.
        zipped: whether it is a ZIP file of a folder.
        place: names of the members that say bucket and key; none for ``s3://bucket/key``.
        required: whether the template's own folder is meant where it is left out.
    """

    path: str
    zipped: bool = False
    place: tuple[str, str] | None = None
    required: bool = False


_ARTIFACTS: Mapping[str, Artifact] = {
    "AWS::Serverless::Function": Artifact("CodeUri", zipped=True, place=("Bucket", "Key"), required=True),
    "AWS::Serverless::LayerVersion": Artifact("ContentUri", zipped=True, place=("Bucket", "Key")),
    "AWS::Serverless::StateMachine": Artifact("DefinitionUri", place=("Bucket", "Key")),
    "AWS::Serverless::Api": Artifact("DefinitionUri", place=("Bucket", "Key")),
    "AWS::Serverless::HttpApi": Artifact("DefinitionUri", place=("Bucket", "Key")),
    "AWS::Lambda::Function": Artifact("Code", zipped=True, place=("S3Bucket", "S3Key"), required=True),
    "AWS::Lambda::LayerVersion": Artifact("Content", zipped=True, place=("S3Bucket", "S3Key")),
    "AWS::StepFunctions::StateMachine": Artifact("DefinitionS3Location", place=("Bucket", "Key")),
    "AWS::ApiGateway::RestApi": Artifact("BodyS3Location", place=("Bucket", "Key")),
    "AWS::ApiGatewayV2::Api": Artifact("BodyS3Location", place=("Bucket", "Key")),
    "AWS::Glue::Job": Artifact("Command.ScriptLocation"),
}
_NESTED = {"AWS::CloudFormation::Stack": "TemplateURL", "AWS::Serverless::Application": "Location"}
_WITHOUT_CODE = ("InlineCode", "ImageUri", "PackageType")


@dataclass(frozen=True)
class Packaged:
    """A template that names nothing on this disk any more.

    Attributes:
        body: JSON.
        uploads: contents by their keys; a key has the content's digest.
    """

    body: str
    uploads: dict[str, bytes] = field(default_factory=dict)


def package(
    template: Path,
    bucket: str,
    region: str,
    prefix: str = "",
    *,
    install: Callable[[Path], bytes] | None = None,
    live: Path | None = None,
) -> Packaged:
    """Return the template for a stack whose files are in *bucket*.

    Args:
        template: paths in it are relative to its folder.
        bucket: into which the uploads will be put.
        region: of the bucket.
        prefix: of the keys.
        install: makes a function's package of its folder; the default installs ``requirements.txt`` with pip.
        live: a folder whose functions are not packaged: they run from there, in an emulator that has it as ``--live``.

    Raises:
        TemplateError: a file is not there, or its requirements cannot be installed.
    """
    packager = _Packager(bucket, region, prefix, install or with_requirements, live.resolve() if live else None)
    body = packager.document(template)
    return Packaged(body, packager.uploads)


def with_requirements(folder: Path) -> bytes:
    """Pack a function's folder as a ZIP file, with what its ``requirements.txt`` names beside it.

    Raises:
        TemplateError: pip cannot install them.
    """
    requirements = folder / "requirements.txt"
    if not requirements.is_file() or not _names_something(requirements) or _is_built(folder):
        return zip_folder(folder)
    with tempfile.TemporaryDirectory(prefix="harness-") as scratch:
        command = [sys.executable, "-m", "pip", "install", "-q", "--no-compile", "--disable-pip-version-check"]
        done = subprocess.run(
            [*command, "-r", str(requirements), "--target", scratch], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise TemplateError(f"{requirements}: pip cannot install them:\n{done.stderr.strip()}")
        return zip_folder(folder, beneath=Path(scratch))


def _names_something(requirements: Path) -> bool:
    lines = (line.strip() for line in requirements.read_text().splitlines())
    return any(line and not line.startswith("#") for line in lines)


def _is_built(folder: Path) -> bool:
    return BUILT.name in folder.parts and BUILT.parts[0] in folder.parts


class _Packager:
    def __init__(
        self, bucket: str, region: str, prefix: str, install: Callable[[Path], bytes], live: Path | None
    ) -> None:
        self._live = live
        self._bucket = bucket
        self._region = region
        self._prefix = prefix
        self._install = install
        self.uploads: dict[str, bytes] = {}
        self._folders: dict[Path, str] = {}

    def document(self, template: Path) -> str:
        """Return a template's text, with its files named where they will be."""
        document = attributes_as_lists(load_template(template))
        folder = template.parent
        code = ((document.get("Globals") or {}).get("Function") or {}).get("CodeUri")
        if isinstance(code, str) and not code.startswith(_SKIPPED):
            document["Globals"]["Function"]["CodeUri"] = self._put(
                folder, Artifact("", zipped=True, place=("Bucket", "Key")), code
            )
        for name, resource in (document.get("Resources") or {}).items():
            if isinstance(resource, dict) and isinstance(resource.get("Type"), str):
                try:
                    self._resource(folder, resource, bool(code))
                except OSError as error:
                    raise TemplateError(f"{template}: Resources.{name}: {error}") from None
        for include in _includes(document):
            place = include.get("Location")
            if isinstance(place, str) and not place.startswith(_SKIPPED):
                include["Location"] = self._upload((folder / place).read_bytes(), Path(place).suffix or ".yaml")
        return json.dumps(document, separators=(",", ":"))

    def _resource(self, folder: Path, resource: dict[str, Any], code_in_globals: bool) -> None:
        kind = resource["Type"]
        properties = resource.setdefault("Properties", {}) or {}
        resource["Properties"] = properties
        if kind in _NESTED:
            location = properties.get(_NESTED[kind])
            if isinstance(location, str) and not location.startswith(_SKIPPED):
                body = self.document(folder / location).encode()
                bucket, key = self._upload(body, ".template").removeprefix("s3://").split("/", 1)
                properties[_NESTED[kind]] = f"https://s3.{self._region}.amazonaws.com/{bucket}/{key}"
            return
        artifact = _ARTIFACTS.get(kind)
        if artifact is None:
            return
        holder, _, member = artifact.path.rpartition(".")
        owner = properties.get(holder) if holder else properties
        if not isinstance(owner, dict):
            return
        given = owner.get(member)
        if given is None and artifact.required and not code_in_globals:
            if any(name in properties for name in _WITHOUT_CODE) or kind.startswith("AWS::Lambda"):
                return
            given = "."
        if isinstance(given, str) and not given.startswith(_SKIPPED):
            owner[member] = self._put(folder, artifact, given)

    def _put(self, folder: Path, artifact: Artifact, given: str) -> Any:
        path = folder / given
        if artifact.zipped and path.is_dir():
            path = path.resolve()
            if self._live is not None and path.is_relative_to(self._live):
                self._folders[path] = f"s3://{LIVE_BUCKET}/{path.relative_to(self._live).as_posix()}"
            elif path not in self._folders:
                self._folders[path] = self._upload(self._install(path), ".zip")
            address = self._folders[path]
        elif path.is_file():
            content = path.read_bytes()
            if artifact.zipped and not zipfile.is_zipfile(path):
                address = self._upload(zip_files({path.name: path}), ".zip")
            else:
                address = self._upload(content, path.suffix)
        else:
            raise FileNotFoundError(f"there is no {path}")
        bucket, key = address.removeprefix("s3://").split("/", 1)
        return dict(zip(artifact.place, (bucket, key), strict=True)) if artifact.place else address

    def _upload(self, content: bytes, suffix: str) -> str:
        key = f"{self._prefix}{hashlib.sha256(content).hexdigest()[:32]}{suffix}"
        self.uploads[key] = content
        return f"s3://{self._bucket}/{key}"


def _includes(part: Any) -> Iterator[dict[str, Any]]:
    """Yield the parameters of all ``AWS::Include`` in *part*."""
    if isinstance(part, list):
        for item in part:
            yield from _includes(item)
    elif isinstance(part, dict):
        transform = part.get("Fn::Transform")
        if isinstance(transform, dict) and transform.get("Name") == "AWS::Include":
            yield transform.setdefault("Parameters", {})
        for value in part.values():
            yield from _includes(value)


def attributes_as_lists(value: Any) -> Any:
    """``Fn::GetAtt`` as JSON templates have it: a list."""
    if isinstance(value, list):
        return [attributes_as_lists(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {key: attributes_as_lists(item) for key, item in value.items()}
    if isinstance(found.get("Fn::GetAtt"), str):
        found["Fn::GetAtt"] = found["Fn::GetAtt"].split(".", 1)
    return found
