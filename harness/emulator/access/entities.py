"""Roles and users with their policies, as moto's IAM keeps them."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from harness.emulator.access.sessions import Actor, RoleSession, User

_NOTHING = '{"Statement": []}'


def is_loaded() -> bool:
    """Whether moto's IAM is loaded, which takes long: as long as it is not, nobody has asked IAM for anything."""
    return "moto.iam.models" in sys.modules


def role_of(account_id: str, name: str) -> Any | None:
    """moto's role by its name, without the path."""
    return next((role for role in _iam(account_id).roles.values() if role.name == name), None)


def user_with(account_id: str, access_key_id: str) -> User | None:
    """The user of IAM that an access key belongs to."""
    if not is_loaded():
        return None
    key = _iam(account_id).access_keys.get(access_key_id)
    user = _iam(account_id).users.get(key.user_name) if key is not None and key.user_name else None
    return User(user.arn) if user is not None else None


def entity_of(actor: Actor) -> Any | None:
    """moto's role or user."""
    if isinstance(actor, RoleSession):
        return role_of(actor.account_id, actor.role_name)
    return _iam(actor.account_id).users.get(actor.name)


def policies_of(entity: Any | None) -> list[str]:
    """The documents of the policies that are attached to a role or user, those of the user's groups among them."""
    if entity is None:
        return []
    found = _attached(entity)
    if hasattr(entity, "access_keys"):
        for group in _iam(entity.account_id).groups.values():
            if any(user.name == entity.name for user in group.users):
                found += _attached(group)
    return found


def boundary_of(entity: Any | None) -> list[str] | None:
    """The document of the permissions boundary; None where there is none."""
    arn = getattr(entity, "permissions_boundary_arn", None)
    if not arn or entity is None:
        return None
    policy = _iam(entity.account_id).managed_policies.get(arn)
    return [_default_version(policy)] if policy is not None else []


def tags_of(entity: Any | None) -> Mapping[str, str]:
    """Tags of a role or user, their keys in small letters."""
    tags = getattr(entity, "tags", None) or []
    listed = tags.values() if isinstance(tags, dict) else tags
    return {tag["Key"].lower(): tag["Value"] for tag in listed}


def managed_policies(account_id: str, arns: Sequence[str]) -> list[str]:
    """The documents of managed policies; of those that are not there, one that allows nothing."""
    known = _iam(account_id).managed_policies
    return [_default_version(known[arn]) if arn in known else _NOTHING for arn in arns]


def add_policy_of_aws(account_id: str, name: str) -> None:
    """Have moto's IAM know the policy of this name that AWS keeps, such as ``AmazonS3ReadOnlyAccess``.

    moto has their documents; to make them all takes longer than most need one of them.
    """
    from moto.iam.aws_managed_policies import aws_managed_policies_data
    from moto.iam.models import AWSManagedPolicy

    known = _iam(account_id).managed_policies
    if any(policy.name == name and policy.arn.startswith("arn:aws:iam::aws:") for policy in known.values()):
        return
    data = json.loads(aws_managed_policies_data).get(name)
    if data is not None:
        policy = AWSManagedPolicy.from_data(name, account_id, "us-east-1", data)
        known[policy.arn] = policy


def as_text(document: Any) -> str:
    """A policy document, which moto keeps as it was given or read."""
    return document if isinstance(document, str) else json.dumps(document)


def adopt_role(account_id: str, arn: str) -> None:
    """Have moto's IAM know a role that is kept elsewhere: its Lambda takes no function without."""
    iam = _iam(account_id)
    path, _, name = arn.partition(":role/")[2].rpartition("/")
    if all(role.arn != arn for role in iam.roles.values()):
        iam.create_role(
            role_name=name,
            assume_role_policy_document="{}",
            path=f"/{path}/" if path else "/",
            permissions_boundary=None,
            description="kept elsewhere",
            tags=[],
            max_session_duration="3600",
        )


def _iam(account_id: str) -> Any:
    from moto.iam.models import iam_backends

    return iam_backends[account_id]["aws"]


def _attached(entity: Any) -> list[str]:
    own = entity.policies.values() if isinstance(entity.policies, dict) else entity.policies
    return [as_text(document) for document in own] + [
        _default_version(policy) for policy in entity.managed_policies.values()
    ]


def _default_version(policy: Any) -> str:
    return next(str(version.document) for version in policy.versions if version.is_default)
