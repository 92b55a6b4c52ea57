"""IAM roles: what they were asked for, what they were refused, and the policies that they have."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError
from flask import Flask, abort, render_template

from harness.dashboard.clients import Clients

POLICIES = "policies"


@dataclass(frozen=True)
class Told:
    """What the emulator tells of roles.

    Attributes:
        asked: by role, the smallest policy that allows all that its sessions did or tried.
        refused: what they were refused, the newest first: ``at``, ``role``, ``action``, ``resource`` and ``why``.
    """

    asked: Mapping[str, Any]
    refused: list[dict[str, str]]


def told(clients: Clients) -> Told | None:
    """Return what the emulator has noted; None where the target has none to ask."""
    if clients.control is None:
        return None
    answer = clients.control.get(POLICIES)
    return Told(answer["policies"], list(reversed(answer.get("refused", []))))


def actions_of(policy: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """Each action of a policy with its resources."""
    found: dict[str, list[str]] = {}
    for statement in policy.get("Statement", []):
        for action in _many(statement.get("Action")):
            found.setdefault(action, []).extend(_many(statement.get("Resource")))
    return sorted(found.items())


def _many(value: Any) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else [str(value)] if value else []


def policies_of(iam: Any, name: str) -> list[tuple[str, str]]:
    """Read the policies of a role: name and document of each, inline ones and attached ones."""
    found = []
    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        found.append((policy, iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]))
    for attached in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
        try:
            version = iam.get_policy(PolicyArn=attached["PolicyArn"])["Policy"]["DefaultVersionId"]
            answer = iam.get_policy_version(PolicyArn=attached["PolicyArn"], VersionId=version)
            found.append((attached["PolicyName"], answer["PolicyVersion"]["Document"]))
        except ClientError:
            found.append((attached["PolicyName"], {}))
    return [(policy, json.dumps(document)) for policy, document in found]


def _of(role: str, refused: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    return [each for each in refused if each["role"] == role]


def listed(clients: Clients) -> dict[str, Any]:
    """Return what the list of roles shows."""
    pages = clients.iam.get_paginator("list_roles").paginate()
    found = sorted((each for page in pages for each in page["Roles"]), key=lambda each: str(each["RoleName"]))
    known = told(clients)
    return {
        "roles": found,
        "known": known is not None,
        "refused": {} if known is None else {each["RoleName"]: _of(each["RoleName"], known.refused) for each in found},
        "asked": {} if known is None else {role: len(actions_of(policy)) for role, policy in known.asked.items()},
    }


def shown(clients: Clients, name: str) -> dict[str, Any]:
    """Return what the page of a role shows.

    Args:
        clients: lead to the target.
        name: the role's.

    Raises:
        botocore.exceptions.ClientError: there is none.
    """
    role = clients.iam.get_role(RoleName=name)["Role"]
    known = told(clients)
    return {
        "role": role,
        "trust": json.dumps(role["AssumeRolePolicyDocument"]),
        "policies": policies_of(clients.iam, name),
        "known": known is not None,
        "asked": [] if known is None else actions_of(known.asked.get(name, {})),
        "refused": [] if known is None else _of(name, known.refused),
    }


def add_roles(app: Flask, clients: Clients) -> None:
    """Add the pages of roles."""

    @app.get("/roles", endpoint="roles")
    def many() -> str:
        return render_template("roles.html", **listed(clients))

    @app.get("/roles/<name>", endpoint="role")
    def one(name: str) -> str:
        try:
            return render_template("role.html", **shown(clients, name))
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchEntity":
                abort(404, f"There is no role {name}.")
            raise
