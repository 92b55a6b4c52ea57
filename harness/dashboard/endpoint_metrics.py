"""What CloudWatch says of an endpoint's invocations: how many, how many failed, how long the model took.

https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html#cloudwatch-metrics-endpoint-invocation
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

MINUTES = 60
WIDTH, HEIGHT = 600, 48


@dataclass(frozen=True)
class Metrics:
    """Of a variant, in the last hour.

    Attributes:
        by_minute: invocations in each minute, the latest at the end.
        client_errors: answers of the model with a status of 400 to 499.
        server_errors: the same from 500 on, and none at all.
        mean: seconds that the model took on average; None where it was not asked.
        slowest: the same at most.
    """

    by_minute: list[int]
    client_errors: int
    server_errors: int
    mean: float | None
    slowest: float | None

    @property
    def invocations(self) -> int:
        """How many there were."""
        return sum(self.by_minute)

    @property
    def bars(self) -> list[tuple[float, float, float, float, int]]:
        """The minutes as bars of a drawing of :data:`WIDTH` by :data:`HEIGHT`: x, y, width, height, and how many."""
        most, wide = max(self.by_minute, default=0) or 1, WIDTH / MINUTES
        tall = [max(HEIGHT * count / most, 2) if count else 0 for count in self.by_minute]
        return [
            (round(number * wide, 1), round(HEIGHT - high, 1), round(wide - 1, 1), round(high, 1), count)
            for number, (high, count) in enumerate(zip(tall, self.by_minute, strict=True))
            if count
        ]


def metrics_of(cloudwatch: Any, endpoint: str, variant: str, now: datetime | None = None) -> Metrics:
    """Read a variant's metrics of the last hour.

    Args:
        cloudwatch: its client.
        endpoint: the endpoint's name.
        variant: the variant's.
        now: the end of that hour; None: now.
    """
    first = (now or datetime.now(UTC)).replace(second=0, microsecond=0) - timedelta(minutes=MINUTES - 1)

    def points(metric: str, *statistics: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = cloudwatch.get_metric_statistics(
            Namespace="AWS/SageMaker",
            MetricName=metric,
            Dimensions=[{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": variant}],
            StartTime=first,
            EndTime=first + timedelta(minutes=MINUTES),
            Period=60,
            Statistics=list(statistics),
        )["Datapoints"]
        return found

    by_minute = [0] * MINUTES
    for point in points("Invocations", "Sum"):
        by_minute[int((point["Timestamp"] - first).total_seconds() // 60)] += int(point["Sum"])
    errors = [int(sum(p["Sum"] for p in points(f"Invocation{kind}Errors", "Sum"))) for kind in ("4XX", "5XX")]
    took = points("ModelLatency", "Sum", "SampleCount", "Maximum") if any(by_minute) else []
    asked = sum(point["SampleCount"] for point in took)
    mean = sum(point["Sum"] for point in took) / asked / 1e6 if asked else None
    client, server = errors
    return Metrics(by_minute, client, server, mean, max((point["Maximum"] / 1e6 for point in took), default=None))
