"""Scones Unlimited's workflow as one resource: what is deployed where, and under which names."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.settings import Settings
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
    session: boto3.Session, settings: Settings, root: Path, on_step: Step = lambda line: None
) -> Iterator[Scones]:
    """Deploy the workflow from ``template.yaml`` below *root*; remove all of it when the block ends, however it ends.

    The bucket is made by whoever loads data; it is removed here.

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
            image=STUB_IMAGE,
            instance_type=settings.endpoint_instance,
            capture_uri=capture_uri,
        )
        deploy_endpoint(endpoint, session, on_step)
        yield Scones(session, bucket, settings.endpoint, f"{capture_uri}/{settings.endpoint}", plan, deployment)
    finally:
        left = clean_up(plan, settings.endpoint, bucket, session, on_step)
    if left:
        raise CleanupError(f"still there: {', '.join(left)}")
