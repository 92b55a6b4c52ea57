"""Lambda's control plane through boto3: versions, aliases, layers, policies, URLs and queues."""

import io
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
import zipfile
from concurrent.futures import ThreadPoolExecutor

import boto3
import psutil
import pytest
from botocore.exceptions import ClientError

from harness.emulator.lambda_ import function_urls, opt_folder, starting
from tests.emulator.packages import package
from tests.waiting import until

ECHO = "def lambda_handler(event, context):\n    return event\n"
VERSION = "import os\ndef lambda_handler(event, context):\n    return os.environ['AWS_LAMBDA_FUNCTION_VERSION']\n"


@pytest.fixture(scope="module")
def client(target):
    return boto3.client("lambda")


@pytest.fixture
def deploy(client, role):
    made = []

    def make(source=ECHO, **settings):
        name = f"service-{uuid.uuid4().hex[:8]}"
        client.create_function(
            FunctionName=name,
            Role=role,
            Code={"ZipFile": package(source)},
            **{"Runtime": "python3.12", "Handler": "lambda_function.lambda_handler", **settings},
        )
        client.get_waiter("function_active_v2").wait(FunctionName=name)
        made.append(name)
        return name

    yield make
    for name in made:
        client.delete_function(FunctionName=name)


def answer(client, name, event=None, **arguments):
    return json.loads(client.invoke(FunctionName=name, Payload=json.dumps(event or {}), **arguments)["Payload"].read())


def test_a_new_function_is_pending_and_then_active(client, role):
    name = f"service-{uuid.uuid4().hex[:8]}"
    made = client.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role=role,
        Handler="lambda_function.lambda_handler",
        Code={"ZipFile": package(ECHO)},
    )
    assert (made["State"], made["StateReasonCode"]) == ("Pending", "Creating")
    for early in (
        lambda: client.update_function_configuration(FunctionName=name, Timeout=9),
        lambda: client.publish_version(FunctionName=name),
    ):
        with pytest.raises(ClientError, match="The function is currently in the following state: Pending") as error:
            early()
        assert error.value.response["Error"]["Code"] == "ResourceConflictException"
    assert client.get_function(FunctionName=name)["Configuration"]["State"] == "Active"
    client.delete_function(FunctionName=name)


def test_versions_do_not_change_and_the_same_code_is_published_once(client, deploy):
    name = deploy(VERSION)
    first = client.publish_version(FunctionName=name)
    assert client.publish_version(FunctionName=name)["Version"] == first["Version"] == "1"
    client.update_function_configuration(FunctionName=name, Description="changed")
    client.get_waiter("function_updated_v2").wait(FunctionName=name)
    assert client.publish_version(FunctionName=name)["Version"] == "2"
    assert client.get_function_configuration(FunctionName=name, Qualifier="1")["Description"] == ""
    assert answer(client, name, Qualifier="1") == "1"


def test_an_alias_leads_to_both_of_its_versions(client, deploy):
    name = deploy(VERSION)
    client.publish_version(FunctionName=name)
    client.update_function_configuration(FunctionName=name, Description="two")
    client.get_waiter("function_updated_v2").wait(FunctionName=name)
    client.publish_version(FunctionName=name)
    routing = {"AdditionalVersionWeights": {"2": 0.5}}
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1", RoutingConfig=routing)
    assert {answer(client, f"{name}:live") for _ in range(40)} == {"1", "2"}


def test_a_stale_revision_is_refused(client, deploy):
    name = deploy()
    with pytest.raises(ClientError) as error:
        client.update_function_configuration(FunctionName=name, Timeout=9, RevisionId=str(uuid.uuid4()))
    assert error.value.response["Error"]["Code"] == "PreconditionFailedException"
    assert error.value.response["Type"] == "User"


def test_a_layer_is_imported_and_its_later_one_wins(client, deploy):
    arns = []
    for text in ("one", "two"):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("python/layered.py", f"TEXT = {text!r}\n")
        name = f"layer-{text}-{uuid.uuid4().hex[:8]}"
        published = client.publish_layer_version(LayerName=name, Content={"ZipFile": buffer.getvalue()})
        arns.append(published["LayerVersionArn"])
    name = deploy("import layered\ndef lambda_handler(event, context):\n    return layered.TEXT\n", Layers=arns)
    assert answer(client, name) == "two"


AT_OPT = """
import ctypes, os, pathlib, subprocess, sys
import layered
def lambda_handler(event, context):
    return {
        "module": layered.__file__,
        "text": pathlib.Path("/opt/settings.txt").read_text(),
        "program": subprocess.check_output(["tool"], text=True).strip(),
        "libraries": os.environ["LD_LIBRARY_PATH"],
        "entries": sorted(os.listdir("/opt")),
    }
"""


