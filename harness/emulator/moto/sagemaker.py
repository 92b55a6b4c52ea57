"""moto's record of SageMaker's resources."""

from __future__ import annotations

from typing import Any


def backend_of(account_id: str, region: str) -> Any:
    """moto's SageMaker backend, which keeps models, endpoint configurations, endpoints and their tags."""
    return backends_of(account_id)[region]


def backends_of(account_id: str) -> Any:
    """moto's SageMaker backends by region."""
    from moto.sagemaker.models import sagemaker_backends

    return sagemaker_backends[account_id]
