"""CreateEndpointConfig: checked as AWS checks it, kept by moto.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.emulator.context import EmulatorContext
from harness.emulator.door.call import Call
from harness.emulator.door.members import Members, flag, number, structure, structures, text
from harness.emulator.door.validation import check
from harness.emulator.moto.sagemaker import Model, backend_of
from harness.emulator.sagemaker.models import container_of_model, is_multi_model
from harness.emulator.sagemaker.names import arn_of, refusal
from harness.emulator.services import Operation

_MEMORY = (1024, 2048, 3072, 4096, 5120, 6144)
_SHADOWS = "ShadowProductionVariants"


class EndpointConfigs:
    """All endpoint configurations.

    Args:
        context: the emulator's surroundings.
        keep: has moto keep what a call says.
    """

    def __init__(self, context: EmulatorContext, keep: Operation) -> None:
        self._context = context
        self._keep = keep

    def create(self, call: Call) -> Members:
        """Answer CreateEndpointConfig."""
        parameters, region = call.parameters, call.region
        check("sagemaker", "CreateEndpointConfig", parameters)
        account = self._context.account_id
        backend = backend_of(account, region)
        name = text(parameters, "EndpointConfigName")
        if name in backend.endpoint_configs:
            arn = arn_of("endpoint-config", name, region, account)
            raise refusal(f'Cannot create already existing endpoint configuration "{arn}".')
        given, shadows = structures(parameters, "ProductionVariants"), structures(parameters, _SHADOWS)
        names = [text(variant, "VariantName") for variant in (*given, *shadows)]
        if len(set(names)) != len(names):
            raise refusal("Production variant names must be unique within an endpoint configuration.")
        models = {}
        for variant in (*given, *shadows):
            if "ModelName" not in variant:
                raise refusal(f"not emulated: inference components. Variant {variant['VariantName']} names no model.")
            if variant.get("ManagedInstanceScaling"):
                raise refusal("ManagedInstanceScaling is only supported for inference component endpoints.")
            model = text(variant, "ModelName")
            if model not in backend._models:
                raise refusal(f'Could not find model "{arn_of("model", model, region, account)}".')
            models[text(variant, "VariantName")] = backend._models[model]
        _check_kinds(parameters, given, shadows, models)
        # moto knows instance types of years ago only; those of today are checked above, by the service model.
        known = [{**variant, "InstanceType": "ml.m5.large"} for variant in given]
        asked = {key: value for key, value in parameters.items() if key != _SHADOWS}
        answer = self._keep(replace(call, parameters={**asked, "ProductionVariants": known}))
        config = backend.endpoint_configs.get(name)
        if config is not None:
            config.production_variants = [dict(variant) for variant in given]
            config.shadow_production_variants = [dict(variant) for variant in shadows] or None
            config.arn = config.endpoint_config_arn  # moto has a tuple there, which the tagging API would show
        return answer

    def describe(self, call: Call) -> Members:
        """Answer DescribeEndpointConfig, without the empty members that moto shows."""
        answer = {name: value for name, value in self._keep(call).items() if value not in ({}, [], None)}
        name = text(answer, "EndpointConfigName")
        config = backend_of(self._context.account_id, call.region).endpoint_configs[name]
        shadows = getattr(config, "shadow_production_variants", None)
        return {**answer, _SHADOWS: shadows} if shadows else answer


def _check_kinds(
    parameters: Members, given: Sequence[Members], shadows: Sequence[Members], models: Mapping[str, Model]
) -> None:
    """Refuse what AWS does not let go together.

    https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints.html#serverless-endpoints-how-it-works-exclusions
    """
    for variant in (*given, *shadows):
        name, serverless = text(variant, "VariantName"), structure(variant, "ServerlessConfig")
        if bool(serverless) == ("InstanceType" in variant):
            raise refusal(f"Variant {name} needs either an InstanceType or a ServerlessConfig.")
        if not serverless:
            continue
        if serverless["MemorySizeInMB"] not in _MEMORY:
            raise refusal(
                f"Value '{serverless['MemorySizeInMB']}' at 'memorySizeInMB' failed to satisfy constraint: Member must "
                f"satisfy enum value set: {list(_MEMORY)}"
            )
        if number(serverless, "ProvisionedConcurrency", 0) > number(serverless, "MaxConcurrency"):
            raise refusal(f"ProvisionedConcurrency of variant {name} must not exceed its MaxConcurrency.")
        others = {
            "several production variants": len(given) > 1 or bool(shadows),
            "data capture": flag(structure(parameters, "DataCaptureConfig"), "EnableCapture"),
            "asynchronous inference": bool(parameters.get("AsyncInferenceConfig")),
            "multi-model endpoints": is_multi_model(container_of_model(models[name])),
        }
        for what, asked in others.items():
            if asked:
                raise refusal(f"Serverless inference does not support {what}.")
    asynchronous = structure(parameters, "AsyncInferenceConfig")
    if asynchronous and (len(given) > 1 or shadows):
        raise refusal("Asynchronous inference supports exactly one production variant.")
    if asynchronous and not structure(asynchronous, "OutputConfig").get("S3OutputPath"):
        raise refusal("not emulated: asynchronous inference without S3OutputPath")
    if shadows and (len(given) > 1 or len(shadows) > 1):
        raise refusal("Shadow testing supports exactly one production variant and one shadow variant.")
