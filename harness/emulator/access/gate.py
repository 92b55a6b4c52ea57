"""Asks, before a request is answered, whether whoever sends it may do what it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from harness.emulator.access.entities import role_of, tags_of
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
        account_id: for ARNs.
        region: of requests whose signature names none.
    """

    def __init__(self, permissions: Permissions, account_id: str, region: str) -> None:
        self._permissions = permissions
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
        place = Place(call.region, self._account_id, self._role_arn, self._stack_of)
        for wanted in permissions_for(Operation.of(call), place):
            words = self._permissions.refusal(
                session, wanted.action, wanted.resource, wanted.values, tags=partial(self._tags_of, wanted.resource)
            )
            if words is not None:
                code = "AccessDeniedException" if protocol_of(call.service) in _JSON else "AccessDenied"
                raise AwsError(code, words, 403)

    def _role_arn(self, name: str) -> str | None:
        role = role_of(self._account_id, name)
        return str(role.arn) if role is not None else None

    def _stack_of(self, change_set: str) -> str | None:
        from moto.cloudformation.models import cloudformation_backends

        region = change_set.split(":")[3]
        found = cloudformation_backends[self._account_id][region].change_sets.get(change_set)
        return str(found.stack.stack_id) if found is not None else None

    def _tags_of(self, arn: str) -> Mapping[str, str]:
        """A resource's tags, their keys in small letters."""
        from moto.resourcegroupstaggingapi.models import resourcegroupstaggingapi_backends

        parts = arn.split(":")
        if arn.startswith(f"arn:aws:iam::{self._account_id}:role/"):
            return tags_of(role_of(self._account_id, arn.rpartition("/")[2]))
        region = parts[3] if len(parts) > 5 and parts[3] else self._region
        backend = resourcegroupstaggingapi_backends[self._account_id][region]
        for resource in backend._get_resources_generator(resource_arn_list=[arn]):
            tags = resource.tags
            pairs = tags.items() if isinstance(tags, dict) else ((tag["Key"], tag["Value"]) for tag in tags)
            return {key.lower(): value for key, value in pairs}
        return {}
