"""Executions that ended long ago: found and shown as on the day they ended, and nothing goes through all of them."""

import json
import threading
import uuid

import boto3
import pytest

from tests.emulator.test_clock import has
from tests.waiting import execution_ended

COUNT = 90
"""More than the emulator keeps as objects."""
WAITING = {
    "StartAt": "Wait",
    "States": {
        "Wait": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
            "Parameters": {"FunctionName": "f", "Payload": {"token.$": "$$.Task.Token"}},
            "End": True,
        }
    },
}
PASS = {"StartAt": "Pass", "States": {"Pass": {"Type": "Pass", "Result": {"picture": "x" * 500}, "End": True}}}


@pytest.fixture(scope="module")
def states(target):
    return boto3.client("stepfunctions")


@pytest.fixture
def machine(states, role):
    name = f"many-{uuid.uuid4().hex[:8]}"
    arn = states.create_state_machine(name=name, definition=json.dumps(PASS), roleArn=role)["stateMachineArn"]
    yield arn
    states.delete_state_machine(stateMachineArn=arn)


def finish(states, arn):
    answer = execution_ended(states, arn)
    answer.pop("ResponseMetadata")
    return answer


def history(states, arn, **arguments):
    return states.get_execution_history(executionArn=arn, **arguments)["events"]


def test_the_first_of_many_is_shown_as_it_was(states, machine):
    first = states.start_execution(stateMachineArn=machine, name="first", input='{ "n": 1 }')["executionArn"]
    described, events = finish(states, first), history(states, first)
    for number in range(COUNT):
        finish(states, states.start_execution(stateMachineArn=machine, name=f"n{number}")["executionArn"])
    assert finish(states, first) == described
    assert history(states, first) == events
    assert history(states, first, reverseOrder=True, maxResults=2) == events[:-3:-1]
    assert events[0]["executionStartedEventDetails"]["input"] == '{ "n": 1 }'
    listed = [page["executions"] for page in states.get_paginator("list_executions").paginate(stateMachineArn=machine)]
    assert len([execution for page in listed for execution in page]) == COUNT + 1
    with pytest.raises(states.exceptions.ExecutionAlreadyExists):
        states.start_execution(stateMachineArn=machine, name="first", input='{ "n": 1 }')


def test_a_task_token_finds_its_execution_among_many(states, control, machine, role):
    for number in range(5):
        finish(states, states.start_execution(stateMachineArn=machine, name=f"n{number}")["executionArn"])
    control.post("tasks/script", {"answers": [{"service": "lambda", "target": "f", "output": None}]})
    name = f"waiting-{uuid.uuid4().hex[:8]}"
    waiting = states.create_state_machine(name=name, definition=json.dumps(WAITING), roleArn=role)["stateMachineArn"]
    arn = states.start_execution(stateMachineArn=waiting, name="once", input="{}")["executionArn"]
    events = has(states, arn, "TaskSubmitted")
    scheduled = next(event["taskScheduledEventDetails"] for event in events if event["type"] == "TaskScheduled")
    token = json.loads(scheduled["parameters"])["Payload"]["token"]
    states.send_task_success(taskToken=token, output='"done"')
    assert finish(states, arn)["output"] == '"done"'
    states.delete_state_machine(stateMachineArn=waiting)


def test_who_waits_for_executions_that_do_not_end_is_answered_soon(states, role):
    definition = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 3600, "End": True}}}
    name = f"slow-{uuid.uuid4().hex[:8]}"
    machine = states.create_state_machine(name=name, definition=json.dumps(definition), roleArn=role)["stateMachineArn"]
    executions = [states.start_execution(stateMachineArn=machine)["executionArn"] for _ in range(12)]
    answers = []

    def ask(arn):
        answers.extend(states.describe_execution(executionArn=arn)["status"] for _ in range(3))

    threads = [threading.Thread(target=ask, args=(arn,)) for arn in executions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert answers == ["RUNNING"] * 36
    for arn in executions:
        states.stop_execution(executionArn=arn)
        assert finish(states, arn)["status"] == "ABORTED"
    states.delete_state_machine(stateMachineArn=machine)
