"""``harness run --dry-run``: what a program that ran here would cost on AWS, by what it made while it ran."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.cloud.estimate import CostLine, Estimate
from harness.cloud.prices import AS_OF, HOSTING, INSTANCE_HOURS, TRAINING, table_price
from harness.scones.aws.estimate import TYPICAL_RUN_HOURS, TYPICAL_TRAINING_SECONDS
from harness.settings import Settings

_LOOK = 0.5
"""Seconds between two looks; an endpoint of the SageMaker SDK's is there for half a minute at least."""


@dataclass
class Seen:
    """What a program made that is billed by the hour.

    Attributes:
        training: instance type, how many of them, and the seconds that the job may run, by training job.
        hosting: instance type and how many of them, by endpoint and variant.
    """

    training: dict[str, tuple[str, int, int]] = field(default_factory=dict)
    hosting: dict[tuple[str, str], tuple[str, int]] = field(default_factory=dict)

    def look(self, sagemaker: Any) -> None:
        """Take note of the endpoints that are there."""
        known = {name for name, _ in self.hosting}
        for endpoint in sagemaker.list_endpoints()["Endpoints"]:
            name = endpoint["EndpointName"]
            if name in known:
                continue
            for variant in _configuration(sagemaker, name)["ProductionVariants"]:
                if "InstanceType" in variant:
                    count = int(variant.get("InitialInstanceCount", 1))
                    self.hosting[name, variant["VariantName"]] = (variant["InstanceType"], count)

    def look_back(self, sagemaker: Any) -> None:
        """Take note, at the end, of the training jobs that there were."""
        for job in sagemaker.list_training_jobs()["TrainingJobSummaries"]:
            name = job["TrainingJobName"]
            described = sagemaker.describe_training_job(TrainingJobName=name)
            resources = described["ResourceConfig"]
            limit = described.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", 86_400)
            self.training[name] = (resources["InstanceType"], int(resources["InstanceCount"]), int(limit))


def _configuration(sagemaker: Any, endpoint: str) -> Any:
    """Return an endpoint's configuration; the SageMaker SDK names it as the endpoint.

    The endpoint itself is asked for it only where that is not so: who looks first at one finds it on its way, and that
    is to be the program.
    """
    try:
        return sagemaker.describe_endpoint_config(EndpointConfigName=endpoint)
    except sagemaker.exceptions.ClientError:
        name = sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointConfigName"]
        return sagemaker.describe_endpoint_config(EndpointConfigName=name)


@contextlib.contextmanager
def watched(environment: Mapping[str, str]) -> Iterator[Seen]:
    """Look at what is made while the block lasts.

    Args:
        environment: the variables that lead the program to its target.
    """
    import boto3

    sagemaker = boto3.client(
        "sagemaker",
        endpoint_url=environment.get("AWS_ENDPOINT_URL_SAGEMAKER") or environment["AWS_ENDPOINT_URL"],
        region_name=environment["AWS_DEFAULT_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=environment.get("AWS_SESSION_TOKEN"),
    )
    seen, over = Seen(), threading.Event()

    def look() -> None:
        while not over.wait(_LOOK):
            with contextlib.suppress(sagemaker.exceptions.ClientError):  # deleted between two calls
                seen.look(sagemaker)

    thread = threading.Thread(target=look, name="costs", daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()
        seen.look(sagemaker)
        seen.look_back(sagemaker)


def priced(seen: Seen, settings: Settings) -> tuple[Estimate, list[str]]:
    """Price what was seen, by the dated table: nothing here asks AWS.

    Args:
        seen: what the program made.
        settings: the region, and how long a forgotten endpoint may stay.

    Returns:
        the estimate, and why something is not in it, a line each.
    """
    lines: list[CostLine] = []
    unknown: list[str] = []

    def add(what: str, use: str, instance: str, hours: Mapping[str, float], count: int) -> None:
        known = INSTANCE_HOURS.get((use, instance))
        if known is None:
            unknown.append(f"{what}: the table of {AS_OF} has no price of it")
            return
        price = table_price(known.usd, settings.region, confirmed=known.confirmed)
        lines.append(CostLine(what, "hour", price, hours["expected"] * count, hours["most"] * count))

    for name, (instance, count, limit) in seen.training.items():
        hours = {"expected": min(TYPICAL_TRAINING_SECONDS, limit) / 3600, "most": limit / 3600}
        add(f"training {name} on {count} {instance}", TRAINING, instance, hours, count)
    for (name, variant), (instance, count) in seen.hosting.items():
        hours = {"expected": TYPICAL_RUN_HOURS, "most": settings.lifetime_hours}
        add(f"endpoint {name} ({variant}) on {count} {instance}", HOSTING, instance, hours, count)
    return Estimate(tuple(lines)), unknown
