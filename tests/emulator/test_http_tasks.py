"""Tasks that call by HTTP: APIs of the emulator, and servers elsewhere, with a connection's credentials."""

import json
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import pytest

from tests.emulator.conftest import delete_role, make_role
from tests.waiting import until

INVOKE_API, INVOKE_HTTP = "arn:aws:states:::apigateway:invoke", "arn:aws:states:::http:invoke"
TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Signed: {Type: AWS::Serverless::Api, Properties: {StageName: prod, Auth: {DefaultAuthorizer: AWS_IAM}}}
  Echo:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      InlineCode: |
        import json
        def handler(event, context):
            said = [event["httpMethod"], event["path"], event["queryStringParameters"], event["body"]]
            return {"statusCode": 418 if event["body"] == '"tea"' else 200, "body": json.dumps(said),
                    "headers": {"Content-Type": "application/json"}}
      Events:
        Open: {Type: Api, Properties: {Path: "/hello/{who}", Method: any}}
        Closed: {Type: Api, Properties: {Path: "/hello/{who}", Method: any, RestApiId: !Ref Signed}}
Outputs:
  Open: {Value: !Ref ServerlessRestApi}
  Closed: {Value: !Ref Signed}
"""


@pytest.fixture(scope="module")
def hosts(target):
    cfn, name = boto3.client("cloudformation"), f"asked-{uuid.uuid4().hex[:8]}"
    cfn.create_stack(StackName=name, TemplateBody=TEMPLATE, Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"])
    (stack,) = until(lambda: [each for each in cfn.describe_stacks(StackName=name)["Stacks"] if settled(each)])
    assert stack["StackStatus"] == "CREATE_COMPLETE", cfn.describe_stack_events(StackName=name)["StackEvents"]
    yield {item["OutputKey"]: f"{item['OutputValue']}.execute-api.us-east-1.amazonaws.com" for item in stack["Outputs"]}
    cfn.delete_stack(StackName=name)


def settled(stack):
    return not stack["StackStatus"].endswith("_IN_PROGRESS")


class Server(BaseHTTPRequestHandler):
    """Answers with what it was asked; below ``/status/404`` with that."""

    def _answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        status = int(self.path[8:11]) if self.path.startswith("/status/") else 200
        given = {"path": self.path, "key": self.headers.get("X-Key"), "user": self.headers.get("Authorization")}
        said = json.dumps({**given, "kind": self.headers.get("Content-Type"), "body": body}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_GET = do_POST = _answer

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join(10)
    server.server_close()


def connected(kind, **parameters):
    events, name = boto3.client("events"), f"connection-{uuid.uuid4().hex[:8]}"
    return events.create_connection(Name=name, AuthorizationType=kind, AuthParameters=parameters)["ConnectionArn"]


@pytest.fixture(scope="module")
def connection(target):
    added = {"QueryStringParameters": [{"Key": "by", "Value": "harness", "IsValueSecret": False}]}
    key = {"ApiKeyName": "X-Key", "ApiKeyValue": "secret"}
    return connected("API_KEY", ApiKeyAuthParameters=key, InvocationHttpParameters=added)


@pytest.fixture
def call(role):
    states = boto3.client("stepfunctions")

    def call(resource, parameters, role=role):
        state = {"Type": "Task", "Resource": resource, "Parameters": parameters, "End": True}
        definition = json.dumps({"StartAt": "Call", "States": {"Call": state}})
        made = states.create_state_machine(name=f"web-{uuid.uuid4().hex[:8]}", definition=definition, roleArn=role)
        arn = states.start_execution(stateMachineArn=made["stateMachineArn"])["executionArn"]

        def ended():
            found = states.describe_execution(executionArn=arn)
            return found if found["status"] != "RUNNING" else None

        return until(ended)

    return call


@pytest.fixture
def powerless(target):
    """A role that may do nothing."""
    name = f"powerless-{uuid.uuid4().hex[:8]}"
    yield make_role(name, {"Effect": "Deny", "Action": "execute-api:Invoke", "Resource": "*"})
    delete_role(name)


def test_an_api_by_the_address_that_it_has_on_this_machine(hosts, call):
    here = f"http://localhost:4566/restapis/{hosts['Open'].partition('.')[0]}"
    given = {"Method": "GET", "Path": "/hello/you", "Stage": "Prod"}
    ended = call(INVOKE_API, {"ApiEndpoint": here, **given})
    assert json.loads(ended["output"])["ResponseBody"][:2] == ["GET", "/hello/you"]
    for elsewhere in ("http://example.com/restapis/abc", f"{here}/prod", "localhost"):
        assert "must be <API ID>.execute-api" in call(INVOKE_API, {"ApiEndpoint": elsewhere, **given})["cause"]


@pytest.mark.parametrize("field", ["Headers", "QueryParameters"])
def test_values_for_an_api_are_lists(call, hosts, field):
    given = {"ApiEndpoint": hosts["Open"], "Method": "GET", "Stage": "Prod", field: {"a": "1"}}
    done = call(INVOKE_API, given)
    assert done["error"] == "States.Runtime"
    assert f"could not be used to start the Task: [The value of the field '{field}' has an invalid" in done["cause"]


def test_an_api_is_called_and_its_answer_shown(call, hosts):
    given = {
        "ApiEndpoint": hosts["Open"],
        "Method": "POST",
        "Stage": "Prod",
        "Path": "/hello/world",
        "QueryParameters": {"a": ["1"]},
        "RequestBody": {"x": 1},
    }
    done = call(INVOKE_API, given)
    assert done["status"] == "SUCCEEDED", done
    output = json.loads(done["output"])
    assert list(output) == ["Headers", "ResponseBody", "StatusCode", "StatusText"]
    names = [
        *("Connection", "Content-Length", "Content-Type", "Date", "Via", "x-amz-apigw-id", "X-Amz-Cf-Id"),
        *("X-Amz-Cf-Pop", "x-amzn-RequestId", "X-Amzn-Trace-Id", "X-Cache"),
    ]
    assert list(output["Headers"]) == names
    assert output["Headers"]["Content-Type"] == ["application/json"]
    assert (output["StatusCode"], output["StatusText"]) == (200, "OK")
    assert output["ResponseBody"] == ["POST", "/hello/world", {"a": "1"}, '{"x":1}']


def test_an_answer_that_is_none_of_success_is_an_error_by_its_status(call, hosts):
    given = {"ApiEndpoint": hosts["Open"], "Method": "GET", "Stage": "Prod", "Path": "nowhere"}
    done = call(INVOKE_API, given)
    assert (done["status"], done["error"]) == ("FAILED", "ApiGateway.403")
    assert json.loads(done["cause"]) == {"message": "Missing Authentication Token"}
    done = call(INVOKE_API, {**given, "Method": "POST", "Path": "hello/you", "RequestBody": "tea"})
    assert done["error"] == "ApiGateway.418"


def test_an_api_that_asks_for_iam_holds_the_role_to_its_policies(call, hosts, powerless):
    given = {"ApiEndpoint": hosts["Closed"], "Method": "GET", "Stage": "prod", "Path": "hello/world"}
    assert call(INVOKE_API, given)["error"] == "ApiGateway.403"
    assert call(INVOKE_API, {**given, "AuthType": "IAM_ROLE"})["status"] == "SUCCEEDED"
    done = call(INVOKE_API, {**given, "AuthType": "IAM_ROLE"}, powerless)
    assert done["error"] == "ApiGateway.403"
    assert "is not authorized to perform: execute-api:Invoke on resource: arn:aws:execute-api:" in done["cause"]


def test_a_server_is_called_with_the_credentials_of_a_connection(call, server, connection):
    given = {
        "ApiEndpoint": f"{server}/bills?b=2",
        "Method": "POST",
        "Authentication": {"ConnectionArn": connection},
        "QueryParameters": {"a": ["1", "2"]},
        "RequestBody": {"x": 1},
    }
    done = call(INVOKE_HTTP, given)
    assert done["status"] == "SUCCEEDED", done
    output = json.loads(done["output"])
    assert output["StatusCode"] == 200
    assert output["ResponseBody"] == {
        "path": "/bills?b=2&a=1&a=2&by=harness",
        "key": "secret",
        "user": None,
        "kind": "application/json; charset=UTF-8",
        "body": '{"x":1}',
    }
    coded = {"RequestBodyEncoding": "URL_ENCODED", "RequestEncodingOptions": {"ArrayFormat": "BRACKETS"}}
    body = {"a": [1, 2], "b": {"c": "d e"}}
    done = call(INVOKE_HTTP, {**given, "RequestBody": body, "Transform": coded})
    assert json.loads(done["output"])["ResponseBody"]["body"] == "a[]=1&a[]=2&b[c]=d%20e"


def test_basic_authentication(call, server):
    arn = connected("BASIC", BasicAuthParameters={"Username": "me", "Password": "pass"})
    done = call(INVOKE_HTTP, {"ApiEndpoint": server, "Method": "GET", "Authentication": {"ConnectionArn": arn}})
    assert json.loads(done["output"])["ResponseBody"]["user"] == "Basic bWU6cGFzcw=="


def test_what_a_server_refuses_and_what_none_answers(call, server, connection):
    given = {"Method": "GET", "Authentication": {"ConnectionArn": connection}}
    done = call(INVOKE_HTTP, {**given, "ApiEndpoint": f"{server}/status/404"})
    assert (done["status"], done["error"]) == ("FAILED", "States.Http.StatusCode.404")
    assert json.loads(done["cause"])["key"] == "secret"
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as gone:
        free = gone.server_address[1]
    done = call(INVOKE_HTTP, {**given, "ApiEndpoint": f"http://127.0.0.1:{free}"})
    assert done["error"] == "States.Http.Socket"


def test_other_hosts_are_refused_by_name(call, connection):
    given = {"Method": "GET", "Authentication": {"ConnectionArn": connection}}
    done = call(INVOKE_HTTP, {**given, "ApiEndpoint": "https://api.example.com/bills"})
    assert done["cause"] == (
        "not emulated: http:invoke to api.example.com. HARNESS_HTTP_HOSTS=api.example.com allows it, by https."
    )


def test_the_role_has_to_be_allowed_to_call(call, server, connection, powerless):
    given = {"ApiEndpoint": server, "Method": "GET", "Authentication": {"ConnectionArn": connection}}
    done = call(INVOKE_HTTP, given, powerless)
    assert "is not authorized to perform: states:InvokeHTTPEndpoint on resource: arn:aws:states:" in done["cause"]
    nowhere = f"{connection.rpartition(':')[0]}:connection/nowhere/1"
    done = call(INVOKE_HTTP, {**given, "Authentication": {"ConnectionArn": nowhere}})
    assert done["error"] == "Events.ConnectionResource.ResourceNotFound"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"Headers": {"Authorization": "x"}}, 'The header "Authorization" is not permitted'),
        ({"Body": "x"}, 'The field "Body" is not supported by Step Functions'),
        ({"Authentication": {}}, 'The field "ConnectionArn" is required but was missing'),
        ({"Method": "TRACE"}, 'The value of "Method" must be one of'),
    ],
)
def test_what_no_task_takes_is_not_called(call, server, connection, change, words):
    given = {"ApiEndpoint": server, "Method": "GET", "Authentication": {"ConnectionArn": connection}}
    done = call(INVOKE_HTTP, {**given, **change})
    assert done["error"] == "States.Runtime"
    assert words in done["cause"]
