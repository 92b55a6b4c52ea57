"""What Lambda refuses, in the words that AWS was recorded with."""

import json
import re
import subprocess
import sys
import uuid

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.emulator.packages import package

CODE = "def handler(event, context):\n    return event\n"


@pytest.fixture(scope="module")
def client(target):
    return boto3.client("lambda", config=Config(parameter_validation=False, retries={"max_attempts": 0}))


@pytest.fixture
def given(role):
    return {
        "FunctionName": f"refused-{uuid.uuid4().hex[:8]}",
        "Runtime": "python3.12",
        "Handler": "lambda_function.handler",
        "Role": role,
        "Code": {"ZipFile": package(CODE)},
    }


@pytest.fixture
def name(client, given):
    client.create_function(**given)
    yield given["FunctionName"]
    client.delete_function(FunctionName=given["FunctionName"])


def refusal(call, **parameters):
    with pytest.raises(ClientError) as raised:
        call(**parameters)
    error = raised.value.response
    return error["Error"]["Code"], error["Error"]["Message"], error["ResponseMetadata"]["HTTPStatusCode"]


STRICT = """
import json, logging
import boto3
from botocore.exceptions import ClientError
from harness.settings import Settings
from harness.targets.embedded import embedded
from tests.emulator.packages import package

with embedded(Settings(iam="ignored", pending="refuse")):
    client, said = boto3.client("lambda"), []
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = boto3.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))
    client.create_function(
        FunctionName="f", Runtime="python3.11", Role=role["Role"]["Arn"], Handler="lambda_function.handler",
        Code={"ZipFile": package("def handler(event, context): return event")},
    )
    for kind in ("RequestResponse", "Event"):
        try:
            client.invoke(FunctionName="f", InvocationType=kind)
        except ClientError as error:
            said.append([error.response["Error"]["Code"], error.response["Error"]["Message"]])
    client.get_waiter("function_active_v2").wait(FunctionName="f")
    client.update_function_configuration(FunctionName="f", Timeout=9)
    said.append(client.invoke(FunctionName="f")["StatusCode"])
    print(json.dumps(said))
"""


def test_a_function_that_is_being_made_is_not_invoked_where_that_is_asked_for_and_one_that_is_updated_is():
    done = subprocess.run([sys.executable, "-c", STRICT], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    words = "The operation cannot be performed at this time. The function is currently in the following state: Pending"
    assert json.loads(done.stdout.splitlines()[-1]) == [["ResourceConflictException", words]] * 2 + [200]


def test_the_log_tells_of_a_function_that_aws_would_not_have_invoked_yet(client, name, caplog):
    assert client.invoke(FunctionName=name)["StatusCode"] == 200
    assert f"function {name} is invoked right after it was made: AWS refuses that" in caplog.text


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"Code": {}}, "Please provide a source for function code."),
        ({"Code": {"ImageUri": "a"}}, "Please provide a source for function code."),
        ({"Runtime": None, "Handler": None}, "Runtime and Handler are mandatory parameters for functions created with"),
        ({"Handler": None}, "Handler is mandatory for functions created with deployment packages."),
        ({"PackageType": "Image"}, "Please don't provide Handler or Runtime or Layer when the intended function"),
        ({"FunctionName": "a" * 200}, "Member must have length less than or equal to 64"),
        (
            {"CodeSigningConfigArn": "arn:aws:lambda:us-east-1:123456789012:code-signing-config:csc-0123456789abcdef0"},
            "The code signing configuration cannot be found.",
        ),
    ],
)
def test_what_cannot_be_made(client, given, settings, words):
    asked = {key: value for key, value in {**given, **settings}.items() if value is not None}
    assert words in refusal(client.create_function, **asked)[1]


def test_code_must_come_from_somewhere(client, name):
    client.get_waiter("function_active_v2").wait(FunctionName=name)
    assert "Please provide a source" in refusal(client.update_function_code, FunctionName=name)[1]


def test_each_fault_of_a_name_and_a_qualifier_is_told(client):
    wrong = "arn:aws:lambda:nowhere:123456789012:function:f"
    code, words, _ = refusal(client.invoke, FunctionName=wrong, Qualifier="a" * 129)
    assert code == "ValidationException"
    assert words.startswith("2 validation errors detected: Value ")
    assert "at 'qualifier' failed to satisfy constraint: Member must have length less than or equal to 128" in words


def test_a_name_may_have_dots_where_it_is_looked_for(client):
    assert refusal(client.get_function, FunctionName="has.dot")[0] == "ResourceNotFoundException"
    assert refusal(client.list_aliases, FunctionName="has.dot")[0] == "ValidationException"


