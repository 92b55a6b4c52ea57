"""Least privilege: what functions, state machines, jobs and deployers do is held against their roles, as on AWS.

moto keeps the roles and their policies. Requests with the credentials that a local target hands out are the developer's
own: their role may do everything.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import base64
import hashlib
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType
from typing import Any

from harness.emulator.access.conditions import KeyValues
from harness.emulator.access.decisions import PoliciesOf, reason_to_refuse
from harness.emulator.access.directory import Directory
from harness.emulator.access.observed import smallest_policy
from harness.emulator.access.policies import ANY, Asked, read
from harness.emulator.access.sessions import Actor, RoleSession
from harness.emulator.door.errors import AwsError
from harness.emulator.door.members import Members

Values = Mapping[str, Sequence[str]]
"""What a request has for condition keys, which are in small letters."""
NONE: Values = MappingProxyType({})
MOST_REFUSED = 500
"""Refusals that are remembered, the newest."""
_EVERYTHING = '{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}'


class Permissions:
    """Hands out credentials for roles, knows whose a request is, and what that role may do.

    Args:
        directory: the account's roles and users.
        account_id: the account whose roles are known here; those of other accounts may do everything.
        enforced: whether an action that no policy allows is refused, or only noted.
        developer: as whom the credentials act that local targets hand out. Their role is there, and may do everything,
            before IAM is first asked.
        kept_here: whether IAM is among this emulator's services. Where it is not, roles are not known: their sessions
            are the account's own, and may do everything.
    """

    def __init__(
        self,
        directory: Directory,
        account_id: str,
        developer: RoleSession,
        enforced: bool = True,
        kept_here: bool = True,
    ) -> None:
        self._directory = directory
        self._account_id = account_id
        self._developer = developer
        self._enforced = enforced and kept_here
        self.kept_here = kept_here
        self._sessions: dict[str, Actor] = {}
        self._observed: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        self._refused: deque[dict[str, str]] = deque(maxlen=MOST_REFUSED)
        self._lock = threading.Lock()

    def credentials(self, session: Actor) -> dict[str, str]:
        """boto3's variables for acting as *session*."""
        if not self.kept_here:
            return {"AWS_ACCESS_KEY_ID": self._account_id, "AWS_SECRET_ACCESS_KEY": "harness"}
        told = "\n".join((session.arn, session.principal, session.via, *session.policies))
        digest = hashlib.sha256(told.encode()).digest()
        key = "ASIA" + base64.b32encode(digest)[:16].decode()
        with self._lock:
            if key not in self._sessions:
                self._sessions[key] = session
                if isinstance(session, RoleSession):
                    self._directory.introduce(key, session)
        return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": "harness", "AWS_SESSION_TOKEN": "harness"}

    def adopt(self, access_key_id: str, session: RoleSession) -> None:
        """Know credentials that AssumeRole has handed out: what is done with them is held against the role."""
        with self._lock:
            self._sessions[access_key_id] = session

    def session_of(self, access_key_id: str | None) -> Actor | None:
        """Return the session for an access key; None for the developer's own."""
        key = access_key_id or ""
        session = self._sessions.get(key)
        if session is None and self.kept_here and key.startswith("AKIA"):
            return self._directory.user_with(key)
        return session

    def name_of(self, session: Actor | None) -> str:
        """Return the ARN as which *session* acts; None is the developer."""
        return (session or self._developer).arn

    def check(
        self,
        session: Actor | None,
        action: str,
        resource: str = ANY,
        resource_policies: Sequence[str] = (),
    ) -> None:
        """Let *session* do *action* (``s3:GetObject``) to *resource* (an ARN), or refuse.

        Args:
            session: who asks; None: the emulator itself, which may do everything.
            action: as IAM names it.
            resource: its ARN; ``ANY`` where it is not known, ``ALL`` where the action has none.
            resource_policies: the resource's own policies, JSON.

        Raises:
            AwsError: AccessDeniedException: no policy of the role allows it, or one denies it.
        """
        words = self.refusal(session, action, resource, resource_policies=resource_policies)
        if words is not None:
            raise AwsError("AccessDeniedException", words, 403)

    def allows(self, session: Actor | None, action: str, resource: str = ANY) -> bool:
        """Return whether *session* may do *action* to *resource*; note that it wanted to.

        Args:
            session: who asks; None: the emulator itself, which may do everything.
            action: as IAM names it, e.g. ``s3:GetObject``.
            resource: its ARN; ``ANY`` where it is not known, ``ALL`` where the action has none.
        """
        return self.refusal(session, action, resource) is None

    def refusal(
        self,
        session: Actor | None,
        action: str,
        resource: str = ANY,
        values: Values = NONE,
        resource_policies: Sequence[str] = (),
        quoted: bool = False,
        tags: Callable[[], Mapping[str, str]] = dict,
    ) -> str | None:
        """AWS's words for why *session* may not do *action* to *resource*; None where it may. Notes that it wanted to.

        Args:
            session: who; None for the developer, who may do everything that *resource_policies* do not deny.
            action: ``s3:GetObject``.
            resource: an ARN, or :data:`~harness.emulator.access.policies.ANY`.
            values: what the request has for condition keys, beside those that each request has.
            resource_policies: the resource's own.
            quoted: whether the words have the resource in quotation marks, as S3's.
            tags: gives the resource's tags, their keys in small letters.
        """
        actor = session or self._developer
        if actor.account_id != self._account_id:
            return None
        if session is not None:
            with self._lock:
                self._observed[actor.principal.rpartition("/")[2]][action].add(resource)
        is_free = session is None or self._is_before_iam(actor.principal)
        if not self._enforced or (is_free and not resource_policies):
            return None
        entity = None if is_free else self._directory.entity(actor)
        asked = Asked(
            action, resource, _key_values(actor, entity, values, tags, partial(self._directory.tags_of, entity))
        )
        identity = (_EVERYTHING,) if is_free else self._directory.policies_of(entity)
        policies = PoliciesOf(identity, self._directory.boundary_of(entity), actor.policies or None, resource_policies)
        reason = reason_to_refuse(actor, asked, policies)
        if reason is None:
            return None
        shown = "*" if resource == ANY else resource
        if session is not None:
            self._note_refusal(actor.principal.rpartition("/")[2], action, shown, reason)
        shown = f'"{shown}"' if quoted else shown
        return f"User: {actor.arn} is not authorized to perform: {action} on resource: {shown} {reason}"

    def trusts(self, role: str, service: str, source: str | None = None) -> bool:
        """Whether *role* is there and lets *service* (``states.amazonaws.com``) take it on.

        Args:
            role: ARN.
            service: who asks.
            source: ARN of what it asks for, where that is told (``aws:SourceArn``).
        """
        if not self._knows(role) or self._is_before_iam(role):
            return True
        values = {"aws:sourceaccount": [self._account_id], **({"aws:sourcearn": [source]} if source else {})}
        names: tuple[str, ...] = (service,)
        if source:  # a service's name in its region is the same service
            names += (service.replace(".", f".{source.split(':')[3]}.", 1),)
        return self._trusted(role, names, "Service", values)

    def check_assume_role(self, session: Actor | None, caller: str, role: str, values: Values = NONE) -> None:
        """Let somebody of the account take *role* on, or refuse.

        https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html

        Args:
            session: who asks; None for the developer.
            caller: as whom GetCallerIdentity knows them.
            role: ARN.
            values: of condition keys, such as ``sts:externalid``.

        Raises:
            AwsError: AccessDenied: the role is not there, does not trust them, or they may not.
        """
        if not self._knows(role):
            return
        account = f"arn:aws:iam::{self._account_id}:root"
        name = caller.split("/")[1] if "/" in caller else ""
        own = self._directory.role(name)
        principals = (caller, *([own.arn] if own is not None else []))
        by_name = self._trusted(role, principals, "AWS", values)
        # A role that trusts an account leaves it to that account's policies who may; in one account, a role that
        # trusts somebody by name asks for no policy of theirs.
        by_account = self._trusted(role, (account, self._account_id), "AWS", values)
        if by_name or (by_account and self.refusal(session, "sts:AssumeRole", role, values) is None):
            return
        words = f"User: {caller} is not authorized to perform: sts:AssumeRole on resource: {role}"
        raise AwsError("AccessDenied", words, 403)

    def observed(self) -> Mapping[str, Members]:
        """By role, the smallest policy that allows what its sessions did or tried."""
        with self._lock:
            return {role: smallest_policy(calls) for role, calls in sorted(self._observed.items())}

    def refused(self) -> list[dict[str, str]]:
        """Tell what roles were refused, the oldest first: ``at``, ``role``, ``action``, ``resource`` and ``why``."""
        with self._lock:
            return list(self._refused)

    def _note_refusal(self, role: str, action: str, resource: str, why: str) -> None:
        at = datetime.now(UTC).isoformat()
        with self._lock:
            self._refused.append({"at": at, "role": role, "action": action, "resource": resource, "why": why})

    def _is_before_iam(self, role: str) -> bool:
        """Whether it is the developer's role, which is made when IAM is first asked."""
        return role == self._developer.role and (
            not self._directory.is_loaded or self._directory.role(self._developer.role_name) is None
        )

    def _knows(self, role: str) -> bool:
        parts = role.split(":")
        return len(parts) >= 6 and parts[4] == self._account_id and self._enforced

    def _trusted(self, role: str, principals: Sequence[str], kind: str, values: Values) -> bool:
        found = self._directory.role(role.rpartition("/")[2])
        if found is None or found.arn != role:
            return False
        text = self._directory.trust_of(found)
        asked = Asked("sts:AssumeRole", role, lambda key: values.get(key))
        covering = [
            str(statement.effect)
            for statement in read(text)
            if statement.covers(asked) and statement.names_principal(principals, kind) is not None
        ]
        return "Allow" in covering and "Deny" not in covering


