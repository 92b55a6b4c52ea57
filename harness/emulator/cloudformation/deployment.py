"""Makes a stack what it is to be: resources made, changed, replaced and removed, in order; undone where one fails.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from harness.emulator.cloudformation.documents import invalid
from harness.emulator.cloudformation.expressions import LATER, Evaluator, text_of
from harness.emulator.cloudformation.graph import depends_on, in_order
from harness.emulator.cloudformation.providers.base import Made, Work, new_token
from harness.emulator.cloudformation.stack import Resource, Stack, Wanted, now
from harness.emulator.cloudformation.surroundings import StackSurroundings
from harness.emulator.door.errors import AwsError

PSEUDO = frozenset(
    f"AWS::{name}"
    for name in (
        "AccountId",
        "NoValue",
        "NotificationARNs",
        "Partition",
        "Region",
        "StackId",
        "StackName",
        "URLSuffix",
    )
)
_HANDLER_CODES = (
    ("AlreadyExist", "AlreadyExists"),
    ("Conflict", "AlreadyExists"),
    ("BucketAlready", "AlreadyExists"),
    ("AccessDenied", "AccessDenied"),
    ("NotFound", "NotFound"),
    ("NoSuch", "NotFound"),
    ("Throttl", "Throttling"),
    ("Limit", "ServiceLimitExceeded"),
    ("NotStabilized", "NotStabilized"),
    ("Invalid", "InvalidRequest"),
    ("Validation", "InvalidRequest"),
    ("Malformed", "InvalidRequest"),
)


@dataclass(frozen=True)
class _Was:
    """What a stack was before an update, besides its resources."""

    tags: Mapping[str, str]
    wanted: Wanted | None
    outputs: list[dict[str, str]]
    imports: set[str]


class Deployment:
    """Has a stack become what is wanted.

    Args:
        stack: as it is.
        wanted: as it is to be.
        around: the service.
    """

    def __init__(self, stack: Stack, wanted: Wanted, around: StackSurroundings) -> None:
        self._stack = stack
        self._wanted = wanted
        self._around = around
        self._resources = stack.resources
        self._later: set[str] = set()
        self._planning = False
        self.evaluator = evaluator_for(stack, wanted, around, self._ref, self._attribute)
        declared = wanted.template.get("Resources") or {}
        self._declared = {
            name: resource
            for name, resource in declared.items()
            if "Condition" not in resource or self.evaluator.condition(resource["Condition"])
        }

    # What would be done

    def changes(self) -> list[dict[str, Any]]:
        """List the changes as a change set tells them; nothing is made.

        Raises:
            AwsError: ValidationError, the template cannot be evaluated.
        """
        imports = set(self._stack.imports)
        self._planning = True
        try:
            return self._changes()
        finally:
            self._planning = False
            self._later.clear()
            self._stack.imports = imports

    def _changes(self) -> list[dict[str, Any]]:
        found = []
        retagged = dict(self._stack.tags) != dict(self._wanted.tags) and self._stack.wanted is not None
        for name in in_order(self._declared):
            resource, before = self._declared[name], self._resources.get(name)
            provider = self._around.provider(resource["Type"], self._wanted.tags)
            properties = self._properties(resource)
            if before is None:
                self._later.add(name)
                found.append(_change("Add", name, resource["Type"]))
                continue
            changed = _differing(before.properties, properties)
            if before.kind != resource["Type"] or (changed and provider.replaces(before.properties, properties)):
                self._later.add(name)
                found.append(_change("Modify", name, resource["Type"], before, "True", changed))
            elif changed or (retagged and _is_tagged(resource["Type"])):
                found.append(_change("Modify", name, resource["Type"], before, "False", changed or ["Tags"]))
        for name, before in self._resources.items():
            if name not in self._declared:
                found.append(_change("Remove", name, before.kind, before))
        return found

    # Doing it

    def create(self) -> bool:
        """Make a new stack; whether that succeeded."""
        for name in in_order(self._declared):
            try:
                self._create(name, self._declared[name])
            except AwsError as error:
                return self._roll_creation_back(name, error)
        return self._finish("CREATE")

    def update(self) -> bool:
        """Change the stack; whether that succeeded."""
        stack, before = self._stack, {name: resource.copy() for name, resource in self._resources.items()}
        was = _Was(stack.tags, stack.wanted, stack.outputs, stack.imports)
        stack.imports = set()
        retagged = dict(was.tags) != dict(self._wanted.tags)
        stack.tags = self._wanted.tags
        replaced: list[Resource] = []
        for name in in_order(self._declared):
            try:
                self._bring(name, retagged, replaced)
            except AwsError as error:
                return self._roll_update_back(name, error, before, replaced, was)
        if not self._outputs("UPDATE"):
            wrong = AwsError("ValidationError", stack.reason or "")
            return self._roll_update_back("", wrong, before, replaced, was)
        stack.wanted, stack.updated = self._wanted, now()
        stack.tell("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        gone = [self._resources.pop(name) for name in list(self._resources) if name not in self._declared]
        for resource in [*_last_first(gone), *replaced]:
            self._remove(resource, keep="UpdateReplacePolicy" if resource in replaced else "DeletionPolicy")
        stack.tell("UPDATE_COMPLETE")
        return True

    def delete(self, retain: frozenset[str] = frozenset()) -> bool:
        """Remove the stack; whether all of it is gone."""
        failed: list[str] = []
        for resource in _last_first(list(self._resources.values())):
            needed = any(resource.logical_id in self._resources[name].before for name in failed)
            if resource.logical_id in retain:
                self._stack.tell_of(resource, "DELETE_SKIPPED")
            elif needed or not self._remove(resource):
                failed.append(resource.logical_id)
                continue
            del self._resources[resource.logical_id]
        if failed:
            self._stack.tell(
                "DELETE_FAILED", f"The following resource(s) failed to delete: [{', '.join(sorted(failed))}]. "
            )
            return False
        self._stack.deleted = now()
        self._stack.outputs = []
        self._stack.tell("DELETE_COMPLETE")
        return True

    def _create(self, name: str, declared: Mapping[str, Any], token: str | None = None) -> None:
        self._around.check_open()
        stack, kind = self._stack, declared["Type"]
        resource = Resource(name, kind, declared, {}, Made(""), depends_on(declared, self._declared), token or "")
        self._resources[name] = resource
        verb = "CREATE"
        stack.tell_of(resource, f"{verb}_IN_PROGRESS")
        try:
            resource.properties = self._properties(declared)
            work = self._work(resource)
            resource.token = work.token
            resource.made = self._around.provider(kind, self._wanted.tags).create(work)
        except AwsError as error:
            stack.tell_of(resource, f"{verb}_FAILED", reason_of(error, kind))
            raise
        stack.tell_of(resource, f"{verb}_IN_PROGRESS", "Resource creation Initiated")
        stack.tell_of(resource, f"{verb}_COMPLETE", _notes(resource.made))

    def _bring(self, name: str, retagged: bool, replaced: list[Resource]) -> None:
        declared, before = self._declared[name], self._resources.get(name)
        if before is None:
            self._create(name, declared)
            return
        self._around.check_open()
        provider = self._around.provider(declared["Type"], self._wanted.tags)
        try:
            properties = self._properties(declared)
        except AwsError as error:
            self._stack.tell_of(before, "UPDATE_FAILED", reason_of(error, before.kind))
            raise
        changed = _differing(before.properties, properties)
        retag = retagged and _is_tagged(before.kind)
        if before.kind == declared["Type"] and not changed and not retag:
            before.definition, before.before = declared, depends_on(declared, self._declared)
            return
        if before.kind != declared["Type"] or provider.replaces(before.properties, properties):
            old = before.copy()
            words = "Requested update requires the creation of a new physical resource; hence creating one."
            self._stack.tell_of(before, "UPDATE_IN_PROGRESS", words)
            new = Resource(
                name, declared["Type"], declared, properties, Made(""), depends_on(declared, self._declared), ""
            )
            work = self._work(new)
            new.token = work.token
            try:
                new.made = provider.create(work)
            except AwsError as error:
                self._stack.tell_of(before, "UPDATE_FAILED", reason_of(error, before.kind))
                raise
            replaced.append(old)
            self._resources[name] = new
            self._stack.tell_of(new, "UPDATE_COMPLETE", _notes(new.made))
            return
        self._stack.tell_of(before, "UPDATE_IN_PROGRESS")
        old = before.copy()
        new = replace(before, definition=declared, properties=properties, before=depends_on(declared, self._declared))
        try:
            if changed:
                self._around.check_hooks(self.evaluator.evaluate(declared.get("UpdatePolicy") or {}), self._wanted.tags)
            new.made = provider.update(self._work(new, before.properties), replace(before.made))
        except AwsError as error:
            self._stack.tell_of(before, "UPDATE_FAILED", reason_of(error, before.kind))
            raise
        self._resources[name] = new
        if new.made.physical_id != old.made.physical_id and provider.fixed == frozenset({"ServiceToken"}):
            replaced.append(old)  # its function has made another one
        self._stack.tell_of(new, "UPDATE_COMPLETE", _notes(new.made))

    def _remove(self, resource: Resource, keep: str = "DeletionPolicy") -> bool:
        policy = resource.definition.get(keep, "Delete")
        stack = self._stack
        creating = stack.status.startswith(("ROLLBACK", "CREATE"))
        if policy == "Retain" or (policy == "RetainExceptOnCreate" and not creating):
            stack.tell_of(resource, "DELETE_SKIPPED")
            return True
        stack.tell_of(resource, "DELETE_IN_PROGRESS")
        try:
            if resource.made.physical_id:
                provider = self._around.provider(resource.kind, self._wanted.tags)
                provider.delete(self._work(resource), resource.made)
        except AwsError as error:
            stack.tell_of(resource, "DELETE_FAILED", reason_of(error, resource.kind))
            return False
        stack.tell_of(resource, "DELETE_COMPLETE")
        return True

    # Undoing it

    def _roll_creation_back(self, failed: str, error: AwsError) -> bool:
        stack = self._stack
        words = f"The following resource(s) failed to create: [{failed}]. " if failed else f"{error.message}. "
        if stack.on_failure == "DO_NOTHING" or stack.disable_rollback:
            stack.tell("CREATE_FAILED", words)
            return False
        if stack.on_failure == "DELETE":
            stack.tell("DELETE_IN_PROGRESS", f"{words}Delete requested by user.")
            stack.wanted = self._wanted
            self.delete()
            return False
        stack.tell("ROLLBACK_IN_PROGRESS", f"{words}Rollback requested by user.")
        removed = [self._remove(resource) for resource in _last_first(list(self._resources.values()))]
        undone = all(removed)
        if undone:
            stack.resources.clear()
        stack.tell("ROLLBACK_COMPLETE" if undone else "ROLLBACK_FAILED")
        return False

    def _roll_update_back(
        self,
        failed: str,
        error: AwsError,
        before: Mapping[str, Resource],
        replaced: list[Resource],
        was: _Was,
    ) -> bool:
        stack = self._stack
        words = f"The following resource(s) failed to update: [{failed}]. " if failed in before else ""
        words = words or (f"The following resource(s) failed to create: [{failed}]. " if failed else error.message)
        if stack.disable_rollback:
            stack.tell("UPDATE_FAILED", words)
            return False
        stack.tell("UPDATE_ROLLBACK_IN_PROGRESS", words)
        stack.tags = was.tags
        whole = True
        made_anew = []
        for name, old in before.items():
            new = self._resources.get(name)
            if new is None or (new.made.physical_id == old.made.physical_id and new.properties == old.properties):
                if new is not None and new.status.endswith("FAILED"):
                    stack.tell_of(new, "UPDATE_COMPLETE")
                continue
            stack.tell_of(new, "UPDATE_IN_PROGRESS")
            if new.made.physical_id != old.made.physical_id:
                made_anew.append(new)
                self._resources[name] = old
                stack.tell_of(old, "UPDATE_COMPLETE")
                continue
            provider = self._around.provider(old.kind, was.tags)
            try:
                old.made = provider.update(self._work(old, new.properties), replace(new.made))
            except AwsError as refused:
                stack.tell_of(new, "UPDATE_FAILED", reason_of(refused, old.kind))
                whole = False
                continue
            self._resources[name] = old
            stack.tell_of(old, "UPDATE_COMPLETE")
        if not whole:
            stack.tell("UPDATE_ROLLBACK_FAILED", "The following resource(s) failed to update")
            return False
        stack.tell("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
        added = [self._resources.pop(name) for name in list(self._resources) if name not in before]
        for resource in [*_last_first(added), *made_anew]:
            self._remove(resource)
        stack.wanted, stack.outputs, stack.imports = was.wanted, was.outputs, was.imports
        stack.tell("UPDATE_ROLLBACK_COMPLETE")
        return False

    # What it comes to

    def _finish(self, verb: str) -> bool:
        stack = self._stack
        if not self._outputs(verb):
            return self._roll_creation_back("", AwsError("ValidationError", stack.reason or ""))
        stack.wanted = self._wanted
        stack.tell(f"{verb}_COMPLETE")
        return True

    def _outputs(self, verb: str) -> bool:
        """Evaluate outputs and exports; whether that went well."""
        found: list[dict[str, str]] = []
        stack = self._stack
        try:
            for name, output in (self._wanted.template.get("Outputs") or {}).items():
                if "Condition" in output and not self.evaluator.condition(output["Condition"]):
                    continue
                value = self.evaluator.evaluate(output["Value"])
                item = {
                    "OutputKey": name,
                    "OutputValue": ",".join(map(text_of, value)) if isinstance(value, list) else text_of(value),
                }
                if output.get("Description"):
                    item["Description"] = str(output["Description"])
                if "Export" in output:
                    item["ExportName"] = text_of(self.evaluator.evaluate(output["Export"]["Name"]))
                found.append(item)
            exported = {item["ExportName"]: item["OutputValue"] for item in found if "ExportName" in item}
            self._around.check_exports(stack, exported)
        except AwsError as error:
            stack.reason = error.message
            return False
        stack.outputs = found
        return True

    def _properties(self, declared: Mapping[str, Any]) -> dict[str, Any]:
        found = self.evaluator.evaluate(declared.get("Properties") or {})
        if not isinstance(found, dict):
            raise invalid("Template format error: Properties must be an object")
        return found

    def _work(self, resource: Resource, before: Mapping[str, Any] = MappingProxyType({})) -> Work:
        stack = self._stack
        own = {
            "aws:cloudformation:stack-name": stack.name,
            "aws:cloudformation:stack-id": stack.id,
            "aws:cloudformation:logical-id": resource.logical_id,
        }
        return Work(
            resource.logical_id,
            resource.kind,
            resource.properties,
            stack.name,
            stack.id,
            stack.account,
            stack.region,
            {**self._wanted.tags, **own},
            self._around.caller(stack),
            self._around.services_url,
            before,
            resource.token or new_token(),
        )

    def _ref(self, name: str) -> Any:
        if self._planning and name in self._later:
            return LATER
        resource = self._resources.get(name)
        if resource is None:
            raise invalid(f"Template error: instance of Ref references resource {name}, which its condition leaves out")
        return resource.ref

    def _attribute(self, name: str, attribute: str) -> Any:
        if self._planning and name in self._later:
            return LATER
        resource = self._resources.get(name)
        if resource is None:
            raise invalid(
                f"Template error: instance of Fn::GetAtt references resource {name}, which its condition leaves out"
            )
        found: Any = resource.made.attributes
        if attribute in found:
            return "" if found[attribute] is None else found[attribute]
        for step in attribute.split("."):
            found = found.get(step) if isinstance(found, Mapping) else None
        if found is None:
            wrong = "must be a readonly property" if attribute in resource.properties else "does not exist"
            raise invalid(f"Requested attribute {attribute} {wrong} in schema for {resource.kind}")
        return found


def evaluator_for(
    stack: Stack,
    wanted: Wanted,
    around: StackSurroundings,
    ref: Callable[[str], Any],
    attribute: Callable[[str, str], Any],
) -> Evaluator:
    """Return what evaluates the functions of a template for a stack.

    Args:
        stack: whose name, id, account and region pseudo parameters have.
        wanted: the template, with the parameters' values.
        around: answers ``Fn::ImportValue`` and dynamic references.
        ref: the value of ``Ref`` of a resource, by its logical id.
        attribute: the value of ``Fn::GetAtt``, by logical id and attribute.
    """
    pseudo = {
        "AWS::AccountId": stack.account,
        "AWS::NotificationARNs": list(wanted.notifications),
        "AWS::Partition": "aws",
        "AWS::Region": stack.region,
        "AWS::StackId": stack.id,
        "AWS::StackName": stack.name,
        "AWS::URLSuffix": "amazonaws.com",
    }
    values = {name: parameter.value for name, parameter in wanted.parameters.items()}

    def zones(region: str) -> list[str]:
        found = around.caller(stack)("ec2", "DescribeAvailabilityZones", {})
        return [zone["ZoneName"] for zone in found["AvailabilityZones"]]

    return Evaluator(
        wanted.template,
        pseudo,
        values,
        ref=ref,
        attribute=attribute,
        imported=lambda name: around.imported(stack, name),
        dynamic=lambda service, key: around.dynamic(stack, service, key),
        zones=zones,
    )


def reason_of(error: AwsError, kind: str) -> str:
    """Say what an event says of a service's refusal."""
    if error.code in ("ValidationError", "NotImplemented", "FAILED", "NoResponse", "InvalidResponse"):
        return error.message
    code = next((found for words, found in _HANDLER_CODES if words in error.code), "GeneralServiceException")
    service = kind.split("::")[1] if "::" in kind else kind
    said = f"{error.message} (Service: {service}, Status Code: {error.status}, Request ID: {uuid.uuid4()})"
    return f'Resource handler returned message: "{said}" (RequestToken: {uuid.uuid4()}, HandlerErrorCode: {code})'


