"""What the access room asks of whoever keeps roles, users and their policies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from harness.emulator.access.sessions import Actor, RoleSession, User


class Role(Protocol):
    """A role, as it is kept."""

    arn: str


class Directory(Protocol):
    """An account's roles and users."""

    @property
    def is_loaded(self) -> bool:
        """Whether anybody has asked IAM for anything yet."""

    def role(self, name: str) -> Role | None:
        """Find a role by its name, without the path."""

    def user_with(self, access_key_id: str) -> User | None:
        """Find the user that an access key belongs to."""

    def entity(self, actor: Actor) -> object | None:
        """Find the role or user, as it is kept."""

    def policies_of(self, entity: object | None) -> list[str]:
        """Return the documents of the policies that are attached to it."""

    def boundary_arn(self, entity: object | None) -> str | None:
        """Return the ARN of its permissions boundary; None where there is none."""

    def boundary_of(self, entity: object | None) -> list[str] | None:
        """Return the document of its permissions boundary; None where there is none."""

    def tags_of(self, entity: object | None) -> Mapping[str, str]:
        """Its tags, their keys in small letters."""

    def trust_of(self, role: Role) -> str:
        """Return the document that says who may take the role on."""

    def managed_policies(self, arns: Sequence[str]) -> list[str]:
        """Return the documents of managed policies."""

    def introduce(self, access_key_id: str, session: RoleSession) -> None:
        """Have STS know a session."""


class Resources(Protocol):
    """What is known of an account's resources."""

    def tags(self, region: str, arn: str) -> Mapping[str, str]:
        """Tags of the resource *arn*, their keys in small letters."""

    def stack_of(self, change_set: str) -> str | None:
        """ARN of the stack that a change set, an ARN, belongs to."""
