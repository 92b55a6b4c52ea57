"""Stacks of APIs, aliases, workflows as SAM writes them; what CodeDeploy would do is said."""

import json
import uuid

import boto3
import pytest

from tests.emulator.packages import package


def mock(status):
    """A method of an OpenAPI document that answers by itself."""
    response = {"statusCode": status, "responseTemplates": {"application/json": "{}"}}
    integration = {
        "type": "mock",
        "requestTemplates": {"application/json": f'{{"statusCode": {status}}}'},
        "responses": {"default": response},
    }
    return {"responses": {status: {}}, "x-amazon-apigateway-integration": integration}


def rest(*paths, variables=()):
    """A REST API of SAM's: its deployment, named after its content, makes a stage of its own as well."""
    body = {"swagger": "2.0", "info": {"title": "of-sam"}, "paths": {path: {"get": mock("200")} for path in paths}}
    deployment = f"Deployment{abs(hash(paths))}"
    api = {"Ref": "Api"}
    stage = {"RestApiId": api, "StageName": "Prod", "DeploymentId": {"Ref": deployment}, "Variables": dict(variables)}
    return {
        "Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Body": body}},
        deployment: {"Type": "AWS::ApiGateway::Deployment", "Properties": {"RestApiId": api, "StageName": "Stage"}},
        "Stage": {"Type": "AWS::ApiGateway::Stage", "Properties": stage},
    }


@pytest.fixture
def cfn(target):
    return boto3.client("cloudformation")


@pytest.fixture
def deploy(cfn):
    """Makes the stack of these resources, or changes it; at the end it can be removed whole."""
    name = f"api-{uuid.uuid4().hex[:8]}"
    made = []

    def deploy(resources, **more):
        given = {"StackName": name, "TemplateBody": json.dumps({"Resources": resources}), **more}
        (cfn.update_stack if made else cfn.create_stack)(Capabilities=["CAPABILITY_IAM"], **given)
        waiter = cfn.get_waiter("stack_update_complete" if made else "stack_create_complete")
        made.append(name)
        waiter.wait(StackName=name, WaiterConfig={"Delay": 1})
        return {
            item["LogicalResourceId"]: item["PhysicalResourceId"]
            for item in cfn.describe_stack_resources(StackName=name)["StackResources"]
        }

    deploy.stack = name
    yield deploy
    cfn.delete_stack(StackName=name)
    cfn.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1})


def test_a_path_is_added_to_a_rest_api(deploy):
    api = boto3.client("apigateway")
    of = deploy(rest("/a", "/a/{b}", variables={"x": "1", "y": "1"}))["Api"]
    first = api.get_stage(restApiId=of, stageName="Prod")
    assert deploy(rest("/a", "/a/{b}", "/c", variables={"x": "2"}))["Api"] == of
    second = api.get_stage(restApiId=of, stageName="Prod")
    assert first["deploymentId"] != second["deploymentId"]
    assert second["variables"] == {"x": "2"}
    paths = {item["path"] for item in api.get_resources(restApiId=of)["items"]}
    assert paths == {"/", "/a", "/a/{b}", "/c"}


def test_a_stage_of_an_http_api_is_tagged_anew(deploy):
    stage = {"ApiId": {"Ref": "Api"}, "StageName": "$default", "AutoDeploy": True}
    resources = {
        "Api": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Name": "of-sam", "ProtocolType": "HTTP"}},
        "Stage": {"Type": "AWS::ApiGatewayV2::Stage", "Properties": stage},
    }
    of = deploy(resources)["Api"]
    stage["StageVariables"] = {"x": "2"}
    assert deploy(resources, Tags=[{"Key": "team", "Value": "a"}])["Api"] == of
    (found,) = boto3.client("apigatewayv2").get_stages(ApiId=of)["Items"]
    assert (found["StageName"], found["StageVariables"]) == ("$default", {"x": "2"})


