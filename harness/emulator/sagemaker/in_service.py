"""The endpoints that are in service: which one answers an invocation, and what runs behind it."""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from typing import Any

from harness.emulator.context import EmulatorContext
from harness.emulator.door.call import Call
from harness.emulator.door.errors import AwsError
from harness.emulator.sagemaker.endpoint_records import EndpointRecords
from harness.emulator.sagemaker.hosting.scaling import InvocationCounts, would_scale
from harness.emulator.sagemaker.running import RunningEndpoint
from harness.emulator.sagemaker.stub import StubServer


class InService:
    """Endpoints in service. Safe between threads.

    Args:
        context: the emulator's surroundings.
        records: of endpoints that may not be in service.
    """

    def __init__(self, context: EmulatorContext, records: EndpointRecords) -> None:
        self._context = context
        self._records = records
        self._running: dict[tuple[str, str], RunningEndpoint] = {}
        self._shifted: dict[tuple[str, str], tuple[RunningEndpoint, float]] = {}
        """Endpoints that are updated: the new fleet, and its share of the traffic."""
        self._lock = threading.RLock()
        self.counts = InvocationCounts()

    def find(self, name: str, region: str) -> RunningEndpoint:
        """Return the endpoint that answers an invocation.

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
        if name in self._records.backend(region).endpoints:
            raise AwsError(
                "ValidationError",
                f"Endpoint {name} of account {account} is not in InService state and cannot be invoked.",
            )
        raise AwsError("ValidationError", f"Endpoint {name} of account {account} not found.")

    def has(self, name: str, region: str) -> bool:
        """Whether an endpoint is in service."""
        return (region, name) in self._running

    def put(self, endpoint: RunningEndpoint) -> RunningEndpoint | None:
        """Put an endpoint into service; returns the fleet that was there before, which nobody asks any more."""
        key = (endpoint.region, endpoint.name)
        with self._lock:
            previous = self._running.get(key)
            self._running[key] = endpoint
        return previous

    def take_out(self, name: str, region: str) -> RunningEndpoint | None:
        """Take an endpoint out of service."""
        with self._lock:
            return self._running.pop((region, name), None)

    def take_all_out(self) -> list[RunningEndpoint]:
        """Take all endpoints out of service."""
        with self._lock:
            endpoints, self._running = list(self._running.values()), {}
        return endpoints

    def weigh(self, name: str, region: str, weights: Mapping[str, float]) -> bool:
        """Give variants other weights; False where the endpoint is not in service.

        Args:
            name: of the endpoint.
            region: its region.
            weights: by variant; those that are not named keep theirs.
        """
        with self._lock:
            running = self._running.get((region, name))
            if running is not None:
                self._running[region, name] = running.weighted(weights)
        return running is not None

    def shift(self, fleet: RunningEndpoint, share: float) -> None:
        """Give a new fleet a share of its endpoint's traffic."""
        self._shifted[fleet.region, fleet.name] = (fleet, share)

    def end_shift(self, fleet: RunningEndpoint) -> None:
        """Give a new fleet no share any more."""
        self._shifted.pop((fleet.region, fleet.name), None)

    def find_stub(self, name: str) -> StubServer | None:
        """Return the stub behind an endpoint, None where there is none."""
        with self._lock:
            found = [endpoint for (_, running), endpoint in self._running.items() if running == name]
        stubs = (variant.server.stub for endpoint in found for variant in endpoint.variants)
        return next((stub for stub in stubs if stub is not None), None)

    def overview(self) -> list[dict[str, Any]]:
        """Return what is in service, stubs marked, with the process numbers of model servers."""
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
        """Return the scale that Application Auto Scaling would go for, None without a policy."""

        def ask(service: str, operation: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
            call = Call(service, operation, parameters, endpoint.region, endpoint.account_id)
            return self._context.services.call(call)

        invocations = self.counts.last_minute(endpoint.region, endpoint.name, variant)
        return would_scale(ask, endpoint.name, variant, invocations)
