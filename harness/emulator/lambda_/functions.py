"""Functions: created, read, changed, deleted.

https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from harness.emulator.door.call import Call
from harness.emulator.door.members import Members, optional_text, structure, text, text_map, texts
from harness.emulator.lambda_.configuration import (
    change_configuration,
    check_configuration,
    check_source,
    listed,
    new_configuration,
)
from harness.emulator.lambda_.control_plane import CREATING, UPDATING, ControlPlane, settled, table, under_way
from harness.emulator.lambda_.layers import check_size, layers_of
from harness.emulator.lambda_.live_code import package
from harness.emulator.lambda_.paging import page
from harness.emulator.lambda_.records import MOST_TAGS, Function, now_text
from harness.emulator.lambda_.references import LATEST, Reference, check_new_name, reference_of
from harness.emulator.lambda_.refusals import (
    conflict,
    function_not_found,
    invalid,
    signing_not_found,
    stale_revision,
)
from harness.emulator.lambda_.versions import publish
from harness.emulator.lambda_.vpc import vpc_config
from harness.emulator.services import Operation

_REVISIONS = "GetFunction/GetAlias"


class Functions:
    """The operations on functions.

    Args:
        plane: the records.
    """

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._store = plane.store

    def operations(self) -> dict[str, Operation]:
        """By name."""
        unchecked = {
            "CreateFunction": self.create,
            "UpdateFunctionConfiguration": self.update_configuration,
        }
        return table(unchecked, checked=False) | table(
            {
                "DeleteFunction": self.delete,
                "GetFunction": self.get,
                "GetFunctionConfiguration": self.get_configuration,
                "ListFunctions": self.list,
                "UpdateFunctionCode": self.update_code,
            }
        )

    def create(self, call: Call) -> Members:
        """Create a function."""
        given = call.parameters
        check_new_name(text(given, "FunctionName", ""))
        check_configuration("CreateFunction", given, self._plane.provided.takes_ended)
        reference = reference_of(call)
        reference = Reference(reference.region, reference.account, reference.name)
        self._check_role(text(given, "Role"), reference)
        layers = layers_of(self._plane, texts(given, "Layers"), call)  # AWS looks at them before the name
        self._check_is_new(reference)
        with self._plane.settling.change(reference):
            configuration = new_configuration(given, reference.name, reference.function_arn, call.region)
            if "Layers" in given:
                configuration["Layers"] = layers
            vpc_config(self._plane, configuration, given, call)
            self._check_is_new(reference)
            tags = text_map(given, "Tags")
            if len(tags) > MOST_TAGS:
                raise invalid("Number of tags exceeds resource tag limit.")
            function = Function(call.region, call.account, reference.name, {LATEST: configuration})
            self._take_code(function, structure(given, "Code"), call)
            check_size(self._plane, function)
            function.tags = tags
            function.code_signing = self._signing(given)
            configuration["LastModified"] = now_text()
            settled(configuration)
            answer = under_way(configuration, **CREATING)
            answer.pop("LastUpdateStatus")
            with self._store.lock:
                self._store.functions[call.region, reference.name] = function
                if given.get("Publish"):
                    published, _ = publish(function)
                    answer |= {"Version": published["Version"]}
            settled(configuration)
        if not configuration.get("Layers"):
            configuration.pop("Layers", None)
        self._plane.settling.created(reference)
        self._plane.changed(function)
        return answer

    def _signing(self, given: Members) -> str | None:
        arn = optional_text(given, "CodeSigningConfigArn")
        if arn and arn not in self._store.signing:
            raise signing_not_found(arn)
        return arn

    def _check_is_new(self, reference: Reference) -> None:
        if self._store.find(reference) is not None:
            raise conflict(f"Function already exist: {reference.name}")

    def update_code(self, call: Call) -> Members:
        """Change a function's code; the next invocation runs it."""
        given = call.parameters
        reference, function = self._latest(call)
        if given.get("RevisionId") not in (None, function.latest["RevisionId"]):
            raise stale_revision(_REVISIONS)
        is_image = function.latest["PackageType"] == "Image"
        check_source(given)
        if is_image and not given.get("ImageUri"):
            raise invalid("Please provide ImageUri when updating a function with packageType Image.")
        if not is_image and given.get("ImageUri"):
            raise invalid("Please don't provide ImageUri when updating a function with packageType Zip.")
        with self._plane.settling.change(reference):
            changed = Function(function.region, function.account, function.name, {LATEST: dict(function.latest)})
            self._take_code(changed, given, call)
            if given.get("Architectures"):
                changed.latest["Architectures"] = given["Architectures"]
            return self._replace(function, changed, given, UPDATING)

    def update_configuration(self, call: Call) -> Members:
        """Change a function's configuration."""
        given = call.parameters
        check_configuration("UpdateFunctionConfiguration", given, self._plane.provided.takes_ended)
        reference, function = self._latest(call)
        if given.get("RevisionId") not in (None, function.latest["RevisionId"]):
            raise stale_revision(_REVISIONS)
        if given.get("Role"):
            self._check_role(text(given, "Role"), reference)
        with self._plane.settling.change(reference):
            changed = Function(function.region, function.account, function.name, {LATEST: dict(function.latest)})
            change_configuration(changed.latest, given, call.region)
            if given.get("Layers") is not None:
                changed.latest["Layers"] = layers_of(self._plane, texts(given, "Layers"), call)
                if not changed.latest["Layers"]:
                    del changed.latest["Layers"]
            vpc_config(self._plane, changed.latest, given, call)
            changed.code, changed.live = dict(function.code), function.live
            return self._replace(function, changed, {}, UPDATING)

    def delete(self, call: Call) -> Members:
        """Delete a function, or one of its versions."""
        reference = reference_of(call)
        function = self._store.find(reference)
        if reference.qualifier == LATEST:
            raise invalid("$LATEST version cannot be deleted without deleting the function.")
        if function is None:
            raise function_not_found(reference.function_arn)
        if reference.is_alias:
            raise invalid("Deletion of aliases is not currently supported.")
        with self._store.lock:
            if reference.qualifier is None:
                del self._store.functions[function.region, function.name]
                self._plane.settling.seen(function.region, function.name)
                self._plane.deleted(function)
            else:
                self._delete_version(function, reference)
            self._plane.codes.forget(self._store.digests())
        return {"StatusCode": 204}

    def _delete_version(self, function: Function, reference: Reference) -> None:
        version = str(reference.qualifier)
        using = [
            name
            for name, alias in function.aliases.items()
            if version == alias["FunctionVersion"]
            or version in ((alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {})
        ]
        if using:
            raise conflict(f"Version {version} is referenced by aliases: {', '.join(using)}")
        if function.versions.pop(version, None) is not None:
            function.code.pop(version, None)
            if function.provisioned.pop(version, None):
                self._plane.provisioned(function)

    def get(self, call: Call) -> Members:
        """Describe a function, with its code's address and its tags."""
        reference, function = self._plane.function(call)
        self._plane.settling.seen(function.region, function.name)
        configuration = self.described(function, reference)
        code: Members
        if configuration["PackageType"] == "Image":
            uri = function.code[function.version_of(reference.qualifier)]
            digest = f"{uri.partition('@')[0].rpartition(':')[0] or uri}@sha256:{configuration['CodeSha256']}"
            code = {"RepositoryType": "ECR", "ImageUri": uri, "ResolvedImageUri": uri if "@" in uri else digest}
        else:
            digest = function.code[function.version_of(reference.qualifier)]
            code = {"RepositoryType": "S3", "Location": self._plane.code_location(digest)}
        answer: dict[str, object] = {"Configuration": configuration, "Code": code}
        if function.tags:
            answer["Tags"] = dict(function.tags)
        if function.reserved is not None:
            answer["Concurrency"] = {"ReservedConcurrentExecutions": function.reserved}
        return answer

    def get_configuration(self, call: Call) -> Members:
        """Describe a function's configuration."""
        reference, function = self._plane.function(call)
        self._plane.settling.seen(function.region, function.name)
        return self.described(function, reference)

    def described(self, function: Function, reference: Reference) -> Members:
        """Return the configuration of a version, under the ARN by which it was asked for."""
        found = function.versions[function.version_of(reference.qualifier)]
        answer = {**found, "FunctionArn": reference.arn if reference.qualifier else function.arn}
        remark = self._plane.remark(str(found.get("Runtime") or ""))
        if remark is not None:
            said = {"ErrorCode": "NotEmulated", "Message": remark}
            answer["RuntimeVersionConfig"] = {**(found.get("RuntimeVersionConfig") or {}), "Error": said}
        return answer

    def list(self, call: Call) -> Members:
        """List the region's functions, or all versions of all."""
        found = []
        with self._store.lock:
            for function in self._store.in_region(call.region):
                if call.parameters.get("FunctionVersion") == "ALL":
                    for version, configuration in function.versions.items():
                        found.append({**listed(configuration), "FunctionArn": f"{function.arn}:{version}"})
                else:
                    found.append(listed(function.latest))
        return page(call, "Functions", found)

    # Common steps

    def _latest(self, call: Call) -> tuple[Reference, Function]:
        reference = reference_of(call)
        return reference, self._store.function(Reference(reference.region, reference.account, reference.name))

    def _replace(self, function: Function, changed: Function, given: Members, status: Mapping[str, str]) -> Members:
        check_size(self._plane, changed)
        if given.get("DryRun"):
            return changed.latest
        changed.latest["LastModified"] = now_text()
        settled(changed.latest)
        answer = under_way(changed.latest, **status)
        with self._store.lock:
            function.versions[LATEST] = changed.latest
            function.code[LATEST] = changed.code[LATEST]
            function.live = changed.live
            function.is_changed = True
            if given.get("Publish"):
                published, _ = publish(function)
                answer = under_way(published, **CREATING)
                answer.pop("LastUpdateStatus", None)
            settled(function.latest)
            self._plane.codes.forget(self._store.digests())
        self._plane.settling.updated(Reference(function.region, function.account, function.name))
        self._plane.changed(function)
        return answer

    def _take_code(self, function: Function, given: Members, call: Call) -> None:
        configuration = function.latest
        if configuration["PackageType"] == "Image":
            uri = text(given, "ImageUri", "")
            digest = uri.partition("@sha256:")[2] or hashlib.sha256(uri.encode()).hexdigest()
            configuration.update(CodeSha256=digest, CodeSize=0)
            function.code[LATEST] = uri
            return
        folder = self._plane.live.folder_of(given)
        taken = (
            self._plane.codes.keep(package(folder))
            if folder is not None
            else self._plane.codes.take(given, call.region, call.caller)
        )
        function.live = dict(given) if folder is not None else None
        function.code[LATEST] = taken.digest
        configuration.update(CodeSha256=taken.code_sha256, CodeSize=taken.size)

    def _check_role(self, role: str, reference: Reference) -> None:
        permissions = self._plane.context.permissions
        if permissions.kept_here:
            taken = permissions.trusts(role, "lambda.amazonaws.com", reference.function_arn)
        else:
            taken = self._is_there(role)
        if not taken:
            raise invalid("The role defined for the function cannot be assumed by Lambda.")

    def _is_there(self, role: str) -> bool:
        """Whether IAM, where it is kept elsewhere, has *role*."""
        try:
            self._plane.context.clients.get("iam").get_role(RoleName=role.rpartition("/")[2])
        except Exception as error:
            if getattr(error, "response", {}).get("Error", {}).get("Code") == "NoSuchEntity":
                return False
            raise invalid(f"IAM cannot be asked for {role}: {error}") from None
        return True
