"""Each of SageMaker's operations is carried out, kept, or says that it is not emulated."""

import uuid

import boto3
import botocore.session
import pytest
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.emulator.sagemaker.kept_by_moto import KEPT
from tests.emulator.acting import refused

MODEL = botocore.session.get_session().get_service_model("sagemaker")
CARRIED_OUT = {
    *(
        "CreateModel",
        "CreateEndpointConfig",
        "DescribeEndpointConfig",
        "CreateEndpoint",
        "DescribeEndpoint",
        "UpdateEndpoint",
    ),
    *("UpdateEndpointWeightsAndCapacities", "DeleteEndpoint"),
    *("CreateModelPackage", "DescribeModelPackage", "CreateModelPackageGroup", "DescribeModelPackageGroup"),
    *("AddTags", "DeleteTags", "ListTags"),
    *("CreateTrainingJob", "DescribeTrainingJob", "DeleteTrainingJob", "StopTrainingJob", "ListTrainingJobs"),
    *("CreateProcessingJob", "DescribeProcessingJob", "StopProcessingJob", "ListProcessingJobs"),
    *("CreateTransformJob", "DescribeTransformJob", "StopTransformJob", "ListTransformJobs"),
    *("CreatePipeline", "UpdatePipeline", "DeletePipeline", "DescribePipeline", "ListPipelines"),
    *("StartPipelineExecution", "StopPipelineExecution", "DescribePipelineExecution", "ListPipelineExecutions"),
    *("CreateMonitoringSchedule", "UpdateMonitoringSchedule", "DescribeMonitoringSchedule", "DeleteMonitoringSchedule"),
    *("StartMonitoringSchedule", "StopMonitoringSchedule", "ListMonitoringSchedules", "ListMonitoringExecutions"),
    *("SendPipelineExecutionStepSuccess", "SendPipelineExecutionStepFailure"),
    *("DescribePipelineDefinitionForExecution", "ListPipelineExecutionSteps", "ListPipelineParametersForExecution"),
}

DONE = {"Complete", "Completed", "InService", "Succeeded"}
SAID = {
    "DescribeTrialComponent": "it is the user's own word, by UpdateTrialComponent",
    "ListEndpoints": "the states are ours: see test_served_models",
    "ListModelPackageGroups": "a group is kept, and nothing more is to be done for it",
    "ListModelPackages": "registered, which is all that is asked: validation is refused",
    "ListTrialComponents": "as DescribeTrialComponent",
}
"""What moto answers may say that something is done, and why that is true."""


@pytest.fixture(scope="module")
def sagemaker(target):
    config = Config(retries={"total_max_attempts": 1}, parameter_validation=False)
    return boto3.client("sagemaker", config=config)


def test_every_operation_is_carried_out_kept_or_says_so(sagemaker):
    others = {}
    for name in MODEL.operation_names:
        if name in KEPT | CARRIED_OUT:
            continue
        with pytest.raises(ClientError) as refused:
            getattr(sagemaker, xform_name(name))()
        others[name] = refused.value.response["Error"]
    assert len(others) > 300
    for name, error in others.items():
        assert error == {"Code": "NotImplemented", "Message": f"not emulated: sagemaker.{name}"}


OTHERS = ["sagemaker-a2i-runtime", "sagemaker-edge", "sagemaker-featurestore-runtime", "sagemaker-metrics"]


@pytest.mark.parametrize("service", OTHERS)
def test_sagemakers_other_services_say_what_is_not_emulated(target, service):
    client = boto3.client(service, config=Config(retries={"total_max_attempts": 1}, parameter_validation=False))
    for name in client.meta.service_model.operation_names:
        shape = client.meta.service_model.operation_model(name).input_shape
        given = {key: "a" for key in shape.required_members if shape.members[key].type_name == "string"}
        assert refused(getattr(client, xform_name(name)), **given) == (
            "NotImplemented",
            f"not emulated: {service}.{name}",
        )


def says_done(shape, above=()):
    """Whether something in *shape* may say that it is done."""
    if shape is None or shape.name in above:
        return False
    if DONE & set(getattr(shape, "enum", None) or ()):
        return True
    inner = {"structure": lambda: shape.members.values(), "list": lambda: [shape.member], "map": lambda: [shape.value]}
    return any(says_done(each, (*above, shape.name)) for each in inner.get(shape.type_name, list)())


def test_what_moto_answers_calls_nothing_done_that_is_not():
    assert {name for name in KEPT if says_done(MODEL.operation_model(name).output_shape)} == set(SAID)


def test_a_model_package_is_not_said_to_be_validated_or_scanned(sagemaker):
    group = f"group-{uuid.uuid4().hex[:8]}"
    sagemaker.create_model_package_group(ModelPackageGroupName=group)
    inference = {
        "Containers": [{"Image": "stub:1"}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }
    given = {"ModelPackageGroupName": group, "InferenceSpecification": inference}
    arn = sagemaker.create_model_package(**given)["ModelPackageArn"]
    described = sagemaker.describe_model_package(ModelPackageName=arn)
    assert described["ModelPackageStatus"] == "Completed"
    assert described["ModelPackageStatusDetails"] == {"ValidationStatuses": [], "ImageScanStatuses": []}
    profile = {
        "ProfileName": "one",
        "TransformJobDefinition": {
            "TransformInput": {
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/in/"}},
            },
            "TransformOutput": {"S3OutputPath": "s3://bucket/out/"},
            "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        },
    }
    checked = {"ValidationRole": "arn:aws:iam::123456789012:role/everything", "ValidationProfiles": [profile]}
    assert refused(sagemaker.create_model_package, **given, ValidationSpecification=checked) == (
        "ValidationException",
        "not emulated: ValidationSpecification of model packages",
    )