@pytest.fixture
def bucket(target):
    name, s3 = f"packaged-{uuid.uuid4().hex[:8]}", boto3.resource("s3")
    bucket = s3.create_bucket(Bucket=name)
    yield bucket
    bucket.objects.delete()
    bucket.delete()


def test_a_definition_in_yaml_has_no_suffix_after_sam_package(deploy, bucket, role):
    bucket.put_object(
        Key="0123abc", Body=b"Comment: hello\nStartAt: A\nStates:\n  A: {Type: Succeed, Comment: '${What}'}\n"
    )
    properties = {
        "RoleArn": role,
        "DefinitionS3Location": {"Bucket": bucket.name, "Key": "0123abc"},
        "DefinitionSubstitutions": {"What": "it is"},
    }
    made = deploy({"Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}})
    found = boto3.client("stepfunctions").describe_state_machine(stateMachineArn=made["Machine"])
    assert json.loads(found["definition"])["States"] == {"A": {"Type": "Succeed", "Comment": "it is"}}


def test_nested_templates_are_told_by_s3_s_own_name(cfn, deploy, bucket):
    bucket.put_object(
        Key="abc.template", Body=json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}).encode()
    )
    address = f"{bucket.meta.client.meta.endpoint_url}/{bucket.name}/abc.template"  # as `sam package` writes it
    deploy({"Child": {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": address}}})
    told = cfn.get_template(StackName=deploy.stack)["TemplateBody"]["Resources"]["Child"]["Properties"]["TemplateURL"]
    assert told == f"https://s3.us-east-1.amazonaws.com/{bucket.name}/abc.template"


def test_an_alias_goes_to_its_next_version_at_once_and_not_past_hooks(cfn, deploy, bucket, role):
    def resources(number, **hooks):
        bucket.put_object(Key=f"{number}.zip", Body=package(f"def handler(e, c): return {number}"))
        code = {"S3Bucket": bucket.name, "S3Key": f"{number}.zip"}
        properties = {"Runtime": "python3.11", "Handler": "lambda_function.handler", "Role": role, "Code": code}
        alias = {
            "FunctionName": {"Ref": "F"},
            "Name": "live",
            "FunctionVersion": {"Fn::GetAtt": [f"V{number}", "Version"]},
        }
        update = {"ApplicationName": {"Ref": "Shift"}, "DeploymentGroupName": {"Ref": "Group"}, **hooks}
        return {
            "Shift": {"Type": "AWS::CodeDeploy::Application", "Properties": {"ComputePlatform": "Lambda"}},
            "Group": {
                "Type": "AWS::CodeDeploy::DeploymentGroup",
                "Properties": {"ApplicationName": {"Ref": "Shift"}, "ServiceRoleArn": role},
            },
            "F": {"Type": "AWS::Lambda::Function", "Properties": properties},
            f"V{number}": {"Type": "AWS::Lambda::Version", "Properties": {"FunctionName": {"Ref": "F"}}},
            "Live": {
                "Type": "AWS::Lambda::Alias",
                "Properties": alias,
                "UpdatePolicy": {"CodeDeployLambdaAliasUpdate": update},
            },
        }

    def answer():
        return json.load(boto3.client("lambda").invoke(FunctionName=made["Live"])["Payload"])

    made = deploy(resources(1))
    assert answer() == 1
    reasons = [
        event.get("ResourceStatusReason", "")
        for event in cfn.describe_stack_events(StackName=deploy.stack)["StackEvents"]
    ]
    assert any("not emulated: traffic shifting by CodeDeploy" in reason for reason in reasons)
    deploy(resources(2))
    assert answer() == 2
    with pytest.raises(Exception, match="UPDATE_ROLLBACK_COMPLETE"):
        deploy(resources(3, BeforeAllowTrafficHook={"Ref": "F"}))
    reasons = [
        event.get("ResourceStatusReason", "")
        for event in cfn.describe_stack_events(StackName=deploy.stack)["StackEvents"]
    ]
    assert any("not emulated: CodeDeploy's hooks" in reason for reason in reasons)
    assert answer() == 2
