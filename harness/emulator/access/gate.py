"""Asks, before a request is answered, whether whoever sends it may do what it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from harness.emulator.access.directory import Directory, Resources
from harness.emulator.access.permissions import Permissions
from harness.emulator.access.required_permissions import Operation, Place, permissions_for
from harness.emulator.door.call import Call, protocol_of
from harness.emulator.door.errors import AwsError

_JSON = ("json", "rest-json")


class Gate:
    """Holds requests to all services but S3 against the policies of who sends them.

    Requests to S3 are looked at where moto knows bucket and key: see :mod:`harness.emulator.moto.s3_access`.

    Args:
        permissions: knows who sends a request, and what they may do.
        directory: the account's roles and users.
        resources: knows the tags of all others.
        account_id: for ARNs.
        region: of requests whose signature names none.
    """

    def __init__(
        self, permissions: Permissions, directory: Directory, resources: Resources, account_id: str, region: str
    ) -> None:
        self._permissions = permissions
        self._directory = directory
        self._resources = resources
        self._account_id = account_id
        self._region = region

    def check(self, call: Call) -> None:
        """Let *call* through, or refuse it.

        Raises:
            AwsError: AccessDeniedException (AccessDenied of services that speak XML).
        """
        session = call.caller
        if session is None:
            return
        place = Place(call.region, self._account_id, self._role_arn, self._resources.stack_of, self._boundary_arn)
        for wanted in permissions_for(Operation.of(call), place):
            words = self._permissions.refusal(
                session, wanted.action, wanted.resource, wanted.values, tags=partial(self._tags_of, wanted.resource)
            )
            if words is not None:
                code = "AccessDeniedException" if protocol_of(call.service) in _JSON else "AccessDenied"
                raise AwsError(code, words, 403)

    def _role_arn(self, name: str) -> str | None:
        role = self._directory.role(name)
        return role.arn if role is not None else None

    def _boundary_arn(self, name: str) -> str | None:
        return self._directory.boundary_arn(self._directory.role(name))

    def _tags_of(self, arn: str) -> Mapping[str, str]:
        """Return a resource's tags, their keys in small letters."""
        parts = arn.split(":")
        if arn.startswith(f"arn:aws:iam::{self._account_id}:role/"):
            return self._directory.tags_of(self._directory.role(arn.rpartition("/")[2]))
        region = parts[3] if len(parts) > 5 and parts[3] else self._region
        return self._resources.tags(region, arn)
