"""What the operations of services need permission for: actions, the resources they are for, roles they hand on.

The services of the workflow are known here; of others it is told only whether an action is allowed on any resource.
tests/unit/test_actions.py holds this against AWS's own list of actions and their resources.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.emulator.access.permissions import Values
from harness.emulator.access.policies import ALL, ANY
from harness.emulator.door.call import Call

Find = Callable[[str], str | None]
"""Gives an ARN by a name, or by another ARN; None where there is none."""
_PASS_ROLE = "iam:PassRole"
_ELSEWHERE = {"sts:GetCallerIdentity", "sts:AssumeRole", "lambda:InvokeFunction", "sagemaker:InvokeEndpoint"}
"""Actions that need no permission, or whose permission is looked at where the role's trust, the function or the
endpoint is known."""


_PREFIXES = {
    "stepfunctions": "states",
    "resourcegroupstaggingapi": "tag",
    "service-quotas": "servicequotas",
    "sagemaker-runtime": "sagemaker",
}
"""Prefixes of the actions of services that boto3 calls otherwise."""


@dataclass(frozen=True)
class Operation:
    """An operation as policies know it.

    Attributes:
        prefix: of the service's actions: ``states``.
        name: of the operation, as botocore has it: ``CreateFunction``.
        parameters: by the members of botocore's input shape.
    """

    prefix: str
    name: str
    parameters: Mapping[str, Any]

    @classmethod
    def of(cls, call: Call) -> Operation:
        """Make the operation that *call* asks for."""
        return cls(_PREFIXES.get(call.service, call.service), call.operation, call.parameters)


@dataclass(frozen=True)
class Wanted:
    """One permission that a request needs."""

    action: str
    resource: str
    values: Values = field(default_factory=dict)


@dataclass(frozen=True)
class Place:
    """Where a request goes, and what ARNs there are made of."""

    region: str
    account_id: str
    role_arn: Find
    """A role's, by its name."""
    stack_of: Find
    """A stack's, by that of a change set."""
    boundary_of: Find
    """That of a role's permissions boundary, by the role's name."""

    def arn(self, service: str, rest: str) -> str:
        """ARN of a resource in the region and account."""
        return f"arn:aws:{service}:{self.region}:{self.account_id}:{rest}"


def permissions_for(operation: Operation, place: Place) -> list[Wanted]:
    """List the permissions that a request needs, roles that it hands to services among them."""
    action = f"{operation.prefix}:{_ACTIONS.get((operation.prefix, operation.name), operation.name)}"
    if action in _ELSEWHERE:
        return []
    values = _request_values(operation, place)
    resources = _resources(operation, place)
    wanted = [Wanted(action, resource, values) for resource in resources]
    tagging = _TO_TAG.get(operation.prefix)
    if tagging is not None and operation.name.startswith("Create") and "aws:tagkeys" in values:
        wanted.append(Wanted(tagging.get(operation.name, tagging[""]), resources[0], values))
    for role, service in _passed_roles(operation):
        passed = {**values, "iam:passedtoservice": [service], "iam:associatedresourcearn": resources[:1]}
        wanted.append(Wanted(_PASS_ROLE, role, passed))
    return wanted


# Actions that are not called as their operations.

_ACTIONS = {
    ("lambda", "Invoke"): "InvokeFunction",
    ("lambda", "InvokeAsync"): "InvokeFunction",
    ("lambda", "InvokeWithResponseStream"): "InvokeFunction",
}

# What is made with tags needs permission to tag it as well.

_TO_TAG: Mapping[str, Mapping[str, str]] = {
    "cloudformation": {"": "cloudformation:TagResource"},
    "iam": {"": "iam:TagRole", "CreateUser": "iam:TagUser", "CreatePolicy": "iam:TagPolicy"},
    "lambda": {"": "lambda:TagResource"},
    "logs": {"": "logs:TagResource"},
    "sagemaker": {"": "sagemaker:AddTags"},
    "scheduler": {"": "scheduler:TagResource"},
    "states": {"": "states:TagResource"},
}
"""Actions by operation; ``""`` is any other."""

# Resources.


