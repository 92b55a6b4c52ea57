"""What Application Auto Scaling would make of the invocations that there really are. Nothing is scaled.

https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling.html
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from harness.emulator.door.errors import AwsError

Ask = Callable[[str, str, Mapping[str, Any]], Mapping[str, Any]]
"""Carries out an operation of a service."""
_METRIC = "SageMakerVariantInvocationsPerInstance"
_MINUTE = 60.0


class InvocationCounts:
    """Counts invocations by endpoint and variant."""

    def __init__(self) -> None:
        self._times: dict[tuple[str, str, str], deque[float]] = {}
        self._lock = threading.Lock()

    def count(self, region: str, endpoint: str, variant: str) -> None:
        """Count one more invocation, now.

        Args:
            region: of the endpoint.
            endpoint: its name.
            variant: name of the production variant.
        """
        now = time.monotonic()
        with self._lock:
            times = self._times.setdefault((region, endpoint, variant), deque())
            times.append(now)
            self._forget(times, now)

    def last_minute(self, region: str, endpoint: str, variant: str) -> int:
        """Return how many invocations there were in the last minute.

        Args:
            region: of the endpoint.
            endpoint: its name.
            variant: name of the production variant.
        """
        with self._lock:
            times = self._times.get((region, endpoint, variant), deque())
            self._forget(times, time.monotonic())
            return len(times)

    @staticmethod
    def _forget(times: deque[float], now: float) -> None:
        while times and times[0] < now - _MINUTE:
            times.popleft()


def would_scale(ask: Ask, endpoint: str, variant: str, invocations: int) -> dict[str, Any] | None:
    """Return the scale that target tracking would go for; None without a policy that tracks invocations.

    Args:
        ask: carries out operations.
        endpoint: its name.
        variant: its name.
        invocations: of the last minute.
    """
    resource = f"endpoint/{endpoint}/variant/{variant}"
    given = {"ServiceNamespace": "sagemaker"}
    try:
        policies = ask("application-autoscaling", "DescribeScalingPolicies", {**given, "ResourceId": resource})
        targets = ask("application-autoscaling", "DescribeScalableTargets", {**given, "ResourceIds": [resource]})
    except AwsError:
        return None
    for policy in policies.get("ScalingPolicies") or []:
        config = policy.get("TargetTrackingScalingPolicyConfiguration") or {}
        metric = (config.get("PredefinedMetricSpecification") or {}).get("PredefinedMetricType")
        for target in targets.get("ScalableTargets") or []:
            if metric == _METRIC:
                wanted = math.ceil(invocations / config["TargetValue"])
                return {
                    "policy": policy["PolicyName"],
                    "invocations_last_minute": invocations,
                    "target_per_instance": config["TargetValue"],
                    "would_reach_instances": min(target["MaxCapacity"], max(target["MinCapacity"], wanted)),
                }
    return None
