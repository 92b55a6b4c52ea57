"""Step Functions through boto3: names, outputs and failures of executions."""

import json
import uuid

import boto3
import pytest

from tests.waiting import execution_ended


@pytest.fixture(scope="module")
def client(target, role):
    return boto3.client("stepfunctions")


@pytest.fixture
def create(client, target):
    made = []

    def make(definition):
        arn = client.create_state_machine(
            name=f"machine-{uuid.uuid4().hex[:8]}",
            definition=json.dumps(definition),
            roleArn="arn:aws:iam::123456789012:role/everything",
        )["stateMachineArn"]
        made.append(arn)
        return arn

    yield make
    for arn in made:
        client.delete_state_machine(stateMachineArn=arn)


PASS = {"StartAt": "Pass", "States": {"Pass": {"Type": "Pass", "End": True}}}


def test_executions_without_a_name_are_given_one(client, create):
    arn = create(PASS)
    executions = [client.start_execution(stateMachineArn=arn)["executionArn"] for _ in range(3)]
    names = [execution.rpartition(":")[2] for execution in executions]
    assert len(set(names)) == 3
    for execution, name in zip(executions, names, strict=True):
        uuid.UUID(name)
        assert execution_ended(client, execution)["name"] == name


def test_the_same_name_twice_is_refused(client, create):
    arn = create(PASS)
    first = client.start_execution(stateMachineArn=arn, name="once", input='{"n":1}')["executionArn"]
    execution_ended(client, first)
    with pytest.raises(client.exceptions.ExecutionAlreadyExists, match="Execution Already Exists"):
        client.start_execution(stateMachineArn=arn, name="once", input='{"n":2}')


@pytest.mark.parametrize("value", [{"a": [1, "é"]}, "text", 7, None, [True]])
def test_output_is_json_of_any_kind_and_as_it_was_given_where_nothing_changes_it(client, create, value):
    execution = client.start_execution(stateMachineArn=create(PASS), input=json.dumps(value))["executionArn"]
    answer = execution_ended(client, execution)
    assert answer["status"] == "SUCCEEDED"
    assert answer["output"] == json.dumps(value)
    assert answer["outputDetails"] == {"included": True}
    assert answer["stopDate"] >= answer["startDate"]


def test_a_failed_execution_tells_error_and_cause(client, create):
    arn = create({"StartAt": "No", "States": {"No": {"Type": "Fail", "Error": "Nope", "Cause": "because"}}})
    answer = execution_ended(client, client.start_execution(stateMachineArn=arn)["executionArn"])
    assert (answer["status"], answer["error"], answer["cause"]) == ("FAILED", "Nope", "because")
    assert "output" not in answer


def test_a_missing_execution_is_refused_as_on_aws(client, target):
    arn = "arn:aws:states:us-east-1:123456789012:execution:machine:missing"
    with pytest.raises(client.exceptions.ExecutionDoesNotExist):
        client.describe_execution(executionArn=arn)


def test_the_engine_calls_services_through_shared_clients(client, create, monkeypatch):
    made = []
    make = boto3.session.Session.client

    def counting(self, *args, **kwargs):
        made.append(args)
        return make(self, *args, **kwargs)

    invoke = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": "missing"},
        "End": True,
    }
    arn = create({"StartAt": "Invoke", "States": {"Invoke": invoke}})
    first = execution_ended(client, client.start_execution(stateMachineArn=arn)["executionArn"])
    assert first["error"] == "Lambda.ResourceNotFoundException"
    monkeypatch.setattr(boto3.session.Session, "client", counting)
    execution_ended(client, client.start_execution(stateMachineArn=arn)["executionArn"])
    assert made == []
