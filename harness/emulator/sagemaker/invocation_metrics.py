"""What CloudWatch is told of an endpoint's invocations, minute by minute.

https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html#cloudwatch-metrics-endpoint-invocation
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from harness.emulator.clients import Clients
from harness.emulator.door.errors import AwsError

logger = logging.getLogger(__name__)

NAMESPACE = "AWS/SageMaker"
_AT_ONCE = 1000
"""Metrics that a call of PutMetricData may have."""

_Minute = tuple[str, str, str, datetime]
"""Region, endpoint, variant, and when the minute began."""


class InvocationMetrics:
    """Counts invocations, and has CloudWatch know of them before anybody asks it. Safe between threads.

    Args:
        clients: where CloudWatch answers.
        now: the time by the emulator's clock.
    """

    def __init__(self, clients: Clients, now: Callable[[], float]) -> None:
        self._clients = clients
        self._now = now
        self._lock = threading.Lock()
        self._seen: dict[_Minute, dict[str, list[float]]] = {}

    @contextmanager
    def of(self, region: str, endpoint: str, variant: str) -> Iterator[None]:
        """Measure one invocation of a variant.

        No answer of the model counts as an error of the server, as one with a status from 500 on does.

        Args:
            region: of the endpoint.
            endpoint: its name.
            variant: name of the production variant.
        """
        began, status = time.monotonic(), 200
        try:
            yield
        except AwsError as error:
            status = int(str(error.members.get("OriginalStatusCode", 0))) or 500
            raise
        finally:
            self._note((region, endpoint, variant, self._minute()), status, (time.monotonic() - began) * 1e6)

    def publish(self) -> None:
        """Tell CloudWatch of all that was measured since it was told last."""
        with self._lock:
            seen, self._seen = self._seen, {}
        data: dict[str, list[dict[str, Any]]] = {}
        for (region, endpoint, variant, minute), values in seen.items():
            named = (("EndpointName", endpoint), ("VariantName", variant))
            dimensions = [{"Name": name, "Value": value} for name, value in named]
            for name, (count, total, least, most) in values.items():
                statistics = {"SampleCount": count, "Sum": total, "Minimum": least, "Maximum": most}
                unit = "Microseconds" if name == "ModelLatency" else "None"
                datum = {"MetricName": name, "Dimensions": dimensions, "Timestamp": minute, "Unit": unit}
                data.setdefault(region, []).append({**datum, "StatisticValues": statistics})
        for region, those in data.items():
            cloudwatch: Any = self._clients.get("cloudwatch", region)
            for start in range(0, len(those), _AT_ONCE):
                try:
                    cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=those[start : start + _AT_ONCE])
                except Exception as error:  # metrics are not worth a call that asks for others
                    logger.warning("metrics of endpoints are lost: %s", error)

    def _minute(self) -> datetime:
        return datetime.fromtimestamp(self._now() // 60 * 60, UTC)

    def _note(self, minute: _Minute, status: int, microseconds: float) -> None:
        values = {
            "Invocations": 1.0,
            "Invocation4XXErrors": float(400 <= status < 500),
            "Invocation5XXErrors": float(status >= 500),
            "InvocationModelErrors": float(status >= 400),
            "ModelLatency": microseconds,
        }
        with self._lock:
            kept = self._seen.setdefault(minute, {})
            for name, value in values.items():
                known = kept.setdefault(name, [0.0, 0.0, value, value])
                known[:] = known[0] + 1, known[1] + value, min(known[2], value), max(known[3], value)
