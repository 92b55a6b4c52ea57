"""Model packages: moto keeps them; what AWS would do to check one is refused, or not said to have been done.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModelPackage.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from harness.emulator.door.call import Call
from harness.emulator.door.errors import AwsError
from harness.emulator.door.members import Members, optional_text, structure, structures, text, text_map
from harness.emulator.door.validation import check
from harness.emulator.sagemaker.names import arn_of, refusal
from harness.emulator.services import Operation

_JOBS = ("ValidationSpecification", "SourceAlgorithmSpecification", "CertifyForMarketplace")
"""What has AWS run transform jobs, copy an algorithm, or scan images."""


class ModelPackages:
    """Model packages and their groups.

    Args:
        account_id: twelve digits.
        keep: has moto answer a call.
    """

    def __init__(self, account_id: str, keep: Operation) -> None:
        self._account_id = account_id
        self._keep = keep
        self.operations: Mapping[str, Operation] = {
            "CreateModelPackage": self.create,
            "DescribeModelPackage": self.describe,
            "CreateModelPackageGroup": self.create_group,
            "DescribeModelPackageGroup": self.describe_group,
        }

    def create(self, call: Call) -> Members:
        """Answer CreateModelPackage.

        Raises:
            AwsError: AWS would check the package by what nothing here does.
        """
        check("sagemaker", "CreateModelPackage", call.parameters)
        for name in _JOBS:
            if call.parameters.get(name):
                raise refusal(f"not emulated: {name} of model packages")
        return self._keep(call)

    def describe(self, call: Call) -> Members:
        """Answer DescribeModelPackage, without the validation and the image scan that moto says were Completed.

        Raises:
            AwsError: there is no such package.
        """
        check("sagemaker", "DescribeModelPackage", call.parameters)
        try:
            answer = self._keep(call)
        except AwsError:
            asked = text(call.parameters, "ModelPackageName")
            arn = asked if asked.startswith("arn:") else arn_of("model-package", asked, call.region, self._account_id)
            raise refusal(f"ModelPackage {arn} does not exist.") from None
        name = answer.get("ModelPackageName") or answer["ModelPackageGroupName"]  # the model requires one of versions
        statuses: dict[str, object] = {"ValidationStatuses": [], "ImageScanStatuses": []}
        return {**answer, "ModelPackageName": name, "ModelPackageStatusDetails": statuses}

    def create_group(self, call: Call) -> Members:
        """Answer CreateModelPackageGroup.

        Raises:
            AwsError: there is a group of that name.
        """
        check("sagemaker", "CreateModelPackageGroup", call.parameters)
        name = text(call.parameters, "ModelPackageGroupName")
        given = {"ModelPackageGroupName": name}
        try:
            self._keep(replace(call, operation="DescribeModelPackageGroup", parameters=given))
        except AwsError:
            return self._keep(call)
        arn = arn_of("model-package-group", name, call.region, self._account_id)
        raise refusal(f"Model Package Group already exists: {arn}")

    def describe_group(self, call: Call) -> Members:
        """Answer DescribeModelPackageGroup: AWS's model requires who made it, which moto leaves out."""
        return {**self._keep(call), "CreatedBy": {}}

    def served_container(self, call: Call, given: Members) -> Members:
        """Return the container that serves a model: *given*, or that of the model package that it names.

        Args:
            call: CreateModel's.
            given: the model's container; its variables come before the package's.

        Raises:
            AwsError: there is no such package, or it does not have one container.
        """
        name = optional_text(given, "ModelPackageName")
        if name is None:
            return given
        if "Image" in given or "ModelDataUrl" in given:
            raise refusal("Specify one of either Image and Model Data URL or ModelPackageName in container definition.")
        asked = {"ModelPackageName": name}
        package = self.describe(replace(call, operation="DescribeModelPackage", parameters=asked))
        containers = structures(structure(package, "InferenceSpecification"), "Containers")
        if len(containers) != 1:
            raise refusal("not emulated: models of model packages that have not one container for inference")
        (container,) = containers
        return {**container, "Environment": text_map(container, "Environment") | text_map(given, "Environment")}
