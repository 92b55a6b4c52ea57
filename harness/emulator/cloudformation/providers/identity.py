"""IAM: roles, policies, instance profiles, users and their keys.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_IAM.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from harness.emulator.cloudformation.providers.base import Made, Provider, Work, gone_is_fine, required


def _tags(work: Work) -> list[dict[str, str]]:
    """Return the stack's tags and its own, without CloudFormation's, which resources of IAM do not get.

    https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1966
    """
    return [{"Key": key, "Value": value} for key, value in work.all_tags.items() if not key.startswith("aws:")]


def _document(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _inline(properties: Mapping[str, Any]) -> dict[str, str]:
    return {policy["PolicyName"]: _document(policy["PolicyDocument"]) for policy in properties.get("Policies") or []}


def _managed(properties: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys(properties.get("ManagedPolicyArns") or []))


class Principal(Provider):
    """A role, a user or a group: named, with inline and managed policies.

    Args:
        kind: ``Role``, ``User`` or ``Group``.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._name = f"{kind}Name"
        self.fixed = frozenset({self._name, "Path"})

    def create(self, work: Work) -> Made:
        """Make it with all its policies; what is half made is removed again."""
        given = work.properties
        name = given.get(self._name) or work.name(64)
        more: dict[str, Any] = {"Path": given.get("Path")}
        if self._kind != "Group":
            more |= {"Tags": _tags(work), "PermissionsBoundary": given.get("PermissionsBoundary")}
        if self._kind == "Role":
            more["AssumeRolePolicyDocument"] = _document(required(work, "AssumeRolePolicyDocument"))
            more["Description"] = given.get("Description")
            if given.get("MaxSessionDuration"):
                more["MaxSessionDuration"] = int(given["MaxSessionDuration"])
        answer = work.call("iam", f"Create{self._kind}", **{self._name: name}, **more)[self._kind]
        attributes = {"Arn": answer["Arn"], f"{self._kind}Id": answer.get(f"{self._kind}Id")}
        made = Made(name, attributes)
        try:
            self._put_policies(work, name)
            for group in given.get("Groups") or []:
                work.call("iam", "AddUserToGroup", GroupName=group, UserName=name)
        except Exception:
            self._remove(work, name, given)
            raise
        return made

    def update(self, work: Work, made: Made) -> Made:
        """Bring policies, trust and tags up to date."""
        name, given = made.physical_id, work.properties
        if self._kind == "Role":
            trust = _document(given["AssumeRolePolicyDocument"])
            work.call("iam", "UpdateAssumeRolePolicy", RoleName=name, PolicyDocument=trust)
            if any(work.before.get(key) != given.get(key) for key in ("Description", "MaxSessionDuration")):
                duration = int(given.get("MaxSessionDuration", 3600))
                work.call(
                    "iam",
                    "UpdateRole",
                    RoleName=name,
                    Description=given.get("Description", ""),
                    MaxSessionDuration=duration,
                )
            if given.get("PermissionsBoundary") != work.before.get("PermissionsBoundary"):
                if given.get("PermissionsBoundary"):
                    boundary = given["PermissionsBoundary"]
                    work.call("iam", "PutRolePermissionsBoundary", RoleName=name, PermissionsBoundary=boundary)
                else:
                    work.call("iam", "DeleteRolePermissionsBoundary", RoleName=name)
        self._put_policies(work, name)
        if self._kind != "Group":
            work.call("iam", f"Tag{self._kind}", **{self._name: name}, Tags=_tags(work))
        return made

    def delete(self, work: Work, made: Made) -> None:
        """Remove it and its own policies; what others have put there is in the way, as on AWS."""
        self._remove(work, made.physical_id, work.properties)

    def _remove(self, work: Work, name: str, properties: Mapping[str, Any]) -> None:
        of = {self._name: name}
        with gone_is_fine():
            for policy in _inline(properties):
                with gone_is_fine():
                    work.call("iam", f"Delete{self._kind}Policy", **of, PolicyName=policy)
            for arn in _managed(properties):
                with gone_is_fine():
                    work.call("iam", f"Detach{self._kind}Policy", **of, PolicyArn=arn)
            for group in properties.get("Groups") or []:
                with gone_is_fine():
                    work.call("iam", "RemoveUserFromGroup", GroupName=group, UserName=name)
            work.call("iam", f"Delete{self._kind}", **of)

    def _put_policies(self, work: Work, name: str) -> None:
        of, wanted = {self._name: name}, _inline(work.properties)
        for policy, document in wanted.items():
            work.call("iam", f"Put{self._kind}Policy", **of, PolicyName=policy, PolicyDocument=document)
        for policy in _inline(work.before).keys() - wanted.keys():
            with gone_is_fine():
                work.call("iam", f"Delete{self._kind}Policy", **of, PolicyName=policy)
        for arn in _managed(work.properties):
            work.call("iam", f"Attach{self._kind}Policy", **of, PolicyArn=arn)
        for arn in set(_managed(work.before)) - set(_managed(work.properties)):
            with gone_is_fine():
                work.call("iam", f"Detach{self._kind}Policy", **of, PolicyArn=arn)


