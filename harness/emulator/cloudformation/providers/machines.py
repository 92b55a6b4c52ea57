"""Step Functions: state machines, activities, versions, aliases.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_StepFunctions.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from harness.emulator.cloudformation.documents import parse
from harness.emulator.cloudformation.expressions import text_of
from harness.emulator.cloudformation.providers.base import Made, Provider, Work, gone_is_fine, required
from harness.emulator.cloudformation.providers.declared import Declared
from harness.emulator.cloudformation.shapes import fit
from harness.emulator.door.errors import AwsError

_SUBSTITUTED = re.compile(r"\$\{([^!{}][^{}]*)\}")
_CONFIGURATIONS = ("LoggingConfiguration", "TracingConfiguration", "EncryptionConfiguration")


class StateMachine(Provider):
    """``AWS::StepFunctions::StateMachine``."""

    fixed = frozenset({"StateMachineName", "StateMachineType"})

    def create(self, work: Work) -> Made:
        """Make the state machine."""
        name = work.properties.get("StateMachineName") or work.name(80, allowed=r"\w-")
        asked, left = self._changeable(work, "CreateStateMachine")
        answer = work.call(
            "stepfunctions",
            "CreateStateMachine",
            name=name,
            type=work.properties.get("StateMachineType"),
            tags=self._tags(work),
            **asked,
        )
        arn = answer["stateMachineArn"]
        return Made(arn, self._attributes(work, arn, name), notes=left)

    def update(self, work: Work, made: Made) -> Made:
        """Change definition, role, logging."""
        asked, left = self._changeable(work, "UpdateStateMachine")
        if "LoggingConfiguration" in work.before and "LoggingConfiguration" not in work.properties:
            asked["loggingConfiguration"] = {"level": "OFF", "includeExecutionData": False}
        arn = made.physical_id
        work.call("stepfunctions", "UpdateStateMachine", stateMachineArn=arn, **asked)
        work.call("stepfunctions", "TagResource", resourceArn=arn, tags=self._tags(work))
        return Made(arn, self._attributes(work, arn, made.attributes["Name"]), notes=left)

    def delete(self, work: Work, made: Made) -> None:
        """Remove the state machine; its executions are stopped."""
        with gone_is_fine():
            work.call("stepfunctions", "DeleteStateMachine", stateMachineArn=made.physical_id)

    @staticmethod
    def _attributes(work: Work, arn: str, name: str) -> dict[str, Any]:
        described = work.call("stepfunctions", "DescribeStateMachine", stateMachineArn=arn)
        revision = described.get("revisionId", "INITIAL")
        return {"Arn": arn, "Name": name, "StateMachineRevisionId": revision}

    @staticmethod
    def _tags(work: Work) -> list[dict[str, str]]:
        return [{"key": key, "value": value} for key, value in work.all_tags.items()]

    @classmethod
    def _changeable(cls, work: Work, operation: str) -> tuple[dict[str, Any], list[str]]:
        given = {key: work.properties[key] for key in _CONFIGURATIONS if key in work.properties}
        asked, left = fit("stepfunctions", operation, given)
        return {"definition": cls._definition(work), "roleArn": required(work, "RoleArn"), **asked}, left

    @staticmethod
    def _definition(work: Work) -> str:
        given, is_yaml = work.properties, False
        if "DefinitionString" in given:
            text = text_of(given["DefinitionString"])
        elif "Definition" in given:
            text = json.dumps(given["Definition"])
        else:
            text = _object(work, required(work, "DefinitionS3Location")).decode()
            is_yaml = not text.lstrip().startswith("{")  # `sam package` names it by its content, without a suffix
        values = given.get("DefinitionSubstitutions") or {}

        def substituted(match: re.Match[str]) -> str:
            if match[1] not in values:
                return match[0]
            value = text_of(values[match[1]])
            return value if is_yaml else json.dumps(value)[1:-1]

        text = _SUBSTITUTED.sub(substituted, text)
        return json.dumps(parse(text)) if is_yaml else text


def _object(work: Work, place: Mapping[str, Any]) -> bytes:
    try:
        where = {"Bucket": place["Bucket"], "Key": place["Key"], "VersionId": place.get("Version")}
        content: bytes = work.call("s3", "GetObject", **where)["Body"]
    except AwsError as error:
        if error.code != "NoSuchBucket":
            raise
        words = f"not emulated: s3://{place['Bucket']}/{place['Key']}, which is in no bucket of this account"
        raise AwsError("ValidationError", words) from None
    return content


class MachineVersion(Provider):
    """``AWS::StepFunctions::StateMachineVersion``."""

    def create(self, work: Work) -> Made:
        """Publish the state machine as it is."""
        answer = work.call(
            "stepfunctions",
            "PublishStateMachineVersion",
            stateMachineArn=required(work, "StateMachineArn"),
            revisionId=work.properties.get("StateMachineRevisionId"),
            description=work.properties.get("Description"),
        )
        arn = answer["stateMachineVersionArn"]
        return Made(arn, {"Arn": arn})

    def replaces(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
        """Every change publishes another version."""
        return before != after

    def delete(self, work: Work, made: Made) -> None:
        """Remove the version."""
        with gone_is_fine():
            work.call("stepfunctions", "DeleteStateMachineVersion", stateMachineVersionArn=made.physical_id)


class MachineAlias(Provider):
    """``AWS::StepFunctions::StateMachineAlias``; deployments step by step are made at once."""

    fixed = frozenset({"Name"})

    def create(self, work: Work) -> Made:
        """Make the alias."""
        name = work.properties.get("Name") or work.name(80, allowed=r"\w-")
        answer = work.call(
            "stepfunctions",
            "CreateStateMachineAlias",
            name=name,
            description=work.properties.get("Description"),
            routingConfiguration=self._routing(work),
        )
        arn = answer["stateMachineAliasArn"]
        return Made(arn, {"Arn": arn})

    def update(self, work: Work, made: Made) -> Made:
        """Lead it elsewhere."""
        of = {"stateMachineAliasArn": made.physical_id, "routingConfiguration": self._routing(work)}
        work.call("stepfunctions", "UpdateStateMachineAlias", **of)
        return made

    def delete(self, work: Work, made: Made) -> None:
        """Remove the alias."""
        with gone_is_fine():
            work.call("stepfunctions", "DeleteStateMachineAlias", stateMachineAliasArn=made.physical_id)

    @staticmethod
    def _routing(work: Work) -> list[dict[str, Any]]:
        preference = work.properties.get("DeploymentPreference")
        if preference:
            return [{"stateMachineVersionArn": preference["StateMachineVersionArn"], "weight": 100}]
        return [
            {"stateMachineVersionArn": item["StateMachineVersionArn"], "weight": int(item["Weight"])}
            for item in required(work, "RoutingConfiguration")
        ]


PROVIDERS: dict[str, Provider] = {
    "AWS::StepFunctions::StateMachine": StateMachine(),
    "AWS::StepFunctions::StateMachineVersion": MachineVersion(),
    "AWS::StepFunctions::StateMachineAlias": MachineAlias(),
    "AWS::StepFunctions::Activity": Declared(
        "stepfunctions",
        "CreateActivity",
        "{activityArn}",
        "DeleteActivity",
        {"activityArn": "{id}"},
        name="Name",
        named="name",
        longest=80,
        attributes={"Arn": "{activityArn}", "Name": "{name}"},
    ),
}
