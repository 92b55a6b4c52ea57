"""Layers: published, described, shared, and used by functions.

https://docs.aws.amazon.com/lambda/latest/dg/chapter-layers.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from harness.emulator.door.call import Call
from harness.emulator.door.members import Members, number, optional_text, structure, text, texts
from harness.emulator.lambda_.control_plane import ControlPlane, PlaneOperations, answers
from harness.emulator.lambda_.package import unzipped_size
from harness.emulator.lambda_.paging import page
from harness.emulator.lambda_.records import Function, Layer, LayerVersion, Policy, now_text
from harness.emulator.lambda_.references import LATEST
from harness.emulator.lambda_.refusals import conflict, invalid, not_emulated, not_found, stale_revision, validation
from harness.emulator.limits import FUNCTION_UNZIPPED

_ARN = re.compile(r"arn:aws[a-zA-Z-]*:lambda:([^:]+):(\d{12}):layer:([a-zA-Z0-9_-]+)(?::(\d+))?")
_MOST = 5
_NO_POLICY = "No policy is associated with the given resource."


def layers_of(plane: ControlPlane, arns: Sequence[str], call: Call) -> list[Members]:
    """Return the layers that a function asks for, as its configuration has them.

    Args:
        plane: knows the layers.
        arns: ``Layers`` of the request, ARNs with versions.
        call: the request, for its region and caller.

    Raises:
        AwsError: too many, two of the same, of another region, or not there.
    """
    if len(arns) > _MOST:
        raise invalid(f"Cannot reference more than {_MOST} layers.")
    seen: dict[str, str] = {}
    found: list[Members] = []
    for arn in arns:
        match = _ARN.fullmatch(arn)
        if match is None or match[4] is None:
            raise invalid(f"Layer version {arn} does not exist.")
        region, account, name, number = match.groups()
        if region != call.region:
            raise invalid(
                f"Layers are not in the same region as the function. Layers are expected to be in region {call.region}."
            )
        version = _version(plane, region, account, name, int(number))
        folder = plane.provided.layer(arn)
        if version is None and folder is None and account != call.account:
            raise not_emulated(
                f"layer {arn}, of another account. Give a folder or a package of PyPI for it: "
                f"harness up --layer {name}=FOLDER, or HARNESS_LAYERS={name}=FOLDER"
            )
        if version is None and folder is None:
            raise invalid(f"Layer version {arn} does not exist.")
        layer = arn.rpartition(":")[0]
        if layer in seen:
            raise invalid(
                "Two different versions of the same layer are not allowed to be referenced in the same function. "
                f"{seen[layer]} and {arn} are versions of the same layer."
            )
        seen[layer] = arn
        found.append({"Arn": arn, "CodeSize": version.size if version is not None else _size(folder)})
    return found


def check_size(plane: ControlPlane, function: Function) -> None:
    """Refuse a function that is, with its layers, larger than Lambda unpacks.

    Raises:
        AwsError: ``InvalidParameterValueException``.
    """
    layers = function.latest.get("Layers") or ()
    if not layers or function.latest["PackageType"] == "Image":
        return
    contents = [content_of(plane, str(each["Arn"])) for each in layers]
    size = sum(unzipped_size(path) if path.is_file() else _size(path) for path in contents if path is not None)
    if size > FUNCTION_UNZIPPED.most:
        raise invalid(f"Layers consume more than the available size of {FUNCTION_UNZIPPED.most} bytes")
    size += unzipped_size(plane.codes.path(function.code[LATEST]))
    if size > FUNCTION_UNZIPPED.most:
        raise invalid(
            f"Function code combined with layers exceeds the maximum allowed size of {FUNCTION_UNZIPPED.most} bytes. "
            f"The actual size is {size} bytes."
        )


def content_of(plane: ControlPlane, arn: str) -> Path | None:
    """Return the package of a layer's version, or the folder that stands for it; None once it is deleted."""
    match = _ARN.fullmatch(arn)
    version = _version(plane, match[1], match[2], match[3], int(match[4])) if match and match[4] else None
    return plane.codes.path(version.digest) if version is not None else plane.provided.layer(arn)


