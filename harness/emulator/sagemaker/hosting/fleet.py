"""The fleet that an endpoint configuration asks for: its variants, and a server for each."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from harness.emulator.context import EmulatorContext
from harness.emulator.moto.sagemaker import backend_of
from harness.emulator.sagemaker.capture import CaptureConfig
from harness.emulator.sagemaker.execution_role import ExecutionRole
from harness.emulator.sagemaker.hosting.asynchronous import AsyncConfig
from harness.emulator.sagemaker.model_server import ModelServer
from harness.emulator.sagemaker.models import container_of_model, is_multi_model
from harness.emulator.sagemaker.names import arn_of
from harness.emulator.sagemaker.program import Programs
from harness.emulator.sagemaker.running import RunningEndpoint, Shadow, Variant
from harness.emulator.sagemaker.serving import hosted, model_server


def new_fleet(
    context: EmulatorContext, programs: Programs, name: str, region: str, config: Mapping[str, Any]
) -> RunningEndpoint:
    """Return an endpoint as its configuration asks for, not started.

    Args:
        context: the emulator's, with clients and access.
        programs: runs the models' containers.
        name: of the endpoint.
        region: of it.
        config: as DescribeEndpointConfig shows it.

    Raises:
        RuntimeError: a model is gone, or SageMaker may not take on its role.
    """

    def variant_of(given: Mapping[str, Any]) -> Variant:
        return _variant(context, programs, name, region, given)

    variants = tuple(variant_of(given) for given in config["ProductionVariants"])
    shadow = None
    for given in config.get("ShadowProductionVariants") or ():
        behind, weight = variant_of(given), variants[0].weight
        shadow = Shadow(behind, min(1.0, behind.weight / weight if weight else 0.0))
    return RunningEndpoint(
        name,
        region,
        context.account_id,
        variants,
        CaptureConfig.read(config.get("DataCaptureConfig")),
        AsyncConfig.read(config.get("AsyncInferenceConfig")),
        shadow,
    )


def _variant(
    context: EmulatorContext, programs: Programs, endpoint: str, region: str, given: Mapping[str, Any]
) -> Variant:
    account = context.account_id
    model = backend_of(account, region)._models.get(given["ModelName"])
    if model is None:
        raise RuntimeError(f'Could not find model "{arn_of("model", given["ModelName"], region, account)}".')
    role = ExecutionRole(context, model.execution_role_arn)
    words = role.cannot_be_taken_on(arn_of("endpoint", endpoint, region, account))
    if words is not None:
        raise RuntimeError(f"{words}.")
    name = given["VariantName"]
    put = role.log(region, f"/aws/sagemaker/Endpoints/{endpoint}", f"{name}/i-{uuid.uuid4().hex[:17]}")

    def make(model_data: str | None = None) -> ModelServer:
        folder = context.folder / "endpoints" / uuid.uuid4().hex
        return model_server(name, model, role, region, programs, folder, put, model_data=model_data)

    container, s3 = container_of_model(model), role.client("s3", region)
    server = hosted(given, container, make, s3, put, programs.frameworks)
    weight = float(given.get("InitialVariantWeight", 1.0))
    return Variant(name, weight, server, role.session, is_multi_model(container))