@pytest.mark.parametrize("variables", [{}, {"PYTHONUTF8": "1"}], ids=["copied", "of its own"])
def test_layers_are_at_opt_for_their_function_alone(client, deploy, tmp_path, variables):
    command = [sys.executable, opt_folder.__file__, str(tmp_path), f"{tmp_path}-opt", sys.executable, "-c", "1"]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this machine lets no process have mounts of its own")
    before = sorted(os.listdir("/opt"))  # noqa: PTH208
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("python/layered.py", "")
        archive.writestr("settings.txt", "plum")
        archive.writestr("lib/libnothing.so", "")
        program = zipfile.ZipInfo("bin/tool")
        program.external_attr = 0o755 << 16
        archive.writestr(program, "#!/bin/sh\necho pear\n")
    published = client.publish_layer_version(LayerName="at-opt", Content={"ZipFile": buffer.getvalue()})
    name = deploy(AT_OPT, Layers=[published["LayerVersionArn"]], Environment={"Variables": variables})
    assert answer(client, name) == {
        "module": "/opt/python/layered.py",
        "text": "plum",
        "program": "pear",
        "libraries": "/opt/lib",
        "entries": ["bin", "lib", "python", "settings.txt"],
    }
    assert sorted(os.listdir("/opt")) == before  # noqa: PTH208


def test_where_nothing_can_be_mounted_layers_are_on_the_paths_all_the_same(client, deploy, monkeypatch, caplog):
    monkeypatch.setattr(starting.Mount, "command", lambda mount, command: ["/bin/false"])
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("python/layered.py", f"TEXT = {uuid.uuid4().hex!r}\n")
    published = client.publish_layer_version(LayerName="on-paths", Content={"ZipFile": buffer.getvalue()})
    source = "import layered\ndef lambda_handler(event, context):\n    return layered.__file__\n"
    name = deploy(source, Layers=[published["LayerVersionArn"]])
    assert not answer(client, name).startswith("/opt/")
    assert "not emulated: layers at /opt" in caplog.text


def test_another_runtime_is_refused_by_name(client, deploy):
    name = deploy(Runtime="java21")
    with pytest.raises(ClientError) as error:
        client.invoke(FunctionName=name)
    assert error.value.response["Error"]["Message"].startswith("not emulated: runtime java21")


def test_a_url_asks_for_permission_and_answers(client, deploy):
    name = deploy("def lambda_handler(event, context):\n    return {'path': event['rawPath']}\n")
    url = client.create_function_url_config(FunctionName=name, AuthType="NONE")["FunctionUrl"]
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{url}a/b")
    client.add_permission(
        FunctionName=name,
        StatementId="url",
        Action="lambda:InvokeFunctionUrl",
        Principal="*",
        FunctionUrlAuthType="NONE",
    )
    with urllib.request.urlopen(f"{url}a/b") as response:
        assert json.load(response) == {"path": "/a/b"}


def open_url(client, name, **config):
    url = client.create_function_url_config(FunctionName=name, AuthType="NONE", **config)["FunctionUrl"]
    given = {"Action": "lambda:InvokeFunctionUrl", "Principal": "*", "FunctionUrlAuthType": "NONE"}
    client.add_permission(FunctionName=name, StatementId="url", **given)
    return url


def test_a_function_sees_its_url_s_own_host_and_path(client, deploy):
    name = deploy(
        "def lambda_handler(event, context):\n"
        "    context = event['requestContext']\n"
        "    seen = [event['rawPath'], context['http']['path']]\n"
        "    return {'seen': seen, 'headers': event['headers'], 'domain': context['domainName']}\n"
    )
    with urllib.request.urlopen(f"{open_url(client, name)}/a//b?c=d") as response:
        told = json.load(response)
    assert told["seen"] == ["/a//b", "/a//b"]
    assert told["headers"]["host"] == told["domain"]
    assert told["domain"].endswith(".lambda-url.us-east-1.on.aws")
    assert told["headers"]["x-forwarded-proto"] == "https"
    assert "connection" not in told["headers"]


def test_a_streamed_answer_of_a_url_begins_with_its_status(client, deploy):
    """As AWS's runtime for Node.js writes one; Python's gives its answer as it is."""
    source = "import json\ndef lambda_handler(event, context):\n    return {}\n"
    prelude = json.dumps({"statusCode": 201, "headers": {"x-one": "1"}, "cookies": ["a=b"]})
    streamed = deploy(source.format(repr({"statusCode": 201})))
    with urllib.request.urlopen(open_url(client, streamed, InvokeMode="RESPONSE_STREAM")) as response:
        assert (response.status, json.load(response)) == (200, {"statusCode": 201})
    found = function_urls._streamed(f"{prelude}".encode() + b"\0" * 8 + b"Hello")
    assert (found.status_code, found.get_data(), found.headers["x-one"]) == (201, b"Hello", "1")
    assert found.headers["Set-Cookie"] == "a=b"


DAEMON = """
import os, time
def lambda_handler(event, context):
    pid = os.fork()
    if pid == 0:
        os.setsid()
        time.sleep(60)
        os._exit(0)
    return pid
"""


def test_a_daemon_ends_with_its_environment(client, deploy):
    name = deploy(DAEMON)
    daemon = psutil.Process(answer(client, name))
    client.update_function_configuration(FunctionName=name, Timeout=9)
    client.invoke(FunctionName=name)
    try:
        daemon.wait(5)
    except psutil.TimeoutExpired:
        os.kill(daemon.pid, signal.SIGKILL)
        raise


