"""Whether somebody may do what they ask for, and if not, which kind of policy is in the way.

Evaluated: policies of the role or user, the permissions boundary, policies of the session, the resource's own policy.
Policies of organizations are not: an emulator has no organization.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.emulator.access.policies import Asked, effects, read
from harness.emulator.access.sessions import Actor

_IDENTITY, _BOUNDARY, _SESSION, _RESOURCE = (
    "identity-based policy",
    "permissions boundary",
    "session policy",
    "resource-based policy",
)


@dataclass(frozen=True)
class PoliciesOf:
    """All policies that have a say in what somebody asks for."""

    identity: Sequence[str]
    boundary: Sequence[str] | None = None
    """None where there is none."""
    session: Sequence[str] | None = None
    resource: Sequence[str] = ()


def reason_to_refuse(actor: Actor, asked: Asked, policies: PoliciesOf) -> str | None:
    """Return the end of AWS's sentence for a refusal: ``because no identity-based policy allows the ... action``.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html

    Args:
        actor: who asks, by ARN and account.
        asked: the action, the resource's ARN, and the values of condition keys.
        policies: the documents that apply: of the identity, its boundary, the session and the resource.

    Returns:
        None where it is allowed.
    """
    identity = effects(policies.identity, asked)
    limits = [
        (kind, effects(documents, asked))
        for kind, documents in ((_BOUNDARY, policies.boundary), (_SESSION, policies.session))
        if documents is not None
    ]
    granted, denied = _of_resource(actor, asked, policies.resource)
    for kind, found in ((_IDENTITY, identity), *limits, (_RESOURCE, {"Deny"} if denied else set())):
        if "Deny" in found:
            return f"with an explicit deny in {'an' if kind == _IDENTITY else 'a'} {kind}"
    if granted == actor.arn:
        return None  # no boundary and no session policy limits what is granted to the session itself
    for kind, found in limits:
        if "Allow" not in found:
            return f"because no {kind} allows the {asked.action} action"
    if "Allow" not in identity and granted is None:
        return f"because no {_IDENTITY} allows the {asked.action} action"
    return None


def _of_resource(actor: Actor, asked: Asked, documents: Sequence[str]) -> tuple[str | None, bool]:
    """To whom a resource's policies allow it, the actor or their role; and whether they deny it."""
    account = f"arn:aws:iam::{actor.account_id}:root"
    principals = (actor.arn, actor.principal)
    granted, denied = None, False
    for text in documents:
        for statement in read(text):
            if not statement.covers(asked):
                continue
            if statement.effect == "Deny":
                denied = denied or statement.names_principal((*principals, account, actor.account_id)) is not None
            else:
                # An account's own name leaves it to the policies of that account's roles.
                granted = granted or statement.names_principal(principals)
    return granted, denied
