"""Tags of resources that moto keeps, and the stacks of its change sets: what conditions of policies ask for."""

from __future__ import annotations

from collections.abc import Mapping


class MotoResources:
    """An account's resources; see :class:`~harness.emulator.access.directory.Resources`.

    Args:
        account_id: the account.
    """

    def __init__(self, account_id: str) -> None:
        self._account_id = account_id

    def tags(self, region: str, arn: str) -> Mapping[str, str]:
        """Tags of the resource *arn*, their keys in small letters."""
        from moto.resourcegroupstaggingapi.models import resourcegroupstaggingapi_backends

        backend = resourcegroupstaggingapi_backends[self._account_id][region]
        for resource in backend._get_resources_generator(resource_arn_list=[arn]):
            tags = resource.tags
            pairs = tags.items() if isinstance(tags, dict) else ((tag["Key"], tag["Value"]) for tag in tags)
            return {key.lower(): value for key, value in pairs}
        return {}

    def stack_of(self, change_set: str) -> str | None:
        """ARN of the stack that a change set, an ARN, belongs to."""
        from moto.cloudformation.models import cloudformation_backends

        region = change_set.split(":")[3]
        found = cloudformation_backends[self._account_id][region].change_sets.get(change_set)
        return str(found.stack.stack_id) if found is not None else None
