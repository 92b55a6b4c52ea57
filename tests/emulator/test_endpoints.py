"""SageMaker endpoints through boto3: life cycle, invocations and their errors."""

import hashlib
import json
import struct
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.service_model import problems
from tests.waiting import in_service

ROLE = "arn:aws:iam::123456789012:role/service-role/AmazonSageMaker-ExecutionRole"
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def runtime(target):
    return boto3.client("sagemaker-runtime")


def variant(name="AllTraffic", model="model", weight=1.0):
    return {
        "VariantName": name,
        "ModelName": model,
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m5.xlarge",
        "InitialVariantWeight": weight,
    }


@pytest.fixture
def create(sagemaker):
    """Creates an endpoint and gives back its name."""
    made = []

    def make(variants=None, **config):
        name = f"endpoint-{uuid.uuid4().hex[:8]}"
        sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": "stub:1"})
        variants = [{**item, "ModelName": name} for item in variants or [variant()]]
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants, **config)
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name, Tags=[{"Key": "team", "Value": "ml"}])
        in_service(sagemaker, name)
        made.append(name)
        return name

    yield make
    for name in made:
        sagemaker.delete_endpoint(EndpointName=name)
        sagemaker.delete_endpoint_config(EndpointConfigName=name)
        sagemaker.delete_model(ModelName=name)


def invoke(runtime, name, body=PNG, **arguments):
    answer = runtime.invoke_endpoint(EndpointName=name, ContentType="image/png", Body=body, **arguments)
    return answer, json.loads(answer["Body"].read())


def refused(call, **arguments):
    with pytest.raises(ClientError) as error:
        call(**arguments)
    return error.value.response


def test_a_stub_answers_a_pair_of_float32_probabilities(runtime, create):
    name = create()
    answer, pair = invoke(runtime, name, PNG + b"one")
    assert answer["ContentType"] == "application/json"
    assert answer["InvokedProductionVariant"] == "AllTraffic"
    assert sum(pair) == pytest.approx(1, abs=1e-6)
    assert all(struct.unpack("f", struct.pack("f", value))[0] == value for value in pair)
    assert invoke(runtime, name, PNG + b"one")[1] == pair
    assert invoke(runtime, name, PNG + b"two")[1] != pair


def test_a_stub_is_sure_of_some_images_and_not_of_others(runtime, create):
    name = create()
    with ThreadPoolExecutor(4) as threads:
        pairs = list(threads.map(lambda n: invoke(runtime, name, PNG + bytes([n]))[1], range(80)))
    sure = sum(max(pair) > 0.93 for pair in pairs)
    assert 40 < sure < 75
    assert {pair.index(max(pair)) for pair in pairs} == {0, 1}


def test_answers_are_as_the_service_model_says(sagemaker, runtime, create, target):
    boto3.client("s3").create_bucket(Bucket="described")  # captures without one would wait for ever
    name = create(
        DataCaptureConfig={
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": "s3://described/captures",
            "CaptureOptions": [{"CaptureMode": "Input"}],
        }
    )
    description = sagemaker.describe_endpoint(EndpointName=name)
    assert problems("sagemaker", "DescribeEndpoint", description) == []
    assert description["EndpointStatus"] == "InService"
    assert description["DataCaptureConfig"]["CaptureStatus"] == "Started"
    assert description["ProductionVariants"][0]["DeployedImages"][0]["SpecifiedImage"] == "stub:1"
    for operation, answer in (
        ("DescribeEndpointConfig", sagemaker.describe_endpoint_config(EndpointConfigName=name)),
        ("DescribeModel", sagemaker.describe_model(ModelName=name)),
        ("ListEndpoints", sagemaker.list_endpoints()),
        ("ListTags", sagemaker.list_tags(ResourceArn=description["EndpointArn"])),
    ):
        assert problems("sagemaker", operation, answer) == []
    answer, _ = invoke(runtime, name)
    answer.pop("Body")
    assert problems("sagemaker-runtime", "InvokeEndpoint", {**answer, "Body": b""}) == []


def test_a_stub_says_so_in_its_tags_and_nowhere_on_the_wire(sagemaker, runtime, create, control):
    name = create()
    arn = sagemaker.describe_endpoint(EndpointName=name)["EndpointArn"]
    tags = sagemaker.list_tags(ResourceArn=arn)["Tags"]
    assert {"Key": "harness:stub", "Value": "true"} in tags
    assert {"Key": "team", "Value": "ml"} in tags
    (shown,) = [item for item in control.get("endpoints")["endpoints"] if item["name"] == name]
    assert [(item["name"], item["weight"], item["stub"]) for item in shown["variants"]] == [("AllTraffic", 1.0, True)]
    answer, _ = invoke(runtime, name)
    assert "stub" not in str(answer["ResponseMetadata"]).lower()


