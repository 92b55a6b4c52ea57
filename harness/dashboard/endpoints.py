"""Endpoints with their variants and health; stubs marked, as their tags say."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError
from flask import Flask, abort, render_template, request

from harness.dashboard.clients import Clients
from harness.dashboard.endpoint_metrics import HEIGHT, WIDTH, metrics_of

STUB_TAG = {"Key": "harness:stub", "Value": "true"}
_WORDS = {
    "InService": "answers",
    "Creating": "is being created",
    "Updating": "is being updated; the old version answers",
    "SystemUpdating": "is under maintenance",
    "RollingBack": "is going back to the version before",
    "Deleting": "is being deleted",
    "Failed": "failed to come up",
    "UpdateRollbackFailed": "could neither be updated nor go back",
    "OutOfService": "does not answer",
}


@dataclass(frozen=True)
class Variant:
    """A production variant: a model on its instances."""

    name: str
    model: str
    image: str
    artifact: str
    instance_type: str
    instances: int
    wanted_instances: int
    share: float
    """Of the traffic, 0 to 1."""


@dataclass(frozen=True)
class Endpoint:
    """An endpoint."""

    name: str
    status: str
    stub: bool
    """Whether its answers are made up."""
    created: datetime
    changed: datetime
    trouble: str
    """Why it failed; empty unless it did."""
    variants: list[Variant]
    captures: str
    """``s3://...`` below which its captures are written; empty where it captures nothing."""
    sampled: int
    """Percent of the invocations that are captured."""

    @property
    def words(self) -> str:
        """Its status for people who do not know SageMaker's names."""
        return _WORDS.get(self.status, self.status)

    @property
    def health(self) -> str:
        """``SUCCEEDED``, ``FAILED`` or ``RUNNING``: the sign that the page shows."""
        if self.status == "InService":
            ready = all(variant.instances >= variant.wanted_instances for variant in self.variants)
            return "SUCCEEDED" if ready else "RUNNING"
        return "FAILED" if self.trouble or self.status in ("Failed", "OutOfService") else "RUNNING"


def endpoints(sagemaker: Any) -> list[Endpoint]:
    """All endpoints, by name."""
    names = [
        item["EndpointName"]
        for page in sagemaker.get_paginator("list_endpoints").paginate()
        for item in page["Endpoints"]
    ]
    found = []
    for name in sorted(names):
        try:
            found.append(_endpoint(sagemaker, name))
        except ClientError as error:
            if "Could not find" not in str(error):  # deleted meanwhile
                raise
    return found


def _endpoint(sagemaker: Any, name: str) -> Endpoint:
    described = sagemaker.describe_endpoint(EndpointName=name)
    tags = sagemaker.list_tags(ResourceArn=described["EndpointArn"])["Tags"]
    configured = _configured(sagemaker, described["EndpointConfigName"])
    variants = described.get("ProductionVariants", [])
    weights = sum(float(variant.get("CurrentWeight", 0)) for variant in variants) or 1.0
    capture = described.get("DataCaptureConfig") or {}
    return Endpoint(
        name=name,
        status=described["EndpointStatus"],
        stub=STUB_TAG in tags,
        created=described["CreationTime"],
        changed=described["LastModifiedTime"],
        trouble=described.get("FailureReason", ""),
        variants=[_variant(sagemaker, variant, configured, weights) for variant in variants],
        captures=f"{capture['DestinationS3Uri'].rstrip('/')}/{name}" if capture.get("EnableCapture") else "",
        sampled=int(capture.get("CurrentSamplingPercentage", 0)),
    )


def _configured(sagemaker: Any, config: str) -> dict[str, Any]:
    try:
        described = sagemaker.describe_endpoint_config(EndpointConfigName=config)
    except ClientError:  # AWS lets it be deleted while the endpoint serves
        return {}
    return {variant["VariantName"]: variant for variant in described["ProductionVariants"]}


def _variant(sagemaker: Any, variant: dict[str, Any], configured: dict[str, Any], weights: float) -> Variant:
    name = variant["VariantName"]
    asked = configured.get(name, {})
    model = asked.get("ModelName", "")
    container: dict[str, Any] = {}
    if model:
        try:
            described = sagemaker.describe_model(ModelName=model)
            container = described.get("PrimaryContainer") or next(iter(described.get("Containers", [])), {})
        except ClientError:  # deleted: the endpoint goes on without
            container = {}
    deployed = [image.get("SpecifiedImage", "") for image in variant.get("DeployedImages", [])]
    return Variant(
        name=name,
        model=model,
        image=container.get("Image") or next(iter(deployed), ""),
        artifact=container.get("ModelDataUrl", ""),
        instance_type=asked.get("InstanceType", ""),
        instances=int(variant.get("CurrentInstanceCount", 0)),
        wanted_instances=int(variant.get("DesiredInstanceCount", 0)),
        share=float(variant.get("CurrentWeight", 0)) / weights,
    )


def shown(clients: Clients) -> dict[str, Any]:
    """Return what the page of endpoints shows."""
    found = endpoints(clients.sagemaker)
    metrics = {
        (endpoint.name, variant.name): metrics_of(clients.metrics, endpoint.name, variant.name)
        for endpoint in found
        for variant in endpoint.variants
    }
    return {"endpoints": found, "metrics": metrics}


def add_endpoints(app: Flask, clients: Clients) -> None:
    """Add the page of endpoints, from which they are asked."""

    @app.get("/endpoints", endpoint="endpoints")
    def listed() -> str:
        return render_template("endpoints.html", **shown(clients), size=(WIDTH, HEIGHT))

    @app.post("/endpoints/<name>/invoke", endpoint="invoke_endpoint")
    def asked(name: str) -> str:
        kind, variant = request.args.get("kind", "application/json"), request.args.get("variant", "")
        given = {"TargetVariant": variant} if variant else {}
        began = time.monotonic()
        try:
            answer = clients.runtime.invoke_endpoint(
                EndpointName=name, ContentType=kind, Body=request.get_data(), **given
            )
        except ClientError as error:
            abort(400, error.response["Error"].get("Message") or str(error))
        payload = answer["Body"].read().decode("utf-8", "replace")
        seconds = time.monotonic() - began
        return render_template(
            "invoked.html",
            answer={"payload": payload, "seconds": seconds, "variant": answer.get("InvokedProductionVariant")},
        )
