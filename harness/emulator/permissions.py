"""Least privilege: what functions and state machines do is held against the policies of their roles, as on AWS.

moto keeps the roles and their policies. Identity-based policies are evaluated; resource policies, boundaries and
session policies are not. Requests with the credentials that a local target hands out are the developer's own: their
role may do everything.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from harness.emulator.errors import AwsError

ANY = "*"
"""A resource that is not known: whether the action is allowed on any is all that can be told."""


@dataclass(frozen=True)
class RoleSession:
    """Somebody who has taken on a role.

    Attributes:
        role: ARN of the role.
        name: of the session: a function's name, for a function.
    """

    role: str
    name: str

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


class Permissions:
    """Hands out credentials for roles, knows whose a request is, and what that role may do.

    Args:
        account_id: the account whose roles are known here; those of other accounts may do everything.
        enforced: whether an action that no policy allows is refused, or only noted.
        kept_here: whether IAM is among this emulator's services. Where it is not, roles are not known: their sessions
            are the account's own, and may do everything.
    """

    def __init__(self, account_id: str, enforced: bool = True, kept_here: bool = True) -> None:
        self._account_id = account_id
        self._enforced = enforced and kept_here
        self.kept_here = kept_here
        self._sessions: dict[str, RoleSession] = {}
        self._observed: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        self._lock = threading.Lock()

    def credentials(self, session: RoleSession) -> dict[str, str]:
        """boto3's variables for acting as *session*."""
        if not self.kept_here:
            return {"AWS_ACCESS_KEY_ID": self._account_id, "AWS_SECRET_ACCESS_KEY": "harness"}
        digest = hashlib.sha256(session.arn.encode()).digest()
        key = "ASIA" + base64.b32encode(digest)[:16].decode()
        with self._lock:
            if key not in self._sessions:
                self._sessions[key] = session
                self._introduce(key, session)
        return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": "harness", "AWS_SESSION_TOKEN": "harness"}

    def adopt(self, access_key_id: str, session: RoleSession) -> None:
        """Know credentials that AssumeRole has handed out: what is done with them is held against the role."""
        with self._lock:
            self._sessions[access_key_id] = session

    def session_of(self, access_key_id: str | None) -> RoleSession | None:
        """Whose credentials these are; None for the developer's own."""
        return self._sessions.get(access_key_id or "")

    def check(self, session: RoleSession | None, action: str, resource: str = ANY) -> None:
        """Let *session* do *action* (``s3:GetObject``) to *resource* (an ARN), or refuse.

        Raises:
            AwsError: AccessDeniedException: no policy of the role allows it, or one denies it.
        """
        if not self.allows(session, action, resource):
            assert session is not None
            raise AwsError("AccessDeniedException", denial(session, action, resource), 403)

    def allows(self, session: RoleSession | None, action: str, resource: str = ANY) -> bool:
        """Whether *session* may do *action* to *resource*; notes that it wanted to."""
        if session is None or session.account_id != self._account_id:
            return True
        with self._lock:
            self._observed[session.role_name][action].add(resource)
        if not self._enforced:
            return True
        statements = [statement for text in _policies(session) for statement in _statements(text)]
        effects = {effect for effect in (statement.effect(action, resource) for statement in statements) if effect}
        return "Allow" in effects and "Deny" not in effects

    def trusts(self, role: str, service: str) -> bool:
        """Whether *role* is there and lets *service* (``states.amazonaws.com``) take it on."""
        parts = role.split(":")
        if len(parts) < 6 or parts[4] != self._account_id or not self._enforced:
            return True
        found = _role(self._account_id, role.rpartition("/")[2])
        if found is None:
            return False
        document = found.assume_role_policy_document
        statements = (document if isinstance(document, dict) else json.loads(document))["Statement"]
        return any(
            statement["Effect"] == "Allow" and service in _all((statement.get("Principal") or {}).get("Service"))
            for statement in (statements if isinstance(statements, list) else [statements])
        )

    def observed(self) -> dict[str, Any]:
        """By role, the smallest policy that allows what its sessions did or tried."""
        with self._lock:
            return {role: smallest_policy(calls) for role, calls in sorted(self._observed.items())}

    def _introduce(self, key: str, session: RoleSession) -> None:
        """Have STS know the session, for GetCallerIdentity."""
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
        assumed.access_key_id = key
        sts_backends[self._account_id]["aws"].assumed_roles.append(assumed)


