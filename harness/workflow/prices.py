"""Prices: one dated table, and the Price List API where it can be reached.

The table is of the public price pages for us-east-1, in USD without tax, free tier and discounts:
https://aws.amazon.com/sagemaker/pricing/, https://aws.amazon.com/lambda/pricing/,
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

AS_OF = "2025-06-01"
"""Of which time the table is. Where the Price List API can be asked, what it says is taken instead."""
TABLE_REGION = "us-east-1"
DEARER = 1.6
"""No region of the partition asks more than so many times us-east-1's price for an instance of the table."""
TRAINING, HOSTING = "Training", "Hosting"
INSTANCE_HOURS: Mapping[tuple[str, str], float] = {
    (TRAINING, "ml.p3.2xlarge"): 3.825,
    (TRAINING, "ml.p3.8xlarge"): 14.688,
    (TRAINING, "ml.g4dn.xlarge"): 0.7364,
    (TRAINING, "ml.g4dn.2xlarge"): 0.94,
    (TRAINING, "ml.g5.xlarge"): 1.408,
    (TRAINING, "ml.g5.2xlarge"): 1.515,
    (TRAINING, "ml.m5.xlarge"): 0.23,
    (TRAINING, "ml.m5.large"): 0.115,
    (TRAINING, "ml.c5.xlarge"): 0.204,
    (HOSTING, "ml.m5.xlarge"): 0.23,
    (HOSTING, "ml.m5.large"): 0.115,
    (HOSTING, "ml.c5.xlarge"): 0.204,
    (HOSTING, "ml.t2.medium"): 0.056,
    (HOSTING, "ml.g4dn.xlarge"): 0.7364,
}
"""USD an hour, by use and instance type."""
LAMBDA_GB_SECOND = 0.0000166667
LAMBDA_REQUEST = 0.0000002
STATE_TRANSITION = 0.000025
EXPRESS_REQUEST = 0.000001
EXPRESS_GB_SECOND = 0.00001667
S3_PUT = 0.000005
S3_GET = 0.0000004
S3_GB_MONTH = 0.023
LOGS_GB = 0.50
STORAGE_GB_MONTH = 0.14
"""A training or hosting instance's volume."""
_USAGE = {TRAINING: "Train:", HOSTING: "Host:"}


@dataclass(frozen=True)
class Price:
    """What one unit costs, and who says so."""

    usd: float
    source: str


class PriceError(ValueError):
    """The price of something is not known, so that nothing that needs it may run."""


def instance_price(session: boto3.Session, use: str, instance_type: str, region: str) -> Price:
    """What an hour of an instance costs.

    Args:
        session: for the Price List API, which is asked first.
        use: :data:`TRAINING` or :data:`HOSTING`.
        instance_type: ``ml.m5.xlarge``.
        region: where it is to run.

    Raises:
        PriceError: neither the API nor the table knows.
    """
    listed = _listed_price(session, use, instance_type, region)
    if listed is not None:
        return Price(listed, "the Price List API")
    known = INSTANCE_HOURS.get((use, instance_type))
    if known is None:
        names = ", ".join(sorted(name for kind, name in INSTANCE_HOURS if kind == use))
        raise PriceError(
            f"what {instance_type} costs for {use.lower()} in {region} is not known: the Price List API cannot be "
            f"asked, and the table of {AS_OF} has {names}."
        )
    if region == TABLE_REGION:
        return Price(known, f"the table of {AS_OF}")
    return Price(known * DEARER, f"the table of {AS_OF} for {TABLE_REGION}, times {DEARER:g} for other regions")


def _listed_price(session: boto3.Session, use: str, instance_type: str, region: str) -> float | None:
    """The price in AWS's own list; None where it cannot be asked, or has no such entry.

    https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-price-list-query-api.html
    """
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    config = Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 2})
    try:
        found: dict[str, Any] = session.client("pricing", region_name="us-east-1", config=config).get_products(
            ServiceCode="AmazonSageMaker",
            Filters=[
                {"Type": "TERM_MATCH", "Field": "regionCode", "Value": region},
                {"Type": "TERM_MATCH", "Field": "instanceName", "Value": instance_type},
            ],
        )
    except (BotoCoreError, ClientError):
        return None
    prices = []
    for text in found["PriceList"]:
        product = json.loads(text)
        usage = product["product"]["attributes"].get("usagetype", "")
        if not usage.endswith(f"{_USAGE[use]}{instance_type}"):
            continue
        for offer in product.get("terms", {}).get("OnDemand", {}).values():
            for dimension in offer["priceDimensions"].values():
                if dimension.get("unit", "").lower() in ("hrs", "hours", "hour"):
                    prices.append(float(dimension["pricePerUnit"]["USD"]))
    return max(prices, default=None)
