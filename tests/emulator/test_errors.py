"""Errors that users meet, through boto3: those that the other tests of the emulator have not got."""

import json
import uuid

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.emulator.packages import package
from tests.emulator.pictures import picture
from tests.emulator.test_clock import finish
from tests.emulator.test_faults import endpoint  # noqa: F401
from tests.waiting import active

SOURCE = """
import boto3
def lambda_handler(event, context):
    return boto3.client("s3").get_object(**event["get"])["Body"].read().decode()
"""
PASS = {"Type": "Pass", "End": True}


@pytest.fixture(scope="module")
def states(target, role):
    return boto3.client("stepfunctions")


@pytest.fixture(scope="module")
def reader(target, role):
    """A function that reads an object."""
    name, client = f"errors-{uuid.uuid4().hex[:8]}", boto3.client("lambda")
    code, handler = {"ZipFile": package(SOURCE)}, "lambda_function.lambda_handler"
    client.create_function(FunctionName=name, Runtime="python3.12", Role=role, Handler=handler, Code=code, Timeout=10)
    active(client, name)
    yield name
    client.delete_function(FunctionName=name)


@pytest.fixture
def execute(states, role, control, request):
    """Runs a machine of one state and gives how it ended."""

    def run(event="{}", answers=(), **state):
        definition = json.dumps({"StartAt": "S", "States": {"S": {"End": True, **state}}})
        name = f"errors-{uuid.uuid4().hex[:8]}"
        arn = states.create_state_machine(name=name, definition=definition, roleArn=role)["stateMachineArn"]
        request.addfinalizer(lambda: states.delete_state_machine(stateMachineArn=arn))
        control.post("tasks/script", {"answers": [{"service": "lambda", "target": "f", **each} for each in answers]})
        ended, events = finish(states, states.start_execution(stateMachineArn=arn, input=event)["executionArn"])
        control.post("tasks/script", {"answers": []})
        return ended, events

    return run


