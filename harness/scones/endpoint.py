"""The endpoint: a model, a configuration with Data Capture, and the endpoint itself, by plain boto3.

https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints-deploy-models.html
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.cloud.eventual_consistency import once_known
from harness.project.steps import Step

if TYPE_CHECKING:
    import boto3


@dataclass(frozen=True)
class EndpointPlan:
    """An endpoint to be made, with a model and a configuration of its own."""

    name: str
    role_arn: str
    image: str
    """Container image of the model."""
    instance_type: str
    capture_uri: str
    """``s3://bucket/prefix`` for Data Capture."""
    model_data: str | None = None
    """``s3://...model.tar.gz``, or None for a model without an artifact."""

    @property
    def revision(self) -> str:
        """Name of the model and of the configuration. Neither can be changed, so another plan has another one."""
        digest = hashlib.sha256(repr(self).encode()).hexdigest()[:8]
        return f"{self.name}-{digest}"


def deploy_endpoint(
    plan: EndpointPlan,
    session: boto3.Session,
    on_step: Step = lambda line: None,
    tags: Sequence[dict[str, str]] = (),
) -> None:
    """Have the endpoint in service as *plan* says, with all invocations captured; one that is so already stays.

    Args:
        plan: the endpoint.
        session: leads to the target.
        on_step: told of each thing made or changed.
        tags: ``Key`` and ``Value`` of each, for what is made.

    Raises:
        botocore.exceptions.ClientError: SageMaker refuses.
        botocore.exceptions.WaiterError: it failed to come up.
    """
    sagemaker = session.client("sagemaker")
    present = _settled(sagemaker, plan.name)
    if present is not None and present["EndpointStatus"] == "Failed":
        sagemaker.delete_endpoint(EndpointName=plan.name)
        sagemaker.get_waiter("endpoint_deleted").wait(EndpointName=plan.name)
        on_step(f"deleted endpoint {plan.name}, which had failed: {present.get('FailureReason', 'without a reason')}")
        present = None
    if present is None or present["EndpointConfigName"] != plan.revision:
        tagged = {"Tags": list(tags)} if tags else {}
        _put_config(sagemaker, plan, tagged)
        if present is None:
            sagemaker.create_endpoint(EndpointName=plan.name, EndpointConfigName=plan.revision, **tagged)
            done = "created"
        else:
            sagemaker.update_endpoint(EndpointName=plan.name, EndpointConfigName=plan.revision)
            done = "updated"
        sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=plan.name)
        on_step(f"{done} endpoint {plan.name} on one {plan.instance_type}, capturing to {plan.capture_uri}")
        _delete_revisions(sagemaker, plan.name, keep=plan.revision)
    else:
        sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=plan.name)


def delete_endpoint(name: str, session: boto3.Session, on_step: Step = lambda line: None) -> None:
    """Remove an endpoint, its configurations and its models; what is not there any more is passed over.

    Args:
        name: of the endpoint.
        session: leads to the target.
        on_step: told of each thing removed.
    """
    sagemaker = session.client("sagemaker")
    if _describe(sagemaker, name) is not None:
        sagemaker.delete_endpoint(EndpointName=name)
        on_step(f"deleted endpoint {name}")
    _delete_revisions(sagemaker, name, on_step=on_step)


def tag_endpoint(name: str, session: boto3.Session, tags: Sequence[dict[str, str]]) -> None:
    """Put tags on an endpoint, its configurations and its models; one that is not there is passed over.

    Args:
        name: of the endpoint.
        session: leads to the target.
        tags: ``Key`` and ``Value`` of each.
    """
    sagemaker = session.client("sagemaker")
    present = _describe(sagemaker, name)
    if present is None:
        return
    arn = str(present["EndpointArn"])
    kinds = {"endpoint configuration": "endpoint-config", "model": "model"}
    others = [f"{kinds[kind]}/{found}" for kind, found in endpoint_resources(sagemaker, name)]
    for resource in (arn, *(arn.replace(f"endpoint/{name}", other) for other in others)):
        sagemaker.add_tags(ResourceArn=resource, Tags=list(tags))


def current_configuration(name: str, session: boto3.Session) -> str | None:
    """Name of the configuration that the endpoint *name* has; None where there is no endpoint."""
    present = _describe(session.client("sagemaker"), name)
    return None if present is None else str(present["EndpointConfigName"])


