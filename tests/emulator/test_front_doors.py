"""API Gateway: APIs of both kinds, made by stacks, called by HTTP, answered by functions and state machines."""

import json
import urllib.error
import urllib.request
import uuid

import boto3
import pytest

from harness.emulator.apigateway.mapping import Mapper
from harness.emulator.apigateway.requests import match
from harness.emulator.door.errors import AwsError

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Globals: {Function: {Runtime: python3.12, Handler: index.handler}}
Resources:
  Echo:
    Type: AWS::Serverless::Function
    Properties:
      InlineCode: |
        import json
        def handler(event, context):
            if event.get("version") == "2.0":
                return {"who": event["pathParameters"]["who"], "body": event.get("body")}
            return {"statusCode": 201, "headers": {"X-Who": event["pathParameters"]["who"]},
                    "body": json.dumps([event["httpMethod"], event["queryStringParameters"], event["body"]])}
      Events:
        Rest: {Type: Api, Properties: {Path: "/hello/{who}", Method: any}}
        Http: {Type: HttpApi, Properties: {Path: "/hello/{who}", Method: post}}
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      Type: EXPRESS
      Definition:
        StartAt: Done
        States: {Done: {Type: Pass, Parameters: {"said.$": "$.word"}, End: true}}
      Events:
        Start: {Type: Api, Properties: {Path: /start, Method: post}}
Outputs:
  Rest: {Value: !Ref ServerlessRestApi}
  Http: {Value: !Ref ServerlessHttpApi}
