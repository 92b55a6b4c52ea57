"""DescribeEndpoint's answer, out of moto's records.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html
"""

from __future__ import annotations

from harness.emulator.door.members import Members, flag, text
from harness.emulator.moto.sagemaker import Backend, Endpoint, EndpointConfig
from harness.emulator.sagemaker.models import container_of_model


def described(backend: Backend, endpoint: Endpoint, arn: str) -> Members:
    """Return what DescribeEndpoint says.

    Args:
        backend: moto's, of the endpoint's region.
        endpoint: moto's record.
        arn: of the endpoint.
    """
    config = backend.endpoint_configs.get(endpoint.endpoint_config_name)
    answer: dict[str, object] = {
        "EndpointName": endpoint.endpoint_name,
        "EndpointArn": arn,
        "EndpointConfigName": endpoint.endpoint_config_name,
        "ProductionVariants": [
            _variant(variant, _image(backend, config, text(variant, "VariantName")))
            for variant in endpoint.production_variants
        ],
        "EndpointStatus": endpoint.endpoint_status,
        "CreationTime": endpoint.creation_time,
        "LastModifiedTime": endpoint.last_modified_time,
    }
    if endpoint.failure_reason:
        answer["FailureReason"] = endpoint.failure_reason
    if endpoint.data_capture_config:
        answer["DataCaptureConfig"] = _capture(endpoint.data_capture_config)
    deployment = getattr(endpoint, "last_deployment_config", None)
    if deployment:
        answer["LastDeploymentConfig"] = deployment
    asynchronous = getattr(config, "async_inference_config", None)
    if asynchronous:
        answer["AsyncInferenceConfig"] = asynchronous
    shadows = getattr(config, "shadow_production_variants", None)
    if shadows:
        summaries = endpoint._process_production_variants(shadows)
        answer["ShadowProductionVariants"] = [_variant(each, "") for each in summaries]
    return answer


def _image(backend: Backend, config: EndpointConfig | None, variant_name: str) -> str:
    for variant in config.production_variants if config else ():
        model = backend._models.get(text(variant, "ModelName", ""))
        if variant["VariantName"] == variant_name and model is not None:
            return text(container_of_model(model), "Image", "")
    return ""


def _variant(variant: Members, image: str) -> Members:
    summary = dict(variant)
    summary.setdefault("CurrentWeight", 1.0)
    summary.setdefault("DesiredWeight", 1.0)
    if image:
        summary["DeployedImages"] = [{"SpecifiedImage": image, "ResolvedImage": image}]
    return summary


def _capture(config: Members) -> Members:
    on = flag(config, "EnableCapture")
    return {
        "EnableCapture": on,
        "CaptureStatus": "Started" if on else "Stopped",
        "CurrentSamplingPercentage": config["InitialSamplingPercentage"],
        "DestinationS3Uri": config["DestinationS3Uri"],
        "KmsKeyId": config.get("KmsKeyId", ""),
    }