def endpoint_log_group(name: str) -> str:
    """Where SageMaker puts what the containers of the endpoint *name* write."""
    return f"/aws/sagemaker/Endpoints/{name}"


def endpoint_resources(sagemaker: Any, name: str) -> list[tuple[str, str]]:
    """List configurations and models made for the endpoint *name*: kind and name of each."""
    ours = re.compile(re.escape(name) + r"-[0-9a-f]{8}")
    return [
        (kind, item[member])
        for kind, operation, items, member in (
            ("endpoint configuration", "list_endpoint_configs", "EndpointConfigs", "EndpointConfigName"),
            ("model", "list_models", "Models", "ModelName"),
        )
        for page in sagemaker.get_paginator(operation).paginate(NameContains=name)
        for item in page[items]
        if ours.fullmatch(item[member])
    ]


def _delete_revisions(sagemaker: Any, name: str, keep: str | None = None, on_step: Step = lambda line: None) -> None:
    for kind, found in endpoint_resources(sagemaker, name):
        if found == keep:
            continue
        if kind == "model":
            sagemaker.delete_model(ModelName=found)
        else:
            sagemaker.delete_endpoint_config(EndpointConfigName=found)
        on_step(f"deleted {kind} {found}")


def _describe(sagemaker: Any, name: str) -> dict[str, Any] | None:
    try:
        described: dict[str, Any] = sagemaker.describe_endpoint(EndpointName=name)
    except sagemaker.exceptions.ClientError as error:
        if "Could not find" not in str(error):
            raise
        return None
    return described


def _settled(sagemaker: Any, name: str) -> dict[str, Any] | None:
    """Return the endpoint once nothing is under way, as after a deployment that broke off; None where there is none."""
    from botocore.exceptions import WaiterError

    present = _describe(sagemaker, name)
    if present is None or present["EndpointStatus"] in ("InService", "Failed", "OutOfService"):
        return present
    waiter = "endpoint_deleted" if present["EndpointStatus"] == "Deleting" else "endpoint_in_service"
    with contextlib.suppress(WaiterError):  # what it came to is looked at next
        sagemaker.get_waiter(waiter).wait(EndpointName=name)
    return _describe(sagemaker, name)


def _put_config(sagemaker: Any, plan: EndpointPlan, tagged: dict[str, Any]) -> None:
    container = {"Image": plan.image}
    if plan.model_data is not None:
        container["ModelDataUrl"] = plan.model_data
    there = set(endpoint_resources(sagemaker, plan.name))  # from a deployment that broke off
    if ("model", plan.revision) not in there:
        once_known(
            lambda: sagemaker.create_model(
                ModelName=plan.revision, ExecutionRoleArn=plan.role_arn, PrimaryContainer=container, **tagged
            ),
            **({} if tagged else {"timeout": 0}),  # on this machine a role is known at once
        )
    if ("endpoint configuration", plan.revision) in there:
        return
    sagemaker.create_endpoint_config(
        EndpointConfigName=plan.revision,
        ProductionVariants=[
            {
                "VariantName": "AllTraffic",
                "ModelName": plan.revision,
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
        **tagged,
    )


def is_stub(name: str, session: boto3.Session) -> bool:
    """Whether an endpoint says, by its tags, that its answers are made up."""
    sagemaker: Any = session.client("sagemaker")
    arn = sagemaker.describe_endpoint(EndpointName=name)["EndpointArn"]
    tags = sagemaker.list_tags(ResourceArn=arn)["Tags"]
    return any(tag == {"Key": "harness:stub", "Value": "true"} for tag in tags)


def served_model(name: str, session: boto3.Session) -> str:
    """Return the model that an endpoint serves, as people tell it: where its ``model.tar.gz`` is, or ``stub``."""
    if is_stub(name, session):
        return "stub"
    sagemaker: Any = session.client("sagemaker")
    configuration = sagemaker.describe_endpoint_config(
        EndpointConfigName=sagemaker.describe_endpoint(EndpointName=name)["EndpointConfigName"]
    )
    model = sagemaker.describe_model(ModelName=configuration["ProductionVariants"][0]["ModelName"])
    return str(model.get("PrimaryContainer", {}).get("ModelDataUrl") or model["ModelName"])
