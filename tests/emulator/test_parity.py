"""Executions of AWS replayed: the same events, details and all; and what ``harness parity`` says of others."""

import json
import os
import subprocess
import time
import uuid

import boto3
import pytest

from harness.parity.answers import answers_of
from harness.parity.compare import differences
from harness.parity.export import ExportError, read_export, record
from harness.parity.replay import replay
from harness.project.executions import wait
from tests.conftest import harness
from tests.emulator.packages import package

pytestmark = pytest.mark.local

ROLE = "arn:aws:iam::123456789012:role/everything"
INVOKE = "arn:aws:states:::lambda:invoke"


@pytest.fixture(scope="module")
def states(target, role):
    return boto3.client("stepfunctions")


@pytest.fixture
def execute(states, control):
    """Runs a definition whose tasks answer what they are told; the execution's ARN and history."""

    def run(definition, event, answers=()):
        machine = states.create_state_machine(
            name=f"m-{uuid.uuid4().hex[:8]}", definition=json.dumps(definition), roleArn=ROLE
        )["stateMachineArn"]
        control.post("tasks/script", {"answers": list(answers)})
        arn = states.start_execution(stateMachineArn=machine, input=json.dumps(event))["executionArn"]
        wait(states, arn, timeout=30)
        control.post("tasks/script", {"answers": []})
        return arn, states.get_execution_history(executionArn=arn)["events"]

    return run


def task(name="f", **more):
    return {"Type": "Task", "Resource": INVOKE, "Parameters": {"FunctionName": name, "Payload.$": "$"}, **more}


def test_executions_of_aws_have_the_same_history_here(states, control, real_data):
    exports = sorted((real_data / "aws-truth" / "executions").iterdir())
    assert exports
    for path in exports:
        recorded = read_export(path)
        assert differences(recorded.events, replay(recorded, states, boto3.client("iam"), control)) == [], path.name


@pytest.mark.long
def test_the_command_compares_and_records(states, execute, tmp_path):
    answers = [{"service": "lambda", "target": "f", "output": {"Payload": {"x": 1}}, "whole": True}]
    arn, _ = execute({"StartAt": "A", "States": {"A": task(End=True)}}, {"a": [1, 2]}, answers)
    made = subprocess.run(
        harness("parity", "--record", arn, "--output", "made.json"), cwd=tmp_path, capture_output=True, text=True
    )
    assert made.stdout == "wrote made.json: 7 events\n", made.stderr
    document = json.loads((tmp_path / "made.json").read_text())
    document["historyHash"]["7"]["executionSucceededEventDetails"]["output"] = '{"x":2}'
    (tmp_path / "other.json").write_text(json.dumps(document))
    compared = subprocess.run(
        harness("parity", "made.json", "other.json"),
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        capture_output=True,
        text=True,
    )
    assert compared.returncode == 1, compared.stderr
    same, differs, difference = compared.stdout.splitlines()
    assert same == "made.json: 7 events, no differences"
    assert differs == "other.json: 7 events, 1 differences"
    assert difference.startswith("  event 7 (ExecutionSucceeded): executionSucceededEventDetails.output: AWS ")


def test_a_failed_execution_with_retries_and_a_catch_replays_the_same(clock, states, control, execute):
    definition = {
        "StartAt": "Try",
        "States": {
            "Try": task(
                Retry=[{"ErrorEquals": ["Lambda.ServiceException"], "IntervalSeconds": 1, "MaxAttempts": 1}],
                Catch=[{"ErrorEquals": ["ThresholdConfidenceNotMet"], "Next": "Unsure"}],
                End=True,
            ),
            "Unsure": {"Type": "Fail", "Error": "Unsure", "Cause": "not sure enough"},
        },
    }
    cause = json.dumps({"errorMessage": "0.5 is not above 0.93", "errorType": "ThresholdConfidenceNotMet"})
    service = "Lambda had trouble (Service: AWSLambda; Status Code: 500; Error Code: ServiceException; Request ID: 1)"
    answers = [
        {"service": "lambda", "target": "f", "error": "Lambda.ServiceException", "cause": service},
        {"service": "lambda", "target": "f", "error": "ThresholdConfidenceNotMet", "cause": cause},
    ]
    arn, events = execute(definition, {}, answers)
    assert [event["type"] for event in events][-1] == "ExecutionFailed"
    document = json.loads(json.dumps(record(states, arn)))
    again = sorted(document["historyHash"].values(), key=lambda event: event["id"])
    assert [answer["error"] for answer in answers_of(again)] == ["Lambda.ServiceException", "ThresholdConfidenceNotMet"]


def test_what_is_no_export_is_named(tmp_path):
    (tmp_path / "other.json").write_text('{"stateMachine": {}}')
    with pytest.raises(ExportError, match=r"other.json is no export of an execution: 'execution' is missing"):
        read_export(tmp_path / "other.json")