def test_another_account_s_function_is_not_ours(client, name):
    client.get_waiter("function_active_v2").wait(FunctionName=name)
    arn = f"arn:aws:lambda:us-east-1:999999999999:function:{name}"
    code, words, status = refusal(client.invoke, FunctionName=arn)
    assert (code, status) == ("AccessDeniedException", 403)
    assert f"is not authorized to perform: lambda:InvokeFunction on resource: {arn} because no resource-based" in words


def test_what_is_not_there_is_told_as_each_operation_tells_it(client, name):
    own = {"FunctionName": name}
    gone = "The resource you requested does not exist."
    assert refusal(client.get_policy, FunctionName="nowhere")[1] == gone
    assert refusal(client.get_function_url_config, FunctionName="nowhere")[1] == gone
    assert refusal(client.update_function_url_config, FunctionName="nowhere")[1] == "Function does not exist"
    assert refusal(client.update_function_url_config, **own, Qualifier="nope")[1] == "Function does not exist"
    given = {"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}
    assert "Call the GetPolicy API" in refusal(client.add_permission, **own, **given, RevisionId="x")[1]
    client.add_permission(**own, **given)
    refused = refusal(client.remove_permission, **own, StatementId="s", RevisionId="x")
    assert "Call the GetFunction/GetAlias API" in refused[1]


def test_an_alias_takes_its_url_with_it(client, name):
    client.get_waiter("function_active_v2").wait(FunctionName=name)
    client.publish_version(FunctionName=name)
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    client.create_function_url_config(FunctionName=name, Qualifier="live", AuthType="NONE")
    client.delete_alias(FunctionName=name, Name="live")
    assert client.list_function_url_configs(FunctionName=name)["FunctionUrlConfigs"] == []


def test_a_mapping_tells_what_is_under_way(client, name):
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    given = {"FunctionName": name, "EventSourceArn": f"arn:aws:sqs:us-east-1:123456789012:{name}"}
    words = "Unsupported DestinationConfig parameter for given event source mapping type."
    stream = f"arn:aws:kinesis:us-east-1:123456789012:stream/{name}"
    onto = {"StartingPosition": "LATEST", "DestinationConfig": {"OnSuccess": {"Destination": given["EventSourceArn"]}}}
    refused = refusal(client.create_event_source_mapping, **{**given, "EventSourceArn": stream, **onto})
    assert refused[1] == words
    number = client.create_event_source_mapping(**given)["UUID"]
    again = refusal(client.create_event_source_mapping, **given)
    source = f'SQS arn (" {given["EventSourceArn"]} ") and function (" {name} ") already exists.'
    assert again == (
        "ResourceConflictException",
        f"An event source mapping with {source} Please update or delete the existing mapping with UUID {number}",
        409,
    )
    asked = [{"Enabled": False}, {"Enabled": False}, {"Enabled": True}, {"BatchSize": 5}, {"FilterCriteria": {}}]
    told = [client.update_event_source_mapping(UUID=number, **each) for each in asked]
    assert [each["State"] for each in told] == ["Disabling", "Updating", "Enabling", "Updating", "Updating"]
    assert "FilterCriteria" not in told[-1]
    client.delete_event_source_mapping(UUID=number)
    sqs.delete_queue(QueueUrl=url)


def test_untagging_needs_keys(client, name):
    arn = f"arn:aws:lambda:us-east-1:123456789012:function:{name}"
    words = "1 validation error detected: Value null at 'tagKeys' failed to satisfy constraint: Member must not be null"
    assert refusal(client.untag_resource, Resource=arn, TagKeys=[]) == ("ValidationException", words, 400)


def test_enumerations_are_listed_in_aws_s_order(client, name):
    assert (
        "[RESPONSE_STREAM, BUFFERED]"
        in refusal(client.create_function_url_config, FunctionName=name, AuthType="NONE", InvokeMode="x")[1]
    )
    assert (
        "[Terminate, Allow]" in refusal(client.put_function_recursion_config, FunctionName=name, RecursiveLoop="x")[1]
    )
    assert "[ruby3.5, ruby2.6, " in refusal(client.list_layers, CompatibleRuntime="x")[1]
    content = {"ZipFile": package(CODE)}
    words = refusal(
        client.publish_layer_version,
        LayerName="l",
        Content=content,
        CompatibleRuntimes=["x"],
        CompatibleArchitectures=["y"],
    )[1]
    assert re.match(r"2 validation errors detected: Value '\[x\]' at 'compatibleRuntimes' .*; Value '\[y\]'", words)
