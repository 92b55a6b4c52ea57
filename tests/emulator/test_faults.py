"""Faults on demand: what they strike fails as on AWS, and is told."""

import json
import subprocess
import time
import uuid

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.conftest import harness
from tests.emulator.packages import package
from tests.emulator.pictures import picture
from tests.emulator.test_clock import finish, seconds
from tests.waiting import active, hear, in_service

ONCE = Config(retries={"total_max_attempts": 1})
SOURCE = "def lambda_handler(event, context):\n    return {'seen': event}\n"


@pytest.fixture(scope="module")
def function(target, role):
    name, client = f"faults-{uuid.uuid4().hex[:8]}", boto3.client("lambda")
    client.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role=role,
        Handler="lambda_function.lambda_handler",
        Code={"ZipFile": package(SOURCE)},
        Timeout=10,
    )
    active(client, name)
    yield name
    client.delete_function(FunctionName=name)


@pytest.fixture(scope="module")
def endpoint(target):
    client, name = boto3.client("sagemaker"), f"faults-{uuid.uuid4().hex[:8]}"
    role = "arn:aws:iam::123456789012:role/service-role/AmazonSageMaker-ExecutionRole"
    client.create_model(ModelName=name, PrimaryContainer={"Image": "stub"}, ExecutionRoleArn=role)
    variant = {"VariantName": "v", "ModelName": name, "InitialInstanceCount": 1, "InstanceType": "ml.m5.xlarge"}
    client.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    client.create_endpoint(EndpointName=name, EndpointConfigName=name)
    in_service(client, name)
    yield name
    client.delete_endpoint(EndpointName=name)


@pytest.fixture(scope="module")
def bucket(s3, bucket):
    s3.put_object(Bucket=bucket, Key="images/one", Body=b"0123456789")
    return bucket


def invoke(function, **config):
    client = boto3.client("lambda", config=ONCE)
    answer = client.invoke(FunctionName=function, Payload=b'{"n": 1}')
    return answer.get("FunctionError"), answer["Payload"].read()


def refusal(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def test_the_first_calls_of_a_function_are_throttled(faults, function):
    faults.add(function=function, error="TooManyRequestsException", message="Rate Exceeded.", times=2)
    client = boto3.client("lambda", config=ONCE)
    for _ in range(2):
        assert refusal(client.invoke, FunctionName=function) == ("TooManyRequestsException", 429)
    assert invoke(function) == (None, b'{"seen": {"n": 1}}')
    assert [(entry["function"], entry["error"]) for entry in faults.log()] == [
        (function, "TooManyRequestsException")
    ] * 2


def test_an_error_that_lambda_does_not_know_is_the_functions_own(faults, function):
    faults.add(function=function, error="ValueError", message="no such colour", times=1)
    error, payload = invoke(function)
    assert error == "Unhandled"
    assert json.loads(payload) == {"errorType": "ValueError", "errorMessage": "no such colour"}


def test_a_function_s_process_is_killed_mid_request(faults, function):
    faults.add(function=function, kill=True, times=1)
    error, payload = invoke(function)
    assert error == "Unhandled"
    assert json.loads(payload)["errorType"] == "Runtime.ExitError"
    assert "signal: killed" in json.loads(payload)["errorMessage"]
    assert invoke(function)[0] is None


def test_latency_and_a_truncated_result(faults, function):
    faults.add(function=function, latency=0.2, truncate=7, times=1)
    began = time.monotonic()
    assert invoke(function) == (None, b'{"seen"')
    assert time.monotonic() - began >= 0.2


def test_a_seeded_share_of_calls_is_struck_the_same_way_each_time(faults, function):
    client = boto3.client("lambda", config=ONCE)

    def struck():
        faults.clear()
        faults.add(function=function, error="ServiceException", fraction=0.4, seed=7)
        outcomes = []
        for _ in range(12):
            try:
                client.invoke(FunctionName=function)
                outcomes.append(False)
            except client.exceptions.ServiceException:
                outcomes.append(True)
        return outcomes

    first = struck()
    assert first == struck()
    assert 0 < sum(first) < 12


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"error": "ThrottlingException"}, ("ThrottlingException", 400)),
        ({"error": "InternalFailure"}, ("InternalFailure", 500)),
        ({"error": "ServiceUnavailable"}, ("ServiceUnavailable", 503)),
        ({"error": "ModelNotReadyException"}, ("ModelNotReadyException", 429)),
        ({"error": "ModelError"}, ("ModelError", 424)),
        ({"kill": True}, ("ModelError", 424)),
    ],
)
def test_an_endpoint_fails(faults, endpoint, fault, expected):
    runtime = boto3.client("sagemaker-runtime", config=ONCE)
    faults.add(endpoint=endpoint, times=1, **fault)
    arguments = {"EndpointName": endpoint, "ContentType": "image/png", "Body": picture(1, 1)}
    assert refusal(runtime.invoke_endpoint, **arguments) == expected
    assert len(json.loads(runtime.invoke_endpoint(**arguments)["Body"].read())) == 2


def test_an_endpoint_s_answer_is_cut_short(faults, endpoint):
    faults.add(endpoint=endpoint, truncate=3)
    answer = boto3.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=endpoint, ContentType="image/png", Body=picture(1, 1)
    )
    assert len(answer["Body"].read()) == 3


