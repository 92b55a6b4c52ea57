"""CloudFormation: moto reads templates and keeps stacks; this makes their resources with the emulator's own services.

moto's stacks make resources behind the backs of Lambda and Step Functions here, know no rollback, and miss what a
changed parameter changes. The resource types of the workflow are made by the same calls that a user would make, so
that what those refuse a stack refuses.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from werkzeug import Request, Response

from harness.emulator.cloudformation.resources import PROVIDERS, SUBSTITUTED, Provider
from harness.emulator.door.errors import AwsError
from harness.emulator.moto.app import access_key_of

if TYPE_CHECKING:
    from harness.emulator.context import EmulatorContext

_ANSWER = (
    '<{action}Response xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><{action}Result/>'
    "<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{action}Response>"
)


class Stacks:
    """Answers CloudFormation.

    Args:
        context: the emulator's surroundings.
    """

    def __init__(self, context: EmulatorContext) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._undo: list[Callable[[], None]] = []
        self._ready = False

    def request(self, request: Request, request_id: str, region: str) -> Response:
        """Answer one request; what is not ours goes to moto.

        Raises:
            AwsError: CloudFormation is not installed.
        """
        with self._lock:
            if not self._ready:
                try:
                    self._get_ready()
                except ImportError as error:
                    needed = "CloudFormation needs more of moto: pip install 'aws-ml-harness[cloudformation]'"
                    raise AwsError("NotImplemented", f"{needed} ({error})", 501) from None
                self._ready = True
        asked = {name: values[0] for name, values in parse_qs(request.get_data(cache=True, as_text=True)).items()}
        if asked.get("Action") == "CreateChangeSet":
            answer = self._context.moto(request)
            self._note_tags(asked, region)
            return answer
        if asked.get("Action") == "DeleteStack":
            return self._delete(request, asked, region)
        if asked.get("Action") == "ExecuteChangeSet":
            change_set = self._find(asked, region)
            if change_set is not None:
                self._note_caller(change_set.stack, request)
                self._execute(change_set, region)
                body = _ANSWER.format(action="ExecuteChangeSet", request_id=request_id)
                return Response(body, 200, content_type="text/xml")
        return self._context.moto(request)

    def close(self) -> None:
        """Give moto back what was its own."""
        for undo in reversed(self._undo):
            undo()
        self._undo.clear()

    def _get_ready(self) -> None:
        from moto.cloudformation import parsing
        from moto.cloudformation.models import ChangeSet
        from moto.cloudformation.responses import CloudFormationResponse

        models = parsing.get_model_map()
        for kind, provider in PROVIDERS.items():
            before = models.get(kind)
            models[kind] = _bridge(kind, provider, self._context)
            self._undo.append(lambda kind=kind, before=before: models.__setitem__(kind, before))  # type: ignore[misc]
        validate = CloudFormationResponse._validate_different_update

        def validate_update(responses: Any, *arguments: Any, **named: Any) -> None:
            if responses._get_action() != "CreateChangeSet":  # a change set without changes is made, and FAILED
                validate(responses, *arguments, **named)

        CloudFormationResponse._validate_different_update = validate_update
        self._undo.append(lambda: setattr(CloudFormationResponse, "_validate_different_update", validate))
        references, diff = parsing.get_references_from_template, ChangeSet.diff
        parsing.get_references_from_template = _references
        ChangeSet.diff = _diff
        self._undo.append(lambda: setattr(parsing, "get_references_from_template", references))
        self._undo.append(lambda: setattr(ChangeSet, "diff", diff))

    def _backend(self, region: str) -> Any:
        from moto.cloudformation.models import cloudformation_backends

        return cloudformation_backends[self._context.account_id][region]

    def _find(self, asked: Mapping[str, str], region: str) -> Any | None:
        named = asked.get("ChangeSetName", "")
        for change_set in self._backend(region).change_sets.values():
            mine = asked.get("StackName") in (None, change_set.stack_name, change_set.stack_id)
            if change_set.change_set_id == named or (change_set.change_set_name == named and mine):
                return change_set if change_set.execution_status == "AVAILABLE" else None
        return None

    def _delete(self, request: Request, asked: Mapping[str, str], region: str) -> Response:
        """Delete a stack; one of whose resources is kept from going stays, as DELETE_FAILED."""
        named = asked.get("StackName")
        stacks = self._backend(region).stacks.values()
        stack = next((stack for stack in stacks if named in (stack.name, stack.stack_id)), None)
        if stack is not None:
            self._note_caller(stack, request)
        answer = self._context.moto(request)
        if answer.status_code >= 400 and stack is not None:
            self._backend(region).stacks[stack.stack_id] = stack
            stack.status = "DELETE_FAILED"
            stack._add_stack_event("DELETE_FAILED", resource_status_reason="Resources failed to delete.")
            return Response(_ANSWER.format(action="DeleteStack", request_id=""), 200, content_type="text/xml")
        return answer

    def _note_caller(self, stack: Any, request: Request) -> None:
        """Whose stack it is now: CloudFormation makes and removes resources as its caller."""
        caller = self._context.permissions.session_of(access_key_of(request.headers.get("Authorization", "")))
        stack.caller = None if caller is None else replace(caller, via="cloudformation.amazonaws.com")

    def _note_tags(self, asked: Mapping[str, str], region: str) -> None:
        """Other tags change every resource of a stack; moto would find nothing to change."""
        for change_set in self._backend(region).change_sets.values():
            named = change_set.change_set_name == asked.get("ChangeSetName")
            if not named or change_set.change_set_type == "CREATE" or change_set.tags == change_set.stack.tags:
                continue
            change_set.status, change_set.execution_status, change_set.status_reason = (
                "CREATE_COMPLETE",
                "AVAILABLE",
                None,
            )
            change_set.changes = _diff(change_set, tags_differ=True)

    def _execute(self, change_set: Any, region: str) -> None:
        """Make what a change set says; a stack that cannot be made so goes back to what it was."""
        stack, kind = change_set.stack, change_set.change_set_type
        before = (dict(stack.template_dict), dict(stack.parameters), dict(stack.tags))
        stack.tags = dict(change_set.tags or {})
        stack.resource_map.tags = dict(stack.tags)
        stack._add_stack_event(f"{kind}_IN_PROGRESS", resource_status_reason="User Initiated")
        stack.status = f"{kind}_IN_PROGRESS"
        resources = change_set.template_dict["Resources"]
        change_set.template_dict["Resources"] = {name: resources[name] for name in _by_dependency(resources)}
        try:
            change_set.apply()
            if kind == "UPDATE" and before[2] != stack.tags:
                for resource in stack.resource_map._parsed_resources.values():
                    if hasattr(resource, "tag_anew"):
                        resource.tag_anew()
        except Exception as error:
            self._roll_back(stack, kind, before, _reason(error))
            change_set.execution_status = "EXECUTE_FAILED"
            return
        stack.template, stack.parameters = change_set.template, dict(change_set.parameters)
        stack.template_dict = change_set.template_dict
        stack.description = stack.template_dict.get("Description")
        stack.output_map = stack._create_output_map()
        stack.status = f"{kind}_COMPLETE"
        stack._add_stack_event(stack.status)
        change_set.execution_status = "EXECUTE_COMPLETE"
        # AWS forgets a stack's change sets when one of them was executed.
        backend = self._backend(region)
        for name, other in list(backend.change_sets.items()):
            if other.stack is stack:
                del backend.change_sets[name]

    def _roll_back(self, stack: Any, kind: str, before: tuple[Any, Any, Any], reason: str) -> None:
        prefix = "" if kind == "CREATE" else "UPDATE_"
        stack._add_stack_event(f"{prefix}ROLLBACK_IN_PROGRESS", resource_status_reason=reason)
        stack.status_reason = reason
        template, parameters, stack.tags = before
        with contextlib.suppress(Exception):
            if kind == "CREATE":
                stack.resource_map.delete()
            else:
                stack.resource_map.update(template, parameters)
        if kind == "CREATE":  # moto would make what is missing as soon as somebody asks for the outputs
            stack.template_dict = {}
            stack.resource_map._resource_json_map = {}
            stack.output_map = stack._create_output_map()
        stack.status = f"{prefix}ROLLBACK_COMPLETE"
        stack._add_stack_event(stack.status)


def _by_dependency(resources: Mapping[str, Any]) -> list[str]:
    """Names of resources, each after those that its ``DependsOn`` names; references moto follows itself."""
    wanted = {name: resource.get("DependsOn") or () for name, resource in resources.items()}
    graph = {name: {on} if isinstance(on, str) else set(on) for name, on in wanted.items()}
    return [name for name in TopologicalSorter(graph).static_order() if name in resources]


def _reason(error: Exception) -> str:
    said = getattr(error, "response", {}).get("Error", {})
    return f"{said.get('Message')} ({said.get('Code')})" if said else str(error)


def _references(template: Any) -> list[str]:
    """Parameters and resources that a part of a template refers to, in texts with ``Fn::Sub`` as well."""
    if isinstance(template, list):
        return [name for item in template for name in _references(item)]
    if not isinstance(template, dict):
        return []
    found: list[str] = []
    for key, value in template.items():
        if key == "Ref":
            found.append(value)
        elif key == "Fn::Sub":
            text = value[0] if isinstance(value, list) else value
            found += [name.partition(".")[0] for name in SUBSTITUTED.findall(text)]
            found += _references(value)
        else:
            found += _references(value)
    return found


def _diff(change_set: Any, tags_differ: bool = False) -> list[Any]:
    from moto.cloudformation.models import Change

    resources = change_set.stack.resource_map
    by_action = resources.build_resource_diff(change_set.template_dict, change_set.parameters)
    new, old = change_set.template_dict["Resources"], resources._resource_json_map
    if tags_differ:
        by_action["Modify"] = [name for name in new if name in old]
    return [
        Change(action, name, (new if name in new else old)[name]["Type"])
        for action, names in by_action.items()
        for name in names
    ]


def _bridge(kind: str, provider: Provider, context: EmulatorContext) -> type:
    """What moto takes for a resource type's model, and makes its resources with."""

    class Bridged:
        def __init__(self, name: str, arn: str, region: str, stack: Any, logical: str, properties: Any) -> None:
            self.name, self.arn, self.region = name, arn, region
            self.type, self.logical_resource_id = kind, logical
            self._stack, self._properties = stack, properties

        def tag_anew(self) -> None:
            tags = {**self._stack.tags, **_system_tags(self._stack, self.logical_resource_id)}
            client = context.clients.get(provider.service, self.region, getattr(self._stack, "caller", None))
            provider.update(client, self.name, self.arn, self._properties, tags)

        @property
        def physical_resource_id(self) -> str:
            return provider.reference(self.name, self.arn)

        @staticmethod
        def cloudformation_type() -> str:
            return kind

        @staticmethod
        def cloudformation_name_type() -> str:
            return provider.name_property

        @staticmethod
        def has_cfn_attr(attribute: str) -> bool:
            return attribute in ("Arn", "Name")

        def get_cfn_attribute(self, attribute: str) -> str:
            return self.arn if attribute == "Arn" else self.name

        @staticmethod
        def is_created() -> bool:
            return True

        @classmethod
        def create_from_cloudformation_json(
            cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **known: Any
        ) -> Bridged:
            properties = cloudformation_json["Properties"]
            name = properties.get(provider.name_property) or resource_name
            logical, stack = known["LogicalId"], _stack(account_id, region_name, known["StackId"])
            client = context.clients.get(provider.service, region_name, getattr(stack, "caller", None))
            try:
                tags = {**stack.tags, **_system_tags(stack, logical)}
                arn = provider.create(client, name, properties, tags)
            except Exception as error:
                _tell(stack, logical, name, kind, "CREATE_FAILED", _reason(error))
                raise
            made = cls(name, arn, region_name, stack, logical, properties)
            _tell(stack, logical, made.physical_resource_id, kind, "CREATE_COMPLETE", None)
            return made

        @classmethod
        def update_from_cloudformation_json(
            cls,
            original_resource: Bridged,
            new_resource_name: str,
            cloudformation_json: Any,
            account_id: str,
            region_name: str,
        ) -> Bridged:
            original_resource._properties = cloudformation_json["Properties"]
            original_resource.tag_anew()
            return original_resource

        def delete(self, account_id: str, region_name: str) -> None:
            caller = getattr(self._stack, "caller", None)
            provider.delete(
                context.clients.get(provider.service, region_name, caller), self.name, self.arn, self._properties
            )

    return Bridged


def _stack(account_id: str, region: str, stack_id: str) -> Any:
    from moto.cloudformation.models import cloudformation_backends

    return cloudformation_backends[account_id][region].stacks[stack_id]


def _system_tags(stack: Any, logical: str) -> dict[str, str]:
    return {
        "aws:cloudformation:stack-name": stack.name,
        "aws:cloudformation:stack-id": stack.stack_id,
        "aws:cloudformation:logical-id": logical,
    }


def _tell(stack: Any, logical: str, physical: str, kind: str, status: str, reason: str | None) -> None:
    from moto.cloudformation.models import Event

    stack.events.append(Event(stack.stack_id, stack.name, logical, physical, kind, status, reason, None))
