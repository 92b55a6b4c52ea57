"""What it costs to deploy the workflow, to run its suite, and to remove it: expected, and at most."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cloud import prices
from harness.cloud.estimate import CostLine, Estimate
from harness.cloud.prices import HOSTING, TRAINING, instance_price, table_price
from harness.scones.training import STOP_SECONDS
from harness.settings import Settings

if TYPE_CHECKING:
    import boto3

TYPICAL_TRAINING_SECONDS = 439.0
"""Billed for 30 epochs on one ml.p3.2xlarge: the median of 27 public runs on these images."""
TYPICAL_RUN_HOURS = 0.75
"""A run of the suite: the endpoint's start, the tests, captures that come late."""
_SUITE_EXECUTIONS = 500
_TRANSITIONS = 5
_FUNCTION_GB_SECONDS = 3 * 0.25 * 0.5
_OBJECTS = 2_500
_GUARD_HOURS = 0.25
"""Until the endpoint is gone: the watchdog begins within a minute, tries every five, and SageMaker takes some."""
_TRAINING_GB, _ENDPOINT_GB = 10, 30
"""Volumes: the job's, as it is asked for, and what SageMaker may give an endpoint's instance."""
_HOURS_A_MONTH = 730
_BUCKET_GB = 0.2
_DATA_GB = 0.01
_OTHERS_AT_MOST = 4.0
"""Retries, repeated runs and longer functions: what does not run by the hour may come to so many times the estimate."""


def estimate_run(session: boto3.Session, settings: Settings, region: str, *, trains: bool) -> Estimate:
    """Return what deploying, running the suite and removing it all costs.

    Args:
        session: for the Price List API.
        settings: instance types, the job's time limit, hours until the watchdog deletes the endpoint.
        region: where.
        trains: whether a training job runs.

    Raises:
        harness.cloud.prices.PriceError: a price is not known.
    """
    lines = []
    volumes, volumes_most = 0.0, 0.0
    if trains:
        price = instance_price(session, TRAINING, settings.training_instance, region)
        most = (settings.training_minutes * 60 + STOP_SECONDS) / 3600
        what = f"training on one {settings.training_instance}"
        if settings.spot:
            what += ", managed spot (priced as on demand, which it cannot exceed)"
        expected = min(TYPICAL_TRAINING_SECONDS / 3600, most)
        lines.append(CostLine(what, "hour", price, expected, most))
        volumes, volumes_most = _TRAINING_GB * expected, _TRAINING_GB * most
    price = instance_price(session, HOSTING, settings.endpoint_instance, region)
    most = settings.lifetime_hours + _GUARD_HOURS
    what = f"endpoint on one {settings.endpoint_instance}"
    expected = min(TYPICAL_RUN_HOURS, most)
    lines.append(CostLine(what, "hour", price, expected, most))
    volumes += _ENDPOINT_GB * expected
    volumes_most += _ENDPOINT_GB * most
    lines.append(
        CostLine(
            "volumes of both" if trains else "volume of the endpoint",
            "GB-month",
            table_price(prices.VOLUME_GB_MONTH, region),
            volumes / _HOURS_A_MONTH,
            volumes_most / _HOURS_A_MONTH,
        )
    )
    # Should nobody remove it, the bucket costs that a month.
    stored = table_price(prices.S3_GB_MONTH, region)
    lines.append(CostLine("S3 storage", "GB-month", stored, _BUCKET_GB * expected / _HOURS_A_MONTH, _BUCKET_GB))
    transfer = table_price(prices.TRANSFER_GB, region, confirmed=False)
    lines.append(CostLine("data to this machine", "GB", transfer, _BUCKET_GB, _BUCKET_GB * _OTHERS_AT_MOST))
    others = (
        ("functions", "GB-second", prices.LAMBDA_GB_SECOND, _SUITE_EXECUTIONS * _FUNCTION_GB_SECONDS),
        ("function requests", "request", prices.LAMBDA_REQUEST, _SUITE_EXECUTIONS * 3),
        ("state machine", "transition", prices.STATE_TRANSITION, _SUITE_EXECUTIONS * _TRANSITIONS),
        ("S3 puts and lists", "request", prices.S3_PUT, _OBJECTS),
        ("S3 gets", "request", prices.S3_GET, _OBJECTS * 2),
        ("data of the endpoint", "GB", prices.ENDPOINT_GB, _DATA_GB),
        ("logs", "GB", prices.LOGS_GB, 0.01),
    )
    lines += [
        CostLine(what, unit, table_price(usd, region), units, units * _OTHERS_AT_MOST)
        for what, unit, usd, units in others
    ]
    return Estimate(tuple(lines))
