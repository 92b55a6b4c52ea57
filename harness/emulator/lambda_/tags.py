"""Tags, and code signing configurations, which are taken and described; no code is signed here.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-tags.html
https://docs.aws.amazon.com/lambda/latest/dg/configuration-codesigning.html
"""

from __future__ import annotations

import re
import secrets
import string
from typing import Any

from harness.emulator.door.call import Call
from harness.emulator.door.errors import AwsError
from harness.emulator.door.members import Members, text, text_map, texts
from harness.emulator.lambda_.control_plane import ControlPlane, table
from harness.emulator.lambda_.paging import page
from harness.emulator.lambda_.records import MOST_TAGS, now_text
from harness.emulator.lambda_.references import Reference, reference_of
from harness.emulator.lambda_.refusals import (
    conflict,
    function_not_found,
    invalid,
    not_found,
    signing_not_found,
    validation,
)
from harness.emulator.services import Operation

_PATTERN = (
    r"arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:"
    r"(function:[a-zA-Z0-9-_]+(:(\$LATEST|[a-zA-Z0-9-_]+))?|layer:([a-zA-Z0-9-_]+)|"
    r"code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-"
    r"[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|capacity-provider:[a-zA-Z0-9-_]+)"
)


class Tags:
    """The operations on tags and code signing.

    Args:
        plane: the records.
    """

    def __init__(self, plane: ControlPlane) -> None:
        self._store = plane.store

    def operations(self) -> dict[str, Operation]:
        """By name."""
        tags = {"ListTags": self.list, "TagResource": self.tag, "UntagResource": self.untag}
        signing = {
            "CreateCodeSigningConfig": self.create_signing,
            "DeleteCodeSigningConfig": self.delete_signing,
            "DeleteFunctionCodeSigningConfig": self.delete_of_function,
            "GetCodeSigningConfig": self.get_signing,
            "GetFunctionCodeSigningConfig": self.get_of_function,
            "ListCodeSigningConfigs": self.list_signing,
            "ListFunctionsByCodeSigningConfig": self.list_functions,
            "PutFunctionCodeSigningConfig": self.put_of_function,
            "UpdateCodeSigningConfig": self.update_signing,
        }
        return table(tags, checked=False) | table(signing)

    def list(self, call: Call) -> Members:
        """List a resource's tags."""
        return {"Tags": dict(self._of(call))}

    def tag(self, call: Call) -> Members:
        """Add tags."""
        given = text_map(call.parameters, "Tags")
        found = self._of(call)
        if not given:
            raise invalid("An error occurred and the request cannot be processed.")
        if len({*found, *given}) > MOST_TAGS:
            raise invalid("Number of tags exceeds resource tag limit.")
        found.update(given)
        self._touch(call)
        return {}

    def untag(self, call: Call) -> Members:
        """Remove tags."""
        keys = texts(call.parameters, "TagKeys")
        if not keys:
            raise validation("null", "tagKeys", "not be null")
        found = self._of(call)
        for key in keys:
            found.pop(key, None)
        self._touch(call)
        return {}

    def _touch(self, call: Call) -> None:
        parts = text(call.parameters, "Resource").split(":")
        if parts[5] == "function":
            self._store.functions[parts[3], parts[6]].touch()

    def _of(self, call: Call) -> dict[str, str]:
        arn = text(call.parameters, "Resource")
        if not re.fullmatch(_PATTERN, arn):
            raise validation(f"'{arn}'", "resource", f"satisfy regular expression pattern: {_PATTERN}")
        parts = arn.split(":")
        match parts[5]:
            case "function":
                if len(parts) > 7:
                    raise invalid(
                        "Tags on function aliases and versions are not supported. Please specify a function ARN."
                    )
                function = self._store.functions.get((parts[3], parts[6]))
                if function is None:
                    raise function_not_found(arn)
                return function.tags
            case "event-source-mapping":
                mapping = self._store.mappings.get(parts[6])
                if mapping is None:
                    raise not_found(f"Event source mapping not found: {arn}")
                return mapping.setdefault("Tags", {})  # type: ignore[no-any-return]
            case "code-signing-config":
                return self._signing(arn).setdefault("Tags", {})  # type: ignore[no-any-return]
            case kind:
                raise not_found(f"{kind.replace('-', ' ').capitalize()} not found: {arn}")

    # Code signing

    def create_signing(self, call: Call) -> Members:
        """Make a code signing configuration."""
        given = call.parameters
        number = "csc-" + "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(17))
        arn = f"arn:aws:lambda:{call.region}:{call.account}:code-signing-config:{number}"
        self._store.signing[arn] = {
            "CodeSigningConfigId": number,
            "CodeSigningConfigArn": arn,
            "Description": text(given, "Description", ""),
            "AllowedPublishers": given["AllowedPublishers"],
            "CodeSigningPolicies": given.get("CodeSigningPolicies") or {"UntrustedArtifactOnDeployment": "Warn"},
            "LastModified": now_text(),
            "Tags": text_map(given, "Tags"),
        }
        return {"CodeSigningConfig": self._described(arn)}

    def get_signing(self, call: Call) -> Members:
        """Describe a code signing configuration."""
        return {"CodeSigningConfig": self._described(text(call.parameters, "CodeSigningConfigArn"))}

    def update_signing(self, call: Call) -> Members:
        """Change a code signing configuration."""
        arn = text(call.parameters, "CodeSigningConfigArn")
        found = self._signing(arn)
        for member in ("Description", "AllowedPublishers", "CodeSigningPolicies"):
            if call.parameters.get(member) is not None:
                found[member] = call.parameters[member]
        found["LastModified"] = now_text()
        return {"CodeSigningConfig": self._described(arn)}

    def delete_signing(self, call: Call) -> Members:
        """Delete a code signing configuration."""
        arn = text(call.parameters, "CodeSigningConfigArn")
        self._signing(arn)
        if any(function.code_signing == arn for function in self._store.functions.values()):
            raise conflict("Code signing configuration is in use by functions; remove it from them first.")
        del self._store.signing[arn]
        return {}

    def list_signing(self, call: Call) -> Members:
        """List code signing configurations."""
        arns = [arn for arn in self._store.signing if arn.split(":")[3] == call.region]
        return page(call, "CodeSigningConfigs", [self._described(arn) for arn in arns])

    def list_functions(self, call: Call) -> Members:
        """List the functions that have a code signing configuration."""
        arn = text(call.parameters, "CodeSigningConfigArn")
        self._signing(arn)
        using = [each.arn for each in self._store.in_region(call.region) if each.code_signing == arn]
        return page(call, "FunctionArns", using)

    def put_of_function(self, call: Call) -> Members:
        """Give a function a code signing configuration."""
        arn = text(call.parameters, "CodeSigningConfigArn")
        if arn not in self._store.signing:
            raise signing_not_found(arn)
        reference = self._reference(call)
        self._store.function(reference).code_signing = arn
        return {"CodeSigningConfigArn": arn, "FunctionName": reference.name}

    def get_of_function(self, call: Call) -> Members:
        """Return the code signing configuration of a function."""
        reference = self._reference(call)
        found = self._store.function(reference).code_signing
        return {"CodeSigningConfigArn": found, "FunctionName": reference.name} if found else {}

    def delete_of_function(self, call: Call) -> Members:
        """Take a function its code signing configuration."""
        self._store.function(self._reference(call)).code_signing = None
        return {}

    @staticmethod
    def _reference(call: Call) -> Reference:
        reference = reference_of(call)
        return Reference(reference.region, reference.account, reference.name)

    def _signing(self, arn: str) -> dict[str, Any]:
        found = self._store.signing.get(arn)
        if found is None:
            words = f"The Lambda code signing configuration {arn} can not be found."
            raise AwsError("ResourceNotFoundException", words, 404)
        return found

    def _described(self, arn: str) -> Members:
        return {name: value for name, value in self._signing(arn).items() if name != "Tags"}
