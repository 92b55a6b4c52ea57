"""Roles and users with their policies, as moto's IAM keeps them, for the access room."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeGuard

from harness.emulator.access.directory import Role
from harness.emulator.access.sessions import Actor, RoleSession, User
from harness.emulator.moto.patches import Patch

_NOTHING = '{"Statement": []}'


class MotoRole(Role, Protocol):
    """moto's record of a role, as far as it is looked at here."""

    id: str
    name: str
    assume_role_policy_document: object


def is_role(entity: object | None) -> TypeGuard[MotoRole]:
    """Whether moto's record is that of a role."""
    return hasattr(entity, "assume_role_policy_document")


class MotoIam:
    """What an account's IAM knows; see :class:`~harness.emulator.access.directory.Directory`.

    Args:
        account_id: the account.
    """

    def __init__(self, account_id: str) -> None:
        self._account_id = account_id

    @property
    def is_loaded(self) -> bool:
        """Whether moto's IAM is loaded, which takes long: until then nobody has asked IAM for anything."""
        return "moto.iam.models" in sys.modules

    def role(self, name: str) -> MotoRole | None:
        """moto's role by its name, without the path."""
        roles: Iterable[MotoRole] = self._iam.roles.values()
        return next((role for role in roles if role.name == name), None)

    def roles(self) -> list[MotoRole]:
        """moto's roles; none before IAM is first asked."""
        return list(self._iam.roles.values()) if self.is_loaded else []

    def user_with(self, access_key_id: str) -> User | None:
        """Find the user of IAM that an access key belongs to."""
        if not self.is_loaded:
            return None
        key = self._iam.access_keys.get(access_key_id)
        user = self._iam.users.get(key.user_name) if key is not None and key.user_name else None
        return User(user.arn) if user is not None else None

    def entity(self, actor: Actor) -> object | None:
        """moto's role or user."""
        if isinstance(actor, RoleSession):
            return self.role(actor.role_name)
        user: object | None = self._iam.users.get(actor.name)
        return user

    def policies_of(self, entity: object | None) -> list[str]:
        """Return the documents of the policies attached to a role or user, those of the user's groups among them."""
        if entity is None:
            return []
        found = _attached(entity)
        if hasattr(entity, "access_keys"):
            for group in self._iam.groups.values():
                if any(user.name == getattr(entity, "name", None) for user in group.users):
                    found += _attached(group)
        return found

    def boundary_arn(self, entity: object | None) -> str | None:
        """Return the ARN of the permissions boundary; None where there is none."""
        return getattr(entity, "permissions_boundary_arn", None) or None

    def boundary_of(self, entity: object | None) -> list[str] | None:
        """Return the document of the permissions boundary; None where there is none."""
        arn = self.boundary_arn(entity)
        if arn is None:
            return None
        policy = self._iam.managed_policies.get(arn)
        return [_default_version(policy)] if policy is not None else []

    def tags_of(self, entity: object | None) -> Mapping[str, str]:
        """Tags of a role or user, their keys in small letters."""
        tags = getattr(entity, "tags", None) or []
        listed = tags.values() if isinstance(tags, dict) else tags
        return {tag["Key"].lower(): tag["Value"] for tag in listed}

    def trust_of(self, role: Role) -> str:
        """Return the document that says who may take *role* on."""
        return _as_text(role.assume_role_policy_document) if is_role(role) else _NOTHING

    def managed_policies(self, arns: Sequence[str]) -> list[str]:
        """Return the documents of managed policies; of those that are not there, one that allows nothing."""
        known = self._iam.managed_policies
        return [_default_version(known[arn]) if arn in known else _NOTHING for arn in arns]

    def add_policy_of_aws(self, name: str) -> None:
        """Have moto's IAM know the policy of this name that AWS keeps, such as ``AmazonS3ReadOnlyAccess``.

        moto has their documents; to make them all takes longer than most need one of them.
        """
        from moto.iam.aws_managed_policies import aws_managed_policies_data
        from moto.iam.models import AWSManagedPolicy

        known = self._iam.managed_policies
        if any(policy.name == name and policy.arn.startswith("arn:aws:iam::aws:") for policy in known.values()):
            return
        data = json.loads(aws_managed_policies_data).get(name)
        if data is not None:
            policy = AWSManagedPolicy.from_data(name, self._account_id, "us-east-1", data)
            known[policy.arn] = policy

    def introduce(self, access_key_id: str, session: RoleSession) -> None:
        """Have STS know a session, for GetCallerIdentity."""
        from moto.iam.models import AccessKey
        from moto.sts.models import AssumedRole, sts_backends

        assumed = AssumedRole(
            account_id=self._account_id,
            region_name="us-east-1",
            access_key=AccessKey(user_name=None, prefix="ASIA", account_id=self._account_id),
            role_session_name=session.name,
            role_arn=session.role,
            policy="",
            duration=43200,
            external_id="",
        )
        assumed.access_key_id = access_key_id
        sts_backends[self._account_id]["aws"].assumed_roles.append(assumed)

    def make_role(self, name: str, path: str, trust: str, policy: str | None, description: str) -> str:
        """Make a role; return its ARN.

        Args:
            name: of the role.
            path: e.g. ``/service-role/``.
            trust: ``AssumeRolePolicyDocument``, JSON.
            policy: its only inline policy, JSON; None: it has none.
            description: of the role.
        """
        role = self._iam.create_role(
            role_name=name,
            assume_role_policy_document=trust,
            path=path,
            permissions_boundary=None,
            description=description,
            tags=[],
            max_session_duration="43200",
        )
        if policy is not None:
            self._iam.put_role_policy(name, "everything", policy)
        return str(role.arn)

    def adopt(self, arn: str) -> None:
        """Know a role that is kept elsewhere: moto's Lambda takes no function without."""
        path, _, name = arn.partition(":role/")[2].rpartition("/")
        if all(role.arn != arn for role in self._iam.roles.values()):
            self.make_role(name, f"/{path}/" if path else "/", "{}", None, "kept elsewhere")

    @property
    def _iam(self) -> Any:
        from moto.iam.models import iam_backends

        return iam_backends[self._account_id]["aws"]


def _as_text(document: Any) -> str:
    """Write a policy document, which moto keeps as it was given or read, as a text."""
    return document if isinstance(document, str) else json.dumps(document)


def _attached(entity: Any) -> list[str]:
    own = entity.policies.values() if isinstance(entity.policies, dict) else entity.policies
    return [_as_text(document) for document in own] + [
        _default_version(policy) for policy in entity.managed_policies.values()
    ]


def _default_version(policy: Any) -> str:
    return next(str(version.document) for version in policy.versions if version.is_default)


def iam_patches() -> tuple[Patch, ...]:
    """Have moto's IAM accept what it refuses and AWS's accepts."""

    def replace(original: Any) -> Any:
        def validate_version(validator: Any) -> None:
            if "Version" in validator._policy_json:
                original(validator)

        return validate_version

    return (
        Patch(
            "moto.iam.policy_validation",
            "BaseIAMPolicyValidator._validate_version",
            "a policy without a Version has 2008-10-17; those of SAM's policy templates have none",
            "ours",
            replace,
        ),
    )
