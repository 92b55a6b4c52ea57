"""Stacks, resources, events and change sets as CloudFormation describes them.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Types.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.emulator.cloudformation.documents import Document
from harness.emulator.cloudformation.expressions import text_of
from harness.emulator.cloudformation.stack import ChangeSet, Event, Resource, Stack

NAMED_IAM = {
    "AWS::IAM::Group": "GroupName",
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::User": "UserName",
}
_IAM = frozenset({*NAMED_IAM, "AWS::IAM::AccessKey", "AWS::IAM::Policy", "AWS::IAM::UserToGroupAddition"})
_NO_DRIFT = {"StackDriftStatus": "NOT_CHECKED"}


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as a list."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def stack(of: Stack) -> dict[str, Any]:
    """As DescribeStacks tells of a stack."""
    wanted = of.wanted
    found: dict[str, Any] = {
        "StackId": of.id,
        "StackName": of.name,
        "ChangeSetId": of.change_set_id,
        "Description": wanted.description if wanted else None,
        "Parameters": [parameter.described() for parameter in wanted.parameters.values()] if wanted else [],
        "CreationTime": of.created,
        "LastUpdatedTime": of.updated,
        "DeletionTime": of.deleted,
        "RollbackConfiguration": {},
        "StackStatus": of.status,
        "StackStatusReason": of.reason,
        "DisableRollback": of.disable_rollback,
        "NotificationARNs": list(wanted.notifications) if wanted else [],
        "Capabilities": list(wanted.capabilities) if wanted else [],
        "Outputs": of.outputs,
        "RoleARN": wanted.role if wanted else None,
        "Tags": tag_list(of.tags),
        "EnableTerminationProtection": of.protected,
        "DriftInformation": _NO_DRIFT,
        **_family(of),
    }
    if not of.outputs:
        del found["Outputs"]
    return {key: value for key, value in found.items() if value is not None}


def _family(of: Stack) -> dict[str, str]:
    return {"RootId": of.parents[0], "ParentId": of.parents[-1]} if of.parents else {}


def summary(of: Stack) -> dict[str, Any]:
    """As ListStacks tells of a stack."""
    found = {
        "StackId": of.id,
        "StackName": of.name,
        "TemplateDescription": of.wanted.description if of.wanted else None,
        "CreationTime": of.created,
        "LastUpdatedTime": of.updated,
        "DeletionTime": of.deleted,
        "StackStatus": of.status,
        "StackStatusReason": of.reason,
        "DriftInformation": _NO_DRIFT,
        **_family(of),
    }
    return {key: value for key, value in found.items() if value is not None}


def resource(of: Stack, item: Resource, time: str) -> dict[str, Any]:
    """Describe a resource as DescribeStackResource and its like do.

    Args:
        of: the stack.
        item: the resource.
        time: the member that has the date of its last change: ``Timestamp``, or ``LastUpdatedTimestamp`` in some
            operations.
    """
    found = {
        "StackName": of.name,
        "StackId": of.id,
        "LogicalResourceId": item.logical_id,
        "PhysicalResourceId": item.made.physical_id or None,
        "ResourceType": item.kind,
        time: item.changed,
        "ResourceStatus": item.status,
        "ResourceStatusReason": item.reason,
        "DriftInformation": {"StackResourceDriftStatus": "NOT_CHECKED"},
    }
    return {key: value for key, value in found.items() if value is not None}


def event(of: Stack, item: Event) -> dict[str, Any]:
    """As DescribeStackEvents tells of an event."""
    found = {
        "StackId": of.id,
        "EventId": item.id,
        "StackName": of.name,
        "LogicalResourceId": item.logical_id,
        "PhysicalResourceId": item.physical_id,
        "ResourceType": item.kind,
        "Timestamp": item.time,
        "ResourceStatus": item.status,
        "ResourceStatusReason": item.reason,
    }
    return {key: value for key, value in found.items() if value is not None}


def change_set(of: Stack, item: ChangeSet) -> dict[str, Any]:
    """As DescribeChangeSet tells of a change set."""
    found: dict[str, Any] = {
        "ChangeSetName": item.name,
        "ChangeSetId": item.id,
        "StackId": of.id,
        "StackName": of.name,
        "Description": item.description,
        "Parameters": [parameter.described() for parameter in item.wanted.parameters.values()] or None,
        "CreationTime": item.created,
        "ExecutionStatus": item.execution,
        "Status": item.status,
        "StatusReason": item.reason,
        "NotificationARNs": list(item.wanted.notifications),
        "RollbackConfiguration": {},
        "Capabilities": list(item.wanted.capabilities),
        "Tags": tag_list(item.wanted.tags) or None,
        "Changes": item.changes,
        "IncludeNestedStacks": False,
        "OnStackFailure": item.on_failure,
    }
    return {key: value for key, value in found.items() if value is not None}


def change_set_summary(of: Stack, item: ChangeSet) -> dict[str, Any]:
    """As ListChangeSets tells of a change set."""
    members = (
        "StackId",
        "StackName",
        "ChangeSetId",
        "ChangeSetName",
        "ExecutionStatus",
        "Status",
        "StatusReason",
        "CreationTime",
        "Description",
        "IncludeNestedStacks",
    )
    described = change_set(of, item)
    return {name: described[name] for name in members if name in described}


def parameters(template: Document) -> list[dict[str, Any]]:
    """Describe a template's parameters, as GetTemplateSummary tells of them."""
    found = []
    for name, declared in (template.get("Parameters") or {}).items():
        item: dict[str, Any] = {
            "ParameterKey": name,
            "ParameterType": declared.get("Type", "String"),
            "NoEcho": text_of(declared.get("NoEcho")).lower() == "true",
            "ParameterConstraints": {},
        }
        if "Default" in declared:
            item["DefaultValue"] = text_of(declared["Default"])
        if "Description" in declared:
            item["Description"] = text_of(declared["Description"])
        if "AllowedValues" in declared:
            item["ParameterConstraints"] = {"AllowedValues": [text_of(value) for value in declared["AllowedValues"]]}
        found.append(item)
    return found


def capabilities(template: Document) -> tuple[list[str], str | None]:
    """Capabilities that a template needs, and why."""
    resources = template.get("Resources") or {}
    iam = sorted({item["Type"] for item in resources.values() if item.get("Type") in _IAM})
    named = any(NAMED_IAM.get(item.get("Type", "")) in (item.get("Properties") or {}) for item in resources.values())
    if not iam:
        return [], None
    words = f"The following resource(s) require capabilities: [{', '.join(iam)}]"
    return ["CAPABILITY_NAMED_IAM" if named else "CAPABILITY_IAM"], words
