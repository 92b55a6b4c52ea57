"""How endpoints come into service: servers are started, traffic is shifted, what fails leaves all as it was."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from datetime import UTC, datetime

from harness.emulator.context import EmulatorContext
from harness.emulator.door.members import Members
from harness.emulator.moto.sagemaker import Endpoint, backends_of
from harness.emulator.sagemaker.endpoint_records import EndpointRecords
from harness.emulator.sagemaker.hosting.deployments import Deployment, RolledBackError
from harness.emulator.sagemaker.hosting.fleet import new_fleet
from harness.emulator.sagemaker.in_service import InService
from harness.emulator.sagemaker.program import Programs
from harness.emulator.sagemaker.running import RunningEndpoint

logger = logging.getLogger(__name__)

STUB_TAG = {"Key": "harness:stub", "Value": "true"}
"""Tag on every endpoint whose answers are made up."""
PATIENCE = 5.0
"""Seconds for which DescribeEndpoint waits for an endpoint on its way before it answers.

AWS answers at once, and its SDKs therefore ask every 30 seconds: an endpoint ready in one would cost thirty.
"""
_ON_THE_WAY = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})
_AT_ONCE = 0.1


@dataclass(frozen=True)
class Update:
    """An update of an endpoint."""

    before: Members
    """What the record was."""
    deployment: Deployment | None


class EndpointLife:
    """Brings endpoints into service, each by a thread of its own.

    Args:
        context: the emulator's surroundings.
        records: moto's, whose states are kept up here.
        in_service: where endpoints are put once they answer.
        programs: how programs are run.
    """

    def __init__(
        self, context: EmulatorContext, records: EndpointRecords, in_service: InService, programs: Programs
    ) -> None:
        self._context = context
        self._records = records
        self._in_service = in_service
        self._programs = programs
        self._settled: dict[tuple[str, str], threading.Event] = {}
        self._closed = False

    def bring_up(self, name: str, region: str, status: str, update: Update | None = None) -> None:
        """Start the model servers that an endpoint's configuration asks for, and put them into service.

        Args:
            name: of the endpoint.
            region: of it.
            status: until it is in service: ``Creating`` or ``Updating``.
            update: what the record was, and UpdateEndpoint's ``DeploymentConfig``; None for a new endpoint.
        """
        endpoint = self._records.backend(region).endpoints[name]
        endpoint.endpoint_status = status
        endpoint.failure_reason = None
        settled = self._settled[region, name] = threading.Event()
        thread = threading.Thread(
            target=self._start, args=(name, region, endpoint, settled, update), name=f"endpoint-{name}", daemon=True
        )
        thread.start()
        settled.wait(_AT_ONCE)

    def await_settled(self, name: str, region: str) -> None:
        """Wait while an endpoint is on its way, :data:`PATIENCE` seconds at most."""
        if self._records.require(name, region).endpoint_status in _ON_THE_WAY and (region, name) in self._settled:
            self._settled[region, name].wait(PATIENCE)

    def forget(self, name: str, region: str) -> None:
        """Have nobody wait for an endpoint that is deleted."""
        self._settled.pop((region, name), None)

    def restore(self) -> None:
        """Bring up all endpoints that moto has a record of, as after a restart."""
        for region, backend in dict(backends_of(self._context.account_id)).items():
            for name, endpoint in backend.endpoints.items():
                if endpoint.endpoint_status in ("InService", *_ON_THE_WAY):
                    self.bring_up(name, region, "Creating")

    def close(self) -> None:
        """Stop all model servers."""
        self._closed = True
        closing = [threading.Thread(target=endpoint.close) for endpoint in self._in_service.take_all_out()]
        for thread in closing:
            thread.start()
        for thread in closing:
            thread.join()

    def _start(
        self, name: str, region: str, endpoint: Endpoint, settled: threading.Event, update: Update | None
    ) -> None:
        running: RunningEndpoint | None = None
        previous: RunningEndpoint | None = None
        try:
            config = self._records.require_config(endpoint.endpoint_config_name, region)
            running = new_fleet(self._context, self._programs, name, region, config)
            running.start()
            if update is not None and update.deployment is not None and self._in_service.has(name, region):
                self._shift(update.deployment, running, endpoint)
            stub = any(variant.server.is_stub for variant in running.variants)
            with self._records.lock:
                if not self._is_there(endpoint, region):
                    raise RuntimeError("the endpoint was deleted before it was in service")
                previous = self._in_service.put(running)
                endpoint.tags = [tag for tag in endpoint.tags if tag != STUB_TAG] + ([STUB_TAG] if stub else [])
                endpoint.last_modified_time = datetime.now(UTC).replace(tzinfo=None)
                endpoint.endpoint_status = "InService"
            if stub:
                logger.warning("endpoint %s is a stub: its answers are made up", name)
        except Exception as error:
            if running is not None:
                running.close()
            with self._records.lock:
                if endpoint.endpoint_status != "Deleting":
                    endpoint.failure_reason = str(error)
                    # An update that fails leaves the old configuration in service.
                    updated = update is not None and self._in_service.has(name, region)
                    if update is not None and updated:
                        vars(endpoint).update(update.before)
                    endpoint.endpoint_status = "InService" if updated else "Failed"
            logger.warning("endpoint %s failed: %s", name, error)
        finally:
            settled.set()
        if previous is not None:
            previous.close()

    def begin_deletion(self, name: str, region: str) -> RunningEndpoint | None:
        """Have nothing bring an endpoint up any more, and take it out of service."""
        with self._records.lock:
            self._records.require(name, region).endpoint_status = "Deleting"
            return self._in_service.take_out(name, region)

    def _shift(self, deployment: Deployment, running: RunningEndpoint, endpoint: Endpoint) -> None:
        """Shift an endpoint's traffic to its new fleet."""
        cloudwatch = self._context.clients.get("cloudwatch", running.region)

        def in_alarm(names: tuple[str, ...]) -> list[str]:
            found = cloudwatch.describe_alarms(AlarmNames=list(names))["MetricAlarms"]
            return [alarm["AlarmName"] for alarm in found if alarm["StateValue"] == "ALARM"]

        try:
            deployment.carry_out(
                lambda share: self._in_service.shift(running, share),
                in_alarm,
                lambda: self._is_there(endpoint, running.region),
            )
        except RolledBackError:
            endpoint.endpoint_status = "RollingBack"
            raise
        finally:
            self._in_service.end_shift(running)

    def _is_there(self, endpoint: Endpoint, region: str) -> bool:
        found = self._records.backend(region).endpoints.get(endpoint.endpoint_name)
        return found is endpoint and endpoint.endpoint_status != "Deleting" and not self._closed
