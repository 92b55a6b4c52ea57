"""Training jobs and endpoints may do what their execution role may, and are refused or fail in SageMaker's words."""

import uuid
from pathlib import Path

import boto3
import pytest

from harness.programs.execution_role import as_execution_role
from tests.emulator.acting import ACCOUNT, allow, document, refused, trust_of
from tests.emulator.pictures import IMAGE, load, request
from tests.waiting import settled, training_ended, until

MODEL = Path("fixtures/model/model.tar.gz")
SAGEMAKER = {"Service": "sagemaker.amazonaws.com"}
PULL = allow(
    ["ecr:GetAuthorizationToken", "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
)
LOG = allow(["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"])


@pytest.fixture(scope="module")
def bucket(s3, bucket, root):
    load(s3, bucket)
    s3.upload_file(str(root / MODEL), bucket, "model.tar.gz")
    return bucket


@pytest.fixture
def running_as(actors):
    """Makes roles that SageMaker may take on; gives their ARN."""
    return lambda *statements: actors.role(*statements, trust=trust_of(SAGEMAKER))


def on(bucket, *actions, path="/*"):
    return allow([f"s3:{action}" for action in actions], f"arn:aws:s3:::{bucket}{path}")


def listing(bucket):
    return on(bucket, "ListBucket", path="")


def train(sagemaker, bucket, role):
    parameters = request(bucket, RoleArn=role)
    sagemaker.create_training_job(**parameters)
    return training_ended(sagemaker, parameters["TrainingJobName"])


# Training


def test_a_role_that_sagemaker_may_not_take_on(sagemaker, bucket, actors):
    nobody = f"arn:aws:iam::{ACCOUNT}:role/no-such-role"
    # The path is part of the ARN: https://github.com/aws/sagemaker-python-sdk/issues/43
    without_path = f"arn:aws:iam::{ACCOUNT}:role/AmazonSageMaker-ExecutionRole"
    for role in (nobody, without_path, actors.role(allow("*"), trust=trust_of({"Service": "lambda.amazonaws.com"}))):
        code, words = refused(sagemaker.create_training_job, **request(bucket, RoleArn=role))
        assert code == "ValidationException"
        assert words == (
            f"Could not assume role {role}. Please ensure that the role exists and allows principal "
            "'sagemaker.amazonaws.com' to assume the role."
        )
        assert refused(
            sagemaker.create_model, ModelName="m", ExecutionRoleArn=role, PrimaryContainer={"Image": "stub"}
        ) == (code, words)


def test_what_a_job_needs_is_enough(sagemaker, bucket, running_as):
    role = running_as(listing(bucket), on(bucket, "GetObject", "PutObject"), PULL, LOG)
    job = train(sagemaker, bucket, role)
    assert job["TrainingJobStatus"] == "Completed", job
    boto3.client("s3").head_object(Bucket=bucket, Key=f"models/{job['TrainingJobName']}/output/model.tar.gz")


def test_a_bucket_that_may_not_be_listed(sagemaker, bucket, running_as):
    role = running_as(on(bucket, "GetObject", "PutObject"), PULL)
    code, words = refused(sagemaker.create_training_job, **request(bucket, RoleArn=role))
    assert code == "ValidationException"
    assert words.startswith(f'No S3 objects found under S3 URL "s3://{bucket}/train/"')
    assert f'that the role "{role}" has "s3:ListBucket" permissions on bucket "{bucket}".' in words


def test_objects_that_may_not_be_read(sagemaker, bucket, running_as):
    job = train(sagemaker, bucket, running_as(listing(bucket), on(bucket, "PutObject"), PULL))
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith(
        f"ClientError: Data download failed:Unable to download object s3://{bucket}/train/train_"
    )
    assert "AccessDenied" in job["FailureReason"]


def test_a_model_that_may_not_be_written(sagemaker, bucket, running_as):
    job = train(sagemaker, bucket, running_as(listing(bucket), on(bucket, "GetObject"), PULL))
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: Artifact upload failed:")
    assert "s3:PutObject" in job["FailureReason"]


def test_an_image_that_may_not_be_pulled(sagemaker, bucket, running_as):
    repository = IMAGE.partition("/")[2].partition(":")[0]
    account, _, _, region, *_ = IMAGE.split(".")
    elsewhere = allow(PULL["Action"], f"arn:aws:ecr:{region}:{account}:repository/other-than-{repository}")
    for statements in ([], [elsewhere]):
        job = train(sagemaker, bucket, running_as(listing(bucket), on(bucket, "GetObject", "PutObject"), *statements))
        assert job["FailureReason"] == (
            "ClientError: Cannot pull algorithm container. Either the image does not exist or its permissions are "
            "incorrect."
        )


def test_a_job_whose_role_may_not_log_has_no_log(sagemaker, bucket, running_as):
    job = train(sagemaker, bucket, running_as(listing(bucket), on(bucket, "GetObject", "PutObject"), PULL))
    assert job["TrainingJobStatus"] == "Completed"
    logs, group = boto3.client("logs"), "/aws/sagemaker/TrainingJobs"
    groups = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    streams = (
        logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=job["TrainingJobName"]) if groups else {}
    )
    assert not streams.get("logStreams")


