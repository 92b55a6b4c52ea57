"""moto's record of SageMaker's resources, and the names and refusals that all actions share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from harness.emulator.door.errors import AwsError


def backend_of(account_id: str, region: str) -> Any:
    """moto's SageMaker backend, which keeps models, endpoint configurations, endpoints and their tags."""
    from moto.sagemaker.models import sagemaker_backends

    return sagemaker_backends[account_id][region]


def backends_of(account_id: str) -> Any:
    """moto's SageMaker backends by region."""
    from moto.sagemaker.models import sagemaker_backends

    return sagemaker_backends[account_id]


def arn_of(kind: str, name: str, region: str, account_id: str) -> str:
    """ARN of a SageMaker resource, e.g. of kind ``endpoint``."""
    return f"arn:aws:sagemaker:{region}:{account_id}:{kind}/{name.lower()}"


def refusal(message: str) -> AwsError:
    """The error with which SageMaker's control plane refuses a request."""
    return AwsError("ValidationException", message)


def as_epoch(value: object) -> float:
    """A time-stamp as AWS's JSON protocol writes it: seconds since the epoch, to the millisecond.

    Raises:
        TypeError: *value* is no time-stamp.
    """
    if not isinstance(value, datetime):
        raise TypeError(f"{value!r} has no JSON form")
    return round((value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp(), 3)
