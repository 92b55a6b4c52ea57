"""One CloudFormation stack: planned, its change set shown, carried out, waited for, and read as it is then.

The plan is what is shown, compared and carried out: by CloudFormation on AWS; anywhere else by the emulator's, which
makes resources by calls of the services' own APIs.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-changesets.html
"""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness.project.steps import Step

if TYPE_CHECKING:
    import boto3

_LASTING = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE")
_WAITERS = {
    "CREATE_IN_PROGRESS": "stack_create_complete",
    "UPDATE_IN_PROGRESS": "stack_update_complete",
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": "stack_update_complete",
    "UPDATE_ROLLBACK_IN_PROGRESS": "stack_rollback_complete",
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS": "stack_rollback_complete",
    "DELETE_IN_PROGRESS": "stack_delete_complete",
}
_AT_ONCE, _OFTEN = {"Delay": 0.2, "MaxAttempts": 15}, {"Delay": 5, "MaxAttempts": 240}
"""How often is looked: an emulator's stack is there in a moment, AWS's takes minutes."""
_NO_CHANGES = ("didn't contain changes", "No updates are to be performed")


@dataclass(frozen=True)
class StackPlan:
    """One stack, as it will be asked for.

    Attributes:
        bucket: into which its files go.
        body: the template, JSON.
        files: contents by bucket and key, the template's among them where it is too long for a request.
        url: where in S3 the template is then.
        images: sources of container images, which are not built here.
    """

    name: str
    bucket: str
    body: str
    files: dict[tuple[str, str], bytes]
    parameters: dict[str, str]
    tags: list[dict[str, str]] = field(default_factory=list)
    images: tuple[str, ...] = ()
    url: str | None = None

    @property
    def resources(self) -> dict[str, str]:
        """Types of resources by their logical ids, before any transform."""
        return {name: str(item.get("Type")) for name, item in json.loads(self.body).get("Resources", {}).items()}

    def lines(self) -> Iterable[str]:
        """Say what will be done, for people."""
        for (bucket, key), content in self.files.items():
            yield f"upload s3://{bucket}/{key}, {len(content)} bytes"
        yield f"stack {self.name}"
        for key, value in self.parameters.items():
            yield f"  parameter {key}={value}"
        for name, kind in self.resources.items():
            yield f"  {kind} {name}"


class StackFailure(RuntimeError):
    """The stack could not be made so; the message gives CloudFormation's reasons."""


@dataclass(frozen=True)
class StackChange:
    """One line of a change set."""

    action: str
    """``Add``, ``Modify`` or ``Remove``."""
    name: str
    kind: str
    replaced: bool = False

    def __str__(self) -> str:
        return f"{self.action.lower():6} {self.kind} {self.name}{' (replaced)' if self.replaced else ''}"


def find_stack(cfn: Any, name: str) -> dict[str, Any] | None:
    """Find the stack *name*; None where there is none."""
    try:
        return dict(cfn.describe_stacks(StackName=name)["Stacks"][0])
    except cfn.exceptions.ClientError as error:
        if "does not exist" not in str(error):
            raise
        return None


def settle(cfn: Any, name: str) -> dict[str, Any] | None:
    """Return the stack *name* once nothing is under way, as after a deployment broken off; None where there is none."""
    from botocore.exceptions import WaiterError

    stack = find_stack(cfn, name)
    if stack is None:
        return None
    if waiter := _WAITERS.get(stack["StackStatus"]):
        with contextlib.suppress(WaiterError):  # what it came to is looked at next
            _await(cfn, waiter, stack["StackId"])
        stack = find_stack(cfn, name)
    return stack


def delete_stack(cfn: Any, name: str) -> None:
    """Delete the stack *name* and wait until it is gone; one that is not there is passed over.

    Raises:
        StackFailure: CloudFormation could not delete all of it.
    """
    from botocore.exceptions import WaiterError

    stack = settle(cfn, name)
    if stack is None:
        return
    cfn.delete_stack(StackName=stack["StackId"])
    try:
        _await(cfn, "stack_delete_complete", stack["StackId"])
    except WaiterError:
        raise StackFailure(f"stack {name} was not deleted: {_reasons(cfn, stack['StackId'])}") from None


def preview(plan: StackPlan, session: boto3.Session) -> tuple[StackChange, ...]:
    """Return what a deployment would change, leaving nothing: for a stack that is there, a change set, deleted again.

    All of it would, as far as is known here, where the template is too long to be asked about.

    Args:
        plan: the stack.
        session: leads to the target.

    Raises:
        StackFailure: CloudFormation refuses the template.
    """
    cfn = session.client("cloudformation")
    stack = find_stack(cfn, plan.name)
    if plan.url or stack is None or stack["StackStatus"] not in _LASTING:
        return tuple(StackChange("Add", logical, kind) for logical, kind in plan.resources.items())
    change_set, changes = _make_change_set(cfn, plan, "UPDATE")
    cfn.delete_change_set(StackName=plan.name, ChangeSetName=change_set)
    return changes


