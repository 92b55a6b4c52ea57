"""Operations that other tests leave out: what is made is told, listed, and gone afterwards."""

import json
import uuid

import boto3
import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::123456789012:role/everything"
TEMPLATE = json.dumps(
    {
        "Parameters": {"Say": {"Type": "String", "Default": "hello"}},
        "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
        "Outputs": {"Url": {"Value": {"Ref": "Queue"}, "Export": {"Name": {"Fn::Sub": "${AWS::StackName}-url"}}}},
    }
)


@pytest.fixture(scope="module")
def states(target, role):
    return boto3.client("stepfunctions")


@pytest.fixture
def cloudformation(target, role):
    return boto3.client("cloudformation")


@pytest.fixture
def stack(cloudformation):
    name = f"rare-{uuid.uuid4().hex[:8]}"
    cloudformation.create_stack(StackName=name, TemplateBody=TEMPLATE)
    cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    yield name
    cloudformation.delete_stack(StackName=name)


def test_activities_are_described_and_listed(states):
    name = f"a-{uuid.uuid4().hex[:8]}"
    arn = states.create_activity(name=name)["activityArn"]
    assert states.describe_activity(activityArn=arn)["name"] == name
    assert arn in [each["activityArn"] for each in states.list_activities()["activities"]]
    states.delete_activity(activityArn=arn)
    with pytest.raises(ClientError, match="ActivityDoesNotExist"):
        states.describe_activity(activityArn=arn)


def test_aliases_of_state_machines_are_described_and_listed(states):
    name = f"m-{uuid.uuid4().hex[:8]}"
    definition = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}})
    machine = states.create_state_machine(name=name, roleArn=ROLE, definition=definition, publish=True)
    routes = [{"stateMachineVersionArn": machine["stateMachineVersionArn"], "weight": 100}]
    alias = states.create_state_machine_alias(name="live", routingConfiguration=routes)["stateMachineAliasArn"]
    assert states.describe_state_machine_alias(stateMachineAliasArn=alias)["routingConfiguration"] == routes
    listed = states.list_state_machine_aliases(stateMachineArn=machine["stateMachineArn"])["stateMachineAliases"]
    assert [each["stateMachineAliasArn"] for each in listed] == [alias]
    started = states.start_execution(stateMachineArn=alias)["executionArn"]
    assert states.describe_execution(executionArn=started)["stateMachineAliasArn"] == alias
    states.delete_state_machine(stateMachineArn=machine["stateMachineArn"])


def test_stacks_are_told_and_listed(cloudformation, stack):
    assert json.loads(json.dumps(cloudformation.get_template(StackName=stack)["TemplateBody"])) == json.loads(TEMPLATE)
    resources = cloudformation.list_stack_resources(StackName=stack)["StackResourceSummaries"]
    assert [each["LogicalResourceId"] for each in resources] == ["Queue"]
    assert stack in [each["StackName"] for each in cloudformation.list_stacks()["StackSummaries"]]
    assert f"{stack}-url" in [each["Name"] for each in cloudformation.list_exports()["Exports"]]
    validated = cloudformation.validate_template(TemplateBody=TEMPLATE)["Parameters"]
    assert [each["ParameterKey"] for each in validated] == ["Say"]
    with pytest.raises(ClientError, match="ValidationError"):
        cloudformation.validate_template(TemplateBody="{}")


def test_change_sets_are_listed_and_deleted(cloudformation, stack):
    template = json.loads(TEMPLATE)
    template["Resources"]["Topic"] = {"Type": "AWS::SNS::Topic"}
    cloudformation.create_change_set(StackName=stack, ChangeSetName="more", TemplateBody=json.dumps(template))
    cloudformation.get_waiter("change_set_create_complete").wait(
        StackName=stack, ChangeSetName="more", WaiterConfig={"Delay": 1}
    )
    listed = cloudformation.list_change_sets(StackName=stack)["Summaries"]
    assert [each["ChangeSetName"] for each in listed] == ["more"]
    cloudformation.delete_change_set(StackName=stack, ChangeSetName="more")
    assert cloudformation.list_change_sets(StackName=stack)["Summaries"] == []


def test_policies_of_stacks_are_kept(cloudformation, stack):
    policy = '{"Statement":[{"Effect":"Allow","Action":"Update:*","Principal":"*","Resource":"*"}]}'
    cloudformation.set_stack_policy(StackName=stack, StackPolicyBody=policy)
    assert cloudformation.get_stack_policy(StackName=stack)["StackPolicyBody"] == policy