def test_jsonata_transforms_assigns_and_chooses(execute):
    definition = {
        "QueryLanguage": "JSONata",
        "StartAt": "Sum",
        "States": {
            "Sum": {
                "Type": "Pass",
                "Assign": {"text": "say \"hello\" to 'all' \\ of them", "half": "{% $sum($states.input.values) / 2 %}"},
                "Output": {"total": "{% $sum($states.input.values) %}", "names": "{% $states.input.items.name %}"},
                "Next": "Choose",
            },
            "Choose": {
                "Type": "Choice",
                "Choices": [{"Condition": "{% $states.input.total > 5 %}", "Next": "Big"}],
                "Default": "Small",
            },
            "Big": {
                "Type": "Pass",
                "Output": "{% {'text': $text, 'half': $half, 'names': $states.input.names} %}",
                "End": True,
            },
            "Small": {"Type": "Fail", "Error": "Small"},
        },
    }
    _, events = execute(definition, {"values": [1, 2, 4], "items": [{"name": "a"}, {"name": "b"}]})
    assert json.loads(events[-1]["executionSucceededEventDetails"]["output"]) == {
        "text": "say \"hello\" to 'all' \\ of them",
        "half": 3.5,
        "names": ["a", "b"],
    }


def test_jsonata_that_gives_nothing_fails_as_on_aws(execute):
    definition = {
        "QueryLanguage": "JSONata",
        "StartAt": "Look",
        "States": {"Look": {"Type": "Pass", "Output": "{% $states.input.missing %}", "End": True}},
    }
    _, events = execute(definition, {"there": 1})
    assert events[-1]["type"] == "ExecutionFailed"
    assert events[-1]["executionFailedEventDetails"]["error"] == "States.QueryEvaluationError"


def test_a_large_input_is_bound_not_parsed(execute):
    definition = {
        "QueryLanguage": "JSONata",
        "StartAt": "Size",
        "States": {"Size": {"Type": "Pass", "Output": "{% $length($states.input.image) %}", "End": True}},
    }
    _, events = execute(definition, {"image": "A" * 100_000})
    assert events[-1]["executionSucceededEventDetails"]["output"] == "100000"


def test_the_result_of_an_invocation_has_aws_s_members(states, scripted_function):
    definition = {"StartAt": "A", "States": {"A": task(scripted_function, End=True)}}
    machine = states.create_state_machine(
        name=f"m-{uuid.uuid4().hex[:8]}", definition=json.dumps(definition), roleArn=ROLE
    )["stateMachineArn"]
    arn = states.start_execution(stateMachineArn=machine, input="{}")["executionArn"]
    output = wait(states, arn).output
    assert list(output) == ["ExecutedVersion", "Payload", "SdkHttpMetadata", "SdkResponseMetadata", "StatusCode"]
    assert output["Payload"] == {"done": True}
    metadata = output["SdkHttpMetadata"]
    assert list(metadata) == ["AllHttpHeaders", "HttpHeaders", "HttpStatusCode"]
    assert metadata["HttpHeaders"]["Content-Length"] == str(len('{"done": true}'))
    assert metadata["HttpHeaders"]["x-amzn-RequestId"] == output["SdkResponseMetadata"]["RequestId"]


@pytest.fixture
def scripted_function(target, role):
    name = f"f-{uuid.uuid4().hex[:8]}"
    code = package("def lambda_handler(event, context):\n    return {'done': True}\n")
    functions = boto3.client("lambda")
    functions.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role=role,
        Handler="lambda_function.lambda_handler",
        Code={"ZipFile": code},
    )
    yield name
    functions.delete_function(FunctionName=name)


WAITS = {
    "StartAt": "Wait",
    "States": {
        "Wait": {"Type": "Wait", "Seconds": 86400, "Next": "Untyped"},
        "Untyped": {
            "Type": "Task",
            "Resource": INVOKE,
            "Parameters": {"FunctionName": "f"},
            "Retry": [{"ErrorEquals": ["Lambda.Unknown"], "IntervalSeconds": 3600, "MaxAttempts": 1}],
            "Catch": [{"ErrorEquals": ["Lambda.SdkClientException"], "Next": "Silent"}],
            "Next": "Silent",
        },
        "Silent": {
            "Type": "Task",
            "Resource": INVOKE,
            "Parameters": {"FunctionName": "f"},
            "TimeoutSeconds": 7200,
            "End": True,
        },
    },
}


def test_long_waits_errors_without_a_type_and_time_outs_replay_at_once(clock, states, control, execute, tmp_path):
    cause = (
        "The cause could not be determined because Lambda did not return an error type. "
        'Returned payload: {"errorMessage":"gone"}'
    )
    sdk = "Unable to execute HTTP request (Service: Lambda; Status Code: 0; Request ID: 1)"
    answers = [
        {"service": "lambda", "target": "f", "error": "Lambda.Unknown", "cause": cause},
        {"service": "lambda", "target": "f", "error": "Lambda.SdkClientException", "cause": sdk},
        {"service": "lambda", "target": "f", "silent": True},
    ]
    arn, events = execute(WAITS, {}, answers)
    failed = [event["taskFailedEventDetails"] for event in events if event["type"] == "TaskFailed"]
    assert (failed[0]["error"], failed[0]["cause"]) == ("Lambda.Unknown", cause)
    assert failed[1]["error"] == "Lambda.SdkClientException"
    assert events[-1]["executionFailedEventDetails"]["error"] == "States.Timeout"
    export = tmp_path / "export.json"
    export.write_text(json.dumps(record(states, arn)))
    recorded = read_export(export)
    began = time.monotonic()
    assert differences(recorded.events, replay(recorded, states, boto3.client("iam"), control)) == []
    assert time.monotonic() - began < 5
