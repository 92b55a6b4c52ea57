"""Tags of resources that moto keeps, and the stacks of its change sets: what conditions of policies ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from harness.emulator.moto.patches import Patch


class MotoResources:
    """An account's resources; see :class:`~harness.emulator.access.directory.Resources`.

    Args:
        account_id: the account.
        stack_of: ARN of the stack that a change set belongs to.
    """

    def __init__(self, account_id: str, stack_of: Callable[[str], str | None]) -> None:
        self._account_id = account_id
        self._stack_of = stack_of

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
        return self._stack_of(change_set)


Tagged = Callable[[str], Iterable[tuple[str, str, Mapping[str, str]]]]
"""ARN, type (``cloudformation:stack``) and tags of each resource in a region that is not kept by moto."""


def tagged_elsewhere(find: Tagged) -> Patch:
    """Has Resource Groups Tagging find what other services than moto's keep."""

    def replace(original: Any) -> Any:
        def backends(account_id: str, region: str) -> Iterator[Any]:
            yield from original(account_id, region)
            yield _Elsewhere(find, region)

        return backends

    return Patch(
        "moto.resourcegroupstaggingapi.models",
        "iter_taggable_backends",
        "resources of services that are ours have tags as well",
        "ours",
        replace,
    )


class _Elsewhere:
    """What moto takes for a backend with tagged resources."""

    def __init__(self, find: Tagged, region: str) -> None:
        self._find = find
        self._region = region

    def iter_tagged_resources(self) -> Iterator[Any]:
        from moto.core.resource_tagging import TaggedResource

        for arn, kind, tags in self._find(self._region):
            yield TaggedResource(arn=arn, resource_type=kind, tags=dict(tags))
