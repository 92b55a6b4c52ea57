"""Names and values of task integrations: AWS's SDK for Java against botocore's models."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.emulator.aws_models import service_model
from harness.emulator.stepfunctions.integrations import java
from harness.emulator.stepfunctions.integrations.registry import OPTIMIZED, WEB, Integrations
from harness.emulator.stepfunctions.integrations.resource import parse_resource
from harness.emulator.stepfunctions.integrations.values import Unusable, iso_text, to_json, to_request


def refusal(resource, **more):
    return Integrations(lambda *call: None).refusal(resource, **more)


@pytest.mark.parametrize(
    "name, spelled",
    [
        ("ETag", "ETag"),
        ("DBInstanceIdentifier", "DbInstanceIdentifier"),
        ("stateMachineArn", "StateMachineArn"),
        ("MD5OfBody", "Md5OfBody"),
        ("ChecksumCRC32", "ChecksumCRC32"),
        ("Bucket", "Bucket"),
        ("S", "S"),
    ],
)
def test_members_are_spelled_as_getters_of_the_sdk_for_java(name, spelled):
    assert java.sdk_member(name) == spelled


@pytest.mark.parametrize(
    "service_id, name",
    [
        ("DynamoDB", "DynamoDb"),
        ("SFN", "Sfn"),
        ("Secrets Manager", "SecretsManager"),
        ("S3", "S3"),
        ("SageMaker", "SageMaker"),
        ("CloudWatch Logs", "CloudWatchLogs"),
        ("Config Service", "Config"),
    ],
)
def test_services_are_called_as_in_the_sdk_for_java(service_id, name):
    assert java.sdk_service_name(service_id) == name


@pytest.mark.parametrize(
    "shape, name",
    [("NoSuchKey", "NoSuchKeyException"), ("KMSDisabledException", "KmsDisabledException"), ("DBFault", "DbException")],
)
def test_errors_are_called_as_in_the_sdk_for_java(shape, name):
    assert java.sdk_exception(shape) == name


@pytest.mark.slow
def test_every_service_of_botocore_has_its_java_name():
    from botocore.session import Session

    session = Session()
    loader = session.get_component("data_loader")
    for name in session.get_available_services():
        found = java.sdk_service_name(loader.load_service_model(name, "service-2")["metadata"]["serviceId"]).lower()
        if name != "pinpoint-sms-voice":  # two models of one service
            assert java.boto3_service(found) == name


def test_declared_operations_are_in_the_models():
    for integration in OPTIMIZED.values():
        if integration.emulated and integration.service not in WEB:
            for action in integration.actions:
                assert integration.model(action).name == java.operation(action)


@pytest.mark.parametrize(
    "resource",
    [
        "arn:aws:states:::lambda:invoke",
        "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "arn:aws:states:::states:startExecution.sync:2",
        "arn:aws:states:::sagemaker:createTrainingJob.sync",
        "arn:aws:states:::aws-sdk:sfn:startExecution",
        "arn:aws:states:::aws-sdk:cloudwatchlogs:createLogGroup",
        "arn:aws:lambda:us-east-1:123456789012:function:f:alias",
        "arn:aws:states:us-east-1:123456789012:activity:a",
        "arn:aws:states:::batch:submitJob.sync",
    ],
)
def test_resources_that_aws_knows_are_taken(resource):
    assert refusal(resource) is None


@pytest.mark.parametrize(
    "resource",
    [
        "arn:aws:states:::dynamodb:query",
        "arn:aws:states:::lambda:invoke.sync",
        "arn:aws:states:::sqs:sendMessage.sync",
        "arn:aws:states:::aws-sdk:logs:createLogGroup",
        "arn:aws:states:::aws-sdk:s3:GetObject",
        "arn:aws:states:::aws-sdk:s3:getObject.sync",
        "arn:aws:states:::nonsense",
        "lambda",
    ],
)
def test_resources_that_aws_does_not_know_are_refused_by_name(resource):
    assert f"The resource provided {resource} is not recognized" in refusal(resource)


def test_express_workflows_wait_for_nothing():
    assert ".sync" in refusal("arn:aws:states:::states:startExecution.sync", express=True)
    assert ".waitForTaskToken" in refusal("arn:aws:states:::sqs:sendMessage.waitForTaskToken", express=True)
    assert "Activity" in refusal("arn:aws:states:us-east-1:123456789012:activity:a", express=True)


@given(st.text(max_size=60))
def test_any_text_is_a_resource_or_none(text):
    assert refusal(text) is None or "not recognized" in refusal(text)
    parse_resource("arn:aws:states:::" + text)


def test_objects_are_sent_as_their_json():
    shape = service_model("stepfunctions").operation_model("StartExecution").input_shape
    made = to_request(shape, {"StateMachineArn": "arn", "Input": {"é": [1, None]}}, java.sdk_member)
    assert made == {"stateMachineArn": "arn", "input": '{"é":[1,null]}'}


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"TableNam": "t"}, 'The field "TableNam" is not supported by Step Functions'),
        ({"TableName": "t", "Item": {"id": {"N": 1}}}, "The value for the field 'N' must be a STRING"),
        ({"TableName": "t", "Item": "x"}, "The value for the field 'Item' must be an OBJECT"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_in_aws_words(arguments, words):
    assert Integrations(lambda *call: None).fault("arn:aws:states:::dynamodb:putItem", arguments) == words
    shape = service_model("dynamodb").operation_model("PutItem").input_shape
    with pytest.raises(Unusable):
        to_request(shape, arguments, java.sdk_member)


def test_results_are_json_with_a_body_at_their_end():
    shape = service_model("s3").operation_model("GetObject").output_shape
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    output = {"Body": b"{}", "ETag": '"e"', "LastModified": moment, "ContentLength": 2, "Metadata": {}}
    made = to_json(shape, output, java.sdk_member, iso_text)
    assert list(made.items()) == [
        ("ContentLength", 2),
        ("ETag", '"e"'),
        ("LastModified", "2026-01-02T03:04:05Z"),
        ("Metadata", {}),
        ("Body", "{}"),
    ]


@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2200, 1, 1)))
def test_times_are_printed_as_java_prints_an_instant(moment):
    text = iso_text(moment)
    assert text.endswith("Z") and datetime.fromisoformat(text).replace(tzinfo=None) == moment
    assert len(text) in (20, 24, 27)


def test_the_documentation_lists_every_optimized_integration():
    text = (Path(__file__).parents[2] / "docs" / "integrations.md").read_text()
    rows = {line.split("`")[1]: line for line in text.splitlines() if line.startswith("| `")}
    declared = {f"{service}:{action}": it for service, it in OPTIMIZED.items() for action in it.actions}
    assert rows.keys() == declared.keys()
    for name, integration in declared.items():
        service, _, action = name.partition(":")
        found = OPTIMIZED[service].actions[action]
        waits = found.waits
        ways = {"": "request", "sync": "job", "sync:2": "`.sync:2`", "waitForTaskToken": "token"}
        assert {waiting for waiting, words in ways.items() if words in rows[name]} == waits
        assert rows[name].endswith("| runs |" if integration.emulated and found.emulated else "| not emulated |")