_HOLDERS = (("Roles", "Role"), ("Users", "User"), ("Groups", "Group"))


def _for_holders(properties: Mapping[str, Any], do: Callable[[str, dict[str, str]], Any]) -> None:
    for member, kind in _HOLDERS:
        for name in properties.get(member) or []:
            do(kind, {f"{kind}Name": name})


class InlinePolicy(Provider):
    """``AWS::IAM::Policy``, and of one role, user or group: ``AWS::IAM::RolePolicy``."""

    fixed = frozenset({"PolicyName", "RoleName", "UserName", "GroupName"})

    def create(self, work: Work) -> Made:
        """Put the policy on everything that it names."""
        name, document = required(work, "PolicyName"), _document(required(work, "PolicyDocument"))

        def put(kind: str, of: dict[str, str]) -> None:
            work.call("iam", f"Put{kind}Policy", **of, PolicyName=name, PolicyDocument=document)

        _for_holders(self._holders(work.properties), put)
        return Made(work.name(128), {"Id": name}, facts={"PolicyName": name})

    def update(self, work: Work, made: Made) -> Made:
        """Put it anew, and take it from what is not named any more."""
        created = self.create(work)
        old, new = self._holders(work.before), self._holders(work.properties)
        gone = {
            member: [name for name in old.get(member) or [] if name not in (new.get(member) or [])]
            for member, _ in _HOLDERS
        }
        self._take(work, gone, work.before["PolicyName"])
        return Made(made.physical_id, created.attributes, facts=created.facts)

    def delete(self, work: Work, made: Made) -> None:
        """Take it from all that have it."""
        self._take(work, self._holders(work.properties), made.facts["PolicyName"])

    @staticmethod
    def _take(work: Work, properties: Mapping[str, Any], name: str) -> None:
        def take(kind: str, of: dict[str, str]) -> None:
            with gone_is_fine():
                work.call("iam", f"Delete{kind}Policy", **of, PolicyName=name)

        _for_holders(properties, take)

    @staticmethod
    def _holders(properties: Mapping[str, Any]) -> dict[str, Iterable[str]]:
        one = {f"{kind}s": [properties[f"{kind}Name"]] for _, kind in _HOLDERS if properties.get(f"{kind}Name")}
        return {**{member: properties.get(member) or [] for member, _ in _HOLDERS}, **one}


class ManagedPolicy(Provider):
    """``AWS::IAM::ManagedPolicy``."""

    fixed = frozenset({"ManagedPolicyName", "Path", "Description"})

    def create(self, work: Work) -> Made:
        """Make the policy and attach it."""
        given = work.properties
        name = given.get("ManagedPolicyName") or work.name(128)
        arn = work.call(
            "iam",
            "CreatePolicy",
            PolicyName=name,
            Path=given.get("Path"),
            Description=given.get("Description"),
            PolicyDocument=_document(required(work, "PolicyDocument")),
        )["Policy"]["Arn"]
        _for_holders(given, lambda kind, of: work.call("iam", f"Attach{kind}Policy", **of, PolicyArn=arn))
        return Made(arn, {"PolicyArn": arn})

    def update(self, work: Work, made: Made) -> Made:
        """Make the document's newest version the default one; attach and detach."""
        arn = made.physical_id
        if work.before.get("PolicyDocument") != work.properties.get("PolicyDocument"):
            for version in work.call("iam", "ListPolicyVersions", PolicyArn=arn)["Versions"]:
                if not version["IsDefaultVersion"]:
                    work.call("iam", "DeletePolicyVersion", PolicyArn=arn, VersionId=version["VersionId"])
            document = _document(work.properties["PolicyDocument"])
            work.call("iam", "CreatePolicyVersion", PolicyArn=arn, PolicyDocument=document, SetAsDefault=True)
        _for_holders(work.properties, lambda kind, of: work.call("iam", f"Attach{kind}Policy", **of, PolicyArn=arn))
        kept = {member: set(work.properties.get(member) or []) for member, _ in _HOLDERS}
        gone = {
            member: [name for name in work.before.get(member) or [] if name not in kept[member]]
            for member, _ in _HOLDERS
        }
        self._detach(work, gone, arn)
        return made

    def delete(self, work: Work, made: Made) -> None:
        """Detach and remove it."""
        self._detach(work, work.properties, made.physical_id)
        with gone_is_fine():
            for version in work.call("iam", "ListPolicyVersions", PolicyArn=made.physical_id)["Versions"]:
                if not version["IsDefaultVersion"]:
                    of = {"PolicyArn": made.physical_id, "VersionId": version["VersionId"]}
                    work.call("iam", "DeletePolicyVersion", **of)
            work.call("iam", "DeletePolicy", PolicyArn=made.physical_id)

    @staticmethod
    def _detach(work: Work, properties: Mapping[str, Any], arn: str) -> None:
        def detach(kind: str, of: dict[str, str]) -> None:
            with gone_is_fine():
                work.call("iam", f"Detach{kind}Policy", **of, PolicyArn=arn)

        _for_holders(properties, detach)


