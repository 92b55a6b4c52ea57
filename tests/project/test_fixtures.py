"""Fixtures in a project whose stack has queues, a table, a bucket and an Express workflow."""

import json

import pytest

from tests.project.test_own_project import tried

TRUST = {"Effect": "Allow", "Principal": {"Service": ["states.amazonaws.com", "events.amazonaws.com"]}}
ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}
PASSES = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
KEYS = {
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
}


def machine(**more):
    role = {"Fn::GetAtt": ["Role", "Arn"]}
    return {"Type": "AWS::StepFunctions::StateMachine", "Properties": {"Definition": PASSES, "RoleArn": role, **more}}


RESOURCES = {
    "Role": {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [{**TRUST, "Action": "sts:AssumeRole"}]},
            "Policies": [{"PolicyName": "all", "PolicyDocument": {"Version": "2012-10-17", "Statement": [ALL]}}],
        },
    },
    "Queue": {"Type": "AWS::SQS::Queue"},
    "Dead": {"Type": "AWS::SQS::Queue"},
    "Table": {"Type": "AWS::DynamoDB::Table", "Properties": KEYS},
    "Bucket": {"Type": "AWS::S3::Bucket"},
    "Quick": machine(StateMachineType="EXPRESS"),
    "Orders": machine(),
    "Rule": {
        "Type": "AWS::Events::Rule",
        "Properties": {
            "EventPattern": {"source": ["shop"]},
            "Targets": [{"Id": "o", "Arn": {"Ref": "Orders"}, "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]}}],
        },
    },
}
TESTS = """
import statistics
import time

import pytest

from harness.testing.fresh import fresh_stack

pytestmark = pytest.mark.local


@pytest.mark.parametrize("time", [1, 2])
def test_is_fresh_again_and_again(fresh, stack, time):
    sqs, url = stack.session.client("sqs"), stack["Queue"].physical_id
    assert "Messages" not in sqs.receive_message(QueueUrl=url)  # nor is one left by the first time
    sqs.send_message(QueueUrl=url, MessageBody="of this test")
    stack.session.client("dynamodb").put_item(TableName=stack["Table"].name, Item={"id": {"S": "a"}})


def test_is_fresh_at_the_end(stack):
    assert stack.session.client("dynamodb").scan(TableName=stack["Table"].name)["Count"] == 0
    assert "Messages" not in stack.session.client("sqs").receive_message(QueueUrl=stack["Queue"].physical_id)


def test_an_event_beside_an_express_workflow(events):
    events.put("shop", "placed", {"id": 1})
    assert events.caused("Orders").output["detail"] == {"id": 1}


def test_costs_little(stack):
    took = []
    for _ in range(15):
        begun = time.process_time()
        with fresh_stack(stack):
            pass
        took.append(time.process_time() - begun)
    assert statistics.median(took) < 0.05
"""


@pytest.mark.slow
def test_fresh_and_events_beside_queues_and_express_workflows(tmp_path):
    (tmp_path / "template.yaml").write_text(json.dumps({"Resources": RESOURCES}))
    (tmp_path / "pyproject.toml").write_text('[tool.harness]\nstack = "fixtures"\n')
    (tmp_path / "test_fixtures.py").write_text(TESTS)
    assert "5 passed" in tried(tmp_path, "-m", "local")