def _notes(made: Made) -> str | None:
    return f"not emulated: {', '.join(made.notes)}" if made.notes else None


def _is_tagged(kind: str) -> bool:
    """Whether the stack's tags go to resources of a type."""
    return not kind.endswith(("Policy", "Permission", "Version", "Attachment", "Association"))


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def _change(
    action: str,
    name: str,
    kind: str,
    before: Resource | None = None,
    replacement: str | None = None,
    changed: list[str] | None = None,
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "Action": action,
        "LogicalResourceId": name,
        "ResourceType": kind,
        "Scope": [],
        "Details": [],
    }
    if before is not None:
        found["PhysicalResourceId"] = before.made.physical_id
    if action == "Remove":
        found["PolicyAction"] = "Retain" if before and before.definition.get("DeletionPolicy") == "Retain" else "Delete"
    if replacement is not None:
        found["Replacement"] = replacement
        own = [item for item in changed or [] if item != "Tags"]
        found["Scope"] = [*(["Properties"] if own else []), *(["Tags"] if "Tags" in (changed or []) else [])]
        found["Details"] = [
            {
                "Target": {
                    "Attribute": "Tags" if item == "Tags" else "Properties",
                    "RequiresRecreation": "Always" if replacement == "True" else "Never",
                    **({} if item == "Tags" else {"Name": item}),
                },
                "Evaluation": "Static",
                "ChangeSource": "DirectModification",
            }
            for item in changed or []
        ]
    return {"Type": "Resource", "ResourceChange": found}


def _last_first(resources: list[Resource]) -> list[Resource]:
    """*resources* in the order in which they can be removed: each before all that it needs."""
    by_name = {resource.logical_id: resource for resource in resources}
    found: list[Resource] = []
    seen: set[str] = set()

    def visit(resource: Resource) -> None:
        if resource.logical_id in seen:
            return
        seen.add(resource.logical_id)
        for name in resource.before:
            if name in by_name:
                visit(by_name[name])
        found.append(resource)

    for resource in resources:
        visit(resource)
    return found[::-1]
