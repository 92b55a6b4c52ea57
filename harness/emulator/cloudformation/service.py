"""CloudFormation: stacks and change sets, whose resources are made by the calls that a user would make.

What is asked for is under way on a thread of its own; the answer waits a while for it, so that what is fast is done
when it is answered.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.emulator.access.sessions import RoleSession
from harness.emulator.cloudformation import descriptions, parameters
from harness.emulator.cloudformation.addresses import place_of
from harness.emulator.cloudformation.deployment import PSEUDO, Deployment
from harness.emulator.cloudformation.documents import LONGEST_BODY, LONGEST_FILE, Document, check, invalid, read
from harness.emulator.cloudformation.expressions import text_of
from harness.emulator.cloudformation.graph import check_references, in_order
from harness.emulator.cloudformation.providers.base import Caller, Provider
from harness.emulator.cloudformation.providers.catalogue import PROVIDERS
from harness.emulator.cloudformation.providers.custom import CustomResource, Skipped, Unsupported
from harness.emulator.cloudformation.records import record_of, stack_of
from harness.emulator.cloudformation.serverless import ServerlessTranslator
from harness.emulator.cloudformation.stack import ChangeSet, Stack, Wanted, now
from harness.emulator.cloudformation.transforms import names_of, transform
from harness.emulator.door.call import Call
from harness.emulator.door.errors import AwsError
from harness.emulator.door.members import Members, blob, optional_text, structure, structures, text, texts

if TYPE_CHECKING:
    from harness.emulator.context import EmulatorContext
    from harness.emulator.services import Operation

logger = logging.getLogger(__name__)

_PATIENCE = 20.0
"""Seconds that an answer waits for what was asked for."""
_OFTEN = 0.1
_ROLE_WORDS = ("cannot be assumed by Lambda", "not authorized to access the Log Destination")
"""What services say of a role that was just made, over which CloudFormation tries again."""
SKIP_TAG = "harness:unsupported"
"""The stack's tag that, with the value ``skip``, has types left out that are not emulated."""
_NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."
_NO_UPDATES = "No updates are to be performed."
_CHANGEABLE = frozenset(
    {
        "CREATE_COMPLETE",
        "UPDATE_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE",
        "IMPORT_COMPLETE",
        "UPDATE_FAILED",
        "CREATE_FAILED",
    }
)


