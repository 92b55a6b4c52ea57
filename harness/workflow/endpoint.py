"""The endpoint: a model, a configuration with Data Capture, and the endpoint itself, by plain boto3.

https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints-deploy-models.html
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.workflow.deployment import Step

if TYPE_CHECKING:
    import boto3


@dataclass(frozen=True)
class EndpointPlan:
    """An endpoint to be made; its model and configuration have the same name."""

    name: str
    role_arn: str
    image: str
    """Container image of the model."""
    instance_type: str
    capture_uri: str
    """``s3://bucket/prefix`` for Data Capture."""
    model_data: str | None = None
    """``s3://...model.tar.gz``, or None for a model without an artifact."""


def deploy_endpoint(plan: EndpointPlan, session: boto3.Session, on_step: Step = lambda line: None) -> None:
    """Make the endpoint with all invocations captured, and wait until it is in service.

    Raises:
        botocore.exceptions.ClientError: SageMaker refuses.
        botocore.exceptions.WaiterError: it failed to come up.
    """
    sagemaker = session.client("sagemaker")
    container = {"Image": plan.image}
    if plan.model_data is not None:
        container["ModelDataUrl"] = plan.model_data
    sagemaker.create_model(ModelName=plan.name, ExecutionRoleArn=plan.role_arn, PrimaryContainer=container)
    sagemaker.create_endpoint_config(
        EndpointConfigName=plan.name,
        ProductionVariants=[
            {
                "VariantName": "AllTraffic",
                "ModelName": plan.name,
                "InitialInstanceCount": 1,
                "InstanceType": plan.instance_type,
            }
        ],
        DataCaptureConfig={
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": plan.capture_uri,
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            # What the SageMaker SDK's DataCaptureConfig sends by default.
            "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]},
        },
    )
    sagemaker.create_endpoint(EndpointName=plan.name, EndpointConfigName=plan.name)
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=plan.name)
    on_step(f"created endpoint {plan.name} on one {plan.instance_type}, capturing to {plan.capture_uri}")


def delete_endpoint(name: str, session: boto3.Session, on_step: Step = lambda line: None) -> None:
    """Remove an endpoint, its configuration and its model; what is not there any more is passed over."""
    sagemaker = session.client("sagemaker")
    for kind, delete, argument in (
        ("endpoint", sagemaker.delete_endpoint, "EndpointName"),
        ("endpoint configuration", sagemaker.delete_endpoint_config, "EndpointConfigName"),
        ("model", sagemaker.delete_model, "ModelName"),
    ):
        with contextlib.suppress(sagemaker.exceptions.ClientError):
            delete(**{argument: name})
            on_step(f"deleted {kind} {name}")


def is_stub(name: str, session: boto3.Session) -> bool:
    """Whether an endpoint says, by its tags, that its answers are made up."""
    sagemaker: Any = session.client("sagemaker")
    arn = sagemaker.describe_endpoint(EndpointName=name)["EndpointArn"]
    tags = sagemaker.list_tags(ResourceArn=arn)["Tags"]
    return any(tag == {"Key": "harness:stub", "Value": "true"} for tag in tags)
