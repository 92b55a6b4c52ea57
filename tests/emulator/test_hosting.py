"""Endpoints beyond one process that answers at once: asynchronous, serverless, multi-model, shadowed, streamed."""

import io
import json
import tarfile
import uuid
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from botocore.config import Config

from harness.emulator.sagemaker.hosting.serverless import ServerlessServer
from harness.emulator.sagemaker.model_server import ModelAnswer, ModelRequest
from tests.emulator.acting import refused
from tests.emulator.pictures import picture
from tests.waiting import in_service, until

STUB = "stub:1"


@pytest.fixture(scope="module")
def runtime(target):
    return boto3.client("sagemaker-runtime", config=Config(retries={"total_max_attempts": 1}))


@pytest.fixture(scope="module")
def model(sagemaker, role):
    name = f"hosting-{uuid.uuid4().hex[:8]}"
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer={"Image": STUB})
    return name


def variant(model, name="AllTraffic", **more):
    of = {} if "ServerlessConfig" in more else {"InitialInstanceCount": 1, "InstanceType": "ml.m5.xlarge"}
    return {"VariantName": name, "ModelName": model, **of, **more}


@pytest.fixture(scope="module")
def create(sagemaker):
    made = []

    def make(*variants, **config):
        name = f"hosting-{uuid.uuid4().hex[:8]}"
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=list(variants), **config)
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        made.append(name)
        in_service(sagemaker, name)
        return name

    yield make
    for name in made:
        sagemaker.delete_endpoint(EndpointName=name)


def object_at(uri):
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    s3 = boto3.client("s3")
    try:
        return s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except s3.exceptions.NoSuchKey:
        return None


@pytest.fixture
def told():
    """A topic, and what it was told."""
    sns, sqs, name = boto3.client("sns"), boto3.client("sqs"), f"hosting-{uuid.uuid4().hex[:8]}"
    topic, queue = sns.create_topic(Name=name)["TopicArn"], sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})

    def next_message():
        found = until(lambda: sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages"))
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=found[0]["ReceiptHandle"])
        return json.loads(found[0]["Body"])

    return topic, next_message


def test_asynchronous_inference(sagemaker, runtime, bucket, model, create, told):
    topic, next_message = told
    topics = {"SuccessTopic": topic, "ErrorTopic": topic, "IncludeInferenceResponseIn": ["SUCCESS_NOTIFICATION_TOPIC"]}
    output = {
        "S3OutputPath": f"s3://{bucket}/out/",
        "S3FailurePath": f"s3://{bucket}/failed",
        "NotificationConfig": topics,
    }
    name = create(variant(model), AsyncInferenceConfig={"OutputConfig": output})
    assert sagemaker.describe_endpoint(EndpointName=name)["AsyncInferenceConfig"]["OutputConfig"] == output
    s3 = boto3.client("s3")
    s3.put_object(Bucket=bucket, Key="in/a.png", Body=picture(0, 1))
    s3.put_object(Bucket=bucket, Key="in/a.txt", Body=b"no picture")
    given = {"EndpointName": name, "ContentType": "application/x-image"}

    answer = runtime.invoke_endpoint_async(InputLocation=f"s3://{bucket}/in/a.png", InferenceId="one", **given)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert answer["InferenceId"] == "one"
    assert answer["OutputLocation"].startswith(f"s3://{bucket}/out/")
    body = until(lambda: object_at(answer["OutputLocation"]))
    assert len(json.loads(body)) == 2
    message = next_message()
    assert message["invocationStatus"] == "Completed"
    assert message["responseParameters"] == {
        "contentType": "application/json",
        "outputLocation": answer["OutputLocation"],
    }
    assert message["requestParameters"]["inputLocation"] == f"s3://{bucket}/in/a.png"
    assert message["responseBody"]["encoding"] == "BASE64"
    assert (message["inferenceId"], message["eventName"]) == ("one", "InferenceResult")

    for source, words in (("in/a.txt", "Received client error (400) from primary"), ("in/none", "NoSuchKey")):
        answer = runtime.invoke_endpoint_async(InputLocation=f"s3://{bucket}/{source}", **given)
        assert words in until(lambda at=answer["FailureLocation"]: object_at(at)).decode()
        message = next_message()
        assert message["invocationStatus"] == "Failed"
        assert words in message["failureReason"]
        assert object_at(answer["OutputLocation"]) is None

    # The object says of what type it is, where the request does not; small requests need no object.
    s3.put_object(Bucket=bucket, Key="in/b.png", Body=picture(0, 1), ContentType="application/x-image")
    of_object = runtime.invoke_endpoint_async(EndpointName=name, InputLocation=f"s3://{bucket}/in/b.png")
    inline = runtime.invoke_endpoint_async(
        Body=picture(0, 1), S3OutputPathExtension="of/mine", Filename="one.json", **given
    )
    assert inline["OutputLocation"] == f"s3://{bucket}/out/of/mine/one.json"
    for answer in (of_object, inline):
        assert len(json.loads(until(lambda at=answer["OutputLocation"]: object_at(at)))) == 2
    code, _ = refused(runtime.invoke_endpoint_async, Body=b"x", InputLocation="s3://a/b", **given)
    assert code == "ValidationError"

    code, words = refused(runtime.invoke_endpoint, Body=b"x", **given)
    assert code == "ValidationError" and "InvokeEndpointAsync" in words