def deploy_stack(
    plan: StackPlan,
    session: boto3.Session,
    on_step: Step = lambda line: None,
    on_changes: Callable[[tuple[StackChange, ...]], None] = lambda changes: None,
) -> None:
    """Have the stack as *plan* says; one that is so already stays.

    Args:
        plan: the stack; its files are in S3 already, its tags CloudFormation hands on to all resources.
        session: leads to the target.
        on_step: told what was done.
        on_changes: shown the change set before it is carried out.

    Raises:
        StackFailure: CloudFormation could not make it so.
        botocore.exceptions.ClientError: CloudFormation refuses.
    """
    from botocore.exceptions import WaiterError

    cfn, name = session.client("cloudformation"), plan.name
    stack = settle(cfn, name)
    if stack is not None and stack["StackStatus"] not in _LASTING:
        delete_stack(cfn, name)  # never came to be, and cannot be changed any more
        on_step(f"deleted stack {name}, which had come to {stack['StackStatus']}")
        stack = None
    kind = "CREATE" if stack is None else "UPDATE"
    change_set, changes = _make_change_set(cfn, plan, kind)
    on_changes(changes)
    if not changes:
        cfn.delete_change_set(StackName=name, ChangeSetName=change_set)
        return
    cfn.execute_change_set(StackName=name, ChangeSetName=change_set)
    try:
        waiter = "stack_create_complete" if kind == "CREATE" else "stack_update_complete"
        _await(cfn, waiter, name)
    except WaiterError:
        raise StackFailure(f"stack {name} was not {kind.lower()}d: {_reasons(cfn, name)}") from None
    on_step(f"{kind.lower()}d stack {name}: {len(changes)} resources")


@dataclass(frozen=True)
class DeployedResource:
    """A resource of a stack: its ids, its type."""

    logical_id: str
    physical_id: str
    type: str


@dataclass(frozen=True)
class DeployedStack:
    """A stack as it is.

    Attributes:
        notes: what of it is not emulated.
        tags: of the stack, by key.
    """

    name: str
    outputs: dict[str, str]
    resources: dict[str, DeployedResource]
    notes: list[str]
    tags: dict[str, str] = field(default_factory=dict)


def read_stack(name: str, session: boto3.Session) -> DeployedStack:
    """Read the stack *name* where *session* leads.

    Raises:
        botocore.exceptions.ClientError: there is none.
    """
    cfn = session.client("cloudformation")
    stack = cfn.describe_stacks(StackName=name)["Stacks"][0]
    resources = {
        item["LogicalResourceId"]: DeployedResource(
            item["LogicalResourceId"], item.get("PhysicalResourceId", ""), item["ResourceType"]
        )
        for page in cfn.get_paginator("list_stack_resources").paginate(StackName=name)
        for item in page["StackResourceSummaries"]
    }
    events: list[dict[str, Any]] = cfn.describe_stack_events(StackName=name)["StackEvents"]
    notes = [
        f"{event['LogicalResourceId']}: {event['ResourceStatusReason']}"
        for event in reversed(events)
        if event.get("ResourceStatusReason", "").startswith("not emulated: ")
    ]
    return DeployedStack(
        name,
        {item["OutputKey"]: item["OutputValue"] for item in stack.get("Outputs", ())},
        resources,
        list(dict.fromkeys(notes)),
        {tag["Key"]: tag["Value"] for tag in stack.get("Tags", ())},
    )


def _await(cfn: Any, waiter: str, name: str) -> None:
    from botocore.exceptions import WaiterError

    with contextlib.suppress(WaiterError):
        cfn.get_waiter(waiter).wait(StackName=name, WaiterConfig=_AT_ONCE)
    cfn.get_waiter(waiter).wait(StackName=name, WaiterConfig=_OFTEN)


def _make_change_set(cfn: Any, plan: StackPlan, kind: str) -> tuple[str, tuple[StackChange, ...]]:
    from botocore.exceptions import WaiterError

    name = plan.name
    made = cfn.create_change_set(
        StackName=name,
        ChangeSetName=f"harness-{uuid.uuid4().hex[:12]}",
        ChangeSetType=kind,
        **({"TemplateURL": plan.url} if plan.url else {"TemplateBody": plan.body}),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in plan.parameters.items()],
        Capabilities=["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        Tags=plan.tags,
    )["Id"]
    try:
        cfn.get_waiter("change_set_create_complete").wait(
            StackName=name, ChangeSetName=made, WaiterConfig={"Delay": 1, "MaxAttempts": 300}
        )
    except WaiterError:
        said = cfn.describe_change_set(StackName=name, ChangeSetName=made).get("StatusReason", "")
        if any(words in said for words in _NO_CHANGES):
            return made, ()
        raise StackFailure(f"the change set of stack {name} was refused: {said}") from None
    found: list[StackChange] = []
    for page in cfn.get_paginator("describe_change_set").paginate(StackName=name, ChangeSetName=made):
        for item in page["Changes"]:
            change = item["ResourceChange"]
            replaced = change.get("Replacement") == "True"
            found.append(StackChange(change["Action"], change["LogicalResourceId"], change["ResourceType"], replaced))
    return made, tuple(found)


def _reasons(cfn: Any, name: str) -> str:
    events = [
        event
        for page in cfn.get_paginator("describe_stack_events").paginate(StackName=name)
        for event in page["StackEvents"]
        if event["ResourceStatus"].endswith("_FAILED") or "ROLLBACK_IN_PROGRESS" in event["ResourceStatus"]
    ]
    reasons = [
        f"{event['LogicalResourceId']}: {event['ResourceStatusReason']}"
        for event in reversed(events)
        if event.get("ResourceStatusReason")
    ]
    return "; ".join(dict.fromkeys(reasons[:5])) or "CloudFormation gave no reason"
