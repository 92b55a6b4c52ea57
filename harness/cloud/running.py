"""What of ours runs now, in any region, what it costs an hour, and when it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from harness.cloud.prices import HOSTING, TRAINING, Price, PriceError, instance_price
from harness.cloud.tags import PROJECT_KEY, expiry_of

if TYPE_CHECKING:
    import boto3
    from rich.console import Console

_KINDS = ("sagemaker:endpoint", "sagemaker:training-job")
_NOT_ENABLED = ("UnrecognizedClientException", "InvalidClientTokenId", "AuthFailure", "OptInRequired")


@dataclass(frozen=True)
class Running:
    """An endpoint, or a training job under way.

    Attributes:
        region: where it runs.
        kind: ``endpoint`` or ``training job``.
        name: of it.
        status: as SageMaker describes it.
        instances: ``1 x ml.m5.xlarge``, joined by commas.
        usd_an_hour: of all its instances together; None where a price is not known.
        confirmed: whether the price is AWS's own of this year.
        ends: when its watchdog deletes it, or the job is stopped, in UTC; None where nothing says.
    """

    region: str
    kind: str
    name: str
    status: str
    instances: str
    usd_an_hour: float | None
    confirmed: bool
    ends: datetime | None


def find_running(
    session: boto3.Session, regions: Iterable[str], on_skip: Callable[[str], None] = lambda line: None
) -> Iterator[Running]:
    """Look for what costs by the hour, by the tag that everything of ours carries.

    Args:
        session: leads to the account.
        regions: to look into.
        on_skip: told of each region that the account has not enabled.

    Raises:
        botocore.exceptions.ClientError: AWS refuses otherwise.
    """
    from botocore.exceptions import ClientError

    for region in regions:
        tagging = session.client("resourcegroupstaggingapi", region_name=region)
        try:
            pages = tagging.get_paginator("get_resources").paginate(
                TagFilters=[{"Key": PROJECT_KEY}], ResourceTypeFilters=list(_KINDS)
            )
            found = [item for page in pages for item in page["ResourceTagMappingList"]]
        except ClientError as error:
            if error.response["Error"]["Code"] not in _NOT_ENABLED:
                raise
            on_skip(f"{region} is not enabled")
            continue
        for item in found:
            kind, _, name = item["ResourceARN"].split(":", 5)[5].partition("/")
            tags = {tag["Key"]: tag["Value"] for tag in item["Tags"]}
            look = _endpoint if kind == "endpoint" else _training_job
            running = look(session, region, name, expiry_of(tags))
            if running is not None:
                yield running


def show_running(found: Iterable[Running], console: Console) -> None:
    """Print what runs as a table, and what all of it costs an hour."""
    from rich.table import Table

    table = Table("region", "what", "instances", "status", "USD an hour", "ends (UTC)", box=None, pad_edge=False)
    listed = list(found)
    for item in listed:
        cost = "not known" if item.usd_an_hour is None else f"{item.usd_an_hour:.3f}"
        ends = "nothing ends it" if item.ends is None else f"{item.ends:%Y-%m-%d %H:%M}"
        mark = "" if item.confirmed else " (not confirmed)"
        table.add_row(item.region, f"{item.kind} {item.name}", item.instances, item.status, cost + mark, ends)
    if not listed:
        console.print("Nothing of ours runs that costs by the hour.")
        return
    console.print(table)
    known = sum(item.usd_an_hour or 0 for item in listed)
    unknown = sum(item.usd_an_hour is None for item in listed)
    rest = f", and {unknown} of unknown price" if unknown else ""
    console.print(f"Together {known:.3f} USD an hour{rest}. `harness destroy --target aws` or `harness sweep` ends it.")


def _endpoint(session: boto3.Session, region: str, name: str, expiry: datetime | None) -> Running | None:
    sagemaker = session.client("sagemaker", region_name=region)
    endpoint = _described(lambda: sagemaker.describe_endpoint(EndpointName=name))
    if endpoint is None:
        return None
    config = _described(lambda: sagemaker.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"]))
    counts = {
        variant["VariantName"]: variant.get("CurrentInstanceCount", variant.get("DesiredInstanceCount", 0))
        for variant in endpoint.get("ProductionVariants", ())
    }
    instances = [
        (variant["InstanceType"], counts.get(variant["VariantName"], variant.get("InitialInstanceCount", 1)))
        for variant in (config or {}).get("ProductionVariants", ())
        if "InstanceType" in variant
    ]
    return _running(session, region, ("endpoint", name, endpoint["EndpointStatus"]), HOSTING, instances, expiry)


def _training_job(session: boto3.Session, region: str, name: str, expiry: datetime | None) -> Running | None:
    sagemaker = session.client("sagemaker", region_name=region)
    job = _described(lambda: sagemaker.describe_training_job(TrainingJobName=name))
    if job is None or job["TrainingJobStatus"] not in ("InProgress", "Stopping"):
        return None
    resources = job["ResourceConfig"]
    begun = job.get("TrainingStartTime", job["CreationTime"])
    ends = (begun + timedelta(seconds=job["StoppingCondition"].get("MaxRuntimeInSeconds", 86_400))).astimezone(UTC)
    instances = [(resources["InstanceType"], resources["InstanceCount"])]
    return _running(session, region, ("training job", name, job["TrainingJobStatus"]), TRAINING, instances, ends)


def _described(describe: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
    """Return what SageMaker describes; None for what is gone: the tagging API lists it for a while longer."""
    from botocore.exceptions import ClientError

    try:
        return describe()
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("ValidationException", "ResourceNotFound"):
            raise
        return None


def _running(
    session: boto3.Session,
    region: str,
    what: tuple[str, str, str],
    use: str,
    instances: list[tuple[str, int]],
    ends: datetime | None,
) -> Running:
    prices: list[tuple[Price | None, int]] = []
    for instance_type, count in instances:
        try:
            prices.append((instance_price(session, use, instance_type, region), count))
        except PriceError:
            prices.append((None, count))
    known = all(price is not None for price, _ in prices)
    return Running(
        region,
        *what,
        ", ".join(f"{count} x {name}" for name, count in instances) or "none",
        sum(price.usd * count for price, count in prices if price is not None) if known else None,
        all(price is not None and price.confirmed for price, _ in prices),
        ends,
    )
