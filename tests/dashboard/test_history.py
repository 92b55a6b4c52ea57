"""Steps and their states, read from histories: AWS's own, and our engine's of nested machines."""

import json
import uuid

import boto3
import pytest

from harness.dashboard.definition import fails_of
from harness.dashboard.history import steps_of
from harness.dashboard.steps import states_of
from harness.parity.export import read_export
from harness.project.executions import history, run, wait


@pytest.fixture
def ran(role):
    """Runs a machine, given its states, and gives its steps and how it ended."""
    states, made = boto3.client("stepfunctions"), []

    def go(definition, given):
        text = json.dumps(definition)
        arn = states.create_state_machine(name=f"steps-{uuid.uuid4().hex[:8]}", definition=text, roleArn=role)
        made.append(arn["stateMachineArn"])
        result = run(states, made[-1], given)
        return steps_of(history(states, result.arn), fails_of(text)), result

    yield go
    for arn in made:
        states.delete_state_machine(stateMachineArn=arn)


def told(steps):
    return [(step.name, step.items, step.status) for step in steps]


def branch(start, **states):
    return {"StartAt": start, "States": states}


PASS = {"Type": "Pass", "End": True}
EACH = branch(
    "Look",
    Look={"Type": "Choice", "Choices": [{"Variable": "$.bad", "BooleanEquals": True, "Next": "No"}], "Default": "Both"},
    No={"Type": "Fail", "Error": "Bad", "Cause": "this one is bad"},
    Both={"Type": "Parallel", "End": True, "Branches": [branch("Left", Left=PASS), branch("Right", Right=PASS)]},
)
NESTED = branch(
    "All",
    All={
        "Type": "Map",
        "ItemsPath": "$.items",
        "MaxConcurrency": 1,
        "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, **EACH},
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Sorry"}],
        "Next": "Done",
    },
    Done={"Type": "Succeed"},
    Sorry=PASS,
)


def test_the_states_of_aws_own_histories(real_data):
    paths = sorted((real_data / "aws-truth" / "executions").glob("*.json"))
    assert paths
    for path in paths:
        recorded = read_export(path)
        steps = steps_of(recorded.events)
        entered = [event for event in recorded.events if "stateEnteredEventDetails" in event]
        assert [step.name for step in steps] == [event["stateEnteredEventDetails"]["name"] for event in entered]
        ended = recorded.events[-1]["type"].startswith("Execution")
        left = steps if ended else steps[:-1]
        assert all(step.left is not None and step.left >= step.entered for step in left)
        assert all(step.function and step.attempts for step in steps if step.kind == "Task")
        failed = recorded.events[-1]["type"] == "ExecutionFailed"
        redriven = any(event["type"] == "ExecutionRedriven" for event in recorded.events)
        if not redriven:
            assert [step.status == "FAILED" for step in steps] == [False] * (len(steps) - 1) + [failed]


def test_a_fail_state_that_was_redriven_ended_when_it_failed(role):
    states = boto3.client("stepfunctions")
    definition = json.dumps({"StartAt": "No", "States": {"No": {"Type": "Fail", "Error": "E"}}})
    name = f"steps-{uuid.uuid4().hex[:8]}"
    machine = states.create_state_machine(name=name, definition=definition, roleArn=role)["stateMachineArn"]
    arn = run(states, machine, {}).arn
    (first,) = steps_of(history(states, arn), {})
    states.redrive_execution(executionArn=arn)
    wait(states, arn)
    steps = steps_of(history(states, arn), {})
    assert [(step.name, step.status) for step in steps] == [("No", "FAILED")] * 2
    assert steps[0].left == first.left
    states.delete_state_machine(stateMachineArn=machine)


def test_what_is_nested_comes_item_by_item_branch_by_branch(ran):
    steps, result = ran(NESTED, {"items": [{"bad": False}, {"bad": False}]})
    assert result.succeeded
    inside = ("Look", "Both", "Left", "Right")
    items = [(name, f"item {item}", "SUCCEEDED") for item in (1, 2) for name in inside]
    # Branches begin in either order, and one may begin before the other.
    assert sorted(told(steps)) == sorted([("All", "", "SUCCEEDED"), *items, ("Done", "", "SUCCEEDED")])
    assert [step.depth for step in steps] == [0, 1, 1, 2, 2, 1, 1, 2, 2, 0]
    assert states_of(steps)["Left"] | {"tries": 0} == {
        "status": "SUCCEEDED", "steps": 2, "done": 2, "failed": 0, "waits": False, "tries": 0
    }  # fmt: skip


def test_a_failure_inside_is_told_where_it_was_and_caught_where_it_was_caught(ran):
    steps, result = ran(NESTED, {"items": [{"bad": False}, {"bad": True}, {"bad": False}]})
    assert result.succeeded
    statuses = {(step.name, step.items): step.status for step in steps}
    assert statuses["No", "item 2"] == "FAILED"
    assert statuses["Both", "item 1"] == "SUCCEEDED"
    assert statuses["All", ""] == "CAUGHT"
    assert statuses["Sorry", ""] == "SUCCEEDED"
    assert [(step.error, step.cause) for step in steps if step.name in ("No", "All")] == [
        ("Bad", "this one is bad")
    ] * 2


def test_a_failure_that_nobody_catches_fails_all_around_it(ran):
    definition = json.loads(json.dumps(NESTED))
    del definition["States"]["All"]["Catch"], definition["States"]["Sorry"]
    steps, result = ran(definition, {"items": [{"bad": True}]})
    assert result.status == "FAILED"
    assert told(steps) == [("All", "", "FAILED"), ("Look", "item 1", "SUCCEEDED"), ("No", "item 1", "FAILED")]


def test_tries_are_counted_and_a_state_that_waits_for_the_next_says_so(ran, clock, faults):
    faults.add(state="Call", error="Lambda.ServiceException", times=2)
    call = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": "nobody", "Payload": {}},
        "Retry": [{"ErrorEquals": ["Lambda.ServiceException"], "MaxAttempts": 2}],
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Sorry"}],
        "End": True,
    }
    states = boto3.client("stepfunctions")
    steps, result = ran(branch("Call", Call=call, Sorry=PASS), {})
    assert [attempt.error for attempt in steps[0].attempts][:2] == ["Lambda.ServiceException"] * 2
    assert len(steps[0].attempts) == 3 and steps[0].status == "CAUGHT"  # there is no such function
    assert steps[0].function == "nobody"
    events = history(states, result.arn)
    second = next(event["id"] for event in events if event["type"] == "TaskFailed")
    going_on = steps_of([event for event in events if event["id"] <= second])
    assert going_on[0].status == "RUNNING" and going_on[0].waits
    assert states_of(going_on)["Call"]["waits"]


def test_a_loop_shows_its_last_time_round(ran):
    look = {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericEquals": 1, "Next": "Once"}], "Default": "End"}
    once = {"Type": "Pass", "Result": {"n": 2}, "Next": "Look"}
    steps, _ = ran(branch("Look", Look=look, Once=once, End={"Type": "Succeed"}), {"n": 1})
    assert [step.name for step in steps] == ["Look", "Once", "Look", "End"]
    assert states_of(steps)["Look"]["steps"] == 2


def test_an_input_that_a_state_cannot_handle_is_that_states_failure(ran):
    look = {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericEquals": 1, "Next": "Once"}]}
    steps, result = ran(branch("Look", Look=look, Once=PASS), {"n": 2})
    assert result.status == "FAILED"
    assert told(steps) == [("Look", "", "FAILED")]
    assert steps[0].error == result.error == "States.NoChoiceMatched"