def test_weights_and_targets_choose_the_variant(runtime, create):
    name = create([variant("all", weight=1), variant("none", weight=0)])
    chosen = {invoke(runtime, name)[0]["InvokedProductionVariant"] for _ in range(20)}
    assert chosen == {"all"}
    assert invoke(runtime, name, TargetVariant="none")[0]["InvokedProductionVariant"] == "none"
    error = refused(runtime.invoke_endpoint, EndpointName=name, Body=PNG, TargetVariant="other")
    assert error["Error"]["Code"] == "ValidationError"


def test_a_stub_can_be_scripted(runtime, create, control):
    name = create()
    image = PNG + b"scripted"
    usual = invoke(runtime, name, image)[1]
    digest = hashlib.sha256(image).hexdigest()
    control.post(f"endpoints/{name}/script", {"answers": [[0.1, 0.9], [0.2, 0.8]], "by_image": {digest: [0.3, 0.7]}})
    assert invoke(runtime, name, image)[1] == [0.3, 0.7]
    assert [invoke(runtime, name)[1] for _ in range(2)] == [[0.1, 0.9], [0.2, 0.8]]
    control.post(f"endpoints/{name}/script", {})
    assert invoke(runtime, name, image)[1] == usual
    seen = control.get(f"endpoints/{name}/invocations")["invocations"]
    assert [item["image"] for item in seen][-1] == digest
    assert len(seen) == 5


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ({"answer": []}, "no 'answer'"),
        ({"answers": "text"}, "'answers' must be a list"),
        ({"error": {"message": "no"}}, "'error' must have an HTTP 'status'"),
        ({"error": {"status": 200}}, "from 400 to 599"),
        ({"delay": -1}, "'delay' must be"),
        ([], "the body is no JSON object"),
    ],
)
def test_a_script_that_cannot_be_followed_is_refused(create, control, script, message):
    with pytest.raises(ValueError, match=message):
        control.post(f"endpoints/{create()}/script", script)


def test_only_endpoints_that_are_there_can_be_scripted(target, control):
    with pytest.raises(ValueError, match="no stub endpoint 'missing' is in service"):
        control.post("endpoints/missing/script", {})


@pytest.mark.parametrize(("status", "kind"), [(400, "client"), (503, "server")])
def test_a_models_error_is_a_model_error(runtime, create, control, status, kind):
    name = create()
    control.post(f"endpoints/{name}/script", {"error": {"status": status, "message": "went wrong", "times": 1}})
    error = refused(runtime.invoke_endpoint, EndpointName=name, Body=PNG)
    assert error["Error"]["Code"] == "ModelError"
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert error["OriginalStatusCode"] == status
    assert error["OriginalMessage"] == "went wrong"
    assert error["Error"]["Message"].startswith(
        f'Received {kind} error ({status}) from primary with message "went wrong"'
    )
    assert f"/aws/sagemaker/Endpoints/{name}" in error["LogStreamArn"]
    assert invoke(runtime, name)[0]["InvokedProductionVariant"] == "AllTraffic"


def test_what_is_no_image_is_the_models_client_error(runtime, create):
    error = refused(runtime.invoke_endpoint, EndpointName=create(), Body=b"<html>", ContentType="image/png")
    assert (error["Error"]["Code"], error["OriginalStatusCode"]) == ("ModelError", 400)


def test_a_missing_endpoint_is_refused_as_on_aws(sagemaker, runtime, target):
    error = refused(runtime.invoke_endpoint, EndpointName="missing", Body=PNG)
    assert error["Error"] == {
        "Code": "ValidationError",
        "Message": "Endpoint missing of account 123456789012 not found.",
    }
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 400
    arn = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/missing"
    for call in (sagemaker.describe_endpoint, sagemaker.delete_endpoint):
        error = refused(call, EndpointName="missing")
        assert error["Error"] == {"Code": "ValidationException", "Message": f'Could not find endpoint "{arn}".'}


def test_bodies_are_taken_up_to_six_megabytes(runtime, create):
    name = create()
    assert invoke(runtime, name, PNG + bytes(6_291_456 - len(PNG)))[1]
    error = refused(runtime.invoke_endpoint, EndpointName=name, Body=PNG + bytes(6_291_457 - len(PNG)))
    assert error["Error"] == {"Code": "413", "Message": "HTTP content length exceeded 6291456 bytes."}
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 413


def test_names_in_use_are_refused_as_on_aws(sagemaker, create):
    name = create()
    arn = "arn:aws:sagemaker:us-east-1:123456789012"
    error = refused(sagemaker.create_endpoint, EndpointName=name, EndpointConfigName=name)
    assert error["Error"]["Message"] == f'Cannot create already existing endpoint "{arn}:endpoint/{name}".'
    error = refused(sagemaker.create_model, ModelName=name, ExecutionRoleArn=ROLE)
    assert error["Error"]["Message"] == f'Cannot create already existing model "{arn}:model/{name}".'
    error = refused(sagemaker.create_endpoint_config, EndpointConfigName=name, ProductionVariants=[variant(model=name)])
    expected = f'Cannot create already existing endpoint configuration "{arn}:endpoint-config/{name}".'
    assert error["Error"]["Message"] == expected


