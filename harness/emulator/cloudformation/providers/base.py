"""What a provider is given, and what it gives.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-template-resource-type-ref.html
"""

from __future__ import annotations

import contextlib
import re
import secrets
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from harness.emulator.door.errors import AwsError

_RANDOM = string.ascii_letters + string.digits


class Caller(Protocol):
    """Calls an operation of a service for a stack."""

    def __call__(self, service: str, operation: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        """Carry out the operation and return its output.

        Raises:
            AwsError: the service refuses.
        """


@dataclass
class Made:
    """A resource that is there.

    Attributes:
        physical_id: by which CloudFormation and its user know it; what ``Ref`` gives, unless *ref* says otherwise.
        attributes: what ``Fn::GetAtt`` gives.
        ref: what ``Ref`` gives where that is not the physical id.
        notes: what of its properties is not emulated.
        facts: what the provider needs to find it again.
    """

    physical_id: str
    attributes: dict[str, Any] = field(default_factory=dict)
    ref: str | None = None
    notes: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Work:
    """A resource to be made, changed or removed.

    Attributes:
        logical_id: its name in the template.
        kind: its type.
        properties: with all functions evaluated.
        tags: of the stack, with CloudFormation's own.
        invoke: calls services as whoever the stack acts for.
        services_url: where the emulator answers.
        before: its properties until now, evaluated; empty where it is made.
        token: tells this resource's physical name from all others'; the same while it is updated.
    """

    logical_id: str
    kind: str
    properties: Mapping[str, Any]
    stack_name: str
    stack_id: str
    account: str
    region: str
    tags: Mapping[str, str]
    invoke: Caller
    services_url: str
    before: Mapping[str, Any]
    token: str

    def call(self, service: str, operation: str, **parameters: Any) -> Mapping[str, Any]:
        """Call an operation and return its output; members without a value are left out.

        Raises:
            AwsError: the service refuses.
        """
        given = {name: value for name, value in parameters.items() if value is not None}
        return self.invoke(service, operation, given)

    def name(self, longest: int = 64, *, lower: bool = False, allowed: str = r"\w.-") -> str:
        """Make up a physical name as AWS does: stack, logical id, twelve characters.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-name.html

        Args:
            longest: characters that the service allows.
            lower: whether it has small letters alone, as a bucket's.
            allowed: what a name may have, as inside of a regular expression's ``[]``; anything else is a ``-``.
        """
        room = longest - len(self.token) - 2
        stack, logical = self.stack_name, self.logical_id
        if len(stack) + len(logical) > room:
            stack = stack[: max(room - len(logical), room // 2)]
            logical = logical[: room - len(stack)]
        name = re.sub(f"[^{allowed}]", "-", f"{stack}-{logical}-{self.token}")
        return name.lower() if lower else name

    def arn(self, service: str, resource: str, *, region: bool = True, account: bool = True) -> str:
        """Return an ARN in the stack's partition.

        Args:
            service: the third part, e.g. ``iam``.
            resource: the last part, e.g. ``role/name``.
            region: whether the ARN has one; IAM's and S3's have none.
            account: whether the ARN has one; S3's have none.
        """
        where = f"{self.region if region else ''}:{self.account if account else ''}"
        return f"arn:aws:{service}:{where}:{resource}"

    @property
    def all_tags(self) -> dict[str, str]:
        """The stack's tags and the resource's own, which win."""
        own = self.properties.get("Tags") or {}
        if isinstance(own, list):
            own = {item["Key"]: item.get("Value", "") for item in own}
        return {**self.tags, **{key: str(value) for key, value in own.items()}}


def new_token() -> str:
    """Return twelve characters that tell a resource's physical name from all others'."""
    return "".join(secrets.choice(_RANDOM) for _ in range(12))


class Provider:
    """Makes resources of one type.

    Attributes:
        fixed: properties that cannot be changed: another value replaces the resource.
    """

    fixed: frozenset[str] = frozenset()

    def create(self, work: Work) -> Made:
        """Make the resource.

        Raises:
            AwsError: a service refuses.
        """
        raise NotImplementedError

    def update(self, work: Work, made: Made) -> Made:
        """Have the resource *made* as *work* says, which has what it was: here, by making it again in its place.

        Returns:
            as it is then; another physical id has the one before removed at the end of the deployment.

        Raises:
            AwsError: a service refuses.
        """
        return self.create(work)

    def delete(self, work: Work, made: Made) -> None:
        """Remove the resource *made*; one that is gone is passed over."""
        raise NotImplementedError

    def replaces(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
        """Whether what was made by *before* must be made anew to be as *after*."""
        return any(before.get(name) != after.get(name) for name in self.fixed)

    @contextlib.contextmanager
    def removed_unless_whole(self, work: Work, made: Made) -> Iterator[None]:
        """Remove *made* again where what the block does to it fails."""
        try:
            yield
        except Exception:
            self.delete(work, made)
            raise


_GONE = re.compile(r"NoSuch|NotFound|NonExistent|DoesNotExist|Unknown.*Exception|ResourceNotFound")


@contextlib.contextmanager
def gone_is_fine() -> Iterator[None]:
    """Pass over the refusal to remove what is not there any more."""
    try:
        yield
    except AwsError as error:
        if not _GONE.search(error.code) and error.status != 404 and "does not exist" not in error.message:
            raise


def required(work: Work, name: str) -> Any:
    """Return a property that must be there.

    Raises:
        AwsError: it is not.
    """
    value = work.properties.get(name)
    if value is None:
        raise AwsError(
            "InvalidRequest",
            f"Properties validation failed for resource {work.logical_id} with message:\n"
            f"#: required key [{name}] not found",
        )
    return value
