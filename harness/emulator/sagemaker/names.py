"""ARNs and refusals that all operations share."""

from __future__ import annotations

from harness.emulator.door.errors import AwsError


def arn_of(kind: str, name: str, region: str, account_id: str) -> str:
    """Return the ARN of a SageMaker resource.

    Args:
        kind: as ARNs have it, e.g. ``endpoint`` or ``training-job``.
        name: as it was created; the ARN has it in small letters.
        region: of it.
        account_id: twelve digits.
    """
    return f"arn:aws:sagemaker:{region}:{account_id}:{kind}/{name.lower()}"


def refusal(message: str) -> AwsError:
    """Return the error with which SageMaker's control plane refuses a request."""
    return AwsError("ValidationException", message)