def test_asynchronous_inference_needs_an_endpoint_for_it(runtime, model, create, bucket):
    name = create(variant(model))
    code, words = refused(runtime.invoke_endpoint_async, EndpointName=name, InputLocation=f"s3://{bucket}/x")
    assert (code, words) == ("ValidationError", f"Endpoint {name} is not an asynchronous inference endpoint.")


def test_a_serverless_variant_throttles(sagemaker, runtime, model, create):
    serverless = {"MemorySizeInMB": 2048, "MaxConcurrency": 1}
    name = create(variant(model, ServerlessConfig=serverless))
    described = sagemaker.describe_endpoint(EndpointName=name)["ProductionVariants"][0]
    assert described["CurrentServerlessConfig"] == serverless
    url = boto3.client("s3").meta.endpoint_url
    import requests

    requests.put(f"{url}/_harness/endpoints/{name}/script", json={"delay": 1}, timeout=5).raise_for_status()
    given = {"EndpointName": name, "ContentType": "application/x-image", "Body": picture(0, 1)}
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(runtime.invoke_endpoint, **given) for _ in range(2)]
        (error,) = filter(None, [each.exception(20) for each in both])
    assert error.response["Error"] == {"Code": "ThrottlingException", "Message": "Rate exceeded"}
    assert runtime.invoke_endpoint(**given)["InvokedProductionVariant"] == "AllTraffic"


def test_a_serverless_variant_starts_cold_after_a_while():
    began, lines = [], []

    class Server:
        is_stub, stub, pid = False, None, 7

        def start(self):
            began.append(self)

        def invoke(self, request):
            return ModelAnswer(200, request.body, "text/plain")

        def close(self):
            began.remove(self)

    server = ServerlessServer(Server, 1, False, lines.append, idle=0.05)
    server.start()
    until(lambda: not began)
    assert server.pid is None
    assert server.invoke(ModelRequest(b"x", "text/plain", "*/*")).body == b"x"
    assert len(began) == 1
    assert "cold start" in lines[0]
    server.close()
    assert not began


