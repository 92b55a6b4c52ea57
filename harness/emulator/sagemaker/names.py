"""ARNs and refusals that all operations share."""

from __future__ import annotations

from harness.emulator.door.errors import AwsError


def arn_of(kind: str, name: str, region: str, account_id: str) -> str:
    """ARN of a SageMaker resource, e.g. of kind ``endpoint``."""
    return f"arn:aws:sagemaker:{region}:{account_id}:{kind}/{name.lower()}"


def refusal(message: str) -> AwsError:
    """The error with which SageMaker's control plane refuses a request."""
    return AwsError("ValidationException", message)