def _resources(operation: Operation, place: Place) -> list[str]:
    find = _BY_SERVICE.get(operation.prefix)
    if find is None:
        return [ANY]
    return find(operation.name, operation.parameters, place)


def _lambda(name: str, parameters: Mapping[str, Any], place: Place) -> list[str]:
    if name in _LAMBDA_OF_NO_RESOURCE:
        return [ALL]
    if "Resource" in parameters:
        return [str(parameters["Resource"])]
    if "FunctionName" not in parameters:
        return [ANY]
    given = str(parameters["FunctionName"])
    function, _, qualifier = given.rpartition("function:")[2].partition(":")
    qualifier = str(parameters.get("Qualifier") or qualifier)
    region = given.split(":")[3] if given.startswith("arn:") else place.region
    arn = f"arn:aws:lambda:{region}:{place.account_id}:function:{function}"
    return [f"{arn}:{qualifier}" if qualifier and name in _LAMBDA_QUALIFIED else arn]


_LAMBDA_OF_NO_RESOURCE = {
    "CreateEventSourceMapping",
    "GetAccountSettings",
    "ListEventSourceMappings",
    "ListFunctions",
    "ListLayers",
}
_LAMBDA_QUALIFIED = {
    "DeleteProvisionedConcurrencyConfig",
    "GetFunction",
    "GetFunctionConfiguration",
    "GetProvisionedConcurrencyConfig",
    "PutProvisionedConcurrencyConfig",
}


def _states(name: str, parameters: Mapping[str, Any], place: Place) -> list[str]:
    if name == "CreateStateMachine":
        return [place.arn("states", f"stateMachine:{parameters.get('name')}")]
    if name == "CreateActivity":
        return [place.arn("states", f"activity:{parameters.get('name')}")]
    found = next((str(parameters[key]) for key in parameters if key in _STATES_ARNS), None)
    if found is not None:
        return [found]
    return [ALL] if name in _STATES_OF_NO_RESOURCE else [ANY]


_STATES_ARNS = {"stateMachineArn", "executionArn", "activityArn", "mapRunArn", "resourceArn", "stateMachineAliasArn"}
_STATES_OF_NO_RESOURCE = {
    "ListActivities",
    "ListStateMachines",
    "ValidateStateMachineDefinition",
}


def _sagemaker(name: str, parameters: Mapping[str, Any], place: Place) -> list[str]:
    if "ResourceArn" in parameters:
        return [str(parameters["ResourceArn"])]
    if name in ("CreateEndpoint", "UpdateEndpoint"):
        members = ["EndpointName", "EndpointConfigName"]  # needs both
    else:
        members = [member for member in _SAGEMAKER if member.removesuffix("Name") in name]
    found = [(_SAGEMAKER[member], str(parameters[member]).lower()) for member in members if member in parameters]
    if found:
        return [place.arn("sagemaker", f"{kind}/{named}") for kind, named in found]
    names_one = any(key.endswith(("Name", "Arn")) for key in parameters)
    lists_all = name.startswith("List") and not names_one and name not in _SAGEMAKER_LISTS_OF_ONE
    return [ALL] if lists_all or name == "Search" else [ANY]


_SAGEMAKER = {
    "TrainingJobName": "training-job",
    "ModelName": "model",
    "EndpointConfigName": "endpoint-config",
    "EndpointName": "endpoint",
    "ProcessingJobName": "processing-job",
    "TransformJobName": "transform-job",
    "HyperParameterTuningJobName": "hyper-parameter-tuning-job",
    "MonitoringScheduleName": "monitoring-schedule",
    "NotebookInstanceName": "notebook-instance",
}
"""Kinds of resources by the members that name them."""
_SAGEMAKER_LISTS_OF_ONE = {"ListModelPackages", "ListPipelineExecutionSteps"}


