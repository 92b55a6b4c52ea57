"""Prices: one dated table, and the Price List API where it can be reached.

The table is for us-east-1, in USD without tax, free tier and discounts. AWS's pages could not be opened while it was
made: each number was held against what public repositories and stored copies of AWS's pages quote of them, and says
against which. The pages themselves: https://aws.amazon.com/sagemaker/pricing/, https://aws.amazon.com/lambda/pricing/,
https://aws.amazon.com/step-functions/pricing/, https://aws.amazon.com/s3/pricing/,
https://aws.amazon.com/cloudwatch/pricing/
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import boto3

AS_OF = "2026-09"
"""Of which time the table is: what is confirmed in it was read by others between June and September 2026. Where the
Price List API can be asked, what it says is taken instead."""
TABLE_REGION = "us-east-1"
DEARER = 2.0
"""How many times us-east-1's price is taken for an instance elsewhere. Not confirmed for any region.

The dearest that was seen quoted: SageMaker's ml.g6.xlarge 1.45 times in Tokyo (price file of 2026-09-22), EC2's
g4dn.xlarge 1.54 times in Hong Kong (skypilot-org/skypilot-catalog, v8, of 2025 or later), Step Functions 1.5 times in
São Paulo (a stored copy of AWS's page). No instance's price in São Paulo was seen, where AWS is mostly dearest.
"""
TRAINING, HOSTING = "Training", "Hosting"


@dataclass(frozen=True)
class Listed:
    """An hour of an instance in us-east-1."""

    usd: float
    seen: str
    """Where the number was seen quoted, and of which date that is."""
    confirmed: bool = True
    """Quoted from AWS's Price List or price page of 2026, for this type and this use."""


_FILE = "AmazonSageMaker's price file of 2026-09-24, as tabulated in a public repository"
_API = "Price List API, usage type {}, read {} by a public repository's author"
_OLD = "aws-samples/foundation-model-benchmarking-tool, fmbench/configs/pricing.yml, 2025-01-26"
INSTANCE_HOURS: Mapping[tuple[str, str], Listed] = {
    (TRAINING, "ml.p3.2xlarge"): Listed(3.825, f"{_OLD}: before AWS retired P3", confirmed=False),
    (TRAINING, "ml.g4dn.xlarge"): Listed(0.7364, f"{_FILE} (0.736 there, 0.7364 on the price page)"),
    (TRAINING, "ml.g4dn.2xlarge"): Listed(0.94, f"{_OLD}, for hosting", confirmed=False),
    (TRAINING, "ml.g5.xlarge"): Listed(1.408, _FILE),
    (TRAINING, "ml.g5.2xlarge"): Listed(1.515, _API.format("USE1-Train:ml.g5.2xlarge", "2026-08-20")),
    (TRAINING, "ml.m5.xlarge"): Listed(0.23, _FILE),
    (TRAINING, "ml.m5.large"): Listed(0.115, _API.format("USE1-Train:ml.m5.large", "2026-08-11")),
    (HOSTING, "ml.m5.xlarge"): Listed(0.23, _API.format("USE1-Host:ml.m5.xlarge", "2026-06-27 and 2026-09-28")),
    (HOSTING, "ml.m5.large"): Listed(0.115, _API.format("USE1-Host:ml.m5.large", "2026-07-30")),
    (HOSTING, "ml.c5.xlarge"): Listed(0.204, _OLD, confirmed=False),
    (HOSTING, "ml.t2.medium"): Listed(0.056, "public code of 2024 and before, undated by AWS", confirmed=False),
    (HOSTING, "ml.g4dn.xlarge"): Listed(0.7364, "Derpinator96/AURALane, costs read from AWS's pages on 2026-09-27"),
}
"""By use and instance type."""
LAMBDA_GB_SECOND = 0.0000166667
LAMBDA_REQUEST = 0.0000002
"""These two: Lambda's price page, x86, read 2026-09-27 (Derpinator96/AURALane)."""
STATE_TRANSITION = 0.000025
"""A stored copy of Step Functions' price page; usage type USE1-StateTransition, read from the Price List in 2026."""
EXPRESS_REQUEST = 0.000001
EXPRESS_GB_SECOND = 0.00001667
"""These two, first tier: the Price List's for sa-east-1 in 2026, which quotations of us-east-1's page equal; 64 MB at a
time, as a stored copy of that page says."""
S3_PUT = 0.000005
S3_GET = 0.0000004
"""These two: S3's price file of 2026-09-18, as tabulated in a public repository."""
S3_GB_MONTH = 0.023
VOLUME_GB_MONTH = 0.14
"""Of SageMaker's instances."""
ENDPOINT_GB = 0.02
"""These three: AWS's pages, read 2026-09-27 (Derpinator96/AURALane); others quote 0.016 for an endpoint's data."""
TRANSFER_GB = 0.09
"""Out to the internet, in public code of 2025 and before: not confirmed."""
LOGS_GB = 0.50
"""CloudWatch's price page, read 2026-09-27 (Derpinator96/AURALane)."""
_USAGE = {TRAINING: "Train", HOSTING: "Host"}


@dataclass(frozen=True)
class Price:
    """What one unit costs, and who says so."""

    usd: float
    source: str
    confirmed: bool = True
    """Whether it is AWS's own number of this year, as far as could be seen."""


class PriceError(ValueError):
    """The price of something is not known, so that nothing that needs it may run."""


def instance_price(session: boto3.Session, use: str, instance_type: str, region: str) -> Price:
    """Return what an hour of an instance costs.

    Args:
        session: for the Price List API, which is asked first.
        use: :data:`TRAINING` or :data:`HOSTING`.
        instance_type: ``ml.m5.xlarge``.
        region: where it is to run.

    Raises:
        PriceError: neither the API nor the table knows.
    """
    listed = _listed_prices(session, use, instance_type, region) or ()
    if paid := [price for price in listed if price > 0]:  # some are free of charge for a while
        return Price(max(paid), "the Price List API")
    known = INSTANCE_HOURS.get((use, instance_type))
    if known is None:
        names = ", ".join(sorted(name for kind, name in INSTANCE_HOURS if kind == use))
        raise PriceError(
            f"what {instance_type} costs for {use.lower()} in {region} is not known: the Price List API cannot be "
            f"asked, and the table of {AS_OF} has {names}."
        )
    return table_price(known.usd, region, confirmed=known.confirmed)


def is_priced(session: boto3.Session, use: str, instance_type: str, region: str) -> bool | None:
    """Whether AWS has a price for an instance, as it has for what it offers; None where the Price List cannot be asked.

    Args:
        session: for the Price List API.
        use: :data:`TRAINING` or :data:`HOSTING`.
        instance_type: ``ml.m5.xlarge``.
        region: where it is to run.
    """
    listed = _listed_prices(session, use, instance_type, region)
    return None if listed is None else bool(listed)


def table_price(usd: float, region: str, *, confirmed: bool = True) -> Price:
    """Return a price of the table, in a region.

    Args:
        usd: us-east-1's.
        region: where it is to be paid.
        confirmed: whether us-east-1's is.
    """
    if region == TABLE_REGION:
        return Price(usd, f"the table of {AS_OF}", confirmed)
    return Price(usd * DEARER, f"the table of {AS_OF} for {TABLE_REGION}, times {DEARER:g} for other regions", False)


def _listed_prices(session: boto3.Session, use: str, instance_type: str, region: str) -> list[float] | None:
    """Return the prices in AWS's own list, none where it has no such entry; None where it cannot be asked.

    An entry's usage type is the region's short name, the use and the instance type: ``USE1-Train:ml.g5.xlarge``,
    ``EU-Host:ml.m5.xlarge``. The same instance has entries for notebooks, processing, spot (``TrSpt``) and others, and
    some of 0 USD for what is free of charge.

    https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-price-list-query-api.html
    """
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    config = Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 2})
    try:
        client = session.client("pricing", region_name="us-east-1", config=config)
        found: list[str] = []
        for page in client.get_paginator("get_products").paginate(
            ServiceCode="AmazonSageMaker",
            Filters=[
                {"Type": "TERM_MATCH", "Field": "regionCode", "Value": region},
                {"Type": "TERM_MATCH", "Field": "instanceName", "Value": instance_type},
            ],
        ):
            found += page["PriceList"]
    except (BotoCoreError, ClientError):
        return None
    prices = []
    for text in found:
        entry: dict[str, Any] = json.loads(text)
        attributes = entry["product"]["attributes"]
        if attributes.get("usagetype", "").rpartition("-")[2] != f"{_USAGE[use]}:{instance_type}":
            continue
        if attributes.get("locationType", "AWS Region") != "AWS Region":  # Outposts are priced on their own
            continue
        for offer in entry.get("terms", {}).get("OnDemand", {}).values():
            for dimension in offer["priceDimensions"].values():
                if dimension.get("unit", "").lower() in ("hrs", "hours", "hour"):
                    prices.append(float(dimension["pricePerUnit"].get("USD", 0)))
    return prices