@pytest.mark.parametrize(
    ("variants", "config", "words"),
    [
        ([{"ServerlessConfig": {"MemorySizeInMB": 1500, "MaxConcurrency": 1}}], {}, "enum value set"),
        (
            [{"ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1}}, {"VariantName": "b"}],
            {},
            "several production variants",
        ),
        (
            [{}, {"VariantName": "b"}],
            {"AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://b/o"}}},
            "exactly",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(sagemaker, model, variants, config, words):
    given = [
        variant(model, **{"VariantName": "a", **more}) if "VariantName" not in more else {**variant(model), **more}
        for more in variants
    ]
    code, told = refused(
        sagemaker.create_endpoint_config, EndpointConfigName="never", ProductionVariants=given, **config
    )
    assert code == "ValidationException" and words in told


def test_models_are_loaded_when_they_are_asked_for(sagemaker, runtime, bucket, role, create):
    pytest.importorskip("sklearn")
    s3 = boto3.client("s3")
    code = (
        "import os\n"
        "def model_fn(folder):\n    return open(os.path.join(folder, 'name')).read()\n"
        "def input_fn(body, kind):\n    return body.decode()\n"
        "def predict_fn(data, model):\n    return f'{model} {data}'\n"
        "def output_fn(answer, accept):\n    return answer\n"
    )
    for name in ("first", "second"):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            for path, text in (("name", name), ("code/inference.py", code)):
                entry = tarfile.TarInfo(path)
                entry.size = len(text)
                archive.addfile(entry, io.BytesIO(text.encode()))
        s3.put_object(Bucket=bucket, Key=f"models/{name}.tar.gz", Body=packed.getvalue())
    image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
    container = {
        "Image": image,
        "Mode": "MultiModel",
        "ModelDataUrl": f"s3://{bucket}/models/",
        "Environment": {"SAGEMAKER_PROGRAM": "inference.py"},
    }
    model = f"hosting-{uuid.uuid4().hex[:8]}"
    sagemaker.create_model(ModelName=model, ExecutionRoleArn=role, PrimaryContainer=container)
    name = create(variant(model))
    given = {"EndpointName": name, "ContentType": "text/plain", "Body": b"asks"}
    for target in ("first", "second", "first"):
        answer = runtime.invoke_endpoint(TargetModel=f"{target}.tar.gz", **given)
        assert answer["Body"].read() == f"{target} asks".encode()
    code, words = refused(runtime.invoke_endpoint, TargetModel="third.tar.gz", **given)
    assert code == "ValidationError"
    assert words.startswith(f"Failed to download model data(bucket: {bucket}, key: models/third.tar.gz).")
    code, words = refused(runtime.invoke_endpoint, **given)
    assert code == "ValidationError" and words.endswith("is missing a target model header.")


def test_one_model_takes_no_target_model(runtime, model, create):
    name = create(variant(model))
    assert refused(runtime.invoke_endpoint, EndpointName=name, Body=b"x", TargetModel="a.tar.gz") == (
        "ValidationError",
        f"Endpoint {name} is not a multi-model endpoint and does not support target model header.",
    )


def test_an_answer_comes_in_parts(runtime, model, create):
    name = create(variant(model))
    given = {"EndpointName": name, "ContentType": "application/x-image"}
    answer = runtime.invoke_endpoint_with_response_stream(Body=picture(1, 1), **given)
    body = b"".join(event["PayloadPart"]["Bytes"] for event in answer["Body"])
    assert answer["ContentType"] == "application/json"
    assert body == runtime.invoke_endpoint(Body=picture(1, 1), **given)["Body"].read()
    code, _ = refused(runtime.invoke_endpoint_with_response_stream, Body=b"no picture", **given)
    assert code == "ModelError"


def test_a_shadow_is_asked_as_well(sagemaker, runtime, bucket, model, create, control):
    capture = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": f"s3://{bucket}/shadowed",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
    }
    name = create(
        variant(model, "main"), ShadowProductionVariants=[variant(model, "shadow")], DataCaptureConfig=capture
    )
    described = sagemaker.describe_endpoint(EndpointName=name)
    assert [each["VariantName"] for each in described["ShadowProductionVariants"]] == ["shadow"]
    answer = runtime.invoke_endpoint(EndpointName=name, ContentType="application/x-image", Body=picture(0, 1))
    assert answer["InvokedProductionVariant"] == "main"
    keys = until(lambda: _both(bucket, f"shadowed/{name}/", control))
    assert {key.split("/")[2] for key in keys} == {"main", "shadow"}


def _both(bucket, prefix, control):
    control.flush()  # a shadow is asked in the background
    found = boto3.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    return [item["Key"] for item in found] if len(found) == 2 else None


def canary(alarm, wait):
    routing = {
        "Type": "CANARY",
        "WaitIntervalInSeconds": wait,
        "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 50},
    }
    return {
        "BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing},
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": alarm}]},
    }


def test_an_update_is_rolled_back_by_an_alarm(sagemaker, runtime, model, create):
    cloudwatch, alarm = boto3.client("cloudwatch"), f"hosting-{uuid.uuid4().hex[:8]}"
    metric = {"MetricName": "Invocation5XXErrors", "Namespace": "AWS/SageMaker", "Statistic": "Sum", "Period": 60}
    cloudwatch.put_metric_alarm(
        AlarmName=alarm, EvaluationPeriods=1, Threshold=1, ComparisonOperator="GreaterThanThreshold", **metric
    )
    name = create(variant(model, "blue"))
    green = f"{name}-green"
    sagemaker.create_endpoint_config(EndpointConfigName=green, ProductionVariants=[variant(model, "green")])
    given = {"EndpointName": name, "EndpointConfigName": green}

    def asked():
        answer = runtime.invoke_endpoint(EndpointName=name, ContentType="application/x-image", Body=picture(0, 1))
        return answer["InvokedProductionVariant"]

    sagemaker.update_endpoint(**given, DeploymentConfig=canary(alarm, 60))
    seen = set()
    until(lambda: seen.add(asked()) or seen == {"blue", "green"})
    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="a test")
    in_service(sagemaker, name)
    described = sagemaker.describe_endpoint(EndpointName=name)
    assert described["EndpointConfigName"] == name
    assert alarm in described["FailureReason"]
    assert {asked() for _ in range(10)} == {"blue"}

    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="OK", StateReason="a test")
    sagemaker.update_endpoint(**given, DeploymentConfig=canary(alarm, 0))
    in_service(sagemaker, name)
    described = sagemaker.describe_endpoint(EndpointName=name)
    assert described["EndpointConfigName"] == green
    assert described["LastDeploymentConfig"] == canary(alarm, 0)
    assert {asked() for _ in range(10)} == {"green"}
    rolling = {"MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1}, "WaitIntervalInSeconds": 0}
    code, words = refused(sagemaker.update_endpoint, **given, DeploymentConfig={"RollingUpdatePolicy": rolling})
    assert (code, words) == (
        "ValidationException",
        "not emulated: rolling updates. Use a BlueGreenUpdatePolicy.",
    )


def test_the_scale_that_would_be_reached_is_told(runtime, model, create, target):
    import requests

    name = create(variant(model))
    scaling, resource = boto3.client("application-autoscaling"), f"endpoint/{name}/variant/AllTraffic"
    of = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": resource,
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    scaling.register_scalable_target(**of, MinCapacity=1, MaxCapacity=4)
    tracked = {
        "TargetValue": 5.0,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
    }
    scaling.put_scaling_policy(
        **of,
        PolicyName="by-invocations",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=tracked,
    )
    for _ in range(12):
        runtime.invoke_endpoint(EndpointName=name, ContentType="application/x-image", Body=picture(0, 1))
    listed = requests.get(f"{target.control_url}/_harness/endpoints", timeout=5).json()["endpoints"]
    told = next(each for each in listed if each["name"] == name)["variants"][0]["scaling"]
    assert told == {
        "policy": "by-invocations",
        "invocations_last_minute": 12,
        "target_per_instance": 5.0,
        "would_reach_instances": 3,
    }
    scaling.delete_scaling_policy(PolicyName="by-invocations", **of)
    scaling.deregister_scalable_target(**of)
