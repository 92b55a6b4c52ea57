"""Scones Unlimited's workflow as one resource: what is deployed where, and under which names."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.project.bucket import delete_bucket, ensure_bucket
from harness.project.plan import ProjectPlan, deploy_project, destroy_project
from harness.project.presence import Found, is_there, resources_of
from harness.project.stack import DeployedStack, StackFailure, StackPlan, find_stack, read_stack
from harness.project.steps import Step
from harness.scones.endpoint import (
    EndpointPlan,
    current_configuration,
    delete_endpoint,
    deploy_endpoint,
    endpoint_resources,
)
from harness.scones.names import SAGEMAKER_ROLE, plan_workflow, role_arn
from harness.settings import Settings

if TYPE_CHECKING:
    import boto3

STATE_MACHINE = "ImageClassificationStateMachine"
STUB_IMAGE = "harness/stub-image-classification:latest"
"""Container image of an endpoint whose answers are made up."""
MODEL_PREFIX = "models"
"""Where in the bucket a model that is brought along is put, below its digest."""


class CleanupError(RuntimeError):
    """Something that was made is still there; the message names it."""


@dataclass(frozen=True)
class Scones:
    """The deployed workflow."""

    session: boto3.Session
    bucket: str
    endpoint: str
    capture_uri: str
    """``s3://bucket/prefix`` below which the endpoint's captures appear."""
    stack: DeployedStack
    tags: Mapping[str, str] = field(default_factory=dict)
    """For what is made beside it, so that it is found again; none on local targets."""

    @property
    def state_machine_arn(self) -> str:
        """ARN of the image classification state machine."""
        return self.stack.resources[STATE_MACHINE].physical_id

    def event(self, key: str) -> dict[str, str]:
        """Input of an execution for the image at *key* of the bucket."""
        return {"image_data": "", "s3_bucket": self.bucket, "s3_key": key}


@dataclass(frozen=True)
class SconesPlan:
    """What is to be deployed, and under which names, before anything is."""

    account: str
    region: str
    stack: StackPlan
    endpoint: EndpointPlan
    model: Path | None
    """The ``model.tar.gz`` that the endpoint serves; None for a stub endpoint."""
    instead: StackPlan | None = None
    """The stack without the state machines that Step Functions Local may refuse; None where none is refused."""

    @property
    def bucket(self) -> str:
        """The bucket of images, models and captures."""
        return self.stack.bucket

    def lines(self) -> Iterable[str]:
        """Yield what will be done, for people."""
        yield from self.stack.lines()
        if self.model is not None:
            yield f"upload {self.endpoint.model_data}"
        yield f"endpoint {self.endpoint.name} on one {self.endpoint.instance_type}, {self.endpoint.image}"


def plan_scones(
    session: boto3.Session, settings: Settings, root: Path, model: Path | None = None, live: Path | None = None
) -> SconesPlan:
    """Plan the workflow that ``template.yaml`` below *root* declares, for the account that *session* leads to.

    On the compose target, Step Functions Local is of a time before delimiters and result files of Distributed Maps, and
    may refuse machines with one. It writes no logs to CloudWatch, and is asked for none.

    Args:
        session: leads to the target.
        settings: names, threshold, instance types.
        root: the folder of ``template.yaml``.
        model: a ``model.tar.gz`` for the endpoint; None: a stub answers.
        live: where the target's emulator runs with ``--live``: that folder as this machine knows it.

    Raises:
        harness.project.template.TemplateError: the template cannot be deployed.
    """
    account, region = session.client("sts").get_caller_identity()["Account"], settings.region
    stack, instead = plan_workflow(root, settings, account, region, live=live), None
    if settings.target == "compose":
        stack = replace(stack, body=_without_logging(stack.body))
        instead = replace(stack, body=_without_distributed_maps(stack))
    endpoint = EndpointPlan(
        name=settings.endpoint,
        role_arn=role_arn(SAGEMAKER_ROLE, account),
        image=STUB_IMAGE if model is None else built_in_image(account, region),
        instance_type=settings.endpoint_instance,
        capture_uri=f"s3://{stack.bucket}/{settings.capture_prefix}",
        model_data=None if model is None else f"s3://{stack.bucket}/{model_key(model)}",
    )
    return SconesPlan(account, region, stack, endpoint, model, instead)


def deploy_scones(plan: SconesPlan, session: boto3.Session, on_step: Step = lambda line: None) -> Scones:
    """Have the workflow deployed as *plan* says; what is so already stays, what was lost meanwhile is made anew.

    Args:
        plan: as :func:`plan_scones` gives it.
        session: leads to the target.
        on_step: told of each thing made or changed.

    Raises:
        harness.project.stack.StackFailure: the stack could not be made.
        botocore.exceptions.ClientError: AWS refuses.
    """
    there = _find_stack(plan, session)
    if there is not None and (lost := [item for item in there if not is_there(session, item)]):
        on_step(f"lost since: {', '.join(map(str, lost))}")
        destroy_project([plan.stack.name], session, on_step)
    try:
        (stack,) = deploy_project(ProjectPlan((plan.stack,)), session, on_step)
    except StackFailure as error:
        left_out = sorted(plan.stack.resources.keys() - (plan.instead or plan.stack).resources.keys())
        if plan.instead is None or not any(f"{name}: " in str(error) for name in left_out):
            raise
        on_step(f"left out {', '.join(left_out)}, which this Step Functions refuses: {error}")
        (stack,) = deploy_project(ProjectPlan((plan.instead,)), session, on_step)
    serve(plan, session, on_step)
    return _as_planned(plan, session, stack)


