"""Model packages: moto keeps them; what AWS would do to check one is refused, or not said to have been done.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModelPackage.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.emulator.door.call import Call
from harness.emulator.door.validation import check
from harness.emulator.sagemaker.names import refusal
from harness.emulator.services import Operation

_JOBS = ("ValidationSpecification", "SourceAlgorithmSpecification", "CertifyForMarketplace")
"""What has AWS run transform jobs, copy an algorithm, or scan images."""


def create_model_package(call: Call, keep: Operation) -> Mapping[str, Any]:
    """Answer CreateModelPackage.

    Args:
        call: the request.
        keep: has moto keep what it says.

    Raises:
        AwsError: AWS would check the package by what nothing here does.
    """
    check("sagemaker", "CreateModelPackage", call.parameters)
    for name in _JOBS:
        if call.parameters.get(name):
            raise refusal(f"not emulated: {name} of model packages")
    return keep(call)


def describe_model_package(call: Call, keep: Operation) -> Mapping[str, Any]:
    """Answer DescribeModelPackage, without the validation and the image scan that moto says were Completed."""
    statuses: dict[str, Any] = {"ValidationStatuses": [], "ImageScanStatuses": []}
    answer = keep(call)
    name = answer.get("ModelPackageName") or answer["ModelPackageGroupName"]  # the model requires one of versions, too
    return {**answer, "ModelPackageName": name, "ModelPackageStatusDetails": statuses}
