"""Endpoints and their configurations: from Creating over InService to gone.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpoint.html
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from harness.emulator.context import EmulatorContext
from harness.emulator.door.call import Call
from harness.emulator.door.errors import AwsError
from harness.emulator.door.validation import check
from harness.emulator.moto.sagemaker import backend_of, backends_of
from harness.emulator.sagemaker.endpoint_descriptions import described
from harness.emulator.sagemaker.hosting.deployments import Deployment, RolledBackError
from harness.emulator.sagemaker.hosting.fleet import new_fleet
from harness.emulator.sagemaker.hosting.scaling import InvocationCounts, would_scale
from harness.emulator.sagemaker.names import arn_of, refusal
from harness.emulator.sagemaker.program import Programs
from harness.emulator.sagemaker.running import RunningEndpoint
from harness.emulator.sagemaker.stub import StubServer
from harness.emulator.services import Operation

logger = logging.getLogger(__name__)

STUB_TAG = {"Key": "harness:stub", "Value": "true"}
"""Tag on every endpoint whose answers are made up."""
PATIENCE = 5.0
"""Seconds for which DescribeEndpoint waits for an endpoint on its way before it answers.

AWS answers at once, and its SDKs therefore ask every 30 seconds: an endpoint ready in one would cost thirty.
"""
_ON_THE_WAY = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})
_AT_ONCE = 0.1
_CONFIGURED = ("endpoint_config_name", "production_variants", "data_capture_config")
"""What of moto's record an update changes."""


@dataclass(frozen=True)
class _Update:
    """An update of an endpoint."""

    before: Mapping[str, Any]
    """What the record was."""
    deployment: Deployment | None


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
        self._shifted: dict[tuple[str, str], tuple[RunningEndpoint, float]] = {}
        """Endpoints that are updated: the new fleet, and its share of the traffic."""
        self._closed = False
        self.counts = InvocationCounts()
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
            if parameters.get("RetainAllVariantProperties"):
                raise refusal("not emulated: RetainAllVariantProperties")
            instances = sum(variant.get("InitialInstanceCount", 1) for variant in config["ProductionVariants"])
            deployment = Deployment.read(parameters.get("DeploymentConfig"), instances)
            before = {name: getattr(endpoint, name) for name in _CONFIGURED}
            endpoint.last_deployment_config = parameters.get("DeploymentConfig")
            endpoint.endpoint_config_name = config_name
            endpoint.production_variants = endpoint._process_production_variants(config["ProductionVariants"])
            endpoint.data_capture_config = config.get("DataCaptureConfig") or {}
        self.bring_up(name, region, "Updating", _Update(before, deployment))
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
            return described(self._backend(region), endpoint, self._arn("endpoint", name, region))

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

    def bring_up(self, name: str, region: str, status: str, update: _Update | None = None) -> None:
        """Start the model servers that an endpoint's configuration asks for, and put them into service."""
        endpoint = self._backend(region).endpoints[name]
        endpoint.endpoint_status = status
        endpoint.failure_reason = None
        settled = self._settled[region, name] = threading.Event()
        thread = threading.Thread(
            target=self._start, args=(name, region, endpoint, settled, update), name=f"endpoint-{name}", daemon=True
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
        shifted = self._shifted.get((region, name))
        if shifted is not None and random.random() < shifted[1]:
            return shifted[0]
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
            endpoints = list(self._running.values())
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
                        "scaling": self._scaling(endpoint, variant.name),
                    }
                    for variant in endpoint.variants
                ],
                "capture": endpoint.capture.destination if endpoint.capture else None,
            }
            for endpoint in endpoints
        ]

    def _scaling(self, endpoint: RunningEndpoint, variant: str) -> dict[str, Any] | None:
        """The scale that Application Auto Scaling would go for, None without a policy."""

        def ask(service: str, operation: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
            call = Call(service, operation, parameters, endpoint.region, endpoint.account_id)
            return self._context.services.call(call)

        invocations = self.counts.last_minute(endpoint.region, endpoint.name, variant)
        return would_scale(ask, endpoint.name, variant, invocations)

    def close(self) -> None:
        """Stop all model servers."""
        self._closed = True
        with self._lock:
            endpoints, self._running = list(self._running.values()), {}
        closing = [threading.Thread(target=endpoint.close) for endpoint in endpoints]
        for thread in closing:
            thread.start()
        for thread in closing:
            thread.join()

    def _start(self, name: str, region: str, endpoint: Any, settled: threading.Event, update: _Update | None) -> None:
        running: RunningEndpoint | None = None
        previous: RunningEndpoint | None = None
        try:
            config = self._require_config(endpoint.endpoint_config_name, region)
            running = new_fleet(self._context, self._programs, name, region, config)
            running.start()
            if update is not None and update.deployment is not None and (region, name) in self._running:
                self._shift(update.deployment, running, endpoint)
            with self._lock:
                if not self._is_there(endpoint, region):
                    raise RuntimeError("the endpoint was deleted before it was in service")
                previous = self._running.get((region, name))
                self._running[region, name] = running
                stub = any(variant.server.is_stub for variant in running.variants)
                endpoint.tags = [tag for tag in endpoint.tags if tag != STUB_TAG] + ([STUB_TAG] if stub else [])
                endpoint.last_modified_time = datetime.now(UTC).replace(tzinfo=None)
                endpoint.endpoint_status = "InService"
            if stub:
                logger.warning("endpoint %s is a stub: its answers are made up", name)
        except Exception as error:
            if running is not None:
                running.close()
            with self._lock:
                if endpoint.endpoint_status != "Deleting":
                    endpoint.failure_reason = str(error)
                    # An update that fails leaves the old configuration in service.
                    updated = update is not None and (region, name) in self._running
                    if update is not None and updated:
                        vars(endpoint).update(update.before)
                    endpoint.endpoint_status = "InService" if updated else "Failed"
            logger.warning("endpoint %s failed: %s", name, error)
        finally:
            settled.set()
        if previous is not None:
            previous.close()

    def _shift(self, deployment: Deployment, running: RunningEndpoint, endpoint: Any) -> None:
        """Shift an endpoint's traffic to its new fleet."""
        key = (running.region, running.name)
        cloudwatch = self._context.clients.get("cloudwatch", running.region)

        def in_alarm(names: tuple[str, ...]) -> list[str]:
            found = cloudwatch.describe_alarms(AlarmNames=list(names))["MetricAlarms"]
            return [alarm["AlarmName"] for alarm in found if alarm["StateValue"] == "ALARM"]

        def shift(share: float) -> None:
            self._shifted[key] = (running, share)

        try:
            deployment.carry_out(shift, in_alarm, lambda: self._is_there(endpoint, running.region))
        except RolledBackError:
            endpoint.endpoint_status = "RollingBack"
            raise
        finally:
            self._shifted.pop(key, None)

    def _is_there(self, endpoint: Any, region: str) -> bool:
        found = self._backend(region).endpoints.get(endpoint.endpoint_name)
        return found is endpoint and endpoint.endpoint_status != "Deleting" and not self._closed

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