def test_a_queue_reaches_the_function_but_for_what_its_filters_leave_out(client, deploy):
    sqs = boto3.client("sqs")
    source, target = (sqs.create_queue(QueueName=f"{name}-{uuid.uuid4().hex[:8]}")["QueueUrl"] for name in ("a", "b"))
    told = (
        "import boto3\ndef lambda_handler(event, context):\n    for record in event['Records']:\n"
        f"        boto3.client('sqs').send_message(QueueUrl={target!r}, MessageBody=record['body'])\n"
    )
    arn = sqs.get_queue_attributes(QueueUrl=source, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = json.dumps({"body": {"kind": ["wanted"], "n": [{"numeric": [">", 1]}]}})
    mapping = client.create_event_source_mapping(
        FunctionName=deploy(told, Timeout=10),
        EventSourceArn=arn,
        BatchSize=1,
        FilterCriteria={"Filters": [{"Pattern": pattern}]},
    )
    for body in ({"kind": "other", "n": 5}, {"kind": "wanted", "n": 1}, {"kind": "wanted", "n": 2}):
        sqs.send_message(QueueUrl=source, MessageBody=json.dumps(body))
    found = sqs.receive_message(QueueUrl=target, WaitTimeSeconds=10)["Messages"]
    client.delete_event_source_mapping(UUID=mapping["UUID"])
    assert [json.loads(message["Body"]) for message in found] == [{"kind": "wanted", "n": 2}]


def test_what_does_not_wait_for_an_update_is_refused(client, deploy):
    name = deploy()
    client.update_function_configuration(FunctionName=name, Timeout=9)
    for late in (
        lambda: client.update_function_code(FunctionName=name, ZipFile=package(VERSION)),
        lambda: client.publish_version(FunctionName=name),
    ):
        with pytest.raises(ClientError, match="An update is in progress for resource: .*" + name) as error:
            late()
        assert error.value.response["Error"]["Code"] == "ResourceConflictException"
    client.get_waiter("function_updated_v2").wait(FunctionName=name)
    assert client.publish_version(FunctionName=name)["Timeout"] == 9


KIND = """
import os, pathlib, time
def lambda_handler(event, context):
    if "begun" in event:
        pathlib.Path(event["begun"]).touch()
        time.sleep(1.5)
    return os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]
"""
FAILS_WHEN_PROVISIONED = """
import os
if os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"] == "provisioned-concurrency":
    raise ValueError("not today")
def lambda_handler(event, context):
    return "here"
"""


def provisioned(client, name, status, qualifier="1"):
    return until(
        lambda: client.get_provisioned_concurrency_config(FunctionName=name, Qualifier=qualifier),
        enough=lambda found: found["Status"] == status,
    )


def test_provisioned_environments_are_used_first_and_no_others_where_all_is_provisioned(client, deploy, tmp_path):
    name = deploy(KIND, Timeout=10)
    client.publish_version(FunctionName=name)
    put = client.put_provisioned_concurrency_config(FunctionName=name, Qualifier="1", ProvisionedConcurrentExecutions=1)
    assert put["Status"] == "IN_PROGRESS"
    assert provisioned(client, name, "READY")["AvailableProvisionedConcurrentExecutions"] == 1
    with ThreadPoolExecutor(2) as pool:
        busy = pool.submit(answer, client, name, {"begun": str(tmp_path / "begun")}, Qualifier="1")
        until((tmp_path / "begun").exists)
        assert answer(client, name, Qualifier="1") == "on-demand"
        assert busy.result() == "provisioned-concurrency"
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    assert answer(client, name, Qualifier="1") == "provisioned-concurrency"
    with pytest.raises(client.exceptions.TooManyRequestsException):
        client.invoke(FunctionName=name)
    client.delete_provisioned_concurrency_config(FunctionName=name, Qualifier="1")
    assert answer(client, name, Qualifier="1") == "on-demand"


def test_provisioned_concurrency_that_cannot_be_initialized_has_failed(client, deploy):
    name = deploy(FAILS_WHEN_PROVISIONED)
    client.publish_version(FunctionName=name)
    client.put_provisioned_concurrency_config(FunctionName=name, Qualifier="1", ProvisionedConcurrentExecutions=1)
    assert answer(client, name, Qualifier="1") == "here"
    assert provisioned(client, name, "FAILED")["StatusReason"] == "FUNCTION_ERROR_INIT_FAILURE"


def test_an_event_of_a_function_that_may_not_run_goes_to_its_destination(client, deploy):
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName=f"zero-{uuid.uuid4().hex[:8]}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    name = deploy()
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    client.put_function_event_invoke_config(FunctionName=name, DestinationConfig={"OnFailure": {"Destination": arn}})
    assert client.invoke(FunctionName=name, InvocationType="Event", Payload="[1]")["StatusCode"] == 202
    (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]
    said = json.loads(message["Body"])
    assert said["requestContext"]["condition"] == "ZeroReservedConcurrency"
    assert (said["requestContext"]["approximateInvokeCount"], said["requestPayload"]) == (0, [1])
    assert "responseContext" not in said
    sqs.delete_queue(QueueUrl=url)
