"""Data Capture through boto3: files as AWS writes them, and no invocation lost or held up."""

import base64
import json
import queue
import re
import time
import uuid
from types import SimpleNamespace

import boto3
import pytest

from harness.capture.records import read_s3
from harness.emulator.sagemaker.capture import MAX_FILE_BYTES, CaptureConfig, Captured, CaptureWriter
from harness.emulator.sagemaker.model_server import ModelAnswer, ModelRequest
from tests.waiting import in_service

PNG = b"\x89PNG\r\n\x1a\n"
BOTH = [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}]
SDK_HEADERS = {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]}


@pytest.fixture(scope="module")
def runtime(target):
    return boto3.client("sagemaker-runtime")


def variant(name, model):
    return {"VariantName": name, "ModelName": model, "InitialInstanceCount": 1, "InstanceType": "ml.m5.xlarge"}


@pytest.fixture
def create(target, bucket):
    """Creates an endpoint that captures to ``captures/`` of the bucket; gives back its name."""
    client, made = boto3.client("sagemaker"), []

    def make(**config):
        name = f"capture-{uuid.uuid4().hex[:8]}"
        role = "arn:aws:iam::123456789012:role/service-role/AmazonSageMaker-ExecutionRole"
        client.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer={"Image": "stub"})
        client.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[
                {
                    "VariantName": "AllTraffic",
                    "ModelName": name,
                    "InitialInstanceCount": 1,
                    "InstanceType": "ml.m5.xlarge",
                }
            ],
            DataCaptureConfig={
                "EnableCapture": True,
                "InitialSamplingPercentage": 100,
                "DestinationS3Uri": f"s3://{bucket}/captures",
                "CaptureOptions": BOTH,
                "CaptureContentTypeHeader": SDK_HEADERS,
                **config,
            },
        )
        client.create_endpoint(EndpointName=name, EndpointConfigName=name)
        made.append(name)
        in_service(client, name)
        return name

    yield make
    for name in made:
        client.delete_endpoint(EndpointName=name)


def files(s3, bucket, name, prefix="captures"):
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/{name}/").get("Contents", [])
    return {item["Key"]: s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read().decode() for item in listed}


def form(line):
    """A record with what differs from one to the next masked, all else to the byte."""
    line = re.sub(r'"data":"(?:[^"\\]|\\.)*"', '"data":"..."', line)
    line = re.sub(r'"eventId":"[0-9a-f-]{36}"', '"eventId":"..."', line)
    return re.sub(r'"inferenceTime":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"', '"inferenceTime":"..."', line)


def test_records_are_those_of_aws_to_the_byte(s3, runtime, bucket, create, control, real_data):
    name = create()
    for number in range(3):
        runtime.invoke_endpoint(EndpointName=name, ContentType="image/png", Body=PNG + bytes([number]))
    control.flush()
    real = {
        form(line)
        for path in (real_data / "aws-truth" / "capture").iterdir()
        for line in path.read_text().splitlines(keepends=True)
    }
    assert len(real) == 1
    ours = [line for text in files(s3, bucket, name).values() for line in text.splitlines(keepends=True)]
    assert len(ours) == 3
    assert {form(line) for line in ours} == real


def test_files_lie_where_aws_puts_them(s3, runtime, bucket, create, control, real_data):
    name = create()
    runtime.invoke_endpoint(EndpointName=name, ContentType="image/png", Body=PNG)
    control.flush()
    ((key, text),) = files(s3, bucket, name).items()
    time = json.loads(text)["eventMetadata"]["inferenceTime"]
    year, month, day, hour, minute, second = re.findall(r"\d+", time)
    folder, _, filename = key.rpartition("/")
    assert folder == f"captures/{name}/AllTraffic/{year}/{month}/{day}/{hour}"
    assert filename.startswith(f"{minute}-{second}-")
    pattern = re.compile(r"\d\d-\d\d-\d{3}-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.jsonl")
    assert pattern.fullmatch(filename)
    assert all(pattern.fullmatch(path.name) for path in (real_data / "aws-truth" / "capture").iterdir())


def test_a_record_holds_what_went_in_and_came_out(s3, runtime, bucket, create, control):
    name = create()
    image = PNG + b"the image"
    answer = runtime.invoke_endpoint(EndpointName=name, ContentType="image/png", Body=image)
    control.flush()
    (text,) = files(s3, bucket, name).values()
    data = json.loads(text)["captureData"]
    assert base64.b64decode(data["endpointInput"]["data"]) == image
    assert data["endpointOutput"]["data"] == answer["Body"].read().decode()
    assert (data["endpointInput"]["encoding"], data["endpointOutput"]["encoding"]) == ("BASE64", "JSON")


def test_without_header_lists_everything_is_base64(s3, runtime, bucket, create, control):
    name = create(CaptureContentTypeHeader={"CsvContentTypes": ["text/other"]})
    answer = runtime.invoke_endpoint(EndpointName=name, ContentType="image/png", Body=PNG)
    control.flush()
    (text,) = files(s3, bucket, name).values()
    output = json.loads(text)["captureData"]["endpointOutput"]
    assert output["encoding"] == "BASE64"
    assert base64.b64decode(output["data"]) == answer["Body"].read()


@pytest.mark.parametrize(("mode", "present"), [("Input", "endpointInput"), ("Output", "endpointOutput")])
def test_one_side_can_be_captured_alone(s3, runtime, bucket, create, control, mode, present):
    name = create(CaptureOptions=[{"CaptureMode": mode}])
    runtime.invoke_endpoint(EndpointName=name, ContentType="image/png", Body=PNG)
    control.flush()
    (text,) = files(s3, bucket, name).values()
    assert list(json.loads(text)["captureData"]) == [present]