def test_what_is_missing_is_named(sagemaker, target):
    arn = "arn:aws:sagemaker:us-east-1:123456789012"
    error = refused(sagemaker.create_endpoint, EndpointName="e", EndpointConfigName="missing")
    assert error["Error"]["Message"] == f'Could not find endpoint configuration "{arn}:endpoint-config/missing".'
    error = refused(
        sagemaker.create_endpoint_config, EndpointConfigName="c", ProductionVariants=[variant(model="missing")]
    )
    assert error["Error"]["Message"] == f'Could not find model "{arn}:model/missing".'


@pytest.mark.parametrize(
    ("change", "member"),
    [
        ({"InitialSamplingPercentage": 101}, "initialSamplingPercentage"),
        ({"DestinationS3Uri": "bucket/prefix"}, "destinationS3Uri"),
    ],
)
def test_capture_configurations_are_checked(sagemaker, create, change, member):
    name = create()
    config = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": "s3://bucket/captures",
        "CaptureOptions": [{"CaptureMode": "Input"}],
        **change,
    }
    error = refused(
        sagemaker.create_endpoint_config,
        EndpointConfigName=f"{name}-2",
        ProductionVariants=[variant(model=name)],
        DataCaptureConfig=config,
    )
    assert error["Error"]["Code"] == "ValidationException"
    assert member in error["Error"]["Message"]


def test_an_update_loses_no_request(sagemaker, runtime, create):
    name = create()
    sagemaker.create_endpoint_config(EndpointConfigName=f"{name}-2", ProductionVariants=[variant("second", name)])
    with ThreadPoolExecutor(4) as threads:
        answers = [threads.submit(invoke, runtime, name) for _ in range(60)]
        sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=f"{name}-2")
        assert {answer.result()[0]["ResponseMetadata"]["HTTPStatusCode"] for answer in answers} == {200}
    in_service(sagemaker, name)
    assert invoke(runtime, name)[0]["InvokedProductionVariant"] == "second"
    sagemaker.delete_endpoint_config(EndpointConfigName=f"{name}-2")


def test_kinds_of_inference_that_are_not_emulated_say_so(runtime, create):
    name = create()
    error = refused(runtime.invoke_endpoint, EndpointName=name, Body=b"x", InferenceComponentName="one")
    assert error["Error"]["Message"].startswith("not emulated: ")


@pytest.mark.parametrize(
    ("variant", "words"),
    [
        ({"InstanceType": "ml.m5.large"}, "not emulated: inference components. Variant v names no model."),
        (
            {"ModelName": "m", "InstanceType": "ml.m5.large", "ManagedInstanceScaling": {"Status": "ENABLED"}},
            "ManagedInstanceScaling is only supported for inference component endpoints.",
        ),
    ],
)
def test_inference_components_are_refused_by_name(sagemaker, target, variant, words):
    given = {"VariantName": "v", "InitialInstanceCount": 1, **variant}
    answer = refused(sagemaker.create_endpoint_config, EndpointConfigName="components", ProductionVariants=[given])
    assert answer["Error"] == {"Code": "ValidationException", "Message": words}


def test_a_web_page_cannot_drive_the_emulator(target):
    import urllib.error
    import urllib.request

    request = urllib.request.Request(f"{target.control_url}/_harness/flush", method="POST")
    request.add_header("Origin", "http://evil.example")
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request)


def test_cloudwatch_knows_of_the_invocations(runtime, create, target, control):
    name, cloudwatch = create(), boto3.client("cloudwatch")

    def sums(metric, statistic="Sum"):
        found = cloudwatch.get_metric_statistics(
            Namespace="AWS/SageMaker",
            MetricName=metric,
            Dimensions=[{"Name": "EndpointName", "Value": name}, {"Name": "VariantName", "Value": "AllTraffic"}],
            StartTime=datetime.now(UTC) - timedelta(minutes=5),
            EndTime=datetime.now(UTC) + timedelta(minutes=1),
            Period=60,
            Statistics=[statistic],
        )["Datapoints"]
        return sum(point[statistic] for point in found)

    assert sums("Invocations") == 0
    for _ in range(3):
        invoke(runtime, name)
    assert sums("Invocations") == 3 and sums("Invocation5XXErrors") == 0
    assert sums("ModelLatency", "SampleCount") == 3
    assert 0 < sums("ModelLatency", "Maximum") < 60e6
    control.put(f"endpoints/{name}/script", {"error": {"status": 400, "message": "broken"}})
    with pytest.raises(ClientError):
        invoke(runtime, name)
    assert sums("Invocations") == 4
    assert sums("Invocation4XXErrors") == 1 and sums("InvocationModelErrors") == 1
