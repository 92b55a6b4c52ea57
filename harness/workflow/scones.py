"""Scones Unlimited's workflow as one resource: what is deployed where, and under which names."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.settings import Settings
from harness.workflow.bucket import ensure_bucket
from harness.workflow.cleanup import clean_up
from harness.workflow.deployment import Deployment, Step, deploy
from harness.workflow.endpoint import EndpointPlan, deploy_endpoint
from harness.workflow.template import Plan, read_plan

if TYPE_CHECKING:
    import boto3

STATE_MACHINE = "ImageClassificationStateMachine"
TEMPLATE = "template.yaml"
STUB_IMAGE = "harness/stub-image-classification:latest"
"""Container image of an endpoint whose answers are made up."""
MODEL_KEY = "models/model.tar.gz"
"""Where in the bucket a model that is brought along is put."""


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

    @property
    def state_machine_arn(self) -> str:
        """ARN of the image classification state machine."""
        return self.deployment.state_machine_arns[STATE_MACHINE]

    def event(self, key: str) -> dict[str, str]:
        """Input of an execution for the image at *key* of the bucket."""
        return {"image_data": "", "s3_bucket": self.bucket, "s3_key": key}


@contextlib.contextmanager
def deployed(
    session: boto3.Session,
    settings: Settings,
    root: Path,
    on_step: Step = lambda line: None,
    model: Path | None = None,
) -> Iterator[Scones]:
    """Deploy the workflow from ``template.yaml`` below *root*; remove all of it when the block ends, however it ends.

    The bucket is made by whoever loads data; it is removed here.

    Args:
        session: leads to the target.
        settings: names, instance types, threshold.
        root: folder with ``template.yaml``.
        on_step: told of each thing made or removed.
        model: the ``model.tar.gz`` that the endpoint serves; None for a stub endpoint.

    Raises:
        CleanupError: after the block, when something could not be removed.
    """
    account_id = session.client("sts").get_caller_identity()["Account"]
    bucket = f"{settings.bucket}-{account_id}"
    parameters = {"BucketName": bucket, "EndpointName": settings.endpoint, "Threshold": str(settings.threshold)}
    plan = read_plan(root / TEMPLATE, parameters, account_id=account_id, region=settings.region)
    capture_uri = f"s3://{bucket}/{settings.capture_prefix}"
    try:
        deployment = deploy(plan, session, on_step)
        endpoint = EndpointPlan(
            name=settings.endpoint,
            role_arn=f"arn:aws:iam::{account_id}:role/scones-sagemaker-execution",
            image=STUB_IMAGE if model is None else built_in_image(account_id, settings.region),
            instance_type=settings.endpoint_instance,
            capture_uri=capture_uri,
            model_data=None if model is None else _upload(model, bucket, session, on_step),
        )
        deploy_endpoint(endpoint, session, on_step)
        yield Scones(session, bucket, settings.endpoint, f"{capture_uri}/{settings.endpoint}", plan, deployment)
    finally:
        left = clean_up(plan, settings.endpoint, bucket, session, on_step)
    if left:
        raise CleanupError(f"still there: {', '.join(left)}")


def built_in_image(account_id: str, region: str) -> str:
    """An image that local targets take for AWS's built-in algorithm, whatever account its registry is of."""
    return f"{account_id}.dkr.ecr.{region}.amazonaws.com/image-classification:1"


def _upload(model: Path, bucket: str, session: boto3.Session, on_step: Step) -> str:
    s3 = session.client("s3")
    ensure_bucket(s3, bucket)
    s3.put_object(Bucket=bucket, Key=MODEL_KEY, Body=model.read_bytes())
    shown = model.relative_to(Path.cwd()) if model.is_relative_to(Path.cwd()) else model
    on_step(f"uploaded {shown} to s3://{bucket}/{MODEL_KEY}")
    return f"s3://{bucket}/{MODEL_KEY}"
