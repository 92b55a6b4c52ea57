"""How the resources of a stack are made, changed and removed: by the calls that a user would make.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-template-resource-type-ref.html
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from typing import Any

SUBSTITUTED = re.compile(r"\$\{([^!{}][^{}]*)\}")
"""``${Name}`` in a text of a template."""


class Provider:
    """Makes resources of one type by the calls that a user would make."""

    service = ""
    name_property = ""

    def create(self, client: Any, name: str, properties: Mapping[str, Any], tags: Mapping[str, str]) -> str:
        """Make a resource; gives its ARN."""
        raise NotImplementedError

    def update(self, client: Any, name: str, arn: str, properties: Mapping[str, Any], tags: Mapping[str, str]) -> None:
        """Have a resource as *properties* say."""
        raise NotImplementedError

    def delete(self, client: Any, name: str, arn: str, properties: Mapping[str, Any]) -> None:
        """Remove a resource; one that is not there is passed over."""
        raise NotImplementedError

    def reference(self, name: str, arn: str) -> str:
        """What ``Ref`` gives."""
        return name


class _Role(Provider):
    service, name_property = "iam", "RoleName"

    def create(self, client: Any, name: str, properties: Mapping[str, Any], tags: Mapping[str, str]) -> str:
        made = client.create_role(
            RoleName=name,
            AssumeRolePolicyDocument=json.dumps(properties["AssumeRolePolicyDocument"]),
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        )
        self._put_policies(client, name, properties)
        return str(made["Role"]["Arn"])

    def update(self, client: Any, name: str, arn: str, properties: Mapping[str, Any], tags: Mapping[str, str]) -> None:
        trust = json.dumps(properties["AssumeRolePolicyDocument"])
        client.update_assume_role_policy(RoleName=name, PolicyDocument=trust)
        self._put_policies(client, name, properties)
        client.tag_role(RoleName=name, Tags=[{"Key": key, "Value": value} for key, value in tags.items()])

    def delete(self, client: Any, name: str, arn: str, properties: Mapping[str, Any]) -> None:
        with contextlib.suppress(client.exceptions.NoSuchEntityException):
            # Its own policies alone: what others have put there is in the way on AWS, too.
            for policy in properties.get("Policies") or []:
                with contextlib.suppress(client.exceptions.NoSuchEntityException):
                    client.delete_role_policy(RoleName=name, PolicyName=policy["PolicyName"])
            client.delete_role(RoleName=name)

    @staticmethod
    def _put_policies(client: Any, name: str, properties: Mapping[str, Any]) -> None:
        wanted = {policy["PolicyName"]: policy["PolicyDocument"] for policy in properties.get("Policies") or []}
        for policy, document in wanted.items():
            client.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document))
        for policy in client.list_role_policies(RoleName=name)["PolicyNames"]:
            if policy not in wanted:
                client.delete_role_policy(RoleName=name, PolicyName=policy)


class _LogGroup(Provider):
    service, name_property = "logs", "LogGroupName"

    def create(self, client: Any, name: str, properties: Mapping[str, Any], tags: Mapping[str, str]) -> str:
        client.create_log_group(logGroupName=name, tags=dict(tags))
        self._retain(client, name, properties)
        return self._arn(client, name)

    def update(self, client: Any, name: str, arn: str, properties: Mapping[str, Any], tags: Mapping[str, str]) -> None:
        self._retain(client, name, properties)
        client.tag_resource(resourceArn=arn.removesuffix(":*"), tags=dict(tags))

    def delete(self, client: Any, name: str, arn: str, properties: Mapping[str, Any]) -> None:
        with contextlib.suppress(client.exceptions.ResourceNotFoundException):
            client.delete_log_group(logGroupName=name)

    @staticmethod
    def _retain(client: Any, name: str, properties: Mapping[str, Any]) -> None:
        if properties.get("RetentionInDays"):
            client.put_retention_policy(logGroupName=name, retentionInDays=int(properties["RetentionInDays"]))

    @staticmethod
    def _arn(client: Any, name: str) -> str:
        groups = client.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        return next(str(group["arn"]) for group in groups if group["logGroupName"] == name)


class _Function(Provider):
    service, name_property = "lambda", "FunctionName"

    def create(self, client: Any, name: str, properties: Mapping[str, Any], tags: Mapping[str, str]) -> str:
        own = {tag["Key"]: tag["Value"] for tag in properties.get("Tags") or []}
        wanted = {**properties, "FunctionName": name, "Tags": {**tags, **own}}
        return str(client.create_function(**wanted)["FunctionArn"])

    def update(self, client: Any, name: str, arn: str, properties: Mapping[str, Any], tags: Mapping[str, str]) -> None:
        rest = {key: value for key, value in properties.items() if key not in ("Code", "Tags", "FunctionName")}
        client.update_function_configuration(FunctionName=name, **rest)
        client.update_function_code(FunctionName=name, **properties["Code"])
        client.tag_resource(Resource=arn, Tags=dict(tags))

    def delete(self, client: Any, name: str, arn: str, properties: Mapping[str, Any]) -> None:
        with contextlib.suppress(client.exceptions.ResourceNotFoundException):
            client.delete_function(FunctionName=name)


class _StateMachine(Provider):
    service, name_property = "stepfunctions", "StateMachineName"

    def create(self, client: Any, name: str, properties: Mapping[str, Any], tags: Mapping[str, str]) -> str:
        own = [{"key": tag["Key"], "value": tag["Value"]} for tag in properties.get("Tags") or []]
        made = client.create_state_machine(
            name=name,
            type=properties.get("StateMachineType", "STANDARD"),
            tags=[{"key": key, "value": value} for key, value in tags.items()] + own,
            **self._changeable(properties),
        )
        return str(made["stateMachineArn"])

    def update(self, client: Any, name: str, arn: str, properties: Mapping[str, Any], tags: Mapping[str, str]) -> None:
        client.update_state_machine(stateMachineArn=arn, **self._changeable(properties))
        client.tag_resource(resourceArn=arn, tags=[{"key": key, "value": value} for key, value in tags.items()])

    def delete(self, client: Any, name: str, arn: str, properties: Mapping[str, Any]) -> None:
        client.delete_state_machine(stateMachineArn=arn)

    def reference(self, name: str, arn: str) -> str:
        return arn

    @staticmethod
    def _changeable(properties: Mapping[str, Any]) -> dict[str, Any]:
        values = properties.get("DefinitionSubstitutions") or {}
        definition = SUBSTITUTED.sub(
            lambda match: json.dumps(str(values[match[1]]))[1:-1] if match[1] in values else match[0],
            properties["DefinitionString"],
        )
        wanted: dict[str, Any] = {"definition": definition, "roleArn": properties["RoleArn"]}
        if properties.get("LoggingConfiguration"):
            wanted["loggingConfiguration"] = _lowered(properties["LoggingConfiguration"])
        return wanted


def _lowered(value: Any) -> Any:
    """A structure with its members in the API's form: ``Level`` as ``level``."""
    if isinstance(value, list):
        return [_lowered(item) for item in value]
    if isinstance(value, Mapping):
        return {key[0].lower() + key[1:]: _lowered(item) for key, item in value.items()}
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


PROVIDERS: dict[str, Provider] = {
    "AWS::IAM::Role": _Role(),
    "AWS::Logs::LogGroup": _LogGroup(),
    "AWS::Lambda::Function": _Function(),
    "AWS::StepFunctions::StateMachine": _StateMachine(),
}
