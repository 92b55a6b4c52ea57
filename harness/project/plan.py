"""Any project: its configuration becomes a plan, which a person may look at, and which is then carried out.

On every target a stack is made of it: by CloudFormation on AWS, and by the emulator's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.project.bucket import ensure_bucket, own_buckets, require_protected
from harness.project.cdk import BOOTSTRAP_VERSION, read_application
from harness.project.configuration import Configuration
from harness.project.expand import expand
from harness.project.packaging import package
from harness.project.stack import DeployedStack, StackPlan, delete_stack, deploy_stack, find_stack, read_stack
from harness.project.steps import Step
from harness.project.template import TemplateError, load_template

if TYPE_CHECKING:
    import boto3

SKIP_TAG = {"Key": "harness:unsupported", "Value": "skip"}
_VERSION_PARAMETER = "BootstrapVersion"
_LONGEST_BODY = 51_200
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""
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
class ProjectPlan:
    """All stacks of a project, in the order in which they are made."""

    stacks: tuple[StackPlan, ...]
    is_cdk: bool = False

    def lines(self) -> Iterable[str]:
        """Say what will be done, for people."""
        for stack in self.stacks:
            yield from stack.lines()

    def by_the_hour(self) -> list[str]:
        """List what costs money for as long as it is there: type and logical id."""
        return [
            f"{kind} {name}" for stack in self.stacks for name, kind in stack.resources.items() if kind in _BY_THE_HOUR
        ]


def plan_project(
    configuration: Configuration, session: boto3.Session, *, is_local: bool = True, live: Path | None = None
) -> ProjectPlan:
    """Plan what it takes to deploy a project where *session* leads; nothing is made.

    Args:
        configuration: the project.
        session: leads to the target.
        is_local: whether that is no AWS account. For one, a template of SAM is expanded here: what is shown and agreed
            to is then all that is made.
        live: a folder whose functions run from there, where the target's emulator has it as its ``--live``.

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
    return ProjectPlan((plan_stack(configuration, bucket, region, tags, expanded=not is_local, live=live),))


def plan_stack(
    configuration: Configuration,
    bucket: str,
    region: str,
    tags: list[dict[str, str]],
    prefix: str = "",
    *,
    expanded: bool = False,
    live: Path | None = None,
) -> StackPlan:
    """Plan the one stack of a template.

    Args:
        configuration: the project: template, stack's name, parameters.
        bucket: into which the template's files will be put.
        region: of stack and bucket.
        tags: of the stack.
        prefix: of the files' keys.
        expanded: whether SAM's transform is carried out here already.
        live: a folder whose functions run from there.

    Raises:
        TemplateError: the template, or a file that it names, cannot be used.
    """
    template, given = configuration.template, dict(configuration.parameters)
    packaged = package(template, bucket, region, prefix, live=live)
    declared = load_template(template).get("Parameters") or {}
    if unknown := sorted(given.keys() - declared.keys()):
        raise TemplateError(f"{template}: the template has no parameter {', '.join(unknown)}")
    if missing := [name for name, item in declared.items() if "Default" not in item and name not in given]:
        raise TemplateError(f"{template}: a value is needed for {', '.join(missing)}: --parameter {missing[0]}=...")
    try:
        body = expand(packaged.body, given, region) if expanded else packaged.body
    except TemplateError as error:
        raise TemplateError(f"{template}: {error}") from None
    files = {(bucket, key): content for key, content in packaged.uploads.items()}
    return _stack_plan(configuration.stack, bucket, region, body, files, given, tags)


def _stack_plan(
    name: str,
    bucket: str,
    region: str,
    body: str,
    files: dict[tuple[str, str], bytes],
    parameters: dict[str, str],
    tags: list[dict[str, str]],
    images: tuple[str, ...] = (),
) -> StackPlan:
    url = None
    if len(content := body.encode()) > _LONGEST_BODY:
        key = f"{hashlib.sha256(content).hexdigest()[:32]}.template"
        files = {**files, (bucket, key): content}
        url = f"https://s3.{region}.amazonaws.com/{bucket}/{key}"
    return StackPlan(name, bucket, body, files, parameters, tags, images, url)


def _plan_cdk(
    configuration: Configuration, account: str, region: str, bucket: str, tags: list[dict[str, str]]
) -> ProjectPlan:
    stacks = []
    for stack in read_application(configuration.template, account, region):
        body = stack.template.read_text()
        declared = json.loads(body).get("Parameters", {})
        values = {key: value for key, value in configuration.parameters.items() if key in declared}
        own = [{"Key": key, "Value": value} for key, value in stack.tags.items()]
        given = {**stack.parameters, **values}
        stacks.append(_stack_plan(stack.name, bucket, region, body, dict(stack.files), given, tags + own, stack.images))
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
        if plan.is_cdk and is_local:
            _ensure_bootstrapped(session, stack)
        deploy_stack(stack, session, on_step)
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