def serve(plan: SconesPlan, session: boto3.Session, on_step: Step = lambda line: None) -> None:
    """Have the endpoint serve the plan's model, and nothing else changed.

    Args:
        plan: as :func:`plan_scones` gives it.
        session: leads to the target.
        on_step: told of each thing made or changed.

    Raises:
        botocore.exceptions.ClientError: AWS refuses.
    """
    if plan.model is not None:
        _upload(plan.model, plan.bucket, session, on_step)
    deploy_endpoint(plan.endpoint, session, on_step)


def find_deployed(plan: SconesPlan, session: boto3.Session) -> Scones | None:
    """Return the workflow of *plan*, where all of it is deployed: whatever its functions' code is now, it stays.

    Raises:
        botocore.exceptions.ClientError: AWS refuses.
    """
    there = _find_stack(plan, session)
    if there is None or not all(is_there(session, item) for item in there):
        return None
    if current_configuration(plan.endpoint.name, session) is None:
        return None
    return _as_planned(plan, session, read_stack(plan.stack.name, session))


def _find_stack(plan: SconesPlan, session: boto3.Session) -> list[Found] | None:
    """Return what the stack has made, whether or not it is still there; None where there is no stack."""
    if find_stack(session.client("cloudformation"), plan.stack.name) is None:
        return None
    return resources_of(read_stack(plan.stack.name, session), plan.account, plan.region)


def _as_planned(plan: SconesPlan, session: boto3.Session, stack: DeployedStack) -> Scones:
    captures = f"{plan.endpoint.capture_uri}/{plan.endpoint.name}"
    return Scones(session, plan.bucket, plan.endpoint.name, captures, stack)


def destroy_scones(plan: SconesPlan, session: boto3.Session, on_step: Step = lambda line: None) -> None:
    """Remove the whole workflow, the endpoint, which costs most, first; what is not there is passed over.

    Args:
        plan: as :func:`plan_scones` gives it.
        session: leads to the target.
        on_step: told of each thing removed.

    Raises:
        CleanupError: something could not be removed.
    """
    made = find_made(plan, session)
    delete_endpoint(plan.endpoint.name, session, on_step)
    destroy_project([plan.stack.name], session, on_step)
    delete_bucket(session.client("s3"), plan.bucket, on_step)
    if left := [str(item) for item in made if is_there(session, item)]:
        raise CleanupError(f"still there: {', '.join(left)}")


def find_made(plan: SconesPlan, session: boto3.Session) -> list[Found]:
    """Return what of the workflow is there: the endpoint with what belongs to it, what the stack has made, the bucket.

    Args:
        plan: as :func:`plan_scones` gives it.
        session: leads to the target.

    Raises:
        botocore.exceptions.ClientError: AWS refuses.
    """
    name = plan.endpoint.name
    named = [("endpoint", name), *endpoint_resources(session.client("sagemaker"), name)]
    found = [Found.named(kind, each, plan.account, plan.region) for kind, each in named]
    found += _find_stack(plan, session) or []
    found.append(Found.named("bucket", plan.bucket, plan.account, plan.region))
    return [item for item in found if is_there(session, item)]


@contextlib.contextmanager
def deployed(
    session: boto3.Session,
    settings: Settings,
    root: Path,
    on_step: Step = lambda line: None,
    model: Path | None = None,
) -> Iterator[Scones]:
    """Deploy the workflow from ``template.yaml`` below *root*; remove all of it when the block ends, however it ends.

    Args:
        session: leads to the target.
        settings: names, instance types, threshold.
        root: folder with ``template.yaml``.
        on_step: told of each thing made or removed.
        model: the ``model.tar.gz`` that the endpoint serves; None for a stub endpoint.

    Raises:
        CleanupError: after the block, when something could not be removed.
    """
    plan = plan_scones(session, settings, root, model)
    try:
        yield deploy_scones(plan, session, on_step)
    finally:
        destroy_scones(plan, session, on_step)


def built_in_image(account_id: str, region: str) -> str:
    """Return an image that local targets take for AWS's built-in algorithm, whatever account its registry is of."""
    return f"{account_id}.dkr.ecr.{region}.amazonaws.com/image-classification:1"


def model_key(model: Path) -> str:
    """Where in the bucket a model that is a file goes: an endpoint's cannot be changed, another has another place."""
    return f"{MODEL_PREFIX}/{hashlib.sha256(model.read_bytes()).hexdigest()[:8]}/model.tar.gz"


def _upload(model: Path, bucket: str, session: boto3.Session, on_step: Step) -> None:
    s3, key = session.client("s3"), model_key(model)
    ensure_bucket(s3, bucket)
    if any(item["Key"] == key for item in s3.list_objects_v2(Bucket=bucket, Prefix=key).get("Contents", ())):
        return
    s3.put_object(Bucket=bucket, Key=key, Body=model.read_bytes())
    shown = model.relative_to(Path.cwd()) if model.is_relative_to(Path.cwd()) else model
    on_step(f"uploaded {shown} to s3://{bucket}/{key}")


def _without_logging(body: str) -> str:
    document = json.loads(body)
    for resource in document["Resources"].values():
        if resource["Type"] == "AWS::Serverless::StateMachine":
            resource["Properties"].pop("Logging", None)
    return json.dumps(document)


def _without_distributed_maps(stack: StackPlan) -> str:
    document = json.loads(stack.body)
    for name, resource in list(document["Resources"].items()):
        if resource["Type"] == "AWS::Serverless::StateMachine":
            place = resource["Properties"]["DefinitionUri"]
            if '"DISTRIBUTED"' in stack.files[place["Bucket"], place["Key"]].decode():
                del document["Resources"][name]
    return json.dumps(document)
