"""What deployments need: who makes a resource, whose calls these are, exports and values from elsewhere."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from harness.emulator.cloudformation.documents import invalid
from harness.emulator.cloudformation.expressions import text_of
from harness.emulator.cloudformation.known_stacks import KnownStacks
from harness.emulator.cloudformation.providers.base import Caller, Provider
from harness.emulator.cloudformation.providers.catalogue import PROVIDERS
from harness.emulator.cloudformation.providers.code_deploy import hooks_of
from harness.emulator.cloudformation.providers.custom import CustomResource, Skipped, Unsupported
from harness.emulator.cloudformation.stack import Stack
from harness.emulator.door.call import Call
from harness.emulator.door.errors import AwsError
from harness.emulator.door.members import Members, structure, text

if TYPE_CHECKING:
    from harness.emulator.context import EmulatorContext
    from harness.emulator.services import Operation

_OFTEN = 0.1
_ROLE_WORDS = (
    "cannot be assumed by Lambda",
    "is authorized to assume the provided role",
    "is not authorized to create managed-rule",
    "not authorized to access the Log Destination",
)
"""What services say of a role that was just made, over which CloudFormation tries again."""
SKIP_TAG = "harness:unsupported"
"""The stack's tag that, with the value ``skip``, has types left out that are not emulated."""


class StackSurroundings:
    """The service as a deployment sees it.

    Args:
        context: the emulator's surroundings.
        call: carries out a call to any service.
        stacks: those that there are.
        skip_unsupported: whether types that are not emulated are left out, with a note; else they fail their stack.
        patience: seconds after which a role is in force.
    """

    def __init__(
        self,
        context: EmulatorContext,
        call: Operation,
        stacks: KnownStacks,
        skip_unsupported: bool,
        patience: Callable[[], float],
    ) -> None:
        self._context = context
        self._call = call
        self._stacks = stacks
        self._skip = skip_unsupported
        self._patience = patience
        self._closed = threading.Event()
        self._custom = CustomResource(self._presign)
        self.services_url = context.endpoint_url

    def close(self) -> None:
        """Stop between two resources what is under way."""
        self._closed.set()

    def provider(self, kind: str, tags: Mapping[str, str]) -> Provider:
        """Who makes resources of a type."""
        if kind.startswith("Custom::") or kind == "AWS::CloudFormation::CustomResource":
            return self._custom
        found = PROVIDERS.get(kind)
        if found is None:
            return Skipped() if self._skips(tags) else Unsupported()
        return found

    def check_hooks(self, update_policy: Mapping[str, Any], tags: Mapping[str, str]) -> None:
        """Refuse that an alias of a function is changed with hooks, which nothing calls here.

        Raises:
            AwsError: ValidationError, naming them.
        """
        hooks = hooks_of(update_policy)
        if hooks and not self._skips(tags):
            raise invalid(
                f"not emulated: CodeDeploy's hooks {', '.join(hooks)}; HARNESS_UNSUPPORTED=skip leaves them out"
            )

    def _skips(self, tags: Mapping[str, str]) -> bool:
        return self._skip or tags.get(SKIP_TAG) == "skip"

    def caller(self, stack: Stack) -> Caller:
        """Make what calls services for *stack*, as whoever it acts for."""

        def call(service: str, operation: str, parameters: Members) -> Members:
            asked = Call(service, operation, parameters, stack.region, stack.account, stack.caller)
            deadline = time.monotonic() + 2 * self._patience()
            try:
                return self._call_once_known(asked, deadline)
            except AwsError as error:
                if "must be version 2012-10-17" in error.message and (document := _versioned(parameters)):
                    return call(service, operation, {**parameters, "PolicyDocument": document})
                if error.status in (404, 501) and ("<html" in error.message or "not been implemented" in error.message):
                    raise AwsError("NotImplemented", f"not emulated: {service}.{operation}", 501) from None
                raise

        return call

    def _call_once_known(self, call: Call, deadline: float) -> Members:
        """Carry out *call*, again until *deadline* while a role that was just made is not known, as on AWS."""
        while True:
            try:
                return self._call(call)
            except AwsError as error:
                if not any(words in error.message for words in _ROLE_WORDS) or time.monotonic() > deadline:
                    raise
            self._closed.wait(_OFTEN)

    def imported(self, stack: Stack, name: str) -> str:
        """Return the value of an export, which *stack* uses from now on."""
        for other in self._stacks.in_region(stack.region):
            if name in other.exports:
                stack.imports.add(name)
                return other.exports[name]
        raise invalid(f"No export named {name} found. Rollback requested by user.")

    def check_exports(self, stack: Stack, now: Mapping[str, str]) -> None:
        """Refuse that *stack* exports *now* where others import what it has exported until now, and another value.

        Raises:
            AwsError: ValidationError, naming the export and those stacks.
        """
        for name, value in stack.exports.items():
            if now.get(name) != value:
                self._stacks.check_unused(name, stack.region, "updated" if name in now else "deleted")

    def dynamic(self, stack: Stack, service: str, key: str) -> str:
        """Return the value of ``{{resolve:service:key}}``.

        Args:
            stack: that asks; the service is called for it.
            service: ``ssm``, ``ssm-secure`` or ``secretsmanager``.
            key: what follows the service, with version or JSON key.

        Raises:
            AwsError: there is no such value, or the service is not emulated here.
        """
        call = self.caller(stack)
        if service in ("ssm", "ssm-secure"):
            try:
                found = call("ssm", "GetParameter", {"Name": key, "WithDecryption": service == "ssm-secure"})
            except AwsError as error:
                raise invalid(f"Parameter {key} cannot be found ({error.message})") from None
            return text(structure(found, "Parameter"), "Value")
        if service == "secretsmanager":
            name, kind, member, *_ = [*_secret_parts(key), "", "", ""]
            value = text(call("secretsmanager", "GetSecretValue", {"SecretId": name}), "SecretString")
            return text_of(json.loads(value)[member]) if kind and member else value
        raise invalid(f"not emulated: dynamic reference to {service}")

    def check_open(self) -> None:
        """Raise where the emulator stops."""
        if self._closed.is_set():
            raise AwsError("ServiceUnavailable", "the emulator stops", 503)

    def _presign(self, region: str, bucket: str, key: str) -> str:
        client = self._context.clients.get("s3", region)
        parameters = {"Bucket": bucket, "Key": key}
        return str(client.generate_presigned_url("put_object", Params=parameters, ExpiresIn=7200))


def _secret_parts(key: str) -> list[str]:
    """Name, ``SecretString``, member and version of a reference to a secret, whose name may be an ARN."""
    parts = key.split(":")
    if key.startswith("arn:"):
        return [":".join(parts[:7]), *parts[7:]]
    return parts


def _versioned(parameters: Members) -> str | None:
    """Give a policy that lacks a version, as SAM's do, one: AWS takes it as it is, LocalStack's IAM does not."""
    document = json.loads(text(parameters, "PolicyDocument", "") or "{}")
    return None if not document or "Version" in document else json.dumps({"Version": "2012-10-17", **document})