def _logs(name: str, parameters: Mapping[str, Any], place: Place) -> list[str]:
    if "resourceArn" in parameters:
        return [str(parameters["resourceArn"])]
    if name in _LOGS_OF_NO_RESOURCE:
        return [ALL]
    given = parameters.get("logGroupName") or parameters.get("logGroupIdentifier") or ""
    group = str(given).rpartition("log-group:")[2].removesuffix(":*")
    if not group and name != "DescribeLogGroups":
        return [ANY]
    stream = parameters.get("logStreamName") or "" if name in _LOGS_OF_A_STREAM else ""
    return [place.arn("logs", f"log-group:{group}:log-stream:{stream}")]


_LOGS_OF_A_STREAM = {"PutLogEvents", "GetLogEvents", "DeleteLogStream"}
_LOGS_OF_NO_RESOURCE = {
    "CreateLogDelivery",
    "DeleteIndexPolicy",
    "DeleteLogDelivery",
    "DeleteResourcePolicy",
    "DescribeDestinations",
    "DescribeExportTasks",
    "DescribeQueries",
    "DescribeResourcePolicies",
    "GetLogDelivery",
    "ListLogDeliveries",
    "PutIndexPolicy",
    "PutResourcePolicy",
    "StopQuery",
    "UpdateLogDelivery",
}


def _iam(name: str, parameters: Mapping[str, Any], place: Place) -> list[str]:
    path = str(parameters.get("Path") or "/")
    iam = f"arn:aws:iam::{place.account_id}"
    if "InstanceProfileName" in parameters or "GroupName" in parameters:
        return [ANY]
    if "RoleName" in parameters:
        role = str(parameters["RoleName"])
        known = None if name == "CreateRole" else place.role_arn(role)
        return [known or f"{iam}:role{path if name == 'CreateRole' else '/'}{role}"]
    if "PolicyArn" in parameters and name != "ListPoliciesGrantingServiceAccess":
        return [str(parameters["PolicyArn"])]
    if "UserName" in parameters:
        return [f"{iam}:user{path if name == 'CreateUser' else '/'}{parameters['UserName']}"]
    if name == "CreatePolicy":
        return [f"{iam}:policy{path}{parameters.get('PolicyName')}"]
    if name == "ListRoles":
        return [f"{iam}:role/"]
    return [ALL] if name in _IAM_OF_NO_RESOURCE else [ANY]


_IAM_OF_NO_RESOURCE = {"GetAccountSummary", "ListAccountAliases", "ListGroups", "ListPolicies", "ListUsers"}


def _cloudformation(name: str, parameters: Mapping[str, Any], place: Place) -> list[str]:
    if name not in _OF_STACKS:
        return [ALL] if name in _CLOUDFORMATION_OF_NO_RESOURCE else [ANY]
    stack, change_set = str(parameters.get("StackName") or ""), str(parameters.get("ChangeSetName") or "")
    if not stack and change_set.startswith("arn:"):
        return [place.stack_of(change_set) or ANY]
    return [stack if stack.startswith("arn:") else place.arn("cloudformation", f"stack/{stack or '*'}/*")]


_OF_STACKS = {
    "CancelUpdateStack",
    "ContinueUpdateRollback",
    "CreateChangeSet",
    "CreateStack",
    "DeleteChangeSet",
    "DeleteStack",
    "DescribeChangeSet",
    "DescribeStackEvents",
    "DescribeStackResource",
    "DescribeStackResources",
    "DescribeStacks",
    "DetectStackDrift",
    "ExecuteChangeSet",
    "GetStackPolicy",
    "GetTemplate",
    "ListChangeSets",
    "ListStackResources",
    "RollbackStack",
    "SetStackPolicy",
    "UpdateStack",
    "UpdateTerminationProtection",
}
_CLOUDFORMATION_OF_NO_RESOURCE = {"DescribeAccountLimits", "ListExports", "ListStacks", "ValidateTemplate"}


def _scheduler(name: str, parameters: Mapping[str, Any], place: Place) -> list[str]:
    if "ResourceArn" in parameters:
        return [str(parameters["ResourceArn"])]
    if name.endswith("ScheduleGroup"):
        return [place.arn("scheduler", f"schedule-group/{parameters.get('Name')}")]
    if name.endswith("Schedule"):
        return [place.arn("scheduler", f"schedule/{parameters.get('GroupName') or 'default'}/{parameters.get('Name')}")]
    return [ALL]


