"""A guard over what tests ask SageMaker for on AWS: instances are priced before the call that they would bill from.

Suites have their plan agreed to as a whole; this is for the calls that a test makes itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.cloud.consent import ConsentError
from harness.cloud.prices import HOSTING, TRAINING, instance_price
from harness.settings import Settings

_BILLED = {
    "CreateEndpointConfig": HOSTING,
    "CreateHyperParameterTuningJob": TRAINING,
    "CreateNotebookInstance": HOSTING,
    "CreateProcessingJob": TRAINING,
    "CreateTrainingJob": TRAINING,
    "CreateTransformJob": TRAINING,
}


class MoneyGuard:
    """Holds what a session's clients ask for against ``max_cost``.

    Args:
        session: of boto3, whose clients are watched from now on.
        settings: ``max_cost``, ``lifetime_hours``, ``training_minutes``.
        region: where things are priced.
    """

    def __init__(self, session: Any, settings: Settings, region: str) -> None:
        self._session = session
        self._settings = settings
        self._region = region
        self._most = 0.0
        for operation in _BILLED:
            session.events.register(f"provide-client-params.sagemaker.{operation}", self._check)

    def _check(self, params: Mapping[str, Any], model: Any, **_: Any) -> None:
        """Refuse what may cost more than was agreed to.

        Raises:
            ConsentError: it may; nothing was asked for.
            harness.cloud.prices.PriceError: nobody knows what it costs.
        """
        use = _BILLED[model.name]
        hours = self._settings.lifetime_hours
        if use == TRAINING:
            seconds = (params.get("StoppingCondition") or {}).get("MaxRuntimeInSeconds")
            hours = seconds / 3600 if seconds else 24.0
        most = self._most
        for instance, count in _instances(params):
            most += instance_price(self._session, use, instance, self._region).usd * count * hours
        if most > self._settings.max_cost:
            raise ConsentError(
                f"{model.name}: it may come to {most:.2f} USD, beyond the limit of {self._settings.max_cost:.2f} USD: "
                "it was not asked for. Raise --max-cost, or ask for less."
            )
        self._most = most


def _instances(part: Any) -> Iterator[tuple[str, int]]:
    """Types of instances in a request, and how many of each."""
    if isinstance(part, Mapping):
        if isinstance(part.get("InstanceType"), str):
            yield part["InstanceType"], int(part.get("InstanceCount") or part.get("InitialInstanceCount") or 1)
        for value in part.values():
            yield from _instances(value)
    elif isinstance(part, (list, tuple)):
        for item in part:
            yield from _instances(item)
