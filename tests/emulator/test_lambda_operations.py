"""Lambda's settings beside code: what is put is got and listed, what is deleted is gone, what is not there is told."""

import io
import uuid
import zipfile

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.emulator.packages import package
from tests.waiting import active

ROLE = "arn:aws:iam::123456789012:role/everything"
CODE = "def handler(event, context):\n    return event\n"


@pytest.fixture(scope="module")
def client(target, role):
    return boto3.client("lambda")


@pytest.fixture
def name(client):
    made = f"ops-{uuid.uuid4().hex[:8]}"
    client.create_function(
        FunctionName=made,
        Runtime="python3.12",
        Handler="lambda_function.handler",
        Role=ROLE,
        Code={"ZipFile": package(CODE)},
        Publish=True,
    )
    active(client, made)
    yield made
    client.delete_function(FunctionName=made)


def missing(call, **parameters):
    with pytest.raises(ClientError) as raised:
        call(**parameters)
    return raised.value.response["Error"]["Code"]


def test_aliases(client, name):
    arn = client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")["AliasArn"]
    client.update_alias(FunctionName=name, Name="live", FunctionVersion="$LATEST", Description="d")
    found = client.get_alias(FunctionName=name, Name="live")
    assert (found["AliasArn"], found["FunctionVersion"], found["Description"]) == (arn, "$LATEST", "d")
    assert [alias["Name"] for alias in client.list_aliases(FunctionName=name)["Aliases"]] == ["live"]
    versions = client.list_versions_by_function(FunctionName=name)["Versions"]
    assert [version["Version"] for version in versions] == ["$LATEST", "1"]
    client.delete_alias(FunctionName=name, Name="live")
    assert missing(client.get_alias, FunctionName=name, Name="live") == "ResourceNotFoundException"


def test_layers_are_looked_at_before_the_name(client, name):
    layer = "arn:aws:lambda:eu-west-1:123456789012:layer:elsewhere:1"
    given = {"FunctionName": name, "Runtime": "python3.12", "Handler": "a.b", "Role": ROLE, "Layers": [layer]}
    with pytest.raises(ClientError, match="expected to be in region us-east-1"):
        client.create_function(Code={"ZipFile": package(CODE)}, **given)


def test_layers(client, name):
    layer = f"layer-{uuid.uuid4().hex[:8]}"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("python/shared_words.py", "WORDS = 'from the layer'\n")
    made = client.publish_layer_version(LayerName=layer, Content={"ZipFile": buffer.getvalue()})
    arn, number = made["LayerVersionArn"], made["Version"]
    assert client.get_layer_version(LayerName=layer, VersionNumber=number)["LayerVersionArn"] == arn
    assert client.get_layer_version_by_arn(Arn=arn)["Version"] == number
    assert layer in [each["LayerName"] for each in client.list_layers()["Layers"]]
    assert [each["Version"] for each in client.list_layer_versions(LayerName=layer)["LayerVersions"]] == [number]
    client.add_layer_version_permission(
        LayerName=layer, VersionNumber=number, StatementId="s", Action="lambda:GetLayerVersion", Principal="*"
    )
    assert '"Sid":"s"' in client.get_layer_version_policy(LayerName=layer, VersionNumber=number)["Policy"]
    client.remove_layer_version_permission(LayerName=layer, VersionNumber=number, StatementId="s")
    code = missing(client.get_layer_version_policy, LayerName=layer, VersionNumber=number)
    assert code == "ResourceNotFoundException"
    client.delete_layer_version(LayerName=layer, VersionNumber=number)
    code = missing(client.get_layer_version, LayerName=layer, VersionNumber=number)
    assert code == "ResourceNotFoundException"


def test_asynchronous_invocations_are_configured(client, name):
    assert (
        client.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=0)["MaximumRetryAttempts"] == 0
    )
    client.update_function_event_invoke_config(FunctionName=name, MaximumEventAgeInSeconds=60)
    found = client.get_function_event_invoke_config(FunctionName=name)
    assert (found["MaximumRetryAttempts"], found["MaximumEventAgeInSeconds"]) == (0, 60)
    assert len(client.list_function_event_invoke_configs(FunctionName=name)["FunctionEventInvokeConfigs"]) == 1
    client.delete_function_event_invoke_config(FunctionName=name)
    assert missing(client.get_function_event_invoke_config, FunctionName=name) == "ResourceNotFoundException"