"""


@pytest.fixture(scope="module")
def apis(target):
    cfn, name = boto3.client("cloudformation"), f"doors-{uuid.uuid4().hex[:8]}"
    capabilities = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
    cfn.create_stack(StackName=name, TemplateBody=TEMPLATE, Capabilities=capabilities)
    (stack,) = cfn.describe_stacks(StackName=name)["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE", cfn.describe_stack_events(StackName=name)["StackEvents"]
    yield {item["OutputKey"]: item["OutputValue"] for item in stack["Outputs"]}
    cfn.delete_stack(StackName=name)


@pytest.fixture
def ask(target):
    def ask(method, path, body=None, host=None):
        headers = {"Content-Type": "application/json", **({"Host": host} if host else {})}
        url = target.environment["AWS_ENDPOINT_URL"] + path
        request = urllib.request.Request(url, body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, dict(response.headers), response.read()
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers), error.read()

    return ask


def test_a_rest_api_leads_to_a_function(apis, ask):
    at = f"/restapis/{apis['Rest']}/Prod/_user_request_"
    status, headers, body = ask("PUT", f"{at}/hello/world?a=1&a=2", b'{"x": 1}')
    assert (status, headers["X-Who"], json.loads(body)) == (201, "world", ["PUT", {"a": "2"}, '{"x": 1}'])
    assert ask("GET", f"{at}/nowhere")[0::2] == (403, b'{"message": "Missing Authentication Token"}')
    assert ask("GET", f"/restapis/{apis['Rest']}/None/_user_request_/hello/a")[0::2] == (
        403,
        b'{"message": "Forbidden"}',
    )


def test_a_rest_api_starts_an_execution(apis, ask):
    status, _, body = ask("POST", f"/_aws/execute-api/{apis['Rest']}/Prod/start", b'{"word": "yes"}')
    assert status == 200
    assert ":express:" in json.loads(body)["executionArn"]


def test_an_http_api_leads_to_a_function(apis, ask):
    host = f"{apis['Http']}.execute-api.localhost"
    status, _, body = ask("POST", "/hello/world", b"text", host)
    assert (status, json.loads(body)) == (200, {"who": "world", "body": "text"})
    assert ask("GET", "/hello/world", None, host)[0::2] == (404, b'{"message": "Not Found"}')


@pytest.mark.parametrize(
    ("template", "path", "found"),
    [
        ("/a/{b}", "/a/1", {"b": "1"}),
        ("/a/{b+}", "/a/1/2", {"b": "1/2"}),
        ("/a/{b}", "/a/1/2", None),
        ("/", "/", {}),
        ("/a", "/b", None),
    ],
)
def test_paths_are_held_against_templates(template, path, found):
    assert match(template, path) == found


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("$input.body", '{"a": {"b": [1, "x"]}}'),
        ("$input.json('$.a.b')", '[1,"x"]'),
        ('{"b": "$input.path(\'$.a.b[1]\')"}', '{"b": "x"}'),
        ("$input.params('id') $context.stage costs 5$", "7 Prod costs 5$"),
        ("$input.params()", "{path={id=7}, querystring={}, header={}}"),
        ('#set($b = $input.path("$.a.b"))\n${b[0]} of $b.size()', "1 of 2"),
        ('{"input": "$util.escapeJavaScript($input.json(\'$\'))"}', '{"input": "{\\"a\\":{\\"b\\":[1,\\"x\\"]}}"}'),
    ],
)
def test_mapping_templates(template, filled):
    parameters = {"path": {"id": "7"}, "querystring": {}, "header": {}}
    assert Mapper('{"a": {"b": [1, "x"]}}', parameters, {"stage": "Prod"}, {}).fill(template) == filled


@pytest.mark.parametrize(
    "template",
    [
        '#set($a = "ab")\n' + '#set($a = "$a$a")\n' * 60 + "$a",
        '#set($a = "ab")\n' + "#set($a = $a.replaceAll('', $a))\n" * 60 + "$a",
        "$util.base64Encode(" * 10_000 + "'a'" + ")" * 10_000,
        "$context.stage " * 30_000,
        "$util.parseJson('{')",
        "$util.base64Decode('gA==')",
    ],
)
def test_a_mapping_template_that_fails_or_never_ends_is_an_error_of_the_api(template):
    with pytest.raises(AwsError, match="Internal server error"):
        Mapper("{}", {"path": {}, "querystring": {}, "header": {}}, {}, {}).fill(template)


def test_a_directive_of_mapping_templates_is_refused_by_name():
    with pytest.raises(AwsError, match="not emulated: #foreach in a mapping template"):
        Mapper("{}", {"path": {}, "querystring": {}, "header": {}}, {}, {}).fill("#foreach($x in $y)$x#end")


GUARDED = """
Transform: AWS::Serverless-2016-10-31
Globals: {Function: {Runtime: python3.12, Handler: index.handler}}
Resources:
  Rest:
    Type: AWS::Serverless::Api
    Properties:
      StageName: test
      Auth:
        Authorizers: {Own: {FunctionArn: !GetAtt Function.Arn}}
  Http:
    Type: AWS::Serverless::HttpApi
    Properties:
      Auth:
        DefaultAuthorizer: Tokens
        Authorizers:
          Tokens:
            IdentitySource: $request.header.Authorization
            JwtConfiguration: {issuer: https://example.com, audience: [somebody]}
  Function:
    Type: AWS::Serverless::Function
    Properties:
      InlineCode: |
        def handler(event, context):
            return {"statusCode": 200, "body": "in"}
      Events:
        Own: {Type: Api, Properties: {RestApiId: !Ref Rest, Path: /own, Method: get, Auth: {Authorizer: Own}}}
        Key: {Type: Api, Properties: {RestApiId: !Ref Rest, Path: /key, Method: get, Auth: {ApiKeyRequired: true}}}
        Signed: {Type: Api, Properties: {RestApiId: !Ref Rest, Path: /signed, Method: get, Auth: {Authorizer: AWS_IAM}}}
        Http: {Type: HttpApi, Properties: {ApiId: !Ref Http, Path: /http, Method: get}}
Outputs:
  Rest: {Value: !Ref Rest}
  Http: {Value: !Ref Http}
"""


def test_what_is_guarded_is_open_to_nobody(target, ask):
    cfn, name = boto3.client("cloudformation"), f"guarded-{uuid.uuid4().hex[:8]}"
    cfn.create_stack(StackName=name, TemplateBody=GUARDED, Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"])
    cfn.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    (stack,) = cfn.describe_stacks(StackName=name)["Stacks"]
    made = {item["OutputKey"]: item["OutputValue"] for item in stack["Outputs"]}

    def asked(path, host):
        status, _, body = ask("GET", f"/_aws/execute-api/{made[host]}{path}")
        return status, json.loads(body)["message"]

    assert asked("/test/own", "Rest") == (501, "not emulated: an API's authorizer (CUSTOM)")
    assert asked("/test/key", "Rest") == (403, "Forbidden")
    assert asked("/test/signed", "Rest") == (403, "Missing Authentication Token")
    assert asked("/http", "Http") == (501, "not emulated: an API's authorizer (JWT)")
    cfn.delete_stack(StackName=name)
