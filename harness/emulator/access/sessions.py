"""Who acts: sessions of roles, as STS hands them out, and users."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RoleSession:
    """Somebody who has taken on a role.

    Attributes:
        role: ARN of the role.
        name: of the session: a function's name, for a function.
        policies: documents that AssumeRole was given: the session may do what they allow as well, and no more.
        via: the service that acts for the session (``cloudformation.amazonaws.com``), where one does.
    """

    role: str
    name: str
    policies: tuple[str, ...] = ()
    via: str = ""

    @property
    def account_id(self) -> str:
        """The role's account."""
        return self.role.split(":")[4]

    @property
    def role_name(self) -> str:
        """The role's name, without its path."""
        return self.role.rpartition("/")[2]

    @property
    def arn(self) -> str:
        """As whom GetCallerIdentity knows the session."""
        return f"arn:aws:sts::{self.account_id}:assumed-role/{self.role_name}/{self.name}"

    @property
    def principal(self) -> str:
        """As whom policies of resources know all sessions of the role."""
        return self.role


@dataclass(frozen=True)
class User:
    """A user of IAM, who acts with an access key.

    Attributes:
        arn: of the user.
        via: the service that acts for the user, where one does.
    """

    arn: str
    via: str = ""

    @property
    def account_id(self) -> str:
        """The user's account."""
        return self.arn.split(":")[4]

    @property
    def name(self) -> str:
        """The user's name, without its path."""
        return self.arn.rpartition("/")[2]

    @property
    def principal(self) -> str:
        """As whom policies of resources know the user."""
        return self.arn

    @property
    def policies(self) -> tuple[str, ...]:
        """Of the session: a user has none."""
        return ()


Actor = RoleSession | User
