"""The processing job that carries out one execution of a monitoring schedule.

https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-byoc-contract-inputs.html
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from harness.emulator.sagemaker.model_data import split_model_uri
from harness.emulator.sagemaker.names import refusal

Ask = Callable[[str, str, Mapping[str, Any]], Mapping[str, Any]]
"""Carries out an operation of a service."""
_BASELINE = "/opt/ml/processing/baseline"
_FORMAT = {"sagemakerCaptureJson": {"captureIndexNames": ["endpointInput", "endpointOutput"]}}


def definition_of(ask: Ask, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the job definition of a schedule, in the members of ``MonitoringJobDefinition``.

    Raises:
        AwsError: there is none, or it asks for what is not emulated.
    """
    kind = config.get("MonitoringType", "DataQuality")
    if kind != "DataQuality":
        raise refusal(f"not emulated: monitoring schedules of type {kind}")
    given = config.get("MonitoringJobDefinition")
    if given is None:
        if "MonitoringJobDefinitionName" not in config:
            raise refusal("You must provide MonitoringJobDefinition or MonitoringJobDefinitionName.")
        named = {"JobDefinitionName": config["MonitoringJobDefinitionName"]}
        found = ask("sagemaker", "DescribeDataQualityJobDefinition", named)
        application = dict(found["DataQualityAppSpecification"])
        given = {
            "BaselineConfig": found.get("DataQualityBaselineConfig") or {},
            "MonitoringInputs": [found["DataQualityJobInput"]],
            "MonitoringOutputConfig": found["DataQualityJobOutputConfig"],
            "MonitoringResources": found["JobResources"],
            "Environment": application.pop("Environment", None) or {},
            "MonitoringAppSpecification": application,
            "RoleArn": found["RoleArn"],
            **{name: found[name] for name in ("StoppingCondition", "NetworkConfig") if found.get(name)},
        }
    application = given["MonitoringAppSpecification"]
    for name in ("RecordPreprocessorSourceUri", "PostAnalyticsProcessorSourceUri"):
        if application.get(name):
            raise refusal(f"not emulated: {name} of monitoring schedules")
    if len(given["MonitoringInputs"]) != 1 or "EndpointInput" not in given["MonitoringInputs"][0]:
        raise refusal("not emulated: monitoring of batch transform. Use an EndpointInput.")
    return dict(given)


def endpoint_of(definition: Mapping[str, Any]) -> str:
    """Return the endpoint that is monitored."""
    return str(definition["MonitoringInputs"][0]["EndpointInput"]["EndpointName"])


def captures_of(ask: Ask, endpoint: str) -> str:
    """Where an endpoint's captures are, ``s3://bucket/prefix/endpoint/``.

    Raises:
        AwsError: there is no such endpoint, or it captures nothing.
    """
    config = ask("sagemaker", "DescribeEndpoint", {"EndpointName": endpoint}).get("DataCaptureConfig") or {}
    if not config.get("EnableCapture"):
        raise refusal(f"Endpoint {endpoint} does not capture data.")
    return f"{config['DestinationS3Uri'].rstrip('/')}/{endpoint}/"


def has_captures(ask: Ask, place: str, window: tuple[datetime, datetime]) -> bool:
    """Return whether anything was captured in some hours.

    Args:
        ask: calls a service as the schedule's role.
        place: as :func:`captures_of` gives it.
        window: the first hour, and the one after the last, UTC.
    """
    bucket, prefix = split_model_uri(place)
    listed = ask("s3", "ListObjectsV2", {"Bucket": bucket, "Prefix": prefix, "Delimiter": "/"})
    variants = [item["Prefix"] for item in listed.get("CommonPrefixes") or []]
    hour = window[0]
    while hour < window[1]:
        for variant in variants:
            asked = {"Bucket": bucket, "Prefix": f"{variant}{hour:%Y/%m/%d/%H}/", "MaxKeys": 1}
            if ask("s3", "ListObjectsV2", asked).get("KeyCount"):
                return True
        hour += timedelta(hours=1)
    return False


def job_request(
    schedule: str, definition: Mapping[str, Any], place: str, window: tuple[datetime, datetime]
) -> dict[str, Any]:
    """CreateProcessingJob's request for one execution.

    Args:
        schedule: its name.
        definition: of the job.
        place: where the captures are.
        window: the hours to look at.
    """
    source = definition["MonitoringInputs"][0]["EndpointInput"]
    output = definition["MonitoringOutputConfig"]["MonitoringOutputs"][0]["S3Output"]
    application, name = definition["MonitoringAppSpecification"], source["EndpointName"]
    inputs = [_input("endpoint_input_1", place, source["LocalPath"])]
    variables = {
        "dataset_format": json.dumps(_FORMAT),
        "dataset_source": source["LocalPath"],
        "output_path": output["LocalPath"],
        "start_time": window[0].isoformat(),
        "end_time": window[1].isoformat(),
        "sagemaker_endpoint_name": name,
        "sagemaker_monitoring_schedule_name": schedule,
        **(definition.get("Environment") or {}),
    }
    baseline = definition.get("BaselineConfig") or {}
    for what in ("constraints", "statistics"):
        uri = (baseline.get(f"{what.title()}Resource") or {}).get("S3Uri")
        if uri:
            inputs.append(_input(what, uri, f"{_BASELINE}/{what}"))
            variables[f"baseline_{what}"] = f"{_BASELINE}/{what}/{uri.rpartition('/')[2]}"
    written = f"{output['S3Uri'].rstrip('/')}/{name}/{schedule}/{window[0]:%Y/%m/%d/%H}"
    image = {"ImageUri": application["ImageUri"]}
    for name in ("ContainerEntrypoint", "ContainerArguments"):
        if application.get(name):
            image[name] = application[name]
    return {
        "ProcessingJobName": f"model-monitoring-{window[0]:%Y%m%d%H%M}-{uuid.uuid4().hex[:24]}",
        "ProcessingInputs": inputs,
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "result",
                    "S3Output": {"S3Uri": written, "LocalPath": output["LocalPath"], "S3UploadMode": "EndOfJob"},
                }
            ]
        },
        "ProcessingResources": definition["MonitoringResources"],
        "AppSpecification": image,
        "Environment": variables,
        "RoleArn": definition["RoleArn"],
        **({"StoppingCondition": definition["StoppingCondition"]} if definition.get("StoppingCondition") else {}),
    }


def _input(name: str, uri: str, path: str) -> dict[str, Any]:
    return {
        "InputName": name,
        "S3Input": {"S3Uri": uri, "LocalPath": path, "S3DataType": "S3Prefix", "S3InputMode": "File"},
    }
