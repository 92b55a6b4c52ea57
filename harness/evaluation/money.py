"""What an evaluation costs on AWS, where the endpoint is there already and paid by the hour."""

from __future__ import annotations

from harness.cloud.estimate import CostLine, Estimate
from harness.cloud.prices import table_price
from harness.evaluation.batch import BatchOptions
from harness.evaluation.plan import Plan, estimate

_AT_MOST = 4.0
"""Retries, slower functions, another redrive: it may come to so many times what is expected."""
_HOURS = "endpoint"


def price_batch(images: int, workflow: str, options: BatchOptions, region: str) -> Estimate:
    """Return the price of a batch evaluation, but for the endpoint's hours.

    Args:
        images: how many.
        workflow: ``nested`` or ``inline``.
        options: batches at a time, images of each.
        region: where.
    """
    planned = estimate(
        Plan(images, workflow, concurrency=options.max_concurrency, batch=options.batch_size, instances=1)
    )
    lines = [
        CostLine(what, f"{images:,} images", table_price(usd, region), 1, _AT_MOST)
        for what, usd in planned.costs.items()
        if not what.startswith(_HOURS)
    ]
    return Estimate(tuple(lines))
