"""Images that are no built-in algorithm: their training and serving containers on a real Docker engine."""

import contextlib
import io
import json
import tarfile
import uuid
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from harness.settings import get_settings
from tests.emulator.acting import refused
from tests.emulator.pictures import ROLE, channel, request, run
from tests.waiting import in_service, until

pytestmark = [pytest.mark.compose, pytest.mark.timeout(1800)]  # images are built, too

IMAGE = "harness-test/own-algorithm:latest"
LABEL = "com.amazonaws.sagemaker.capabilities.multi-models"


@pytest.fixture(scope="module")
def engine():
    import docker

    client = docker.from_env()
    base = get_settings().base_image
    client.images.build(
        path=str(Path(__file__).with_name("image")), tag=IMAGE, buildargs={"BASE": base} if base else None
    )
    yield client
    assert client.containers.list(all=True, filters={"label": "aws-ml-harness=program"}) == []  # none is left behind
    client.images.remove(IMAGE, force=True)
    client.close()


@pytest.fixture(scope="module")
def bucket(s3, bucket, engine):
    s3.put_object(Bucket=bucket, Key="train/data", Body=b"x" * 1234)
    return bucket


def own(bucket, **more):
    return request(
        bucket,
        **{
            "AlgorithmSpecification": {
                "TrainingImage": IMAGE,
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "bytes", "Regex": r"bytes=(\d+)"}],
            },
            "InputDataConfig": [channel("train", f"s3://{bucket}/train/")],
            "HyperParameters": {},
            **more,
        },
    )


def test_it_trains_and_serves(bucket):
    sagemaker, runtime = boto3.client("sagemaker"), boto3.client("sagemaker-runtime")
    job = run(sagemaker, **own(bucket))
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert [(item["MetricName"], item["Value"]) for item in job["FinalMetricDataList"]] == [("bytes", 1234.0)]
    name = job["TrainingJobName"]
    container = {"Image": IMAGE, "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"]}
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    variant = {"VariantName": "Own", "ModelName": name, "InitialInstanceCount": 1, "InstanceType": "ml.m5.xlarge"}
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    in_service(sagemaker, name, 120)
    try:
        assert ask(runtime, name) == {"total": 1234}
        with pytest.raises(ClientError) as error:
            runtime.invoke_endpoint(EndpointName=name, ContentType="text/plain", Body=b"die")
        assert error.value.response["Error"]["Code"] == "ModelError"

        def back():
            with contextlib.suppress(ClientError):
                return ask(runtime, name)

        assert until(back, every=0.1) == {"total": 1234}
    finally:
        sagemaker.delete_endpoint(EndpointName=name)


def packed(total):
    """A model's archive."""
    body, content = io.BytesIO(), json.dumps({"total": total}).encode()
    with tarfile.open(fileobj=body, mode="w:gz") as archive:
        entry = tarfile.TarInfo("total.json")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return body.getvalue()


def test_one_container_serves_many_models(s3, bucket, engine):
    sagemaker, runtime = boto3.client("sagemaker"), boto3.client("sagemaker-runtime")
    for total in range(3):
        s3.put_object(Bucket=bucket, Key=f"models/{total}.tar.gz", Body=packed(total))
    name = f"many-{uuid.uuid4().hex[:8]}"
    container = {"Image": IMAGE, "Mode": "MultiModel", "ModelDataUrl": f"s3://{bucket}/models/"}
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    variant = {"VariantName": "Own", "ModelName": name, "InitialInstanceCount": 1, "InstanceType": "ml.m5.xlarge"}
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    in_service(sagemaker, name, 120)

    def told(total):
        return ask(runtime, name, TargetModel=f"{total}.tar.gz")

    try:
        # The container has memory for two: the one least lately used makes room.
        assert [told(total) for total in (0, 1, 2, 0)] == [{"total": total} for total in (0, 1, 2, 0)]
        with pytest.raises(ClientError, match="Failed to download model data"):
            told(3)
        with pytest.raises(ClientError, match="ModelError"):
            runtime.invoke_endpoint(EndpointName=name, TargetModel="0.tar.gz", Body=b"die")

        def back():
            with contextlib.suppress(ClientError):
                return told(0)

        assert until(back, every=0.1) == {"total": 0}
    finally:
        sagemaker.delete_endpoint(EndpointName=name)


def test_an_image_for_one_model_is_refused_many(bucket, engine):
    image = "harness-test/one-model:latest"
    engine.images.build(fileobj=io.BytesIO(f"FROM {IMAGE}\nLABEL {LABEL}=false".encode()), tag=image)
    container = {"Image": image, "Mode": "MultiModel", "ModelDataUrl": f"s3://{bucket}/models/"}
    model = {"ModelName": f"one-{uuid.uuid4().hex[:8]}", "ExecutionRoleArn": ROLE, "PrimaryContainer": container}
    try:
        assert refused(boto3.client("sagemaker").create_model, **model) == (
            "ValidationException",
            f"Your Ecr Image {image} does not contain required {LABEL}=true Docker label(s).",
        )
    finally:
        engine.images.remove(image, force=True)


def test_its_failure_is_told(bucket):
    job = run(boto3.client("sagemaker"), **own(bucket, HyperParameters={"fail": "no luck today"}))
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: no luck today, exit code: 7"


def test_an_image_that_nobody_has_is_named(bucket):
    specification = {"TrainingImage": "harness-test/nobody-has-this:1", "TrainingInputMode": "File"}
    job = run(boto3.client("sagemaker"), **own(bucket, AlgorithmSpecification=specification))
    assert job["TrainingJobStatus"] == "Failed"
    assert "harness-test/nobody-has-this:1" in job["FailureReason"]


def ask(runtime, name, **more):
    answer = runtime.invoke_endpoint(EndpointName=name, ContentType="text/plain", Body=b"how many?", **more)
    return json.loads(answer["Body"].read())