def _key_values(
    session: Actor,
    entity: Any,
    values: Values,
    tags: Callable[[], Mapping[str, str]],
    own_tags: Callable[[], Mapping[str, str]],
) -> KeyValues:
    """Tell what a request of *session* has for condition keys: those of the request, and those that each has.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
    """

    def find(key: str) -> Sequence[str] | None:
        if key in values:
            return values[key]
        if key.startswith("aws:principaltag/"):
            found = own_tags().get(key.partition("/")[2])
            return None if found is None else [found]
        if ":resourcetag/" in key:
            found = tags().get(key.partition("/")[2])
            return None if found is None else [found]
        made = _EVERY_REQUEST.get(key)
        return made(session, entity) if made is not None else None

    return find


_EVERY_REQUEST: Mapping[str, Callable[[Actor, Any], Sequence[str] | None]] = {
    "aws:principalarn": lambda session, entity: [session.principal],
    "aws:principalaccount": lambda session, entity: [session.account_id],
    "aws:principaltype": lambda session, entity: ["AssumedRole" if isinstance(session, RoleSession) else "User"],
    "aws:userid": lambda session, entity: [_user_id(session, entity)],
    "aws:username": lambda session, entity: None if isinstance(session, RoleSession) else [session.name],
    "aws:resourceaccount": lambda session, entity: [session.account_id],
    "s3:resourceaccount": lambda session, entity: [session.account_id],
    "aws:currenttime": lambda session, entity: [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())],
    "aws:epochtime": lambda session, entity: [str(int(time.time()))],
    # What would be TLS on AWS is taken for it here.
    "aws:securetransport": lambda session, entity: ["true"],
    "aws:multifactorauthpresent": lambda session, entity: ["false"] if isinstance(session, RoleSession) else None,
    "aws:viaawsservice": lambda session, entity: ["true" if session.via else "false"],
    "aws:calledvia": lambda session, entity: [session.via] if session.via else None,
    "aws:calledviafirst": lambda session, entity: [session.via] if session.via else None,
    "aws:calledvialast": lambda session, entity: [session.via] if session.via else None,
}


def _user_id(session: Actor, entity: Any) -> str:
    identity = str(getattr(entity, "id", ""))
    return f"{identity}:{session.name}" if isinstance(session, RoleSession) else identity