class Stacks:
    """Answers CloudFormation.

    Args:
        context: the emulator's surroundings.
        call: carries out a call to any service.
        skip_unsupported: whether types that are not emulated are left out, with a note; else they fail their stack.
        patience: seconds after which a role is in force.
        translations: folder in which what SAM's translator made is kept; None: nowhere.
    """

    name = "cloudformation"
    kept_by_moto: frozenset[str] = frozenset()

    def __init__(
        self,
        context: EmulatorContext,
        call: Operation,
        skip_unsupported: bool = False,
        patience: Callable[[], float] = lambda: 0.0,
        translations: Path | None = None,
    ) -> None:
        self._context = context
        self._call = call
        self._skip = skip_unsupported
        self._patience = patience
        self._translate = ServerlessTranslator(translations)
        self._lock = threading.RLock()
        self._closed = threading.Event()
        self._stacks: dict[str, Stack] = {}
        self._threads: list[threading.Thread] = []
        self._custom = CustomResource(self._presign)
        self.services_url = context.endpoint_url
        self.operations: Mapping[str, Operation] = {
            "CancelUpdateStack": self._cancel_update,
            "ContinueUpdateRollback": self._continue_rollback,
            "CreateChangeSet": self._create_change_set,
            "CreateStack": self._create_stack,
            "DeleteChangeSet": self._delete_change_set,
            "DeleteStack": self._delete_stack,
            "DescribeChangeSet": self._describe_change_set,
            "DescribeStackEvents": self._describe_events,
            "DescribeStackResource": self._describe_resource,
            "DescribeStackResources": self._describe_resources,
            "DescribeStacks": self._describe_stacks,
            "ExecuteChangeSet": self._execute_change_set,
            "GetStackPolicy": self._get_policy,
            "GetTemplate": self._get_template,
            "GetTemplateSummary": self._get_template_summary,
            "ListChangeSets": self._list_change_sets,
            "ListExports": self._list_exports,
            "ListImports": self._list_imports,
            "ListStackResources": self._list_resources,
            "ListStacks": self._list_stacks,
            "SetStackPolicy": self._set_policy,
            "UpdateStack": self._update_stack,
            "UpdateTerminationProtection": self._protect,
            "ValidateTemplate": self._validate_template,
        }

    def start(self) -> None:
        """Nothing has to begin."""

    def flush(self) -> None:
        """Nothing is buffered."""

    def kept(self) -> Iterable[tuple[str, str, Members]]:
        """Stacks, without their change sets."""
        return [("stack", stack.id, record_of(stack)) for stack in list(self._stacks.values())]

    def restore(self, kind: str, key: str, record: Members) -> None:
        """Take back a stack.

        Args:
            kind: of the record; there is one.
            key: ARN of the stack.
            record: as :meth:`kept` gave it.

        Raises:
            ValueError: the record is none of a stack.
        """
        self._stacks[key] = stack_of(record)

    def close(self) -> None:
        """Stop between two resources what is under way."""
        self._closed.set()
        for thread in self._threads:
            thread.join(5)

    def stack_of(self, change_set: str) -> str | None:
        """ARN of the stack that a change set, by its ARN, is for."""
        return next((stack.id for stack in self._stacks.values() if change_set in stack.change_sets), None)

    def tagged(self, region: str) -> Iterable[tuple[str, str, Mapping[str, str]]]:
        """ARN, type and tags of each stack of a region, for the tagging API."""
        for stack in list(self._stacks.values()):
            if stack.region == region and not stack.is_gone:
                yield stack.id, "cloudformation:stack", stack.tags

    # What deployments need

    def provider(self, kind: str, tags: Mapping[str, str]) -> Provider:
        """Who makes resources of a type."""
        if kind.startswith("Custom::") or kind == "AWS::CloudFormation::CustomResource":
            return self._custom
        found = PROVIDERS.get(kind)
        if found is None:
            return Skipped() if self._skip or tags.get(SKIP_TAG) == "skip" else Unsupported()
        return found

    def caller(self, stack: Stack) -> Caller:
        """Calls services for *stack*, as whoever it acts for."""

        def call(service: str, operation: str, parameters: Members) -> Members:
            asked = Call(service, operation, parameters, stack.region, stack.account, stack.caller)
            deadline = time.monotonic() + 2 * self._patience()
            try:
                return self._call_once_known(asked, deadline)
            except AwsError as error:
                if "must be version 2012-10-17" in error.message and (document := _versioned(parameters)):
                    return call(service, operation, {**parameters, "PolicyDocument": document})
                if error.status in (404, 501) and ("<html" in error.message or "not been implemented" in error.message):
                    raise AwsError("NotImplemented", f"not emulated: {service}.{operation}", 501) from None
                raise

        return call

    def _call_once_known(self, call: Call, deadline: float) -> Members:
        """Carry out *call*, again until *deadline* while a role that was just made is not known, as on AWS."""
        while True:
            try:
                return self._call(call)
            except AwsError as error:
                if not any(words in error.message for words in _ROLE_WORDS) or time.monotonic() > deadline:
                    raise
            self._closed.wait(_OFTEN)

    def imported(self, stack: Stack, name: str) -> str:
        """The value of an export, which *stack* uses from now on."""
        for other in self._stacks.values():
            if other.region == stack.region and not other.is_gone:
                for output in other.outputs:
                    if output.get("ExportName") == name:
                        stack.imports.add(name)
                        return output["OutputValue"]
        raise invalid(f"No export named {name} found. Rollback requested by user.")

    def dynamic(self, stack: Stack, service: str, key: str) -> str:
        """Return the value of ``{{resolve:service:key}}``.

        Args:
            stack: that asks; the service is called for it.
            service: ``ssm``, ``ssm-secure`` or ``secretsmanager``.
            key: what follows the service, with version or JSON key.

        Raises:
            AwsError: there is no such value, or the service is not emulated here.
        """
        call = self.caller(stack)
        if service in ("ssm", "ssm-secure"):
            try:
                found = call("ssm", "GetParameter", {"Name": key, "WithDecryption": service == "ssm-secure"})
            except AwsError as error:
                raise invalid(f"Parameter {key} cannot be found ({error.message})") from None
            return text(structure(found, "Parameter"), "Value")
        if service == "secretsmanager":
            name, kind, member, *_ = [*_secret_parts(key), "", "", ""]
            value = text(call("secretsmanager", "GetSecretValue", {"SecretId": name}), "SecretString")
            return text_of(json.loads(value)[member]) if kind and member else value
        raise invalid(f"not emulated: dynamic reference to {service}")

    def check_open(self) -> None:
        """Raise where the emulator stops."""
        if self._closed.is_set():
            raise AwsError("ServiceUnavailable", "the emulator stops", 503)

    def _presign(self, region: str, bucket: str, key: str) -> str:
        client = self._context.clients.get("s3", region)
        parameters = {"Bucket": bucket, "Key": key}
        return str(client.generate_presigned_url("put_object", Params=parameters, ExpiresIn=7200))

    # Reading requests

    def _find(self, call: Call, *, gone: bool = False) -> Stack:
        named = text(call.parameters, "StackName", "")
        found = self._lookup(named, call.region, gone)
        if found is None:
            raise invalid(f"Stack with id {named} does not exist")
        return found

    def _lookup(self, named: str, region: str, gone: bool = False) -> Stack | None:
        by_id = self._stacks.get(named)
        if by_id is not None:
            return by_id
        for stack in reversed(self._stacks.values()):
            if stack.name == named and stack.region == region and (gone or not stack.is_gone):
                return stack
        return None

    def _new(self, call: Call) -> Stack:
        name = text(call.parameters, "StackName")
        arn = f"arn:aws:cloudformation:{call.region}:{call.account}:stack/{name}/{uuid.uuid4()}"
        return Stack(name, arn, call.region, call.account)

    def _template_text(self, call: Call, stack: Stack | None) -> str:
        given = call.parameters
        if given.get("TemplateBody"):
            body = text(given, "TemplateBody")
            if len(body.encode()) > LONGEST_BODY:
                words = (
                    f"Value '{body}' at 'templateBody' failed to satisfy constraint: Member must have length less than"
                )
                raise invalid(f"1 validation error detected: {words} or equal to {LONGEST_BODY}")
            return body
        if given.get("TemplateURL"):
            return self._fetch(call, text(given, "TemplateURL"))
        if stack is not None and stack.wanted is not None and _is_true(given.get("UsePreviousTemplate")):
            return stack.wanted.original
        raise invalid("Either Template URL or Template Body must be specified.")

    def _fetch(self, call: Call, address: str) -> str:
        bucket, key, version = place_of(address, self.services_url)
        asked = {"Bucket": bucket, "Key": key, **({"VersionId": version} if version else {})}
        try:
            body = blob(self._call(Call("s3", "GetObject", asked, call.region, call.account, call.caller)), "Body")
        except AwsError as error:
            raise invalid(f"S3 error: {error.message}") from None
        if len(body) > LONGEST_FILE:
            raise invalid(f"Template may not exceed {LONGEST_FILE} bytes in size.")
        return str(body, "utf-8")

    def _wanted(self, call: Call, stack: Stack) -> Wanted:
        """What a request wants of *stack*, read, transformed and checked."""
        given, before = call.parameters, stack.wanted
        original = self._template_text(call, stack)
        template = read(original)
        check(template)
        from_store: Callable[[str], str] = lambda name: self.dynamic(stack, "ssm", name)  # noqa: E731
        values = parameters.read(
            template.get("Parameters") or {},
            structures(given, "Parameters"),
            before.parameters if before else {},
            from_store,
        )
        if names_of(template) or "Fn::Transform" in original:
            known = {name: value.value for name, value in values.items()}
            known |= {"AWS::Region": stack.region, "AWS::AccountId": stack.account, "AWS::StackName": stack.name}
            known |= {"AWS::StackId": stack.id, "AWS::Partition": "aws", "AWS::URLSuffix": "amazonaws.com"}
            fetch = lambda address: self._fetch(call, address)  # noqa: E731
            template = transform(template, known, stack.region, fetch, self._translate)
            check(template)
        check_references(template, PSEUDO)
        in_order(template["Resources"])
        capabilities = tuple(texts(given, "Capabilities"))
        self._check_capabilities(template, capabilities)
        tags = {text(tag, "Key"): text(tag, "Value", "") for tag in structures(given, "Tags")}
        return Wanted(
            original,
            template,
            values,
            tags if given.get("Tags") is not None else dict(stack.tags),
            capabilities,
            tuple(texts(given, "NotificationARNs") or (before.notifications if before else ())),
            optional_text(given, "RoleARN") or (before.role if before else None),
            template.get("Description"),
        )

    @staticmethod
    def _check_capabilities(template: Document, given: Iterable[str]) -> None:
        needed, _ = descriptions.capabilities(template)
        if needed and "CAPABILITY_NAMED_IAM" not in given and (needed[0] not in given or "NAMED" in needed[0]):
            raise AwsError("InsufficientCapabilitiesException", f"Requires capabilities : [{needed[0]}]")

    def _act_as(self, stack: Stack, wanted: Wanted, call: Call) -> None:
        """Whose the stack is now: its resources are made as its caller makes them, or as its role."""
        if wanted.role:
            stack.caller = RoleSession(wanted.role, "AWSCloudFormation")
        else:
            stack.caller = None if call.caller is None else replace(call.caller, via="cloudformation.amazonaws.com")

    def _begin(self, stack: Stack, work: Callable[[], object]) -> None:
        """Have *work* done for *stack*, and wait a while for it."""

        def run() -> None:
            try:
                work()
            except AwsError as error:
                logger.warning("stack %s: %s", stack.name, error)
                self._fail(stack, error.message)
            except Exception:
                logger.exception("stack %s failed", stack.name)
                self._fail(stack, "The emulator failed; its log says why.")

        thread = threading.Thread(target=run, name=f"stack-{stack.name}", daemon=True)
        self._threads = [other for other in self._threads if other.is_alive()]
        self._threads.append(thread)
        thread.start()
        thread.join(_PATIENCE)

    @staticmethod
    def _fail(stack: Stack, words: str) -> None:
        verb = stack.status.partition("_")[0]
        stack.tell(f"{verb}_FAILED" if verb in ("CREATE", "UPDATE", "DELETE", "ROLLBACK") else "ROLLBACK_FAILED", words)

    # Stacks

    def _create_stack(self, call: Call) -> Members:
        given, stack = call.parameters, self._new(call)
        with self._lock:
            if self._lookup(stack.name, call.region) is not None:
                raise AwsError("AlreadyExistsException", f"Stack [{stack.name}] already exists")
            wanted = self._wanted(call, stack)
            deployment = Deployment(stack, wanted, self)
            stack.disable_rollback = _is_true(given.get("DisableRollback"))
            stack.on_failure = text(given, "OnFailure", "ROLLBACK")
            stack.protected = _is_true(given.get("EnableTerminationProtection"))
            stack.policy = optional_text(given, "StackPolicyBody")
            stack.tags, stack.wanted = wanted.tags, wanted
            self._act_as(stack, wanted, call)
            stack.tell("CREATE_IN_PROGRESS", "User Initiated")
            self._stacks[stack.id] = stack
        self._begin(stack, deployment.create)
        return {"StackId": stack.id}

    def _update_stack(self, call: Call) -> Members:
        stack = self._find(call)
        with self._lock:
            self._check_changeable(stack)
            wanted = self._wanted(call, stack)
            deployment = Deployment(stack, wanted, self)
            self._act_as(stack, wanted, call)
            if not deployment.changes() and not self._says_otherwise(stack, wanted):
                raise invalid(_NO_UPDATES)
            stack.disable_rollback = _is_true(given) if (given := call.parameters.get("DisableRollback")) else False
            stack.tell("UPDATE_IN_PROGRESS", "User Initiated")
        self._begin(stack, deployment.update)
        return {"StackId": stack.id}

    @staticmethod
    def _check_changeable(stack: Stack) -> None:
        if stack.status not in _CHANGEABLE:
            raise invalid(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")

    @staticmethod
    def _says_otherwise(stack: Stack, wanted: Wanted) -> bool:
        """Whether anything but resources differs: outputs, the description."""
        before = stack.wanted
        if before is None:
            return True
        outputs = (before.template.get("Outputs") or {}) != (wanted.template.get("Outputs") or {})
        return outputs or dict(stack.tags) != dict(wanted.tags)

    def _delete_stack(self, call: Call) -> Members:
        stack = self._lookup(text(call.parameters, "StackName"), call.region)
        if stack is None or stack.is_gone:
            return {}
        with self._lock:
            if stack.protected:
                raise invalid(f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled")
            if stack.is_busy and not stack.status.startswith("CREATE"):
                raise invalid(f"Stack [{stack.id}] cannot be deleted while in status {stack.status}")
            self._check_exports(stack)
            retain = frozenset(texts(call.parameters, "RetainResources"))
            wanted = stack.wanted or Wanted("", {"Resources": {}}, {}, {})
            role = optional_text(call.parameters, "RoleARN") or wanted.role
            self._act_as(stack, replace(wanted, role=role), call)
            deployment = Deployment(stack, replace(wanted, template={"Resources": {}}), self)
            stack.tell("DELETE_IN_PROGRESS", "User Initiated")
        self._begin(stack, lambda: deployment.delete(retain))
        return {}

    def _check_exports(self, stack: Stack) -> None:
        for output in stack.outputs:
            name = output.get("ExportName")
            users = [other.name for other in self._stacks.values() if name in other.imports and not other.is_gone]
            if name and users:
                raise invalid(f"Export {name} cannot be deleted as it is in use by {', '.join(users)}")

    def _describe_stacks(self, call: Call) -> Members:
        if call.parameters.get("StackName"):
            return {"Stacks": [descriptions.stack(self._find(call))]}
        found = [stack for stack in self._stacks.values() if stack.region == call.region and not stack.is_gone]
        return {"Stacks": [descriptions.stack(stack) for stack in reversed(found)]}

    def _list_stacks(self, call: Call) -> Members:
        wanted = texts(call.parameters, "StackStatusFilter")
        found = [stack for stack in self._stacks.values() if stack.region == call.region]
        return {
            "StackSummaries": [
                descriptions.summary(stack) for stack in reversed(found) if not wanted or stack.status in wanted
            ]
        }

    def _protect(self, call: Call) -> Members:
        stack = self._find(call)
        stack.protected = _is_true(call.parameters["EnableTerminationProtection"])
        return {"StackId": stack.id}

    def _set_policy(self, call: Call) -> Members:
        self._find(call).policy = optional_text(call.parameters, "StackPolicyBody")
        return {}

    def _get_policy(self, call: Call) -> Members:
        policy = self._find(call).policy
        return {"StackPolicyBody": policy} if policy else {}

    def _cancel_update(self, call: Call) -> Members:
        stack = self._find(call)
        raise invalid(f"CancelUpdateStack cannot be called from current stack status: {stack.status}")

    def _continue_rollback(self, call: Call) -> Members:
        stack = self._find(call)
        if stack.status != "UPDATE_ROLLBACK_FAILED":
            raise invalid(f"Stack {stack.id} is in {stack.status} state and cannot continue rollback.")
        stack.tell("UPDATE_ROLLBACK_COMPLETE")
        return {}

    # Resources, events, exports

    def _describe_resource(self, call: Call) -> Members:
        stack, name = self._find(call), text(call.parameters, "LogicalResourceId")
        if name not in stack.resources:
            raise invalid(f"Resource {name} does not exist for stack {stack.name}")
        found = descriptions.resource(stack, stack.resources[name], "LastUpdatedTimestamp")
        metadata = stack.resources[name].definition.get("Metadata")
        return {"StackResourceDetail": {**found, "Metadata": json.dumps(metadata or {})}}

    def _describe_resources(self, call: Call) -> Members:
        given = call.parameters
        if given.get("StackName"):
            stack: Stack | None = self._find(call)
        else:
            wanted = given.get("PhysicalResourceId")
            holders = (
                stack
                for stack in self._stacks.values()
                if any(resource.made.physical_id == wanted for resource in stack.resources.values())
            )
            stack = next(holders, None)
        if stack is None:
            raise invalid(f"Stack for {given.get('PhysicalResourceId')} does not exist")
        only = given.get("LogicalResourceId")
        return {
            "StackResources": [
                descriptions.resource(stack, item, "Timestamp")
                for name, item in stack.resources.items()
                if only in (None, name)
            ]
        }

    def _list_resources(self, call: Call) -> Members:
        stack = self._find(call)
        found = [descriptions.resource(stack, item, "LastUpdatedTimestamp") for item in stack.resources.values()]
        return {"StackResourceSummaries": found}

    def _describe_events(self, call: Call) -> Members:
        stack = self._find(call)
        return {"StackEvents": [descriptions.event(stack, item) for item in reversed(stack.events)]}

    def _list_exports(self, call: Call) -> Members:
        found = [
            {"ExportingStackId": stack.id, "Name": output["ExportName"], "Value": output["OutputValue"]}
            for stack in self._stacks.values()
            if stack.region == call.region and not stack.is_gone
            for output in stack.outputs
            if "ExportName" in output
        ]
        return {"Exports": found}

    def _list_imports(self, call: Call) -> Members:
        name = call.parameters["ExportName"]
        users = [stack.name for stack in self._stacks.values() if name in stack.imports and not stack.is_gone]
        if not users:
            raise invalid(f"Export '{name}' is not imported by any stack.")
        return {"Imports": users}

    # Templates

    def _get_template(self, call: Call) -> Members:
        if call.parameters.get("ChangeSetName"):
            _, change_set = self._find_change_set(call)
            wanted: Wanted | None = change_set.wanted
        else:
            wanted = self._find(call).wanted
        if wanted is None:
            return {"TemplateBody": "", "StagesAvailable": []}
        processed = call.parameters.get("TemplateStage") == "Processed"
        body = json.dumps(wanted.template) if processed else wanted.original
        return {"TemplateBody": body, "StagesAvailable": ["Original", "Processed"]}

    def _get_template_summary(self, call: Call) -> Members:
        if call.parameters.get("StackName"):
            stack = self._find(call)
            template = read(stack.wanted.original) if stack.wanted else {}
        else:
            template = read(self._template_text(call, None))
            check(template)
        needed, why = descriptions.capabilities(template)
        transforms = names_of(template)
        if transforms:
            needed, why = (
                [*needed, "CAPABILITY_AUTO_EXPAND"],
                why or f"The following transforms: {transforms} require CAPABILITY_AUTO_EXPAND",
            )
        resources = template.get("Resources") or {}
        found = {
            "Parameters": descriptions.parameters(template),
            "Description": template.get("Description"),
            "Capabilities": needed or None,
            "CapabilitiesReason": why,
            "ResourceTypes": sorted({resource["Type"] for resource in resources.values()}),
            "Version": str(template.get("AWSTemplateFormatVersion", "2010-09-09")),
            "Metadata": json.dumps(template["Metadata"]) if "Metadata" in template else None,
            "DeclaredTransforms": transforms or None,
        }
        return {key: value for key, value in found.items() if value is not None}

    def _validate_template(self, call: Call) -> Members:
        template = read(self._template_text(call, None))
        check(template)
        if not names_of(template):
            check_references(template, PSEUDO)
            in_order(template["Resources"])
        summary = dict(self._get_template_summary(call))
        members = ("ParameterKey", "DefaultValue", "NoEcho", "Description")
        declared = structures(summary, "Parameters")
        summary["Parameters"] = [{key: item[key] for key in members if key in item} for item in declared]
        told = ("Parameters", "Description", "Capabilities", "CapabilitiesReason", "DeclaredTransforms")
        return {key: summary[key] for key in told if key in summary}

    # Change sets

    def _create_change_set(self, call: Call) -> Members:
        given = call.parameters
        kind = text(given, "ChangeSetType", "UPDATE")
        if kind == "IMPORT":
            raise AwsError(
                "NotImplemented", "not emulated: cloudformation.CreateChangeSet with ChangeSetType IMPORT", 501
            )
        with self._lock:
            stack = self._lookup(text(given, "StackName"), call.region)
            if kind == "CREATE":
                if stack is not None and stack.status != "REVIEW_IN_PROGRESS":
                    raise invalid(
                        f"Stack [{stack.name}] already exists and cannot be created again with the changeSet "
                        f"[{given['ChangeSetName']}]."
                    )
                stack = stack or self._new(call)
            elif stack is None:
                raise invalid(f"Stack [{given['StackName']}] does not exist")
            elif stack.is_busy or stack.status in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED"):
                raise invalid(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")
            name = text(given, "ChangeSetName")
            waiting = [other for other in stack.change_sets.values() if not other.execution.startswith("EXECUTE")]
            if any(other.name == name for other in waiting):
                raise AwsError(
                    "AlreadyExistsException",
                    f"ChangeSet {name} cannot be created due to a mismatch with existing attribute Template",
                )
            wanted = self._wanted(call, stack)
            arn = f"arn:aws:cloudformation:{call.region}:{call.account}:changeSet/{name}/{uuid.uuid4()}"
            description = optional_text(given, "Description")
            found = ChangeSet(name, arn, kind, wanted, [], description=description, caller=call.caller)
            found.on_failure = optional_text(given, "OnStackFailure")
            self._act_as(stack, wanted, call)
            try:
                found.changes = Deployment(stack, wanted, self).changes()
                unchanged = not found.changes and not self._says_otherwise(stack, wanted)
                found.reason = (_NO_UPDATES if names_of(wanted.template) else _NO_CHANGES) if unchanged else None
            except AwsError as error:
                if error.code != "ValidationError":
                    raise
                found.reason = error.message
            if found.reason is not None:
                found.status, found.execution = "FAILED", "UNAVAILABLE"
            if stack.id not in self._stacks:
                stack.tell("REVIEW_IN_PROGRESS", "User Initiated")
                stack.tags = wanted.tags
                self._stacks[stack.id] = stack
            stack.change_sets[arn] = found
        return {"Id": arn, "StackId": stack.id}

    def _find_change_set(self, call: Call) -> tuple[Stack, ChangeSet]:
        named = text(call.parameters, "ChangeSetName")
        for stack in self._stacks.values():
            if named in stack.change_sets:
                return stack, stack.change_sets[named]
        if call.parameters.get("StackName"):
            stack = self._find(call)
            for change_set in stack.change_sets.values():
                if change_set.name == named:
                    return stack, change_set
        elif not named.startswith("arn:"):
            raise invalid("StackName must be specified if ChangeSetName is not specified as an ARN.")
        raise AwsError("ChangeSetNotFound", f"ChangeSet [{named}] does not exist", 404)

    def _describe_change_set(self, call: Call) -> Members:
        return descriptions.change_set(*self._find_change_set(call))

    def _list_change_sets(self, call: Call) -> Members:
        stack = self._find(call)
        return {"Summaries": [descriptions.change_set_summary(stack, item) for item in stack.change_sets.values()]}

    def _delete_change_set(self, call: Call) -> Members:
        try:
            stack, change_set = self._find_change_set(call)
        except AwsError as error:
            if error.code == "ChangeSetNotFound":
                return {}
            raise
        del stack.change_sets[change_set.id]
        return {}

    def _execute_change_set(self, call: Call) -> Members:
        stack, change_set = self._find_change_set(call)
        with self._lock:
            if change_set.execution != "AVAILABLE":
                raise AwsError(
                    "InvalidChangeSetStatus",
                    f"ChangeSet [{change_set.id}] cannot be executed in its current status of [{change_set.status}]",
                )
            if stack.is_busy:
                raise invalid(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")
            self._act_as(stack, change_set.wanted, call)
            creating = stack.status == "REVIEW_IN_PROGRESS"
            stack.disable_rollback = _is_true(call.parameters.get("DisableRollback"))
            stack.on_failure = change_set.on_failure or "ROLLBACK"
            stack.change_set_id = change_set.id
            if creating:
                stack.tags, stack.wanted, stack.reason = change_set.wanted.tags, change_set.wanted, None
                stack.created = now()
            deployment = Deployment(stack, change_set.wanted, self)
            change_set.execution = "EXECUTE_IN_PROGRESS"
            stack.tell(f"{'CREATE' if creating else 'UPDATE'}_IN_PROGRESS", "User Initiated")

        def work() -> None:
            done = deployment.create() if creating else deployment.update()
            change_set.execution = "EXECUTE_COMPLETE" if done else "EXECUTE_FAILED"
            if done:  # AWS forgets a stack's other change sets when one of them was carried out
                stack.change_sets = {change_set.id: change_set}

        self._begin(stack, work)
        return {}


def _secret_parts(key: str) -> list[str]:
    """Name, ``SecretString``, member and version of a reference to a secret, whose name may be an ARN."""
    parts = key.split(":")
    if key.startswith("arn:"):
        return [":".join(parts[:7]), *parts[7:]]
    return parts


def _is_true(value: Any) -> bool:
    return text_of(value).lower() == "true"


def _versioned(parameters: Members) -> str | None:
    """A policy that lacks a version, as SAM's do, with one: AWS takes it as it is, LocalStack's IAM does not."""
    document = json.loads(text(parameters, "PolicyDocument", "") or "{}")
    return None if not document or "Version" in document else json.dumps({"Version": "2012-10-17", **document})
