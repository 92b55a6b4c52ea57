"""TestState: one state alone, inspected and mocked."""

import json

import boto3
import pytest
from botocore.exceptions import ClientError

INVOKE = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "f"}}


@pytest.fixture(scope="module")
def test_state(target):
    client = boto3.client("stepfunctions")

    def test(definition, **more):
        answer = client.test_state(definition=json.dumps(definition), **more)
        answer.pop("ResponseMetadata")
        return answer

    return test


def test_a_state_is_run_and_inspected(test_state):
    state = {"Type": "Pass", "InputPath": "$.a", "Parameters": {"b.$": "$.n"}, "ResultPath": "$.r", "Next": "More"}
    answer = test_state(state, input='{"a": {"n": 1}}', inspectionLevel="DEBUG")
    assert (answer["status"], answer["nextState"]) == ("SUCCEEDED", "More")
    shown = {name: json.loads(text) for name, text in answer["inspectionData"].items()}
    assert (shown["afterInputPath"], shown["afterParameters"]) == ({"n": 1}, {"b": 1})
    assert json.loads(answer["output"]) == {"a": {"n": 1}, "r": {"b": 1}}


def test_variables_are_given(test_state):
    state = {"Type": "Pass", "QueryLanguage": "JSONata", "Output": {"code": "{% $code %}"}, "End": True}
    assert json.loads(test_state(state, variables='{"code": "204"}')["output"]) == {"code": "204"}


def test_a_task_is_mocked(test_state):
    result = {"StatusCode": 200, "Payload": {"n": 2}}
    answer = test_state({**INVOKE, "OutputPath": "$.Payload", "End": True}, mock={"result": json.dumps(result)})
    assert json.loads(answer["output"]) == {"n": 2}


def test_a_mocked_error_is_caught_or_tried_again(test_state):
    state = {
        **INVOKE,
        "Retry": [{"ErrorEquals": ["Slow"], "IntervalSeconds": 3, "MaxAttempts": 2, "BackoffRate": 2}],
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Sorry"}],
        "End": True,
    }
    mock = {"errorOutput": {"error": "Slow", "cause": "x"}}
    answer = test_state(state, mock=mock, inspectionLevel="DEBUG", stateConfiguration={"retrierRetryCount": 1})
    assert answer["status"] == "RETRIABLE"
    assert answer["inspectionData"]["errorDetails"] == {"retryIndex": 0, "retryBackoffIntervalSeconds": 6}
    answer = test_state(state, mock=mock, stateConfiguration={"retrierRetryCount": 2})
    assert (answer["status"], answer["nextState"], answer["error"]) == ("CAUGHT_ERROR", "Sorry", "Slow")


def test_a_task_token_is_given_with_the_context(test_state):
    state = {
        **INVOKE,
        "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Parameters": {"FunctionName": "f", "Payload": {"token.$": "$$.Task.Token"}},
        "End": True,
    }
    given = {"context": '{"Task": {"Token": "abc"}}', "mock": {"result": '{"approved": true}'}}
    answer = test_state(state, inspectionLevel="DEBUG", **given)
    assert json.loads(answer["inspectionData"]["afterParameters"])["Payload"] == {"token": "abc"}
    assert json.loads(answer["output"]) == {"approved": True}


def test_a_state_of_a_whole_machine_is_named(test_state):
    machine = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Succeed"}}}
    assert test_state(machine, stateName="A")["nextState"] == "B"
    with pytest.raises(ClientError, match="State not found in definition"):
        test_state(machine, stateName="C")


@pytest.mark.parametrize(
    ("state", "given", "words"),
    [
        ({**INVOKE, "End": True}, {}, "RoleArn must be specified when testing a Task state"),
        ({"Type": "Succeed"}, {"mock": {"result": "1"}}, "State type 'Succeed' is not supported when a mock"),
        ({**INVOKE, "End": True}, {"mock": {"result": "{"}}, "Mocked result must be valid JSON"),
        ({**INVOKE, "End": True}, {"mock": {"result": '{"StatusCode": "x"}'}}, "Field 'StatusCode' must be a number"),
        ({"Type": "Succeed"}, {"context": '{"Map": {}}'}, "'Map' field is not supported"),
    ],
)
def test_what_makes_no_sense_is_refused(test_state, state, given, words):
    with pytest.raises(ClientError, match=words) as refused:
        test_state(state, **given)
    assert refused.value.response["Error"]["Code"] == "ValidationException"
