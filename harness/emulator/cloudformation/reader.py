"""The operations of CloudFormation that change nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from harness.emulator.cloudformation import descriptions
from harness.emulator.cloudformation.addresses import as_on_aws
from harness.emulator.cloudformation.deployment import PSEUDO
from harness.emulator.cloudformation.documents import check, invalid, read
from harness.emulator.cloudformation.graph import check_references, in_order
from harness.emulator.cloudformation.known_stacks import KnownStacks
from harness.emulator.cloudformation.requested_templates import RequestedTemplates
from harness.emulator.cloudformation.stack import Stack, Wanted
from harness.emulator.cloudformation.transforms import names_of
from harness.emulator.door.call import Call
from harness.emulator.door.members import Members, structures, text, texts

if TYPE_CHECKING:
    from harness.emulator.services import Operation


class StackReader:
    """Describes and lists.

    Args:
        stacks: those that there are.
        templates: reads the templates of requests.

    Attributes:
        operations: by their names.
    """

    def __init__(self, stacks: KnownStacks, templates: RequestedTemplates) -> None:
        self._stacks = stacks
        self._templates = templates
        self.operations: Mapping[str, Operation] = {
            "DescribeChangeSet": self._describe_change_set,
            "DescribeStackEvents": self._describe_events,
            "DescribeStackResource": self._describe_resource,
            "DescribeStackResources": self._describe_resources,
            "DescribeStacks": self._describe_stacks,
            "GetStackPolicy": self._get_policy,
            "GetTemplate": self._get_template,
            "GetTemplateSummary": self._get_template_summary,
            "ListChangeSets": self._list_change_sets,
            "ListExports": self._list_exports,
            "ListImports": self._list_imports,
            "ListStackResources": self._list_resources,
            "ListStacks": self._list_stacks,
            "ValidateTemplate": self._validate_template,
        }

    def _describe_stacks(self, call: Call) -> Members:
        if call.parameters.get("StackName"):
            return {"Stacks": [descriptions.stack(self._stacks.find(call))]}
        return {"Stacks": [descriptions.stack(stack) for stack in reversed(self._stacks.in_region(call.region))]}

    def _list_stacks(self, call: Call) -> Members:
        wanted = texts(call.parameters, "StackStatusFilter")
        found = [stack for stack in self._stacks if stack.region == call.region]
        return {
            "StackSummaries": [
                descriptions.summary(stack) for stack in reversed(found) if not wanted or stack.status in wanted
            ]
        }

    def _get_policy(self, call: Call) -> Members:
        policy = self._stacks.find(call).policy
        return {"StackPolicyBody": policy} if policy else {}

    def _describe_resource(self, call: Call) -> Members:
        stack, name = self._stacks.find(call), text(call.parameters, "LogicalResourceId")
        if name not in stack.resources:
            raise invalid(f"Resource {name} does not exist for stack {stack.name}")
        found = descriptions.resource(stack, stack.resources[name], "LastUpdatedTimestamp")
        metadata = stack.resources[name].definition.get("Metadata")
        return {"StackResourceDetail": {**found, "Metadata": json.dumps(metadata or {})}}

    def _describe_resources(self, call: Call) -> Members:
        given = call.parameters
        if given.get("StackName"):
            stack: Stack | None = self._stacks.find(call)
        else:
            wanted = given.get("PhysicalResourceId")
            holders = (
                stack
                for stack in self._stacks
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
        stack = self._stacks.find(call)
        found = [descriptions.resource(stack, item, "LastUpdatedTimestamp") for item in stack.resources.values()]
        return {"StackResourceSummaries": found}

    def _describe_events(self, call: Call) -> Members:
        stack = self._stacks.find(call)
        return {"StackEvents": [descriptions.event(stack, item) for item in reversed(stack.events)]}

    def _list_exports(self, call: Call) -> Members:
        found = [
            {"ExportingStackId": stack.id, "Name": output["ExportName"], "Value": output["OutputValue"]}
            for stack in self._stacks.in_region(call.region)
            for output in stack.outputs
            if "ExportName" in output
        ]
        return {"Exports": found}

    def _list_imports(self, call: Call) -> Members:
        name = call.parameters["ExportName"]
        users = [stack.name for stack in self._stacks if name in stack.imports and not stack.is_gone]
        if not users:
            raise invalid(f"Export '{name}' is not imported by any stack.")
        return {"Imports": users}

    def _get_template(self, call: Call) -> Members:
        if call.parameters.get("ChangeSetName"):
            _, change_set = self._stacks.find_change_set(call)
            wanted: Wanted | None = change_set.wanted
        else:
            wanted = self._stacks.find(call).wanted
        if wanted is None:
            return {"TemplateBody": "", "StagesAvailable": []}
        processed = call.parameters.get("TemplateStage") == "Processed"
        body = json.dumps(wanted.template) if processed else wanted.original
        return {"TemplateBody": as_on_aws(body, call.region), "StagesAvailable": ["Original", "Processed"]}

    def _get_template_summary(self, call: Call) -> Members:
        if call.parameters.get("StackName"):
            stack = self._stacks.find(call)
            template = read(stack.wanted.original) if stack.wanted else {}
        else:
            template = read(self._templates.text_of(call, None))
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
        template = read(self._templates.text_of(call, None))
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

    def _describe_change_set(self, call: Call) -> Members:
        return descriptions.change_set(*self._stacks.find_change_set(call))

    def _list_change_sets(self, call: Call) -> Members:
        stack = self._stacks.find(call)
        return {"Summaries": [descriptions.change_set_summary(stack, item) for item in stack.change_sets.values()]}