# Endpoints


@pytest.fixture
def serving(sagemaker, bucket):
    """Creates an endpoint that runs as a role; gives what DescribeEndpoint says once it has come up or failed."""
    made = []

    def make(role, image=IMAGE, **config):
        name = f"endpoint-{uuid.uuid4().hex[:8]}"
        container = {"Image": image, "ModelDataUrl": f"s3://{bucket}/model.tar.gz"}
        sagemaker.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer=container)
        made.append(name)
        variant = {"VariantName": "v", "ModelName": name, "InitialInstanceCount": 1, "InstanceType": "ml.m5.xlarge"}
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant], **config)
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        return settled(sagemaker.describe_endpoint, "EndpointStatus", EndpointName=name)

    yield make
    for name in made:
        sagemaker.delete_endpoint(EndpointName=name)
        sagemaker.delete_endpoint_config(EndpointConfigName=name)
        sagemaker.delete_model(ModelName=name)


def test_model_data_that_may_not_be_read(sagemaker, bucket, running_as):
    role = running_as(PULL)
    uri = f"s3://{bucket}/model.tar.gz"
    container = {"Image": IMAGE, "ModelDataUrl": uri}
    assert refused(sagemaker.create_model, ModelName="m", ExecutionRoleArn=role, PrimaryContainer=container) == (
        "ValidationException",
        f'Could not access model data at {uri}. Please ensure that the role "{role}" exists and that its trust '
        'relationship policy allows the action "sts:AssumeRole" for the service principal "sagemaker.amazonaws.com". '
        'Also ensure that the role has "s3:GetObject" permissions and that the object is located in us-east-1.',
    )


def test_an_endpoint_whose_image_may_not_be_pulled(bucket, running_as, serving):
    role = running_as(on(bucket, "GetObject"), allow("ecr:GetAuthorizationToken"), allow("ecr:BatchCheckLayer*"))
    said = serving(role)
    assert said["EndpointStatus"] == "Failed"
    words = f"The role '{role}' does not have BatchGetImage permission for the image: '{IMAGE}'."
    assert said["FailureReason"] == words


def test_captures_are_written_as_the_role(bucket, running_as, serving, control):
    capture = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": f"s3://{bucket}/captures",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
    }
    role = running_as(on(bucket, "GetObject"), LOG)
    said = serving(role, image="stub:1", DataCaptureConfig=capture)
    assert said["EndpointStatus"] == "InService", said
    runtime, s3 = boto3.client("sagemaker-runtime"), boto3.client("s3")
    runtime.invoke_endpoint(EndpointName=said["EndpointName"], Body=b"\x89PNG\r\n\x1a\n", ContentType="image/png")
    control.flush()
    trouble = until(lambda: control.get("captures")["trouble"])
    assert "s3:PutObject" in trouble and role.rpartition("/")[2] in trouble
    prefix = f"captures/{said['EndpointName']}/"
    assert s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["KeyCount"] == 0
    # Nothing is lost: once the role may, they are written.
    statement = on(bucket, "PutObject", path="/captures/*")
    boto3.client("iam").put_role_policy(
        RoleName=role.rpartition("/")[2], PolicyName="capture", PolicyDocument=document(statement)
    )
    until(lambda: s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["KeyCount"])


def test_a_program_at_the_compose_target_runs_as_an_execution_role(target):
    """``get_execution_role()`` reads the role's name from the caller's identity, and wants no user there."""
    for _ in range(2):  # the role is made once
        given = as_execution_role(ACCOUNT)
    names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    session = boto3.Session(**dict(zip(names, given.values(), strict=True)))
    arn = session.client("sts").get_caller_identity()["Arn"]
    assert arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/AmazonSageMaker-ExecutionRole-Notebook/SageMaker"
    role = session.client("iam").get_role(RoleName=arn.split("/")[1])["Role"]
    assert role["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/service-role/AmazonSageMaker-ExecutionRole-Notebook"
