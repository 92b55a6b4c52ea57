"""Resources whose Lambda function makes them, nested stacks, and what is nothing but a name.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-custom-resources-lambda.html
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from harness.emulator.cloudformation.documents import invalid
from harness.emulator.cloudformation.expressions import text_of
from harness.emulator.cloudformation.providers.base import Made, Provider, Work, required
from harness.emulator.door.errors import AwsError

_FIRST_LOOK, _SLOWEST_LOOK = 0.01, 0.5
_LONGEST = 3600.0
_NO_ANSWER = (
    "CloudFormation did not receive a response from your Custom Resource. Please check your logs for requestId [{}]."
)

Presign = Callable[[str, str, str], str]
"""Gives the address by which anybody can put an object: region, bucket, key."""


class CustomResource(Provider):
    """``Custom::...``: the function named by ``ServiceToken`` makes, changes and removes it.

    It answers by putting an object at an address that was signed beforehand, in a bucket that is there for as long as
    it is awaited.

    Args:
        presign: makes that address.
    """

    fixed = frozenset({"ServiceToken"})

    def __init__(self, presign: Presign) -> None:
        self._presign = presign

    def create(self, work: Work) -> Made:
        """Have the function make it."""
        return self._made(self._ask(work, "Create", {}))

    def update(self, work: Work, made: Made) -> Made:
        """Have the function change it; with another physical id it is another one, and the first is to be removed."""
        more = {"PhysicalResourceId": made.physical_id, "OldResourceProperties": _texts(work.before)}
        return self._made(self._ask(work, "Update", more))

    def delete(self, work: Work, made: Made) -> None:
        """Have the function remove it."""
        self._ask(work, "Delete", {"PhysicalResourceId": made.physical_id})

    @staticmethod
    def _made(answer: Mapping[str, Any]) -> Made:
        physical = answer.get("PhysicalResourceId")
        if not physical:
            raise AwsError("InvalidResponse", "Invalid PhysicalResourceId")
        return Made(str(physical), dict(answer.get("Data") or {}))

    def _ask(self, work: Work, kind: str, more: Mapping[str, Any]) -> Mapping[str, Any]:
        token, request = str(required(work, "ServiceToken")), str(uuid.uuid4())
        if ":function:" not in token:
            raise AwsError(
                "NotImplemented", f"not emulated: a custom resource by {token}; a Lambda function makes it here"
            )
        bucket = f"cloudformation-custom-resource-response-{request[:13]}"
        location = (
            {} if work.region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": work.region}}
        )
        event = {
            "RequestType": kind,
            "ServiceToken": token,
            "ResponseURL": self._presign(work.region, bucket, request),
            "StackId": work.stack_id,
            "RequestId": request,
            "LogicalResourceId": work.logical_id,
            "ResourceType": work.kind,
            "ResourceProperties": _texts(work.properties),
            **more,
        }
        work.call("s3", "CreateBucket", Bucket=bucket, **location)
        try:
            outcome = work.call("lambda", "Invoke", FunctionName=token, Payload=json.dumps(event).encode())
            answer = self._answer(work, bucket, request, outcome)
        finally:
            work.call("s3", "DeleteObject", Bucket=bucket, Key=request)
            work.call("s3", "DeleteBucket", Bucket=bucket)
        if answer.get("Status") != "SUCCESS":
            said = answer.get("Reason") or "the function gave no reason"
            raise AwsError(
                "FAILED", f"Received response status [FAILED] from custom resource. Message returned: {said}"
            )
        return answer

    @staticmethod
    def _answer(work: Work, bucket: str, request: str, outcome: Mapping[str, Any]) -> Mapping[str, Any]:
        """Wait for what the function, or what it has charged with that, answers."""
        deadline = time.monotonic() + min(float(work.properties.get("ServiceTimeout", _LONGEST)), _LONGEST)
        pause = _FIRST_LOOK
        while True:
            try:
                body = work.call("s3", "GetObject", Bucket=bucket, Key=request)["Body"]
                answer: dict[str, Any] = json.loads(body)
                return answer
            except AwsError as error:
                if error.code != "NoSuchKey":
                    raise
            if outcome.get("FunctionError"):  # AWS would invoke it twice more, and then wait for an hour
                payload = outcome["Payload"]
                said = payload.decode("utf-8", "replace")
                raise AwsError("NoResponse", f"{_NO_ANSWER.format(request)} The function failed: {said}")
            if time.monotonic() > deadline:
                raise AwsError("NoResponse", _NO_ANSWER.format(request))
            time.sleep(pause)
            pause = min(pause * 1.5, _SLOWEST_LOOK)


def _texts(value: Any) -> Any:
    """Properties as functions get them: every number and truth is a text."""
    if isinstance(value, Mapping):
        return {key: _texts(item) for key, item in value.items()}
    return [_texts(item) for item in value] if isinstance(value, list) else text_of(value)


PARENT = "ParentId"
"""Of CreateStack's parameters the one that no request has: the stack that makes one within it."""


