"""Endpoints and their configurations: from Creating over InService to gone.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpoint.html
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from harness.emulator.context import EmulatorContext
from harness.emulator.door.call import Call
from harness.emulator.door.errors import AwsError
from harness.emulator.door.validation import check
from harness.emulator.moto.sagemaker import backend_of, backends_of
from harness.emulator.sagemaker.capture import CaptureConfig
from harness.emulator.sagemaker.execution_role import ExecutionRole
from harness.emulator.sagemaker.hosting.asynchronous import AsyncConfig
from harness.emulator.sagemaker.model_server import ModelServer
from harness.emulator.sagemaker.models import container_of_model, is_multi_model
from harness.emulator.sagemaker.names import arn_of, refusal
from harness.emulator.sagemaker.program import Programs
from harness.emulator.sagemaker.running import RunningEndpoint, Shadow, Variant
from harness.emulator.sagemaker.serving import hosted, model_server
from harness.emulator.sagemaker.stub import StubServer
from harness.emulator.services import Operation

logger = logging.getLogger(__name__)

STUB_TAG = {"Key": "harness:stub", "Value": "true"}
"""Tag on every endpoint whose answers are made up."""
PATIENCE = 5.0
"""Seconds for which DescribeEndpoint waits for an endpoint on its way before it answers.

