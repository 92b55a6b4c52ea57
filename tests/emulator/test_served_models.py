"""Endpoints whose models are served by processes: they come up, answer, are updated, die and come back."""

import contextlib
import itertools
import json
import os
import signal
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from botocore.exceptions import ClientError

from harness.capture.records import read_s3
from tests.emulator.pictures import IMAGE, ROLE, load, picture, request, run
from tests.service_model import problems
from tests.waiting import gone, in_service, settled, until


@pytest.fixture(scope="module")
def runtime(target):
    from botocore.config import Config

    return boto3.client("sagemaker-runtime", config=Config(max_pool_connections=50, retries={"total_max_attempts": 1}))


@pytest.fixture(scope="module")
def bucket(s3, bucket):
    load(s3, bucket)
    return bucket


@pytest.fixture(scope="module")
def model(sagemaker, bucket):
    """A model out of a training job."""
    job = run(sagemaker, **request(bucket))
    name = job["TrainingJobName"]
    sagemaker.create_model(
        ModelName=name,
        ExecutionRoleArn=ROLE,
        PrimaryContainer={"Image": IMAGE, "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"]},
    )
    return name


def variant(model, name="AllTraffic", weight=1.0):
    return {
        "VariantName": name,
        "ModelName": model,
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m5.xlarge",
        "InitialVariantWeight": weight,
    }


@pytest.fixture(scope="module")
def create(sagemaker, model):
    made = []

    def make(variants=None, wait=True, **config):
        name = f"served-{uuid.uuid4().hex[:8]}"
        sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=variants or [variant(model)], **config
        )
        answer = sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        assert problems("sagemaker", "CreateEndpoint", answer) == []
        made.append(name)
        if wait:
            in_service(sagemaker, name)
        return name

    yield make
    for name in made:
        sagemaker.delete_endpoint(EndpointName=name)


@pytest.fixture(scope="module")
def endpoint(create, bucket):
    """One endpoint for the tests that leave it as it is, capturing to the bucket."""
    return create(
        DataCaptureConfig={
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": f"s3://{bucket}/captures",
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]},
        }
    )


def invoke(runtime, name, label=0, **more):
    answer = runtime.invoke_endpoint(EndpointName=name, ContentType="image/png", Body=picture(label, 99), **more)
    return json.loads(answer["Body"].read())


def refused(call, **arguments):
    with pytest.raises(ClientError) as error:
        call(**arguments)
    return error.value.response


def processes(control, name):
    for item in control.get("endpoints")["endpoints"]:
        if item["name"] == name:
            return {one["name"]: one["pid"] for one in item["variants"]}
    return {}


def test_it_tells_the_classes_apart(runtime, endpoint):
    above, below = invoke(runtime, endpoint, 0), invoke(runtime, endpoint, 1)
    assert above[0] > 0.5 > below[0]
    assert sum(above) == pytest.approx(1, abs=1e-6)


def test_describing_it(sagemaker, endpoint):
    answer = sagemaker.describe_endpoint(EndpointName=endpoint)
    assert problems("sagemaker", "DescribeEndpoint", answer) == []
    assert answer["ProductionVariants"][0]["DeployedImages"][0]["SpecifiedImage"] == IMAGE
    assert sagemaker.list_tags(ResourceArn=answer["EndpointArn"])["Tags"] == []  # nothing here is a stub


def test_headers_go_both_ways(runtime, endpoint):
    answer = runtime.invoke_endpoint(
        EndpointName=endpoint,
        ContentType="application/x-image",
        Accept="application/jsonlines",
        Body=picture(0, 1),
        InferenceId="inference-7",
        CustomAttributes="trace=1",
    )
    assert problems("sagemaker-runtime", "InvokeEndpoint", {**answer, "Body": b""}) == []
    assert answer["ContentType"] == "application/jsonlines"
    assert answer["InvokedProductionVariant"] == "AllTraffic"
    assert len(json.loads(answer["Body"].read())["prediction"]) == 2


def test_what_is_no_image_is_the_client_s_error(runtime, endpoint):
    response = refused(runtime.invoke_endpoint, EndpointName=endpoint, ContentType="image/png", Body=b"no image")
    assert response["Error"]["Code"] == "ModelError"
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert response["OriginalStatusCode"] == 400
    assert "Unable to evaluate payload provided" in response["OriginalMessage"]


def test_its_log_is_in_cloudwatch(control, runtime, endpoint):
    invoke(runtime, endpoint)
    control.flush()
    logs, group = boto3.client("logs"), f"/aws/sagemaker/Endpoints/{endpoint}"
    [stream] = logs.describe_log_streams(logGroupName=group)["logStreams"]
    assert stream["logStreamName"].startswith("AllTraffic/i-")
    lines = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])["events"]
    assert any("Listening on" in line["message"] for line in lines)


def test_creating_takes_a_while_and_says_so(sagemaker, runtime, create):
    name = create(wait=False)
    response = refused(runtime.invoke_endpoint, EndpointName=name, ContentType="image/png", Body=b"")
    assert response["Error"]["Code"] == "ValidationError"
    assert "is not in InService state" in response["Error"]["Message"]
    message = refused(sagemaker.update_endpoint, EndpointName=name, EndpointConfigName=name)["Error"]["Message"]
    assert message.startswith("Cannot update in-progress endpoint")
    in_service(sagemaker, name)
    invoke(runtime, name)


