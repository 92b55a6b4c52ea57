"""CloudFormation: stacks made by the emulator's own services, changed by change sets, rolled back, removed."""

import json
import uuid

import boto3
import pytest

pytestmark = pytest.mark.local

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def template(name, **more):
    read = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": {"Fn::Sub": "arn:aws:s3:::${Bucket}/*"}}
    role = {
        "RoleName": name,
        "AssumeRolePolicyDocument": TRUST,
        "Policies": [{"PolicyName": "read", "PolicyDocument": {"Version": "2012-10-17", "Statement": [read]}}],
    }
    resources = {
        "Group": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": f"/{name}", "RetentionInDays": 7}},
        "Role": {"Type": "AWS::IAM::Role", "Properties": role},
        **more,
    }
    outputs = {"Arn": {"Value": {"Fn::GetAtt": ["Role", "Arn"]}}}
    return json.dumps({"Parameters": {"Bucket": {"Type": "String"}}, "Resources": resources, "Outputs": outputs})


@pytest.fixture
def name():
    return f"stack-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def cfn(target, name):
    cfn = boto3.client("cloudformation")
    yield cfn
    cfn.delete_stack(StackName=name)


def change(cfn, name, kind, body, bucket="images", tag="one"):
    """A change set, carried out where it has changes; what it would do."""
    made = cfn.create_change_set(
        StackName=name,
        ChangeSetName=f"change-{uuid.uuid4().hex[:8]}",
        ChangeSetType=kind,
        TemplateBody=body,
        Parameters=[{"ParameterKey": "Bucket", "ParameterValue": bucket}],
        Capabilities=["CAPABILITY_NAMED_IAM"],
        Tags=[{"Key": "run", "Value": tag}],
    )["Id"]
    described = cfn.describe_change_set(ChangeSetName=made)
    if described["Status"] == "FAILED":
        assert "didn't contain changes" in described["StatusReason"]
        return None
    cfn.execute_change_set(ChangeSetName=made)
    changes = [item["ResourceChange"] for item in described["Changes"]]
    return {(change["Action"], change["LogicalResourceId"]) for change in changes}


def test_a_stack_from_its_first_change_set_to_its_end(cfn, name):
    iam, logs = boto3.client("iam"), boto3.client("logs")
    assert change(cfn, name, "CREATE", template(name)) == {("Add", "Group"), ("Add", "Role")}
    (stack,) = cfn.describe_stacks(StackName=name)["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert [output["OutputValue"] for output in stack["Outputs"]] == [iam.get_role(RoleName=name)["Role"]["Arn"]]
    tags = {tag["Key"]: tag["Value"] for tag in iam.list_role_tags(RoleName=name)["Tags"]}
    assert (tags["run"], tags["aws:cloudformation:logical-id"]) == ("one", "Role")
    # The same again changes nothing, another value what refers to it, other tags everything.
    assert change(cfn, name, "UPDATE", template(name)) is None
    assert change(cfn, name, "UPDATE", template(name), bucket="others") == {("Modify", "Role")}
    document = iam.get_role_policy(RoleName=name, PolicyName="read")["PolicyDocument"]
    assert document["Statement"][0]["Resource"] == "arn:aws:s3:::others/*"
    modified = change(cfn, name, "UPDATE", template(name), bucket="others", tag="two")
    assert modified == {("Modify", "Group"), ("Modify", "Role")}
    (group,) = logs.describe_log_groups(logGroupNamePrefix=f"/{name}")["logGroups"]
    assert logs.list_tags_for_resource(resourceArn=group["arn"].removesuffix(":*"))["tags"]["run"] == "two"
    cfn.delete_stack(StackName=name)
    with pytest.raises(cfn.exceptions.ClientError, match="does not exist"):
        cfn.describe_stacks(StackName=name)
    assert logs.describe_log_groups(logGroupNamePrefix=f"/{name}")["logGroups"] == []


def test_what_lambda_refuses_rolls_the_stack_back(cfn, name):
    other = {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:role/nobody"}
    code = {"S3Bucket": "no-such-bucket", "S3Key": "code.zip"}
    function = {"FunctionName": name, "Role": other, "Code": code, "Handler": "a.b", "Runtime": "python3.12"}
    change(cfn, name, "CREATE", template(name, Function={"Type": "AWS::Lambda::Function", "Properties": function}))
    (stack,) = cfn.describe_stacks(StackName=name)["Stacks"]
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    events = cfn.describe_stack_events(StackName=name)["StackEvents"]
    (failed,) = [event for event in events if event["ResourceStatus"] == "CREATE_FAILED"]
    assert "The role defined for the function cannot be assumed by Lambda." in failed["ResourceStatusReason"]
    assert boto3.client("logs").describe_log_groups(logGroupNamePrefix=f"/{name}")["logGroups"] == []


def test_a_role_that_others_gave_policies_is_not_deleted(cfn, name):
    iam = boto3.client("iam")
    change(cfn, name, "CREATE", template(name))
    iam.put_role_policy(RoleName=name, PolicyName="other", PolicyDocument=json.dumps(ALLOW))
    cfn.delete_stack(StackName=name)
    assert cfn.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"] == "DELETE_FAILED"
    iam.delete_role_policy(RoleName=name, PolicyName="other")
    cfn.delete_stack(StackName=name)
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_role(RoleName=name)


ALLOW = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