class NestedStack(Provider):
    """``AWS::CloudFormation::Stack``."""

    def create(self, work: Work) -> Made:
        """Make the stack and wait for it."""
        name = work.name(128, allowed="A-Za-z0-9-")
        arn = work.call(
            "cloudformation",
            "CreateStack",
            StackName=name,
            OnFailure="DELETE",
            **self._asked(work),
            **{PARENT: work.stack_id},
        )["StackId"]
        return self._await(work, arn, "CREATE_COMPLETE")

    def update(self, work: Work, made: Made) -> Made:
        """Change the stack and wait for it."""
        try:
            work.call("cloudformation", "UpdateStack", StackName=made.physical_id, **self._asked(work))
        except AwsError as error:
            if "No updates are to be performed" not in error.message:
                raise
            return made
        return self._await(work, made.physical_id, "UPDATE_COMPLETE")

    def delete(self, work: Work, made: Made) -> None:
        """Remove the stack and wait until it is gone."""
        work.call("cloudformation", "DeleteStack", StackName=made.physical_id)
        self._await(work, made.physical_id, "DELETE_COMPLETE")

    @staticmethod
    def _asked(work: Work) -> dict[str, Any]:
        given = work.properties.get("Parameters") or {}
        parameters = [
            {
                "ParameterKey": key,
                "ParameterValue": ",".join(map(text_of, value)) if isinstance(value, list) else text_of(value),
            }
            for key, value in given.items()
        ]
        own = {key: value for key, value in work.all_tags.items() if not key.startswith("aws:")}
        return {
            "TemplateURL": required(work, "TemplateURL"),
            "Parameters": parameters,
            "Capabilities": ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
            "Tags": [{"Key": key, "Value": value} for key, value in own.items()],
        }

    @staticmethod
    def _await(work: Work, arn: str, wanted: str) -> Made:
        pause = _FIRST_LOOK
        while True:
            stack = work.call("cloudformation", "DescribeStacks", StackName=arn)["Stacks"][0]
            status = stack["StackStatus"]
            if status == wanted:
                outputs = {f"Outputs.{item['OutputKey']}": item["OutputValue"] for item in stack.get("Outputs") or []}
                return Made(arn, outputs)
            if not status.endswith("_IN_PROGRESS"):
                reason = stack.get("StackStatusReason", "")
                raise AwsError("NotStabilized", f"Embedded stack {arn} was not successfully {_DONE[wanted]}: {reason}")
            time.sleep(pause)
            pause = min(pause * 1.5, _SLOWEST_LOOK)


_DONE = {"CREATE_COMPLETE": "created", "UPDATE_COMPLETE": "updated", "DELETE_COMPLETE": "deleted"}


class Nothing(Provider):
    """What is a name in the stack and nothing else: ``AWS::CDK::Metadata``."""

    def create(self, work: Work) -> Made:
        """Nothing but a name."""
        name = work.name(128)
        return Made(name, {"Id": name, "DeploymentId": name})

    def update(self, work: Work, made: Made) -> Made:
        """Leave it: there is nothing to change."""
        return made

    def delete(self, work: Work, made: Made) -> None:
        """Nothing."""


class Skipped(Nothing):
    """A type that is not emulated, where the user has said to go on without it."""

    def create(self, work: Work) -> Made:
        """Nothing but a name, with a note that says so."""
        made = super().create(work)
        made.attributes["Arn"] = work.arn("not-emulated", f"{work.kind}/{made.physical_id}")
        made.notes = [f"{work.kind}, which was left out (HARNESS_UNSUPPORTED=skip)"]
        return made


class Unsupported(Provider):
    """A type that is not emulated."""

    def create(self, work: Work) -> Made:
        """Refuse, by name.

        Raises:
            AwsError: always.
        """
        raise invalid(f"not emulated: {work.kind} ({work.logical_id}); HARNESS_UNSUPPORTED=skip leaves it out")
