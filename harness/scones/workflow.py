"""Scones Unlimited's workflow as one resource: what is deployed where, and under which names."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.project.bucket import ensure_bucket
from harness.project.install import Deployment, Step, deploy, find_deployment
from harness.project.template import Plan, read_plan
from harness.scones.cleanup import clean_up
from harness.scones.endpoint import EndpointPlan, current_configuration, deploy_endpoint
from harness.settings import Settings

if TYPE_CHECKING:
    import boto3

STATE_MACHINE = "ImageClassificationStateMachine"
TEMPLATE = "template.yaml"
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
    plan: Plan
    deployment: Deployment
    tags: Mapping[str, str] = field(default_factory=dict)
    """For what is made beside it, so that it is found again; none on local targets."""

    @property
    def state_machine_arn(self) -> str:
        """ARN of the image classification state machine."""
        return self.deployment.state_machine_arns[STATE_MACHINE]

    def event(self, key: str) -> dict[str, str]:
        """Input of an execution for the image at *key* of the bucket."""
        return {"image_data": "", "s3_bucket": self.bucket, "s3_key": key}


@dataclass(frozen=True)
class SconesPlan:
    """What is to be deployed, and under which names, before anything is."""

    resources: Plan
    bucket: str
    endpoint: EndpointPlan
    model: Path | None
    """The ``model.tar.gz`` that the endpoint serves; None for a stub endpoint."""
    optional: tuple[str, ...] = ()
    """State machines of the template that the target may refuse."""


def plan_scones(session: boto3.Session, settings: Settings, root: Path, model: Path | None = None) -> SconesPlan:
    """Plan the workflow that ``template.yaml`` below *root* declares, for the account that *session* leads to.

    On the compose target, Step Functions Local is of a time before delimiters and result files of Distributed Maps, and
    may refuse machines with one. It writes no logs to CloudWatch, and is asked for none.

    Args:
        session: leads to the target.
        settings: names, threshold, instance types.
        root: the folder of ``template.yaml``.
        model: a ``model.tar.gz`` for the endpoint; None: a stub answers.

    Raises:
        harness.project.template.TemplateError: the template cannot be deployed.
    """
    account_id = session.client("sts").get_caller_identity()["Account"]
    bucket = f"{settings.bucket}-{account_id}"
    parameters = {"BucketName": bucket, "EndpointName": settings.endpoint, "Threshold": str(settings.threshold)}
    resources = read_plan(root / TEMPLATE, parameters, account_id=account_id, region=settings.region)
    optional: tuple[str, ...] = ()
    if settings.target == "compose":
        optional = tuple(machine.name for machine in resources.state_machines if machine.is_distributed)
        machines = tuple(replace(machine, logging=None) for machine in resources.state_machines)
        resources = replace(resources, state_machines=machines)
    return SconesPlan(
        resources,
        bucket,
        EndpointPlan(
            name=settings.endpoint,
            role_arn=f"arn:aws:iam::{account_id}:role/scones-sagemaker-execution",
            image=STUB_IMAGE if model is None else built_in_image(account_id, settings.region),
            instance_type=settings.endpoint_instance,
            capture_uri=f"s3://{bucket}/{settings.capture_prefix}",
            model_data=None if model is None else f"s3://{bucket}/{_key_of(model)}",
        ),
        model,
        optional,
    )


def deploy_scones(
    plan: SconesPlan, session: boto3.Session, on_step: Step = lambda line: None, live: Path | None = None
) -> Scones:
    """Have the workflow deployed as *plan* says; what is so already stays.

    The bucket is made by whoever loads data.

    Args:
        plan: as :func:`plan_scones` gives it.
        session: leads to the target.
        on_step: told of each thing made or changed.
        live: a folder whose functions run from there, as :func:`harness.project.install.deploy` has it; None: none do.

    Raises:
        botocore.exceptions.ClientError: AWS refuses.
    """
    deployment = deploy(plan.resources, session, on_step, live, plan.optional)
    serve(plan, session, on_step)
    return _as_planned(plan, session, deployment)


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
    """The workflow of *plan*, where all of it is deployed: whatever its functions' code is now, it stays.

    Raises:
        botocore.exceptions.ClientError: AWS refuses.
    """
    deployment = find_deployment(plan.resources, session, plan.optional)
    if deployment is None or current_configuration(plan.endpoint.name, session) is None:
        return None
    return _as_planned(plan, session, deployment)


def _as_planned(plan: SconesPlan, session: boto3.Session, deployment: Deployment) -> Scones:
    captures = f"{plan.endpoint.capture_uri}/{plan.endpoint.name}"
    return Scones(session, plan.bucket, plan.endpoint.name, captures, plan.resources, deployment)


def destroy_scones(plan: SconesPlan, session: boto3.Session, on_step: Step = lambda line: None) -> None:
    """Remove the whole workflow, the endpoint first.

    Args:
        plan: as :func:`plan_scones` gives it.
        session: leads to the target.
        on_step: told of each thing removed.

    Raises:
        CleanupError: something could not be removed.
    """
    left = clean_up(plan.resources, plan.endpoint.name, plan.bucket, session, on_step)
    if left:
        raise CleanupError(f"still there: {', '.join(left)}")


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
    """An image that local targets take for AWS's built-in algorithm, whatever account its registry is of."""
    return f"{account_id}.dkr.ecr.{region}.amazonaws.com/image-classification:1"


def _key_of(model: Path) -> str:
    # An endpoint's model cannot be changed: another content is another model.
    return f"{MODEL_PREFIX}/{hashlib.sha256(model.read_bytes()).hexdigest()[:8]}/model.tar.gz"


def _upload(model: Path, bucket: str, session: boto3.Session, on_step: Step) -> None:
    s3, key = session.client("s3"), _key_of(model)
    ensure_bucket(s3, bucket)
    if any(item["Key"] == key for item in s3.list_objects_v2(Bucket=bucket, Prefix=key).get("Contents", ())):
        return
    s3.put_object(Bucket=bucket, Key=key, Body=model.read_bytes())
    shown = model.relative_to(Path.cwd()) if model.is_relative_to(Path.cwd()) else model
    on_step(f"uploaded {shown} to s3://{bucket}/{key}")