def test_a_bucket_denies_what_lies_below_a_prefix(faults, bucket):
    s3 = boto3.client("s3", config=ONCE)
    faults.add(bucket=bucket, error="AccessDenied", prefix="images/")
    assert refusal(s3.get_object, Bucket=bucket, Key="images/one") == ("AccessDenied", 403)
    s3.put_object(Bucket=bucket, Key="other", Body=b"x")


def test_a_slow_bucket_and_one_that_breaks_off(faults, bucket):
    s3 = boto3.client(
        "s3", config=Config(retries={"total_max_attempts": 1}, response_checksum_validation="when_required")
    )
    faults.add(bucket=bucket, latency={"uniform": [0.1, 0.2]}, truncate=4, times=1)
    began = time.monotonic()
    assert s3.get_object(Bucket=bucket, Key="images/one")["Body"].read() == b"0123"
    assert time.monotonic() - began >= 0.1
    faults.add(bucket=bucket, error="SlowDown", times=1)
    assert refusal(s3.get_object, Bucket=bucket, Key="images/one") == ("SlowDown", 503)


def test_a_state_fails_and_is_tried_again(clock, faults, function, role, request):
    states = boto3.client("stepfunctions")
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": function, "Payload.$": "$"},
        "OutputPath": "$.Payload",
        "Retry": [{"ErrorEquals": ["Lambda.TooManyRequestsException"], "IntervalSeconds": 5, "MaxAttempts": 3}],
        "End": True,
    }
    name = f"faults-{uuid.uuid4().hex[:8]}"
    definition = json.dumps({"StartAt": "Call", "States": {"Call": task}})
    machine = states.create_state_machine(name=name, definition=definition, roleArn=role)["stateMachineArn"]
    request.addfinalizer(lambda: states.delete_state_machine(stateMachineArn=machine))
    faults.add(state=f"{name}/Call", error="Lambda.TooManyRequestsException", message="Rate Exceeded.", times=2)
    faults.add(state="Call", latency=60, times=1)
    answer, events = finish(states, states.start_execution(stateMachineArn=machine, input="{}")["executionArn"])
    assert (answer["status"], answer["output"]) == ("SUCCEEDED", '{"seen":{}}')
    failed = [event["taskFailedEventDetails"] for event in events if event["type"] == "TaskFailed"]
    assert (
        failed
        == [
            {
                "resourceType": "lambda",
                "resource": "invoke",
                "error": "Lambda.TooManyRequestsException",
                "cause": "Rate Exceeded.",
            }
        ]
        * 2
    )
    assert seconds(events[0], events[-1]) == pytest.approx(5 + 10 + 60, abs=1)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({}, "strikes one of function, endpoint, bucket, state; this one has none"),
        ({"function": "f", "bucket": "b", "kill": True}, "this one has function, bucket"),
        ({"function": "f"}, "a fault does something: error, latency, truncate, kill"),
        ({"function": "f", "kil": True}, "a fault has no 'kil'"),
        ({"function": "f", "latency": -1}, "'latency' is -1"),
        ({"function": "f", "latency": {"gamma": 1}}, "'latency' is {'gamma': 1}"),
        ({"function": "f", "kill": True, "times": 0}, "'times' is 0, expected at least 1"),
        ({"function": "f", "kill": True, "fraction": 2}, "'fraction' is 2.0, expected 0 to 1"),
        ({"bucket": "b", "kill": True}, "a bucket has no process"),
        ({"state": "s", "truncate": 1}, "a state has no body"),
        ({"function": "f", "error": 5}, "'error' is 5, expected str"),
    ],
)
def test_a_fault_that_makes_no_sense_is_named(faults, fault, words):
    with pytest.raises(ValueError, match="400") as refused:
        faults.add(**fault)
    assert words in json.loads(str(refused.value).partition("400 ")[2])["message"]


def test_a_fault_that_is_not_there_cannot_be_ended(faults):
    with pytest.raises(ValueError, match="there is no fault 999"):
        faults.remove(999)


def test_the_command_refuses_what_does_not_exist_unless_forced_and_lists_and_clears(tmp_path):
    emulator = subprocess.Popen(harness("up", "--port", "0"), cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    try:
        url = hear(emulator, r"http://\S+").group()
        key = {"region_name": "us-east-1", "aws_access_key_id": "x", "aws_secret_access_key": "x"}
        boto3.client("s3", endpoint_url=url, **key).create_bucket(Bucket="pictures")

        def fault(*arguments):
            return subprocess.run(harness("fault", *arguments), cwd=tmp_path, capture_output=True, text=True)

        unknown = fault("add", "--function", "f", "--error", "ServiceException")
        assert (unknown.returncode, "no function is called 'f'" in unknown.stderr) == (1, True)
        forced = fault("add", "--function", "f", "--error", "ServiceException", "--force")
        assert forced.stdout == "fault 1 is in force\n"
        misspelt = fault("add", "--bucket", "picture", "--error", "SlowDown")
        assert misspelt.returncode == 1
        assert misspelt.stderr.startswith("Error: no bucket is called 'picture': there is pictures.")
        known = fault("add", "--bucket", "pictures", "--latency", '{"exponential": 2}')
        assert known.stdout == "fault 2 is in force\n"
        assert "function=f error=ServiceException struck=0" in fault("list").stdout
        refused = fault("add", "--function", "f", "--force")
        assert (refused.returncode, "a fault does something" in refused.stderr) == (1, True)
        assert fault("clear", "1").returncode == 0
        assert "function=f" not in fault("list").stdout
        assert fault("clear").returncode == 0
        assert fault("list").stdout == "no faults are in force\n"
    finally:
        emulator.terminate()
        emulator.wait(20)