def denial(session: RoleSession, action: str, resource: str) -> str:
    """AWS's words for an action that no policy allows."""
    return (
        f"User: {session.arn} is not authorized to perform: {action} on resource: {resource} "
        f"because no identity-based policy allows the {action} action"
    )


def smallest_policy(calls: Mapping[str, set[str]]) -> dict[str, Any]:
    """A policy document that allows *calls*, resources by action, and nothing else.

    Objects of one folder of a bucket are put together as that folder, streams of one log group as that group's.
    """
    statements: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for action, resources in sorted(calls.items()):
        statements[tuple(sorted(_together(resources)))].append(action)
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": _one_or_all(actions), "Resource": _one_or_all(list(resources))}
            for resources, actions in sorted(statements.items(), key=lambda item: item[1])
        ],
    }


def _together(resources: set[str]) -> set[str]:
    folders: dict[str, set[str]] = defaultdict(set)
    for resource in resources:
        is_object = resource.startswith("arn:aws:s3:::") and "/" in resource
        folders[resource.rpartition("/")[0] if is_object else resource].add(resource)
    return {f"{folder}/*" if len(found) > 1 else next(iter(found)) for folder, found in folders.items()}


def _one_or_all(values: list[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else values


def _all(values: str | list[str] | None) -> list[str]:
    return [values] if isinstance(values, str) else values or []


def _role(account_id: str, name: str) -> Any:
    from moto.iam.models import iam_backends

    return next((role for role in iam_backends[account_id]["aws"].roles.values() if role.name == name), None)


def _policies(session: RoleSession) -> Iterator[str]:
    role = _role(session.account_id, session.role_name)
    if role is None:
        return
    for document in role.policies.values():
        yield document if isinstance(document, str) else json.dumps(document)
    for policy in role.managed_policies.values():
        yield next(version.document for version in policy.versions if version.is_default)


@lru_cache(512)
def _statements(document: str) -> tuple[_Statement, ...]:
    found = json.loads(document)["Statement"]
    return tuple(_Statement(statement) for statement in (found if isinstance(found, list) else [found]))


class _Statement:
    """One statement of a policy.

    moto's own reading takes patterns as regular expressions (a ``$`` in ``:$LATEST`` ends them, a ``.`` is any
    character) and an Allow whose condition is not met as a Deny, so it is not used.
    """

    def __init__(self, statement: dict[str, Any]) -> None:
        self._statement = statement

    def effect(self, action: str, resource: str) -> str | None:
        """``Allow`` or ``Deny``; None where the statement is not about this.

        A statement with conditions allows nothing and denies nothing: what they ask for is not known here.
        """
        statement = self._statement
        if statement.get("Condition"):
            return None
        if not self._covers("Action", action, re.IGNORECASE):
            return None
        if resource == ANY:
            unlimited = statement["Effect"] == "Allow" or statement.get("Resource") == ANY
            return str(statement["Effect"]) if unlimited else None
        return str(statement["Effect"]) if self._covers("Resource", resource, re.NOFLAG) else None

    def _covers(self, element: str, value: str, flags: re.RegexFlag) -> bool:
        wanted = element in self._statement
        patterns = self._statement.get(element if wanted else f"Not{element}", ())
        patterns = [patterns] if isinstance(patterns, str) else patterns
        return any(_pattern(text, flags).fullmatch(value) for text in patterns) is wanted


@lru_cache(1024)
def _pattern(text: str, flags: re.RegexFlag) -> re.Pattern[str]:
    return re.compile(re.escape(text).replace(r"\*", ".*").replace(r"\?", "."), flags | re.DOTALL)
