"""The model registry: what is registered is found again, and a model of a package serves as the package says."""

import uuid

import boto3
import pytest

from tests.emulator.acting import refused
from tests.emulator.pictures import picture
from tests.waiting import in_service


@pytest.fixture
def sagemaker(target):
    return boto3.client("sagemaker")


@pytest.fixture
def group(sagemaker):
    name = f"group-{uuid.uuid4().hex[:8]}"
    sagemaker.create_model_package_group(ModelPackageGroupName=name, Tags=[{"Key": "team", "Value": "a"}])
    return name


def register(sagemaker, group, **container):
    inference = {
        "Containers": [{"Image": "stub:1", **container}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }
    return sagemaker.create_model_package(ModelPackageGroupName=group, InferenceSpecification=inference)[
        "ModelPackageArn"
    ]


def test_groups_are_unique_and_missing_ones_are_told_of(sagemaker, group):
    arn = sagemaker.describe_model_package_group(ModelPackageGroupName=group)["ModelPackageGroupArn"]
    again = refused(sagemaker.create_model_package_group, ModelPackageGroupName=group)
    assert again == ("ValidationException", f"Model Package Group already exists: {arn}")
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "a"}]
    none = refused(sagemaker.describe_model_package, ModelPackageName="none-such")
    assert none[0] == "ValidationException"
    assert none[1].endswith(":model-package/none-such does not exist.")


def test_a_model_of_a_package_serves(sagemaker, role, group):
    package = register(sagemaker, group, Environment={"A": "1"})
    name = f"of-package-{uuid.uuid4().hex[:8]}"
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer={"ModelPackageName": package})
    assert sagemaker.describe_model(ModelName=name)["PrimaryContainer"] == {"ModelPackageName": package}
    variant = {"VariantName": "v", "ModelName": name, "InitialInstanceCount": 1, "InstanceType": "ml.m7i.large"}
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    in_service(sagemaker, name)
    answer = boto3.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=name, ContentType="image/png", Body=picture(1, 1)
    )
    assert answer["InvokedProductionVariant"] == "v"
    sagemaker.delete_endpoint(EndpointName=name)


def test_a_model_of_a_package_that_is_not_there_is_refused(sagemaker, role, group):
    package = register(sagemaker, group)
    missing = f"{package.rpartition('/')[0]}/7"

    def attempt(**container):
        name = f"none-{uuid.uuid4().hex[:8]}"
        return refused(sagemaker.create_model, ModelName=name, ExecutionRoleArn=role, PrimaryContainer=container)

    assert attempt(ModelPackageName=missing) == ("ValidationException", f"ModelPackage {missing} does not exist.")
    assert attempt(ModelPackageName=package, Image="stub:1")[1].startswith("Specify one of either Image")