def _service_quotas(name: str, parameters: Mapping[str, Any], place: Place) -> list[str]:
    service, code = parameters.get("ServiceCode"), parameters.get("QuotaCode")
    # Defaults, and what is no longer asked for, are no quota of the account.
    if service and code and name not in ("GetAWSDefaultServiceQuota", "DeleteServiceQuotaIncreaseRequestFromTemplate"):
        return [place.arn("servicequotas", f"{service}/{code}")]
    return [ALL]


def _of_no_resource(name: str, parameters: Mapping[str, Any], place: Place) -> list[str]:
    return [ALL]


_BY_SERVICE: Mapping[str, Callable[[str, Mapping[str, Any], Place], list[str]]] = {
    "lambda": _lambda,
    "states": _states,
    "sagemaker": _sagemaker,
    "logs": _logs,
    "iam": _iam,
    "cloudformation": _cloudformation,
    "scheduler": _scheduler,
    "servicequotas": _service_quotas,
    "pricing": _of_no_resource,
    "tag": _of_no_resource,
}

# Roles that are handed to services.

_ROLE_MEMBERS: Mapping[str, tuple[str, str]] = {
    "lambda": ("Role", "lambda.amazonaws.com"),
    "states": ("roleArn", "states.amazonaws.com"),
}


def _passed_roles(operation: Operation) -> Iterator[tuple[str, str]]:
    """ARNs of roles that an operation hands on, and to which service.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
    """
    parameters = operation.parameters
    found: Any = None
    service = ""
    if operation.prefix == "sagemaker" and operation.name.startswith(("Create", "Update")):
        found, service = parameters.get("RoleArn") or parameters.get("ExecutionRoleArn"), "sagemaker.amazonaws.com"
    elif operation.prefix == "scheduler" and operation.name in ("CreateSchedule", "UpdateSchedule"):
        found, service = (parameters.get("Target") or {}).get("RoleArn"), "scheduler.amazonaws.com"
    elif operation.prefix in _ROLE_MEMBERS and operation.name.startswith(("Create", "Update")):
        member, service = _ROLE_MEMBERS[operation.prefix]
        found = parameters.get(member)
    elif operation.prefix == "cloudformation":
        found, service = parameters.get("RoleARN"), "cloudformation.amazonaws.com"
    if found:
        yield str(found), service


# Condition keys.


def _request_values(operation: Operation, place: Place) -> dict[str, list[str]]:
    """Tell what a request has for the condition keys that come of its parameters.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-requesttag
    """
    values: dict[str, list[str]] = {"aws:requestedregion": [place.region]}
    tags = _tags(operation.parameters)
    if tags:
        values["aws:tagkeys"] = list(tags)
        values |= {f"aws:requesttag/{key.lower()}": [value] for key, value in tags.items()}
    elif removed := operation.parameters.get("TagKeys") or operation.parameters.get("tagKeys"):
        values["aws:tagkeys"] = [str(key) for key in removed] if isinstance(removed, list) else [str(removed)]
    if operation.prefix == "iam" and (role := operation.parameters.get("RoleName")):
        # What is asked for, or else what the role has.
        boundary = operation.parameters.get("PermissionsBoundary") or place.boundary_of(str(role))
        if boundary:
            values["iam:permissionsboundary"] = [str(boundary)]
    if operation.prefix == "sagemaker":
        resources = [operation.parameters.get("ResourceConfig") or {}]
        resources += operation.parameters.get("ProductionVariants") or []
        types = [str(item["InstanceType"]) for item in resources if item.get("InstanceType")]
        if types:
            values["sagemaker:instancetypes"] = types
    return values


def _tags(parameters: Mapping[str, Any]) -> dict[str, str]:
    found = parameters.get("Tags") or parameters.get("tags") or []
    if isinstance(found, dict):
        return {str(key): str(value) for key, value in found.items()}
    if isinstance(found, list) and found:
        pairs = [(tag.get("Key", tag.get("key")), tag.get("Value", tag.get("value"))) for tag in found]
        return {str(key): str(value or "") for key, value in pairs}
    return {}
