"""Regions and services that there are.

https://docs.aws.amazon.com/IAM/latest/UserGuide/signing-elements.html
"""

from __future__ import annotations

from functools import lru_cache

from harness.emulator.aws_models import models_loader
from harness.emulator.door.errors import AwsError
from harness.emulator.door.members import structure, structures

_CODES = {"query": "SignatureDoesNotMatch", "ec2": "SignatureDoesNotMatch", "rest-xml": "SignatureDoesNotMatch"}


def check_region(region: str, protocol: str) -> None:
    """Refuse a signature that is for no region of AWS's.

    Raises:
        AwsError: InvalidSignatureException, or what its like is in *protocol*.
    """
    if region not in _regions():
        code = _CODES.get(protocol, "InvalidSignatureException")
        raise AwsError(code, f"Credential should be scoped to a valid region, not '{region}'.", 403)


def not_emulated(service: str, operation: str = "") -> AwsError:
    """Make the error for a service, or for an operation of one, that nothing answers here."""
    return AwsError("NotImplemented", f"not emulated: {service}{f'.{operation}' if operation else ''}", 501)


@lru_cache(1)
def _regions() -> frozenset[str]:
    partitions = structures(models_loader().load_data("endpoints"), "partitions")
    return frozenset(region for partition in partitions for region in structure(partition, "regions")) | {
        f"{partition['partition']}-global" for partition in partitions
    }