AWS answers at once, and its SDKs therefore ask every 30 seconds: an endpoint ready in one would cost thirty.
"""
_ON_THE_WAY = frozenset({"Creating", "Updating", "SystemUpdating", "Deleting"})
_AT_ONCE = 0.1


class Endpoints:
    """All endpoints.

    Args:
        context: the emulator's surroundings.
        flush: writes waiting capture records.
        keep: has moto keep what a call says.
        programs: how programs are run.
    """

    def __init__(
        self, context: EmulatorContext, flush: Callable[[], object], keep: Operation, programs: Programs
    ) -> None:
        self._context = context
        self._programs = programs
        self._keep = keep
        self._flush = flush
        self._running: dict[tuple[str, str], RunningEndpoint] = {}
        self._settled: dict[tuple[str, str], threading.Event] = {}
        self._lock = threading.RLock()

    # Actions

    def create(self, call: Call) -> dict[str, Any]:
        """Answer CreateEndpoint."""
        parameters, region = call.parameters, call.region
        check("sagemaker", "CreateEndpoint", parameters)
        name, config_name = parameters["EndpointName"], parameters["EndpointConfigName"]
        backend = self._backend(region)
        arn = self._arn("endpoint", name, region)
        with self._lock:
            if name in backend.endpoints:
                raise refusal(f'Cannot create already existing endpoint "{arn}".')
            self._require_config(config_name, region)
            backend.create_endpoint(name, config_name, list(parameters.get("Tags") or []))
        self.bring_up(name, region, "Creating")
        return {"EndpointArn": arn}

    def update(self, call: Call) -> dict[str, Any]:
        """Answer UpdateEndpoint: the old configuration serves until the new one does."""
        parameters, region = call.parameters, call.region
        check("sagemaker", "UpdateEndpoint", parameters)
        name, config_name = parameters["EndpointName"], parameters["EndpointConfigName"]
        arn = self._arn("endpoint", name, region)
        with self._lock:
            endpoint = self._require(name, region)
            if endpoint.endpoint_status not in ("InService", "Failed"):
                raise refusal(f'Cannot update in-progress endpoint "{arn}".')
            config = self._require_config(config_name, region)
            endpoint.endpoint_config_name = config_name
            endpoint.production_variants = endpoint._process_production_variants(config["ProductionVariants"])
            endpoint.data_capture_config = config.get("DataCaptureConfig") or {}
        self.bring_up(name, region, "Updating")
        return {"EndpointArn": arn}

    def update_weights(self, call: Call) -> Mapping[str, Any]:
        """Answer UpdateEndpointWeightsAndCapacities."""
        parameters, region = call.parameters, call.region
        check("sagemaker", "UpdateEndpointWeightsAndCapacities", parameters)
        name = parameters["EndpointName"]
        self._require(name, region)
        answer = self._keep(call)
        weights = {
            item["VariantName"]: float(item["DesiredWeight"])
            for item in parameters["DesiredWeightsAndCapacities"]
            if "DesiredWeight" in item
        }
        with self._lock:
            running = self._running.get((region, name))
            if running is not None:
                self._running[region, name] = running.weighted(weights)
                for variant in self._require(name, region).production_variants:
                    if variant["VariantName"] in weights:
                        weight = weights[variant["VariantName"]]
                        variant["CurrentWeight"] = variant["DesiredWeight"] = weight
        return answer

    def describe(self, call: Call) -> dict[str, Any]:
        """Answer DescribeEndpoint, after :data:`PATIENCE` seconds at most when the endpoint is on its way."""
        parameters, region = call.parameters, call.region
        name = parameters["EndpointName"]
        if self._require(name, region).endpoint_status in _ON_THE_WAY and (region, name) in self._settled:
            self._settled[region, name].wait(PATIENCE)
        with self._lock:
            endpoint = self._require(name, region)
            answer: dict[str, Any] = {
                "EndpointName": name,
                "EndpointArn": self._arn("endpoint", name, region),
                "EndpointConfigName": endpoint.endpoint_config_name,
                "ProductionVariants": [
                    _variant_summary(variant, self._model_image(endpoint, variant["VariantName"], region))
                    for variant in endpoint.production_variants
                ],
                "EndpointStatus": endpoint.endpoint_status,
                "CreationTime": endpoint.creation_time,
                "LastModifiedTime": endpoint.last_modified_time,
            }
            if endpoint.failure_reason:
                answer["FailureReason"] = endpoint.failure_reason
            if endpoint.data_capture_config:
                answer["DataCaptureConfig"] = _capture_summary(endpoint.data_capture_config)
            answer |= self._more(endpoint, region)
        return answer

    def delete(self, call: Call) -> Mapping[str, Any]:
        """Answer DeleteEndpoint, once requests under way are answered and their captures are written."""
        parameters, region = call.parameters, call.region
        name = parameters["EndpointName"]
        with self._lock:
            self._require(name, region).endpoint_status = "Deleting"
            running = self._running.pop((region, name), None)
        if running is not None:
            running.close()
        self._flush()
        self._context.logs.flush()  # its last words must not make its log group anew, once somebody deletes that
        with self._lock:
            self._settled.pop((region, name), None)
            return self._keep(call)

    # Life

    def bring_up(self, name: str, region: str, status: str) -> None:
        """Start the model servers that an endpoint's configuration asks for, and put them into service."""
        endpoint = self._backend(region).endpoints[name]
        endpoint.endpoint_status = status
        endpoint.failure_reason = None
        settled = self._settled[region, name] = threading.Event()
        thread = threading.Thread(
            target=self._start, args=(name, region, endpoint, settled), name=f"endpoint-{name}", daemon=True
        )
        thread.start()
        settled.wait(_AT_ONCE)

    def restore(self) -> None:
        """Bring up all endpoints that moto has a record of, as after a restart."""
        for region, backend in dict(backends_of(self._context.account_id)).items():
            for name, endpoint in backend.endpoints.items():
                if endpoint.endpoint_status in ("InService", *_ON_THE_WAY):
                    self.bring_up(name, region, "Creating")

    def find(self, name: str, region: str) -> RunningEndpoint:
        """The endpoint that answers invocations.

        Raises:
            AwsError: there is none, or none in service.
        """
        running = self._running.get((region, name))
        if running is not None:
            return running
        account = self._context.account_id
        if name in self._backend(region).endpoints:
            raise AwsError(
                "ValidationError",
                f"Endpoint {name} of account {account} is not in InService state and cannot be invoked.",
            )
        raise AwsError("ValidationError", f"Endpoint {name} of account {account} not found.")

    def find_stub(self, name: str) -> StubServer | None:
        """The stub behind an endpoint, None where there is none."""
        with self._lock:
            for (_, running_name), endpoint in self._running.items():
                if running_name == name:
                    for variant in endpoint.variants:
                        if variant.server.stub is not None:
                            return variant.server.stub
        return None

    def overview(self) -> list[dict[str, Any]]:
        """What is in service, stubs marked, with the process numbers of model servers."""
        with self._lock:
            return [
                {
                    "name": endpoint.name,
                    "region": endpoint.region,
                    "variants": [
                        {
                            "name": variant.name,
                            "weight": variant.weight,
                            "stub": variant.server.is_stub,
                            "pid": getattr(variant.server, "pid", None),
                            "restarts": getattr(variant.server, "restarts", 0),
                        }
                        for variant in endpoint.variants
                    ],
                    "capture": endpoint.capture.destination if endpoint.capture else None,
                }
                for endpoint in self._running.values()
            ]

    def close(self) -> None:
        """Stop all model servers."""
        with self._lock:
            endpoints, self._running = list(self._running.values()), {}
        closing = [threading.Thread(target=endpoint.close) for endpoint in endpoints]
        for thread in closing:
            thread.start()
        for thread in closing:
            thread.join()

    def _start(self, name: str, region: str, endpoint: Any, settled: threading.Event) -> None:
        variants: list[Variant] = []
        previous: RunningEndpoint | None = None
        try:
            config = self._require_config(endpoint.endpoint_config_name, region)
            given = config["ProductionVariants"]
            shadows = config.get("ShadowProductionVariants") or []
            for variant in (*given, *shadows):
                variants.append(self._variant(name, variant, region))
            for started in variants:
                started.server.start()
            running = RunningEndpoint(
                name,
                region,
                self._context.account_id,
                tuple(variants[: len(given)]),
                CaptureConfig.read(config.get("DataCaptureConfig")),
                AsyncConfig.read(config.get("AsyncInferenceConfig")),
                _shadow(variants[0], variants[len(given) :]),
            )
            with self._lock:
                if self._backend(region).endpoints.get(name) is not endpoint or endpoint.endpoint_status == "Deleting":
                    raise RuntimeError("the endpoint was deleted before it was in service")
                previous = self._running.get((region, name))
                self._running[region, name] = running
                stub = any(variant.server.is_stub for variant in variants)
                endpoint.tags = [tag for tag in endpoint.tags if tag != STUB_TAG] + ([STUB_TAG] if stub else [])
                endpoint.last_modified_time = datetime.now(UTC).replace(tzinfo=None)
                endpoint.endpoint_status = "InService"
            if stub:
                logger.warning("endpoint %s is a stub: its answers are made up", name)
        except Exception as error:
            for variant in variants:
                variant.server.close()
            with self._lock:
                if endpoint.endpoint_status != "Deleting":
                    endpoint.failure_reason = str(error)
                    # An update that fails leaves the old configuration in service.
                    updated = endpoint.endpoint_status == "Updating" and (region, name) in self._running
                    endpoint.endpoint_status = "InService" if updated else "Failed"
            logger.warning("endpoint %s failed: %s", name, error)
        finally:
            settled.set()
        if previous is not None:
            previous.close()

    def _variant(self, endpoint: str, variant: Mapping[str, Any], region: str) -> Variant:
        """A variant that is not started."""
        model = self._backend(region)._models.get(variant["ModelName"])
        if model is None:
            raise RuntimeError(f'Could not find model "{self._arn("model", variant["ModelName"], region)}".')
        role = ExecutionRole(self._context, model.execution_role_arn)
        words = role.cannot_be_taken_on(self._arn("endpoint", endpoint, region))
        if words is not None:
            raise RuntimeError(f"{words}.")
        name = variant["VariantName"]
        put = role.log(region, f"/aws/sagemaker/Endpoints/{endpoint}", f"{name}/i-{uuid.uuid4().hex[:17]}")

        def make(model_data: str | None = None) -> ModelServer:
            folder = self._context.folder / "endpoints" / uuid.uuid4().hex
            return model_server(name, model, role, region, self._programs, folder, put, model_data=model_data)

        container, s3 = container_of_model(model), role.client("s3", region)
        server = hosted(variant, container, make, s3, put, self._programs.frameworks)
        weight = float(variant.get("InitialVariantWeight", 1.0))
        return Variant(name, weight, server, role.session, is_multi_model(container))

    # Look-ups

    def _backend(self, region: str) -> Any:
        return backend_of(self._context.account_id, region)

    def _arn(self, kind: str, name: str, region: str) -> str:
        return arn_of(kind, name, region, self._context.account_id)

    def _require(self, name: str, region: str) -> Any:
        endpoint = self._backend(region).endpoints.get(name)
        if endpoint is None:
            raise refusal(f'Could not find endpoint "{self._arn("endpoint", name, region)}".')
        return endpoint

    def _require_config(self, name: str, region: str) -> dict[str, Any]:
        config = self._backend(region).endpoint_configs.get(name)
        if config is None:
            raise refusal(f'Could not find endpoint configuration "{self._arn("endpoint-config", name, region)}".')
        return dict(config.response_object)

    def _more(self, endpoint: Any, region: str) -> dict[str, Any]:
        """What an endpoint's configuration has besides production variants."""
        config = self._backend(region).endpoint_configs.get(endpoint.endpoint_config_name)
        found: dict[str, Any] = {}
        asynchronous = getattr(config, "async_inference_config", None)
        if asynchronous:
            found["AsyncInferenceConfig"] = asynchronous
        shadows = getattr(config, "shadow_production_variants", None)
        if shadows:
            summaries = endpoint._process_production_variants(shadows)
            found["ShadowProductionVariants"] = [_variant_summary(each, "") for each in summaries]
        return found

    def _model_image(self, endpoint: Any, variant_name: str, region: str) -> str:
        config = self._backend(region).endpoint_configs.get(endpoint.endpoint_config_name)
        for variant in config.production_variants if config else ():
            model = self._backend(region)._models.get(variant.get("ModelName"))
            if variant["VariantName"] == variant_name and model is not None:
                return str((model.primary_container or {}).get("Image", ""))
        return ""


def _shadow(production: Variant, shadows: Sequence[Variant]) -> Shadow | None:
    if not shadows:
        return None
    return Shadow(shadows[0], min(1.0, shadows[0].weight / production.weight if production.weight else 0.0))


def _variant_summary(variant: Mapping[str, Any], image: str) -> dict[str, Any]:
    summary = dict(variant)
    summary.setdefault("CurrentWeight", 1.0)
    summary.setdefault("DesiredWeight", 1.0)
    if image:
        summary["DeployedImages"] = [{"SpecifiedImage": image, "ResolvedImage": image}]
    return summary


def _capture_summary(config: Mapping[str, Any]) -> dict[str, Any]:
    on = bool(config.get("EnableCapture"))
    return {
        "EnableCapture": on,
        "CaptureStatus": "Started" if on else "Stopped",
        "CurrentSamplingPercentage": config["InitialSamplingPercentage"],
        "DestinationS3Uri": config["DestinationS3Uri"],
        "KmsKeyId": config.get("KmsKeyId", ""),
    }