def _size(folder: Path | None) -> int:
    files = folder.rglob("*") if folder is not None else ()
    return sum(path.stat().st_size for path in files if path.is_file())


def _version(plane: ControlPlane, region: str, account: str, name: str, number: int) -> LayerVersion | None:
    layer = plane.store.layers.get((region, name))
    return layer.versions.get(number) if layer is not None and layer.account == account else None


class Layers(PlaneOperations):
    """The operations on layers."""

    @answers("PublishLayerVersion")
    def publish(self, call: Call) -> Members:
        """Publish a version."""
        given = call.parameters
        name = text(given, "LayerName").rpartition("layer:")[2]
        package = self._plane.codes.take(structure(given, "Content"), call.region, call.caller)
        with self._store.lock:
            layer = self._store.layers.setdefault((call.region, name), Layer(call.region, call.account, name))
            layer.last += 1
            version = layer.versions[layer.last] = LayerVersion(
                f"{layer.arn}:{layer.last}",
                layer.arn,
                layer.last,
                text(given, "Description", ""),
                now_text(),
                texts(given, "CompatibleRuntimes") if "CompatibleRuntimes" in given else None,
                texts(given, "CompatibleArchitectures") if "CompatibleArchitectures" in given else None,
                optional_text(given, "LicenseInfo"),
                package.digest,
                package.size,
            )
        return self._described(version)

    @answers("GetLayerVersion")
    def get(self, call: Call) -> Members:
        """Describe a version."""
        if number(call.parameters, "VersionNumber") < 1:
            raise invalid("Layer Version Cannot be less than 1")
        _, version = self._find(call)
        if version is None:
            raise not_found("The resource you requested does not exist.")
        return self._described(version)

    @answers("GetLayerVersionByArn")
    def get_by_arn(self, call: Call) -> Members:
        """Describe a version by its ARN."""
        match = _ARN.fullmatch(text(call.parameters, "Arn"))
        version = _version(self._plane, match[1], match[2], match[3], int(match[4] or 0)) if match else None
        if version is None:
            raise not_found("The resource you requested does not exist.")
        return self._described(version)

    @answers("DeleteLayerVersion")
    def delete(self, call: Call) -> Members:
        """Delete a version; nothing happens where there is none."""
        if number(call.parameters, "VersionNumber") < 1:
            raise invalid("Layer Version Cannot be less than 1")
        with self._store.lock:
            layer = self._store.layers.get((call.region, self._name(call)))
            if layer is not None:
                layer.versions.pop(number(call.parameters, "VersionNumber"), None)
        return {}

    @answers("ListLayerVersions")
    def list_versions(self, call: Call) -> Members:
        """List a layer's versions, the latest first."""
        layer = self._store.layers.get((call.region, self._name(call)))
        versions = sorted(layer.versions.values(), key=lambda each: -each.version) if layer else []
        return page(call, "LayerVersions", [self._listed(each) for each in versions if _fits(each, call)])

    @answers("ListLayers")
    def list_layers(self, call: Call) -> Members:
        """List layers, each with its latest version."""
        found = []
        for (region, name), layer in sorted(self._store.layers.items()):
            versions = [each for each in layer.versions.values() if _fits(each, call)]
            if region == call.region and versions:
                latest = max(versions, key=lambda each: each.version)
                found.append({"LayerName": name, "LayerArn": layer.arn, "LatestMatchingVersion": self._listed(latest)})
        return page(call, "Layers", found)

    @answers("AddLayerVersionPermission")
    def add_permission(self, call: Call) -> Members:
        """Share a version."""
        given = call.parameters
        if (action := text(given, "Action")) != "lambda:GetLayerVersion":
            raise validation(f"'{action}'", "action", "satisfy regular expression pattern: lambda:GetLayerVersion")
        arn, version = self._find(call)
        if version is None:
            raise not_found(f"Layer version {arn} does not exist.")
        with self._store.lock:
            policy = version.policy or Policy()
            self._check_revision(call, policy)
            if any(statement["Sid"] == given["StatementId"] for statement in policy.statements):
                raise conflict(
                    f"The statement id ({given['StatementId']}) provided already exists. Please provide a new "
                    "statement id, or remove the existing statement."
                )
            principal = text(given, "Principal")
            who = f"arn:aws:iam::{principal}:root" if principal.isdigit() else principal
            statement: dict[str, object] = {
                "Sid": given["StatementId"],
                "Effect": "Allow",
                "Principal": who if who == "*" else {"AWS": who},
                "Action": action,
                "Resource": version.arn,
            }
            if given.get("OrganizationId"):
                statement["Condition"] = {"StringEquals": {"aws:PrincipalOrgID": given["OrganizationId"]}}
            version.policy = Policy([*policy.statements, statement])
            return {"Statement": json.dumps(statement, separators=(",", ":")), "RevisionId": version.policy.revision}

    @answers("RemoveLayerVersionPermission")
    def remove_permission(self, call: Call) -> Members:
        """Share a version no longer."""
        arn, version = self._find(call)
        if version is None:
            raise not_found(f"Layer version {arn} does not exist.")
        with self._store.lock:
            policy = version.policy or Policy()
            self._check_revision(call, policy)
            sid = call.parameters["StatementId"]
            left = [statement for statement in policy.statements if statement["Sid"] != sid]
            if len(left) == len(policy.statements):
                raise not_found(f"Statement {sid} is not found in resource policy.")
            version.policy = Policy(left) if left else None
        return {}

    @answers("GetLayerVersionPolicy")
    def get_policy(self, call: Call) -> Members:
        """With whom a version is shared."""
        arn, version = self._find(call)
        if version is None:
            raise not_found(f"Layer version {arn} does not exist.")
        if version.policy is None:
            raise not_found(_NO_POLICY)
        document = {"Version": "2012-10-17", "Id": "default", "Statement": version.policy.statements}
        return {"Policy": json.dumps(document, separators=(",", ":")), "RevisionId": version.policy.revision}

    @staticmethod
    def _check_revision(call: Call, policy: Policy) -> None:
        if call.parameters.get("RevisionId") not in (None, policy.revision):
            raise stale_revision("GetLayerPolicy")

    @staticmethod
    def _name(call: Call) -> str:
        return text(call.parameters, "LayerName").rpartition("layer:")[2]

    def _find(self, call: Call) -> tuple[str, LayerVersion | None]:
        name, wanted = self._name(call), number(call.parameters, "VersionNumber")
        arn = f"arn:aws:lambda:{call.region}:{call.account}:layer:{name}:{wanted}"
        return arn, _version(self._plane, call.region, call.account, name, wanted)

    @staticmethod
    def _listed(version: LayerVersion) -> Members:
        return {
            "LayerVersionArn": version.arn,
            "Version": version.version,
            "Description": version.description,
            "CreatedDate": version.created,
            "CompatibleRuntimes": version.runtimes,
            "CompatibleArchitectures": version.architectures,
            "LicenseInfo": version.license,
        }

    def _described(self, version: LayerVersion) -> Members:
        sha256 = self._plane.codes.code_sha256(version.digest)
        location = self._plane.code_location(version.digest)
        content = {"CodeSha256": sha256, "CodeSize": version.size, "Location": location}
        return {**self._listed(version), "LayerArn": version.layer_arn, "Content": content}


def _fits(version: LayerVersion, call: Call) -> bool:
    runtime, architecture = (call.parameters.get(key) for key in ("CompatibleRuntime", "CompatibleArchitecture"))
    return (runtime is None or runtime in (version.runtimes or ())) and (
        architecture is None or architecture in (version.architectures or ())
    )
