"""States that are mocked: by a fixture, and by a MockConfigFile of Step Functions Local."""

import json
import uuid

import boto3
import pytest
from botocore.exceptions import ClientError

from harness.emulator.stepfunctions.mocks import MockConfig, MockError
from tests.emulator.test_clock import finish

INVOKE = "arn:aws:states:::lambda:invoke"
RETRY = [{"ErrorEquals": ["Lambda.TooManyRequestsException"], "IntervalSeconds": 1, "MaxAttempts": 2}]
CALL = {"Type": "Task", "Resource": INVOKE, "Parameters": {"FunctionName": "f"}, "OutputPath": "$.Payload"}
TRAIN = {
    "Type": "Task",
    "Resource": "arn:aws:states:::sagemaker:createTrainingJob.sync",
    "Parameters": {"TrainingJobName": "j"},
    "End": True,
}
FILE = {
    "StateMachines": {"m": {"TestCases": {"Happy": {"Call": "Fine"}, "Throttled": {"Call": "Slow"}}}},
    "MockedResponses": {
        "Fine": {"0": {"Return": {"StatusCode": 200, "Payload": "fine"}}},
        "Slow": {
            "0-1": {"Throw": {"Error": "Lambda.TooManyRequestsException", "Cause": "Rate Exceeded."}},
            "2": {"Return": {"StatusCode": 200, "Payload": "at last"}},
        },
    },
}


@pytest.fixture(scope="module")
def states(target):
    return boto3.client("stepfunctions")


@pytest.fixture
def run(states, role, request):
    """Runs a definition of one state, and gives what came of it."""

    def run(name, state):
        machine = states.create_state_machine(
            name=f"mocks-{uuid.uuid4().hex[:8]}",
            definition=json.dumps({"StartAt": name, "States": {name: state}}),
            roleArn=role,
        )["stateMachineArn"]
        request.addfinalizer(lambda: states.delete_state_machine(stateMachineArn=machine))
        return finish(states, states.start_execution(stateMachineArn=machine)["executionArn"])

    return run


def test_a_state_answers_what_the_test_says_try_by_try(clock, mocks, run):
    mocks.fail("Call", "Lambda.TooManyRequestsException", "Rate Exceeded.")
    mocks.answer("Call", {"StatusCode": 200, "Payload": {"n": 1}})
    answer, events = run("Call", {**CALL, "Retry": RETRY, "End": True})
    assert json.loads(answer["output"]) == {"n": 1}
    failed = [event["taskFailedEventDetails"] for event in events if event["type"] == "TaskFailed"]
    assert [(each["error"], each["cause"]) for each in failed] == [
        ("Lambda.TooManyRequestsException", "Rate Exceeded.")
    ]


def test_a_job_comes_to_what_the_test_says(mocks, run):
    mocks.answer("Train", {"TrainingJobName": "j", "TrainingJobStatus": "Completed"})
    answer, events = run("Train", TRAIN)
    assert json.loads(answer["output"])["TrainingJobStatus"] == "Completed"
    assert "TaskSubmitted" in [event["type"] for event in events]


def test_a_result_that_the_service_would_not_give_is_told(mocks, run):
    mocks.answer("Train", {"TrainingJobStatus": "Perfect"})
    answer, _ = run("Train", TRAIN)
    assert answer["status"] == "FAILED"
    assert "Field 'TrainingJobStatus' is not an expected value" in answer["cause"]


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("mocks", {"mocks": "Train"}, "mocks is no list of objects"),
        ("mocks", {"mocks": ["Train"]}, "mocks is no list of objects"),
        ("mocks", {"mocks": [{"state": 1}]}, "a mock names a state"),
        ("mocks", {"mocks": [{"state": "Train", "machine": 1}]}, "Train: machine and mode are texts"),
        ("tasks/script", {"answers": [1]}, "answers is no list of objects"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(control, path, body, words):
    with pytest.raises(ValueError, match=words):
        control.post(path, body)


def test_mocks_end_with_the_test(run):
    answer, _ = run("Call", {**CALL, "End": True})
    assert answer["error"] == "Lambda.ResourceNotFoundException"


def test_test_cases_are_read_from_a_file():
    cases = MockConfig.read(json.dumps(FILE)).cases["m"]
    assert [type(cases["Throttled"]["Call"].of(number)).__name__ for number in range(4)] == [
        *("Failure", "Failure", "Result", "Result")
    ]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"MockedResponses": {}}, "MockedResponses has no Fine"),
        ({"MockedResponses": {"Fine": {"x": {}}}}, "'x' is no number of a try"),
        ({"MockedResponses": {"Fine": {"0": {}}}}, "one of Return and Throw"),
        ({"MockedResponses": {"Fine": {"0": {"Throw": {}}}}}, "Throw has an Error"),
    ],
)
def test_a_file_that_makes_no_sense_is_named(change, words):
    with pytest.raises(MockError, match=words):
        MockConfig.read(json.dumps(FILE | change))


def test_a_test_case_needs_a_file(states, role, request):
    name = f"mocks-{uuid.uuid4().hex[:8]}"
    definition = json.dumps({"StartAt": "Call", "States": {"Call": {**CALL, "End": True}}})
    arn = states.create_state_machine(name=name, definition=definition, roleArn=role)["stateMachineArn"]
    request.addfinalizer(lambda: states.delete_state_machine(stateMachineArn=arn))
    with pytest.raises(ClientError, match=f"no test case {name}#Happy"):
        states.start_execution(stateMachineArn=f"{arn}#Happy")