def call(function, payload=None):
    parameters = {"FunctionName": function, **({} if payload is None else {"Payload": payload})}
    return {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": parameters}


def test_a_model_that_answers_too_late(faults, endpoint):  # noqa: F811
    faults.add(endpoint=endpoint, error="ModelTimeout")
    runtime = boto3.client("sagemaker-runtime", config=Config(retries={"total_max_attempts": 1}))
    with pytest.raises(runtime.exceptions.ModelError) as caught:
        runtime.invoke_endpoint(EndpointName=endpoint, ContentType="image/png", Body=picture(1, 1))
    answer = caught.value.response
    assert (answer["OriginalStatusCode"], answer["ResponseMetadata"]["HTTPStatusCode"]) == (0, 424)
    assert "Your invocation timed out while waiting for a response from container primary" in str(caught.value)


@pytest.mark.parametrize(
    ("get", "error"),
    [
        ({"Bucket": "no-such-bucket", "Key": "k"}, "NoSuchBucket"),
        ({"Bucket": "errors-bucket", "Key": "k"}, "NoSuchKey"),
    ],
)
def test_a_missing_bucket_or_key(execute, reader, get, error):
    boto3.client("s3").create_bucket(Bucket="errors-bucket")
    ended, _ = execute(**call(reader, {"get": get}))
    assert (ended["status"], ended["error"]) == ("FAILED", error)


def test_a_function_that_may_not_run_is_throttled(execute, reader):
    client = boto3.client("lambda")
    client.put_function_concurrency(FunctionName=reader, ReservedConcurrentExecutions=0)
    try:
        ended, events = execute(**call(reader))
    finally:
        client.delete_function_concurrency(FunctionName=reader)
    assert ended["error"] == "Lambda.TooManyRequestsException"
    assert ended["cause"].startswith("Rate Exceeded.")
    assert [event["type"] for event in events][-2:] == ["TaskFailed", "ExecutionFailed"]


def test_a_path_that_leads_nowhere_is_a_runtime_error(execute):
    ended, _ = execute(Type="Pass", InputPath="$.no.such.member")
    assert ended["error"] == "States.Runtime"
    assert "$.no.such.member" in ended["cause"]


def test_a_role_that_step_functions_may_not_take_on(states):
    with pytest.raises(ClientError, match="is authorized to assume the provided role") as caught:
        states.create_state_machine(
            name="no-role",
            definition=json.dumps({"StartAt": "S", "States": {"S": PASS}}),
            roleArn="arn:aws:iam::123456789012:role/no-such-role",
        )
    assert caught.value.response["Error"]["Code"] == "AccessDeniedException"


@pytest.mark.parametrize(
    ("definition", "problems"),
    [
        (
            {"StartAt": "a", "States": {"a": {"Type": "Pass", "Next": "c"}, "b": PASS}},
            "MISSING_TRANSITION_TARGET: Missing 'Next' target: c at /States/a/Next, "
            'MISSING_TRANSITION_TARGET: State "b" is not reachable. at /States/b',
        ),
        (
            {"StartAt": "x", "States": {"a": PASS}},
            "MISSING_TRANSITION_TARGET: Missing 'Next' target: x at /StartAt, "
            'MISSING_TRANSITION_TARGET: State "a" is not reachable. at /States/a',
        ),
        ({"States": {"a": PASS}}, "SCHEMA_VALIDATION_FAILED: These fields are required: [StartAt] at /"),
        (
            {"StartAt": "a", "States": {"a": {"Type": "Task", "End": True}}},
            "SCHEMA_VALIDATION_FAILED: These fields are required: [Resource] at /States/a",
        ),
        (
            {"StartAt": "a", "States": {"a": {"Type": "Parallel", "Branches": [{"StartAt": "b"}], "End": True}}},
            "SCHEMA_VALIDATION_FAILED: These fields are required: [States] at /States/a/Branches[0]",
        ),
        ({"StartAt": "a", "States": {"a": {"Type": "Pass"}}}, "SCHEMA_VALIDATION_FAILED: Exactly one of these fields"),
        ({"StartAt": "a", "States": {"a": {"Type": "Leap", "End": True}}}, "SCHEMA_VALIDATION_FAILED: The field 'Type"),
        ("{", "INVALID_JSON_DESCRIPTION: "),
        ("[]", "SCHEMA_VALIDATION_FAILED: Definition must be a valid JSON object"),
        (
            {"StartAt": "a", "States": {"a": {**PASS, "Parameters": {"b.$": "no path"}}}},
            "SCHEMA_VALIDATION_FAILED: The value for the field 'b.$' must be a valid JSONPath or a valid intrinsic "
            "function call at /States/a/Parameters",
        ),
    ],
)
def test_an_invalid_definition_is_refused_in_aws_s_words(states, role, definition, problems):
    text = definition if isinstance(definition, str) else json.dumps(definition)
    with pytest.raises(states.exceptions.InvalidDefinition) as caught:
        states.create_state_machine(name="invalid", definition=text, roleArn=role)
    assert f"Invalid State Machine Definition: '{problems}" in str(caught.value)


def test_an_update_to_an_invalid_definition_is_refused_and_changes_nothing(states, role, request):
    before = json.dumps({"StartAt": "S", "States": {"S": PASS}})
    arn = states.create_state_machine(name="to-update", definition=before, roleArn=role)["stateMachineArn"]
    request.addfinalizer(lambda: states.delete_state_machine(stateMachineArn=arn))
    with pytest.raises(states.exceptions.InvalidDefinition, match="Missing 'Next' target: T at /StartAt"):
        states.update_state_machine(stateMachineArn=arn, definition=json.dumps({"StartAt": "T", "States": {"S": PASS}}))
    assert states.describe_state_machine(stateMachineArn=arn)["definition"] == before