def test_a_damaged_artifact_fails_the_endpoint(sagemaker, bucket):
    boto3.client("s3").put_object(Bucket=bucket, Key="broken/model.tar.gz", Body=b"not a tar file")
    name = f"broken-{uuid.uuid4().hex[:8]}"
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{bucket}/broken/model.tar.gz"}
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant(name)])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    answer = settled(sagemaker.describe_endpoint, "EndpointStatus", EndpointName=name)
    assert answer["EndpointStatus"] == "Failed"
    assert "Failed to extract model data archive" in answer["FailureReason"]
    assert problems("sagemaker", "DescribeEndpoint", answer) == []
    sagemaker.delete_endpoint(EndpointName=name)


def test_model_data_must_be_there(sagemaker, bucket):
    uri = f"s3://{bucket}/nothing/model.tar.gz"
    response = refused(
        sagemaker.create_model,
        ModelName="nothing",
        ExecutionRoleArn=ROLE,
        PrimaryContainer={"Image": IMAGE, "ModelDataUrl": uri},
    )
    assert response["Error"] == {"Code": "ValidationException", "Message": f"Could not find model data at {uri}."}


def test_weights_share_the_traffic_and_can_be_changed(sagemaker, runtime, create, model):
    name = create([variant(model, "Blue", 1.0), variant(model, "Green", 0.0)])

    def asked(count=10, **more):
        body = picture(0, 99)
        answers = [
            runtime.invoke_endpoint(EndpointName=name, ContentType="image/png", Body=body, **more) for _ in range(count)
        ]
        return {answer["InvokedProductionVariant"] for answer in answers}

    assert asked() == {"Blue"}
    assert asked(2, TargetVariant="Green") == {"Green"}
    sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name,
        DesiredWeightsAndCapacities=[
            {"VariantName": "Blue", "DesiredWeight": 0},
            {"VariantName": "Green", "DesiredWeight": 3},
        ],
    )
    assert asked() == {"Green"}
    described = sagemaker.describe_endpoint(EndpointName=name)["ProductionVariants"]
    assert {item["VariantName"]: item["CurrentWeight"] for item in described} == {"Blue": 0.0, "Green": 3.0}


def test_an_update_loses_no_request(sagemaker, runtime, control, create, model):
    name = create()
    before = processes(control, name)
    other = f"{name}-2"
    sagemaker.create_endpoint_config(EndpointConfigName=other, ProductionVariants=[variant(model, "Second")])
    answers = []

    def ask(_):
        answer = runtime.invoke_endpoint(EndpointName=name, ContentType="image/png", Body=picture(0, 99))
        answers.append((answer["InvokedProductionVariant"], len(json.loads(answer["Body"].read()))))

    with again_and_again(ask):  # no request fails
        sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=other)
        in_service(sagemaker, name)
        until(lambda: ("Second", 2) in answers[-4:])
    assert {pair[0] for pair in answers} == {"AllTraffic", "Second"}
    assert processes(control, name).keys() == {"Second"}
    for pid in before.values():
        gone(pid)


@contextlib.contextmanager
def again_and_again(ask):
    """Have four threads call *ask* with their number until the block has ended; what it raises is raised then."""
    done = threading.Event()

    def loop(worker):
        while not done.is_set():
            ask(worker)

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(loop, worker) for worker in range(4)]
        try:
            yield
        finally:
            done.set()
        for one in asking:
            one.result(timeout=30)


def test_a_killed_server_is_an_error_and_then_comes_back(runtime, control, endpoint):
    pid = processes(control, endpoint)["AllTraffic"]
    os.kill(pid, signal.SIGKILL)
    gone(pid)

    def answered():
        try:
            return invoke(runtime, endpoint)
        except ClientError as error:
            assert error.response["Error"]["Code"] == "ModelError"
            assert error.response["OriginalStatusCode"] == 500

    until(answered)
    assert invoke(runtime, endpoint)
    assert processes(control, endpoint)["AllTraffic"] != pid


@pytest.mark.slow
def test_killing_servers_loses_no_captured_invocation(runtime, control, endpoint, bucket):
    """Every answer that a client got is in the captures, whatever became of the server meanwhile."""
    marked, numbers = [], itertools.count()

    def ask(worker):
        name = f"{worker}-{next(numbers)}"
        try:
            invoke(runtime, endpoint, InferenceId=name)
        except ClientError as error:
            assert error.response["Error"]["Code"] == "ModelError"
        else:
            marked.append(name)

    def twenty_more():
        seen = len(marked)
        until(lambda: len(marked) >= seen + 20, 60)

    with again_and_again(ask):
        for _ in range(2):
            twenty_more()
            os.kill(processes(control, endpoint)["AllTraffic"], signal.SIGKILL)
        twenty_more()
    control.flush()
    records = read_s3(boto3.client("s3"), f"s3://{bucket}/captures/{endpoint}").records
    captured = [record.inference_id for record in records if record.inference_id and "-" in record.inference_id]
    assert set(marked) <= set(captured)
    assert len(captured) == len(set(captured))


@pytest.mark.slow
def test_twenty_endpoints_serve_at_once(sagemaker, runtime, model):
    names = [f"twenty-{number}-{uuid.uuid4().hex[:6]}" for number in range(20)]
    for name in names:
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant(model)])
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    for name in names:
        in_service(sagemaker, name)
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda name: invoke(runtime, name), names))
    assert len(answers) == 20
    assert all(answer == answers[0] for answer in answers)
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda name: sagemaker.delete_endpoint(EndpointName=name), names))