def test_concurrency_of_both_kinds(client, name):
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=5)
    assert client.get_function_concurrency(FunctionName=name)["ReservedConcurrentExecutions"] == 5
    client.put_provisioned_concurrency_config(FunctionName=name, Qualifier="1", ProvisionedConcurrentExecutions=2)
    found = client.get_provisioned_concurrency_config(FunctionName=name, Qualifier="1")
    assert found["RequestedProvisionedConcurrentExecutions"] == 2
    listed = client.list_provisioned_concurrency_configs(FunctionName=name)["ProvisionedConcurrencyConfigs"]
    assert len(listed) == 1
    client.delete_provisioned_concurrency_config(FunctionName=name, Qualifier="1")
    code = missing(client.get_provisioned_concurrency_config, FunctionName=name, Qualifier="1")
    assert code == "ProvisionedConcurrencyConfigNotFoundException"
    limits = client.get_account_settings()["AccountLimit"]
    assert limits["ConcurrentExecutions"] - limits["UnreservedConcurrentExecutions"] >= 5


def test_addresses(client, name):
    made = client.create_function_url_config(FunctionName=name, AuthType="AWS_IAM")
    client.update_function_url_config(FunctionName=name, AuthType="NONE")
    found = client.get_function_url_config(FunctionName=name)
    assert (found["FunctionUrl"], found["AuthType"]) == (made["FunctionUrl"], "NONE")
    assert len(client.list_function_url_configs(FunctionName=name)["FunctionUrlConfigs"]) == 1
    client.delete_function_url_config(FunctionName=name)
    assert missing(client.get_function_url_config, FunctionName=name) == "ResourceNotFoundException"


def test_code_signing(client, name):
    profile = "arn:aws:signer:us-east-1:123456789012:/signing-profiles/p/abcdefghij"
    made = client.create_code_signing_config(AllowedPublishers={"SigningProfileVersionArns": [profile]})
    arn = made["CodeSigningConfig"]["CodeSigningConfigArn"]
    client.update_code_signing_config(CodeSigningConfigArn=arn, Description="d")
    assert client.get_code_signing_config(CodeSigningConfigArn=arn)["CodeSigningConfig"]["Description"] == "d"
    assert arn in [each["CodeSigningConfigArn"] for each in client.list_code_signing_configs()["CodeSigningConfigs"]]
    client.put_function_code_signing_config(FunctionName=name, CodeSigningConfigArn=arn)
    assert client.get_function_code_signing_config(FunctionName=name)["CodeSigningConfigArn"] == arn
    assert len(client.list_functions_by_code_signing_config(CodeSigningConfigArn=arn)["FunctionArns"]) == 1
    client.delete_function_code_signing_config(FunctionName=name)
    client.delete_code_signing_config(CodeSigningConfigArn=arn)
    assert missing(client.get_code_signing_config, CodeSigningConfigArn=arn) == "ResourceNotFoundException"


def test_loops_and_runtimes_are_configured(client, name):
    assert client.get_function_recursion_config(FunctionName=name)["RecursiveLoop"] == "Terminate"
    client.put_function_recursion_config(FunctionName=name, RecursiveLoop="Allow")
    assert client.get_function_recursion_config(FunctionName=name)["RecursiveLoop"] == "Allow"
    client.put_runtime_management_config(FunctionName=name, UpdateRuntimeOn="FunctionUpdate")
    assert client.get_runtime_management_config(FunctionName=name)["UpdateRuntimeOn"] == "FunctionUpdate"


def test_event_source_mappings(client, name):
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    source = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    identity = client.create_event_source_mapping(FunctionName=name, EventSourceArn=source, Enabled=False)["UUID"]
    client.update_event_source_mapping(UUID=identity, BatchSize=3)
    assert client.get_event_source_mapping(UUID=identity)["BatchSize"] == 3
    listed = client.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
    assert [each["UUID"] for each in listed] == [identity]
    client.delete_event_source_mapping(UUID=identity)


def test_permissions_are_taken_back(client, name):
    client.add_permission(
        FunctionName=name, StatementId="s", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com"
    )
    client.remove_permission(FunctionName=name, StatementId="s")
    assert missing(client.get_policy, FunctionName=name) == "ResourceNotFoundException"


def test_answers_that_come_in_pieces(client, name):
    answer = client.invoke_with_response_stream(FunctionName=name, Payload=b'{"a": 1}')
    events = list(answer["EventStream"])
    assert b"".join(event["PayloadChunk"]["Payload"] for event in events if "PayloadChunk" in event) == b'{"a": 1}'
    assert "InvokeComplete" in events[-1]
    assert client.invoke_async(FunctionName=name, InvokeArgs=b"{}")["Status"] == 202