def test_inference_id_and_attributes_are_in_the_metadata(s3, runtime, bucket, create, control):
    name = create()
    runtime.invoke_endpoint(
        EndpointName=name, ContentType="image/png", Body=PNG, InferenceId="id-7", CustomAttributes="trace=1"
    )
    control.flush()
    (text,) = files(s3, bucket, name).values()
    metadata = json.loads(text)["eventMetadata"]
    assert list(metadata) == ["eventId", "customAttributes", "inferenceId", "inferenceTime"]
    assert (metadata["inferenceId"], metadata["customAttributes"]) == ("id-7", ["trace=1"])


def test_a_share_of_the_invocations_is_sampled(s3, runtime, bucket, create, control):
    none, half = create(InitialSamplingPercentage=0), create(InitialSamplingPercentage=50)
    for name in (none, half):
        for number in range(100):
            runtime.invoke_endpoint(EndpointName=name, ContentType="image/png", Body=PNG + bytes([number]))
    control.flush()
    assert files(s3, bucket, none) == {}
    assert 20 <= sum(text.count("\n") for text in files(s3, bucket, half).values()) <= 80


def test_capture_that_is_off_writes_nothing(s3, runtime, bucket, create, control):
    name = create(EnableCapture=False)
    runtime.invoke_endpoint(EndpointName=name, ContentType="image/png", Body=PNG)
    control.flush()
    assert files(s3, bucket, name) == {}


def test_an_error_of_the_model_is_not_captured(s3, runtime, bucket, create, control):
    name = create()
    with pytest.raises(runtime.exceptions.ModelError):
        runtime.invoke_endpoint(EndpointName=name, ContentType="image/png", Body=b"no image")
    control.flush()
    assert files(s3, bucket, name) == {}


def test_deleting_the_endpoint_writes_what_waits(s3, runtime, bucket, target):
    client = boto3.client("sagemaker")
    name = f"capture-{uuid.uuid4().hex[:8]}"
    role = "arn:aws:iam::123456789012:role/service-role/AmazonSageMaker-ExecutionRole"
    client.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer={"Image": "stub"})
    client.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[variant("v", name)],
        DataCaptureConfig={
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": f"s3://{bucket}/captures",
            "CaptureOptions": BOTH,
        },
    )
    client.create_endpoint(EndpointName=name, EndpointConfigName=name)
    for number in range(10):
        runtime.invoke_endpoint(EndpointName=name, ContentType="image/png", Body=PNG + bytes([number]))
    client.delete_endpoint(EndpointName=name)
    captures = read_s3(s3, f"s3://{bucket}/captures/{name}")
    assert len(captures.records) == 10
    assert captures.skipped == []


def test_a_fault_of_a_bucket_strikes_no_captures(s3, runtime, bucket, create, control, faults):
    name = create()
    faults.add(bucket=bucket, error="SlowDown", times=1)
    faults.add(bucket=bucket, error="AccessDenied", prefix="captures/")
    for _ in range(3):
        runtime.invoke_endpoint(EndpointName=name, ContentType="image/png", Body=PNG)
    control.flush()
    control.delete("faults")
    assert sum(text.count("\n") for text in files(s3, bucket, name).values()) == 3


def test_an_unreachable_bucket_loses_nothing_and_is_reported(s3, runtime, create, control):
    late = f"late-{uuid.uuid4().hex[:8]}"
    name = create(DestinationS3Uri=f"s3://{late}/captures")
    for number in range(5):
        runtime.invoke_endpoint(EndpointName=name, ContentType="image/png", Body=PNG + bytes([number]))
    control.flush()
    status = control.get("captures")
    assert status["pending"] == 5
    assert late in status["trouble"] and "NoSuchBucket" in status["trouble"]
    s3.create_bucket(Bucket=late)
    control.flush()
    assert len(read_s3(s3, f"s3://{late}/captures/{name}").records) == 5
    assert control.get("captures")["trouble"] is None
    for item in s3.list_objects_v2(Bucket=late)["Contents"]:
        s3.delete_object(Bucket=late, Key=item["Key"])
    s3.delete_bucket(Bucket=late)


def test_a_file_gathers_the_records_of_a_minute(s3, runtime, bucket, create, control):
    name = create()
    for number in range(3):
        runtime.invoke_endpoint(EndpointName=name, ContentType="image/png", Body=PNG + bytes([number]))
    assert files(s3, bucket, name) == {}
    control.flush()
    (text,) = files(s3, bucket, name).values()
    assert len(text.splitlines()) == 3


def test_a_file_is_cut_at_its_size_and_at_its_age():
    put = queue.Queue()
    clients = SimpleNamespace(get=lambda *_, **__: SimpleNamespace(put_object=lambda **given: put.put(given["Body"])))
    config = CaptureConfig("s3://bucket", 100, frozenset({"Input"}), frozenset(), frozenset())

    def captured(size):
        request, answer = ModelRequest(b"x" * size, "a/b", "*/*"), ModelAnswer(200, b"", "a/b")
        return Captured(config, "us-east-1", "endpoint", "v", request, answer, None, time.time(), None)

    by_size = CaptureWriter(clients, seconds=3600)
    by_size.put(captured(10))
    by_size.put(captured(MAX_FILE_BYTES))
    assert len(put.get(timeout=10).splitlines()) == 2
    by_size.close()
    by_age = CaptureWriter(clients, seconds=0.2)
    by_age.put(captured(10))
    by_age.put(captured(10))
    assert len(put.get(timeout=10).splitlines()) == 2
    by_age.close()
    assert put.empty()
