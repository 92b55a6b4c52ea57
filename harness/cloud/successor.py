"""What trains in place of an instance type that a region does not offer any more: proposed, never just taken.

AWS has retired P3, of which the notebooks' ml.p3.2xlarge is one; whether a region still has it is asked, not assumed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.cloud.prices import TRAINING as PRICED
from harness.cloud.prices import Price, instance_price, is_priced
from harness.cloud.quotas import SPOT, TRAINING, Quota, read_quotas
from harness.settings import Settings

if TYPE_CHECKING:
    import boto3

SUCCESSORS = ("ml.g4dn.xlarge", "ml.g5.xlarge")
"""GPU instances on which the built-in algorithm trains; see :mod:`harness.cloud.quotas`."""


@dataclass(frozen=True)
class Successor:
    """An instance type to train on in place of the one that was asked for.

    Attributes:
        wanted: the type that was asked for.
        region: which does not offer it.
        instance_type: the proposal.
        price: of an hour of it.
        quota: how many of it the account may use.
    """

    wanted: str
    region: str
    instance_type: str
    price: Price
    quota: Quota

    def __str__(self) -> str:
        return (
            f"{self.region} does not offer {self.wanted} for training any more; {self.instance_type} would do, at "
            f"{self.price.usd:g} USD an hour ({self.price.source}), of which this account may use {self.quota.value:g}"
        )


def propose_successor(session: boto3.Session, settings: Settings, region: str) -> Successor | None:
    """Return what to train on where the region lacks the instance type of *settings*; None where it has that.

    It lacks a type for which Service Quotas has no quota there, or the Price List no price. The cheapest of what it has
    and the account may use is proposed; where there is none, None.

    Args:
        session: leads to the account.
        settings: ``training_instance``, ``spot``.
        region: where the training is to run.

    Raises:
        harness.cloud.prices.PriceError: what a successor costs is not known.
        botocore.exceptions.ClientError: Service Quotas refuses.
    """
    quotas, purpose = read_quotas(session), SPOT if settings.spot else TRAINING

    def offered(instance_type: str) -> Quota | None:
        quota = quotas.get(f"{instance_type} for {purpose}")
        return None if is_priced(session, PRICED, instance_type, region) is False else quota

    wanted = settings.training_instance
    if offered(wanted) is not None:
        return None
    found = [
        Successor(wanted, region, name, instance_price(session, PRICED, name, region), quota)
        for name in SUCCESSORS
        if (quota := offered(name)) is not None and quota.value >= 1
    ]
    return min(found, key=lambda item: item.price.usd, default=None)