class InstanceProfile(Provider):
    """``AWS::IAM::InstanceProfile``."""

    fixed = frozenset({"InstanceProfileName", "Path"})

    def create(self, work: Work) -> Made:
        """Make the profile with its role."""
        name = work.properties.get("InstanceProfileName") or work.name(128)
        path = work.properties.get("Path")
        made = work.call("iam", "CreateInstanceProfile", InstanceProfileName=name, Path=path)["InstanceProfile"]
        for role in work.properties.get("Roles") or []:
            work.call("iam", "AddRoleToInstanceProfile", InstanceProfileName=name, RoleName=role)
        return Made(name, {"Arn": made["Arn"]})

    def update(self, work: Work, made: Made) -> Made:
        """Exchange its role."""
        of = {"InstanceProfileName": made.physical_id}
        for role in work.before.get("Roles") or []:
            work.call("iam", "RemoveRoleFromInstanceProfile", **of, RoleName=role)
        for role in work.properties.get("Roles") or []:
            work.call("iam", "AddRoleToInstanceProfile", **of, RoleName=role)
        return made

    def delete(self, work: Work, made: Made) -> None:
        """Remove it."""
        of = {"InstanceProfileName": made.physical_id}
        with gone_is_fine():
            for role in work.properties.get("Roles") or []:
                with gone_is_fine():
                    work.call("iam", "RemoveRoleFromInstanceProfile", **of, RoleName=role)
            work.call("iam", "DeleteInstanceProfile", **of)


class AccessKey(Provider):
    """``AWS::IAM::AccessKey``."""

    fixed = frozenset({"UserName", "Serial"})

    def create(self, work: Work) -> Made:
        """Make a user's key."""
        key = work.call("iam", "CreateAccessKey", UserName=required(work, "UserName"))["AccessKey"]
        return Made(key["AccessKeyId"], {"SecretAccessKey": key["SecretAccessKey"]})

    def update(self, work: Work, made: Made) -> Made:
        """Set whether it is active."""
        status = work.properties.get("Status", "Active")
        work.call(
            "iam", "UpdateAccessKey", UserName=work.properties["UserName"], AccessKeyId=made.physical_id, Status=status
        )
        return made

    def delete(self, work: Work, made: Made) -> None:
        """Remove it."""
        with gone_is_fine():
            work.call("iam", "DeleteAccessKey", UserName=work.properties["UserName"], AccessKeyId=made.physical_id)


PROVIDERS: dict[str, Provider] = {
    "AWS::IAM::Role": Principal("Role"),
    "AWS::IAM::User": Principal("User"),
    "AWS::IAM::Group": Principal("Group"),
    "AWS::IAM::Policy": InlinePolicy(),
    "AWS::IAM::RolePolicy": InlinePolicy(),
    "AWS::IAM::UserPolicy": InlinePolicy(),
    "AWS::IAM::GroupPolicy": InlinePolicy(),
    "AWS::IAM::ManagedPolicy": ManagedPolicy(),
    "AWS::IAM::InstanceProfile": InstanceProfile(),
    "AWS::IAM::AccessKey": AccessKey(),
}
