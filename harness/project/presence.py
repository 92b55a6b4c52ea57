"""Resources by their ARNs, and whether they are there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness.project.bucket import BucketError, is_own_bucket, own_buckets
from harness.project.stack import DeployedStack

if TYPE_CHECKING:
    import boto3

_ARNS = {
    "bucket": "arn:aws:s3:::{name}",
    "role": "arn:aws:iam::{account}:role/{name}",
    "endpoint": "arn:aws:sagemaker:{region}:{account}:endpoint/{name}",
    "endpoint configuration": "arn:aws:sagemaker:{region}:{account}:endpoint-config/{name}",
    "model": "arn:aws:sagemaker:{region}:{account}:model/{name}",
    "schedule group": "arn:aws:scheduler:{region}:{account}:schedule-group/{name}",
    "log group": "arn:aws:logs:{region}:{account}:log-group:{name}",
    "function": "arn:aws:lambda:{region}:{account}:function:{name}",
    "state machine": "arn:aws:states:{region}:{account}:stateMachine:{name}",
}
_KINDS = {
    "AWS::IAM::Role": "role",
    "AWS::Lambda::Function": "function",
    "AWS::Logs::LogGroup": "log group",
    "AWS::S3::Bucket": "bucket",
    "AWS::StepFunctions::StateMachine": "state machine",
}
"""Kinds of a stack's resources that are asked for by name."""


@dataclass(frozen=True)
class Found:
    """A resource that is there."""

    arn: str
    tags: dict[str, str] = field(default_factory=dict, compare=False)

    @classmethod
    def named(cls, kind: str, name: str, account: str, region: str) -> Found:
        """Return the resource of a kind that has a name.

        Args:
            kind: one of :data:`~harness.cloud.removal.ORDER`, but for stacks and training jobs.
            name: what it is called.
            account: in which it is.
            region: in which it is, where its kind has one.
        """
        return cls(_ARNS[kind].format(name=name, account=account, region=region))

    @property
    def kind(self) -> str:
        """One of :data:`~harness.cloud.removal.ORDER`, or the ARN's own words where it is none of them."""
        service, resource = self.arn.split(":")[2], self.arn.split(":", 5)[5]
        head = resource.replace(":", "/").partition("/")[0]
        return {
            "s3": "bucket",
            "sagemaker": head.replace("endpoint-config", "endpoint configuration").replace(
                "training-job", "training job"
            ),
            "states": "state machine" if head == "stateMachine" else head,
            "logs": "log group",
            "scheduler": "schedule group" if head == "schedule-group" else head,
            "lambda": head,
            "cloudformation": head,
            "iam": head,
        }.get(service, f"{service} {head}")

    @property
    def name(self) -> str:
        """What the resource is called."""
        resource = self.arn.split(":", 5)[5]
        match self.kind:
            case "log group":
                return resource.removeprefix("log-group:").removesuffix(":*")
            case "bucket":
                return resource
            case "stack":
                return resource.split("/")[1]
            case "state machine" | "function":
                return resource.partition(":")[2]
        return resource.rpartition("/")[2]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


PRESENT: dict[str, Callable[[boto3.Session, Found], Any]] = {
    "endpoint": lambda session, found: session.client("sagemaker").describe_endpoint(EndpointName=found.name),
    "training job": lambda session, found: session.client("sagemaker").describe_training_job(
        TrainingJobName=found.name
    ),
    "schedule group": lambda session, found: session.client("scheduler").get_schedule_group(Name=found.name),
    "endpoint configuration": lambda session, found: session.client("sagemaker").describe_endpoint_config(
        EndpointConfigName=found.name
    ),
    "model": lambda session, found: session.client("sagemaker").describe_model(ModelName=found.name),
    "state machine": lambda session, found: session.client("stepfunctions").describe_state_machine(
        stateMachineArn=found.arn
    ),
    "function": lambda session, found: session.client("lambda").get_function(FunctionName=found.name),
    "stack": lambda session, found: session.client("cloudformation").describe_stacks(StackName=found.name),
    "role": lambda session, found: session.client("iam").get_role(RoleName=found.name),
    "log group": lambda session, found: _require_group(session, found),
    "bucket": lambda session, found: _require_bucket(session, found),
}
"""What fails where a resource is gone, by kind."""
_GONE_CODES = ("404", "NoSuchBucket", "NoSuchEntity", "ResourceNotFound", "ResourceNotFoundException")
_GONE_WORDS = ("Could not find", "does not exist", "not found", "Does Not Exist")


def _require_group(session: boto3.Session, found: Found) -> None:
    logs = session.client("logs")
    groups = logs.describe_log_groups(logGroupNamePrefix=found.name)["logGroups"]
    if all(group["logGroupName"] != found.name for group in groups):
        raise LookupError(found.name)


def _require_bucket(session: boto3.Session, found: Found) -> None:
    try:
        if is_own_bucket(own_buckets(session), found.name):
            return
    except BucketError:
        pass  # somebody else's is not for us to remove; what is ours and refused is found by listing
    raise LookupError(found.name)


def resources_of(stack: DeployedStack, account: str, region: str) -> list[Found]:
    """Return the resources of a stack, of the kinds that can be asked for here.

    Args:
        stack: as CloudFormation tells of it.
        account: in which it is.
        region: in which it is.
    """
    return [
        Found(item.physical_id)
        if item.physical_id.startswith("arn:")
        else Found.named(_KINDS[item.type], item.physical_id, account, region)
        for item in stack.resources.values()
        if item.type in _KINDS and item.physical_id
    ]


def is_there(session: boto3.Session, found: Found) -> bool:
    """Whether a resource is there, and not on its way out; the tagging API shows what is gone for a while yet.

    Raises:
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    from botocore.exceptions import ClientError

    look = PRESENT.get(found.kind)
    if look is None:
        return True
    try:
        answer = look(session, found)
    except LookupError:
        return False
    except ClientError as error:
        if is_gone(error):
            return False
        raise
    # It goes a while after it was told to, and costs nothing meanwhile.
    return found.kind != "schedule group" or answer.get("State") != "DELETING"


def await_gone(session: boto3.Session, found: Iterable[Found], seconds: float = 20) -> list[Found]:
    """Return what of *found* is there for longer than AWS may take to have it gone everywhere.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency

    Args:
        session: leads to the target.
        found: what should be gone; each is asked for by its name.
        seconds: to wait.

    Raises:
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    deadline = time.monotonic() + seconds
    while left := [item for item in found if is_there(session, item)]:
        if time.monotonic() > deadline:
            break
        found = left
        time.sleep(min(1.0, seconds))
    return left


def is_gone(error: Any) -> bool:
    """Whether a refusal of AWS says that there is no such resource."""
    code, message = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
    return code in _GONE_CODES or "DoesNotExist" in code or any(words in message for words in _GONE_WORDS)
