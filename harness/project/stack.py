"""One CloudFormation stack: a change set is shown, then carried out, then waited for.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-changesets.html
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.project.expand import LONGEST_BODY, Expanded
from harness.project.install import Step

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
_OFTEN = {"Delay": 5, "MaxAttempts": 240}
_NO_CHANGES = ("didn't contain changes", "No updates are to be performed")


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
    """The stack *name*, None where there is none."""
    try:
        return dict(cfn.describe_stacks(StackName=name)["Stacks"][0])
    except cfn.exceptions.ClientError as error:
        if "does not exist" not in str(error):
            raise
        return None


def settle(cfn: Any, name: str) -> dict[str, Any] | None:
    """The stack *name* once nothing is under way, as after a deployment that broke off; None where there is none."""
    from botocore.exceptions import WaiterError

    stack = find_stack(cfn, name)
    if stack is None:
        return None
    if waiter := _WAITERS.get(stack["StackStatus"]):
        with contextlib.suppress(WaiterError):  # what it came to is looked at next
            cfn.get_waiter(waiter).wait(StackName=stack["StackId"], WaiterConfig=_OFTEN)
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
        cfn.get_waiter("stack_delete_complete").wait(StackName=stack["StackId"], WaiterConfig=_OFTEN)
    except WaiterError:
        raise StackFailure(f"stack {name} was not deleted: {_reasons(cfn, stack['StackId'])}") from None


def preview(
    name: str, expanded: Expanded, session: boto3.Session, tags: list[dict[str, str]]
) -> tuple[StackChange, ...]:
    """Return what a deployment would change, leaving nothing: for a stack that is there, a change set, deleted again.

    Args:
        name: the stack's.
        expanded: its template and parameters.
        session: leads to the target.
        tags: of the stack, each ``{"Key": ..., "Value": ...}``.
    """
    cfn = session.client("cloudformation")
    stack = find_stack(cfn, name)
    if stack is None or stack["StackStatus"] not in _LASTING:
        return tuple(StackChange("Add", logical, kind) for logical, kind in expanded.resources.items())
    change_set, changes = _make_change_set(cfn, name, "UPDATE", expanded, tags)
    cfn.delete_change_set(StackName=name, ChangeSetName=change_set)
    return changes


def preview_project_stack(
    name: str, body: str, parameters: Mapping[str, str], session: boto3.Session, tags: list[dict[str, str]]
) -> tuple[StackChange, ...]:
    """What a stack's deployment would change; all of it, where its template is too long to be asked about.

    Args:
        name: of the stack.
        body: its template.
        parameters: values by name.
        session: leads to the target.
        tags: of the stack.

    Raises:
        StackFailure: CloudFormation refuses the template.
    """
    expanded = Expanded(body, {}, dict(parameters))
    if len(body.encode()) <= LONGEST_BODY:
        return preview(name, expanded, session, tags)
    return tuple(StackChange("Add", logical, kind) for logical, kind in expanded.resources.items())


def deploy_stack(
    name: str,
    expanded: Expanded,
    session: boto3.Session,
    tags: list[dict[str, str]],
    on_step: Step = lambda line: None,
    on_changes: Callable[[tuple[StackChange, ...]], None] = lambda changes: None,
) -> None:
    """Have the stack as *expanded* says; one that is so already stays.

    Args:
        name: of the stack.
        expanded: template, parameters; its packages are in S3 already.
        session: leads to the target.
        tags: of the stack, which CloudFormation hands on to all its resources.
        on_step: told what was done.
        on_changes: shown the change set before it is carried out.

    Raises:
        StackFailure: CloudFormation could not make it so.
        botocore.exceptions.ClientError: CloudFormation refuses.
    """
    from botocore.exceptions import WaiterError

    cfn = session.client("cloudformation")
    stack = settle(cfn, name)
    if stack is not None and stack["StackStatus"] not in _LASTING:
        delete_stack(cfn, name)  # never came to be, and cannot be changed any more
        on_step(f"deleted stack {name}, which had come to {stack['StackStatus']}")
        stack = None
    kind = "CREATE" if stack is None else "UPDATE"
    change_set, changes = _make_change_set(cfn, name, kind, expanded, tags)
    on_changes(changes)
    if not changes:
        cfn.delete_change_set(StackName=name, ChangeSetName=change_set)
        return
    cfn.execute_change_set(StackName=name, ChangeSetName=change_set)
    try:
        waiter = "stack_create_complete" if kind == "CREATE" else "stack_update_complete"
        cfn.get_waiter(waiter).wait(StackName=name, WaiterConfig=_OFTEN)
    except WaiterError:
        raise StackFailure(f"stack {name} was not {kind.lower()}d: {_reasons(cfn, name)}") from None
    on_step(f"{kind.lower()}d stack {name}: {len(changes)} resources")


def _make_change_set(
    cfn: Any, name: str, kind: str, expanded: Expanded, tags: list[dict[str, str]]
) -> tuple[str, tuple[StackChange, ...]]:
    from botocore.exceptions import WaiterError

    made = cfn.create_change_set(
        StackName=name,
        ChangeSetName=f"harness-{uuid.uuid4().hex[:12]}",
        ChangeSetType=kind,
        **({"TemplateURL": expanded.url} if expanded.url else {"TemplateBody": expanded.body}),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in expanded.parameters.items()],
        Capabilities=["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        Tags=tags,
    )["Id"]
    try:
        cfn.get_waiter("change_set_create_complete").wait(
            StackName=name, ChangeSetName=made, WaiterConfig={"Delay": 2, "MaxAttempts": 150}
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
