"""Executions of AWS replayed: the same events, details and all; and what ``harness parity`` says of others."""

import json
import os
import subprocess
import time
import uuid

import boto3
import pytest

from harness.parity.compare import differences
from harness.parity.export import ExportError, read_export, record
from harness.parity.replay import replay
from harness.project.executions import wait
from tests.conftest import harness
from tests.emulator.packages import package
from tests.waiting import active

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


def test_executions_of_aws_have_the_same_history_here(real_data):
    exports = sorted((real_data / "aws-truth" / "executions").iterdir())
    assert exports
    for path in exports:
        recorded = read_export(path)
        assert differences(recorded.events, replay(recorded)) == [], path.name


def test_the_older_console_s_nulls_values_and_milliseconds_are_read(tmp_path, states, execute):
    arn, events = execute({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}, {"a": 1.5})
    document = json.loads(json.dumps(record(states, arn)))
    document["execution"]["input"] = {"a": 1.5}
    for event in document["historyHash"].values():
        event["timestamp"] = 1_700_000_000_000
        event |= {"taskFailedEventDetails": None, "mapRunStartedEventDetails": None}
        for details in event.values():
            if isinstance(details, dict):
                details |= {name: json.loads(details[name]) for name in ("input", "output") if name in details}
                details["machine"] = None
    (tmp_path / "old.json").write_text(json.dumps(document))
    recorded = read_export(tmp_path / "old.json")
    assert recorded.input == '{"a":1.5}'
    assert differences(recorded.events, replay(recorded)) == []
    assert len(recorded.events) == len(events)


def test_an_execution_that_still_ran_replays_as_far_as_it_was_exported(tmp_path, states, execute):
    arn, _ = execute({"StartAt": "A", "States": {"A": task(End=True)}}, {}, [{"service": "lambda", "target": "f"}])
    document = json.loads(json.dumps(record(states, arn)))
    document["historyHash"] = {str(number): document["historyHash"][str(number)] for number in range(1, 5)}
    (tmp_path / "running.json").write_text(json.dumps(document))
    recorded = read_export(tmp_path / "running.json")
    assert [event["type"] for event in recorded.events][-1] == "TaskStarted"
    assert differences(recorded.events, replay(recorded)) == []


@pytest.mark.slow
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
    same, differs, *found = compared.stdout.splitlines()
    assert same == "made.json: 7 events, no differences"
    assert differs == f"other.json: 7 events, {len(found)} differences"
    assert all(
        line.startswith("  event 7 (ExecutionSucceeded): executionSucceededEventDetails.output") for line in found
    )
    assert any("AWS 2, here nothing" in line for line in found), found


def test_a_failed_execution_with_retries_and_a_catch_replays_the_same(clock, states, execute, tmp_path):
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
    (tmp_path / "failed.json").write_text(json.dumps(record(states, arn)))
    recorded = read_export(tmp_path / "failed.json")
    assert differences(recorded.events, replay(recorded)) == []


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
    active(functions, name)
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


def test_long_waits_errors_without_a_type_and_time_outs_replay_at_once(clock, states, execute, tmp_path):
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
    assert differences(recorded.events, replay(recorded)) == []
    assert time.monotonic() - began < 5


def test_differences_are_told_where_they_are():
    def history(output):
        return [{"id": 1, "type": "TaskSucceeded", "taskSucceededEventDetails": {"output": output}}]

    long = {"a": list(range(200)), "b": {"c": 1}}
    assert differences(history(json.dumps(long)), history(json.dumps({**long, "b": {"c": 2}}))) == [
        "event 1 (TaskSucceeded): taskSucceededEventDetails.output.b.c: AWS 1, here 2"
    ]
    [told] = differences(history("x" * 500 + "y"), history("x" * 500 + "z"))
    assert 'xy", here "...' in told
    assert told.endswith('xz"')
    ids = [history(json.dumps({"id": str(uuid.uuid4())})) for _ in "ab"]
    assert not differences(*ids)


def test_a_map_run_replays_with_what_its_state_gave(states, execute, tmp_path):
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "B",
        "States": {"B": {"Type": "Pass", "End": True}},
    }
    definition = {"StartAt": "A", "States": {"A": {"Type": "Map", "ItemProcessor": processor, "End": True}}}
    arn, _ = execute(definition, [1, 2])
    path = tmp_path / "export.json"
    path.write_text(json.dumps(record(states, arn)))
    recorded = read_export(path)
    assert not differences(recorded.events, replay(recorded))
