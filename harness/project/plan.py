"""Any project: its configuration becomes a plan, which a person may look at, and which is then carried out.

On every target a stack is made of it: by CloudFormation on AWS, and by the emulator's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness.project.bucket import ensure_bucket, own_buckets, require_protected
from harness.project.cdk import BOOTSTRAP_VERSION, read_application
from harness.project.configuration import Configuration
from harness.project.expand import LONGEST_BODY, Expanded
from harness.project.install import Step
from harness.project.packaging import package
from harness.project.stack import delete_stack, deploy_stack, find_stack
from harness.project.template import TemplateError, load_template

if TYPE_CHECKING:
    import boto3

SKIP_TAG = {"Key": "harness:unsupported", "Value": "skip"}
_VERSION_PARAMETER = "BootstrapVersion"
_BY_THE_HOUR = (
    "AWS::SageMaker::Endpoint",
    "AWS::SageMaker::NotebookInstance",
    "AWS::EC2::Instance",
    "AWS::EC2::NatGateway",
    "AWS::ECS::Service",
    "AWS::ElasticLoadBalancingV2::LoadBalancer",
    "AWS::OpenSearchServerless::Collection",
    "AWS::OpenSearchService::Domain",
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBInstance",
    "AWS::Redshift::Cluster",
    "AWS::ElastiCache::CacheCluster",
    "AWS::MSK::Cluster",
    "AWS::EKS::Cluster",
    "AWS::Kinesis::Stream",
)
"""Types that cost money for as long as they are there."""


@dataclass(frozen=True)
class StackPlan:
    """One stack, as it will be asked for.

    Attributes:
        bucket: into which its files go.
        files: contents by bucket and key.
        body: the template.
    """

    name: str
    bucket: str
    body: str
    files: dict[tuple[str, str], bytes]
    parameters: dict[str, str]
    tags: list[dict[str, str]] = field(default_factory=list)
    images: tuple[str, ...] = ()

    @property
    def resources(self) -> dict[str, str]:
        """Types of resources by their logical ids, before any transform."""
        return {name: str(item.get("Type")) for name, item in json.loads(self.body).get("Resources", {}).items()}

    def lines(self) -> Iterable[str]:
        """What will be done, for people."""
        for (bucket, key), content in self.files.items():
            yield f"upload s3://{bucket}/{key}, {len(content)} bytes"
        yield f"stack {self.name}"
        for key, value in self.parameters.items():
            yield f"  parameter {key}={value}"
        for name, kind in self.resources.items():
            yield f"  {kind} {name}"


@dataclass(frozen=True)
class ProjectPlan:
    """All stacks of a project, in the order in which they are made."""

    stacks: tuple[StackPlan, ...]
    is_cdk: bool = False

    def lines(self) -> Iterable[str]:
        """What will be done, for people."""
        for stack in self.stacks:
            yield from stack.lines()

    def by_the_hour(self) -> list[str]:
        """What costs money for as long as it is there: type and logical id."""
        return [
            f"{kind} {name}" for stack in self.stacks for name, kind in stack.resources.items() if kind in _BY_THE_HOUR
        ]


def plan_project(configuration: Configuration, session: boto3.Session) -> ProjectPlan:
    """What it takes to deploy a project where *session* leads; nothing is made.

    Raises:
        TemplateError: the template, or a file that it names, cannot be used.
    """
    if configuration.is_terraform:
        raise TemplateError(
            f'{configuration.template} is deployed by Terraform itself: eval "$(harness env)"; terraform apply'
        )
    account, region = session.client("sts").get_caller_identity()["Account"], session.region_name
    tags = [{"Key": key, "Value": value} for key, value in configuration.tags.items()]
    if configuration.allow_unsupported:
        tags.append(SKIP_TAG)
    bucket = f"harness-deploy-{account}-{region}"
    if configuration.is_cdk:
        return _plan_cdk(configuration, account, region, bucket, tags)
    packaged = package(configuration.template, bucket, region)
    files = {(bucket, key): content for key, content in packaged.uploads.items()}
    declared = load_template(configuration.template).get("Parameters") or {}
    if unknown := sorted(configuration.parameters.keys() - declared.keys()):
        raise TemplateError(f"{configuration.template}: the template has no parameter {', '.join(unknown)}")
    if missing := [
        name for name, item in declared.items() if "Default" not in item and name not in configuration.parameters
    ]:
        raise TemplateError(
            f"{configuration.template}: a value is needed for {', '.join(missing)}: --parameter {missing[0]}=..."
        )
    return ProjectPlan(
        (StackPlan(configuration.stack, bucket, packaged.body, files, dict(configuration.parameters), tags),)
    )


def _plan_cdk(
    configuration: Configuration, account: str, region: str, bucket: str, tags: list[dict[str, str]]
) -> ProjectPlan:
    stacks = []
    for stack in read_application(configuration.template, account, region):
        body = stack.template.read_text()
        declared = json.loads(body).get("Parameters", {})
        values = {key: value for key, value in configuration.parameters.items() if key in declared}
        own = [{"Key": key, "Value": value} for key, value in stack.tags.items()]
        stacks.append(
            StackPlan(
                stack.name, bucket, body, dict(stack.files), {**stack.parameters, **values}, tags + own, stack.images
            )
        )
    return ProjectPlan(tuple(stacks), is_cdk=True)


def deploy_project(
    plan: ProjectPlan, session: boto3.Session, on_step: Step = lambda line: None, *, is_local: bool = True
) -> list[DeployedStack]:
    """Make the stacks of *plan*, or change them to what it says; on a local target, what `cdk bootstrap` makes as well.

    Args:
        plan: what :func:`plan_project` gave, and a person may have seen.
        session: leads to the target.
        on_step: told of each thing made or changed.
        is_local: whether the target is no AWS account.

    Returns:
        the stacks as they are then, in the plan's order.

    Raises:
        harness.project.stack.StackFailure: CloudFormation could not make one; the message has its reasons.
        harness.project.bucket.BucketError: a bucket for its files is another account's, or open to the public.
        botocore.exceptions.ClientError: AWS refuses.
    """
    s3 = session.client("s3") if is_local else own_buckets(session)
    found = []
    for stack in plan.stacks:
        for bucket in sorted({bucket for bucket, _ in stack.files}):
            if ensure_bucket(s3, bucket):
                on_step(f"created bucket {bucket}")
            if not is_local and bucket == stack.bucket:
                require_protected(s3, bucket)
        for (bucket, key), content in stack.files.items():
            if not _is_there(s3, bucket, key):
                s3.put_object(Bucket=bucket, Key=key, Body=content)
        url = None
        if len(stack.body.encode()) > LONGEST_BODY:
            ensure_bucket(s3, stack.bucket)
            key = f"{stack.name}.template"
            s3.put_object(Bucket=stack.bucket, Key=key, Body=stack.body.encode())
            url = f"https://s3.{session.region_name}.amazonaws.com/{stack.bucket}/{key}"
        if plan.is_cdk and is_local:
            _ensure_bootstrapped(session, stack)
        expanded = Expanded(stack.body, {}, stack.parameters, url)
        deploy_stack(stack.name, expanded, session, stack.tags, on_step)
        deployed = read_stack(stack.name, session)
        for note in deployed.notes:
            on_step(note)
        found.append(deployed)
    return found


def destroy_project(stacks: Iterable[str], session: boto3.Session, on_step: Step = lambda line: None) -> None:
    """Remove stacks, the last one first; one that is not there is passed over.

    Args:
        stacks: their names, in the order in which they were made.
        session: leads to the target.
        on_step: told of each stack.

    Raises:
        harness.project.stack.StackFailure: something is still there.
    """
    cfn = session.client("cloudformation")
    for name in reversed(list(stacks)):
        there = find_stack(cfn, name) is not None
        delete_stack(cfn, name)
        on_step(f"deleted stack {name}" if there else f"there is no stack {name}")


@dataclass(frozen=True)
class DeployedResource:
    """A resource of a stack: its ids, its type."""

    logical_id: str
    physical_id: str
    type: str


@dataclass(frozen=True)
class DeployedStack:
    """A stack as it is.

    Attributes:
        notes: what of it is not emulated.
    """

    name: str
    outputs: dict[str, str]
    resources: dict[str, DeployedResource]
    notes: list[str]


def read_stack(name: str, session: boto3.Session) -> DeployedStack:
    """The stack *name* where *session* leads.

    Raises:
        botocore.exceptions.ClientError: there is none.
    """
    cfn = session.client("cloudformation")
    stack = cfn.describe_stacks(StackName=name)["Stacks"][0]
    outputs = {item["OutputKey"]: item["OutputValue"] for item in stack.get("Outputs", ())}
    resources = {
        item["LogicalResourceId"]: DeployedResource(
            item["LogicalResourceId"], item.get("PhysicalResourceId", ""), item["ResourceType"]
        )
        for page in cfn.get_paginator("list_stack_resources").paginate(StackName=name)
        for item in page["StackResourceSummaries"]
    }
    events: list[dict[str, Any]] = cfn.describe_stack_events(StackName=name)["StackEvents"]
    notes = [
        f"{event['LogicalResourceId']}: {event['ResourceStatusReason']}"
        for event in reversed(events)
        if event.get("ResourceStatusReason", "").startswith("not emulated: ")
    ]
    return DeployedStack(name, outputs, resources, list(dict.fromkeys(notes)))


def _is_there(s3: Any, bucket: str, key: str) -> bool:
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except s3.exceptions.ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] not in (403, 404):
            raise
        return False
    return True


def _ensure_bootstrapped(session: boto3.Session, stack: StackPlan) -> None:
    """Have what `cdk bootstrap` writes down where a template asks for it."""
    declared = json.loads(stack.body).get("Parameters", {}).get(_VERSION_PARAMETER)
    if declared is None or "Default" not in declared:
        return
    ssm = session.client("ssm")
    try:
        ssm.get_parameter(Name=declared["Default"])
    except ssm.exceptions.ParameterNotFound:
        ssm.put_parameter(Name=declared["Default"], Value=BOOTSTRAP_VERSION, Type="String")
