"""What AWS was asked and answered is written down without secrets, and answered again from the file."""

import io
import json
import re
import socket
import subprocess
import sys
from dataclasses import replace

import boto3
import pytest
from botocore.exceptions import ClientError
from rich.console import Console

from harness.project.executions import run
from harness.scones.aws.bring_up import bring_up_on_aws, take_down_on_aws
from harness.scones.aws.cleanup import destroy_cloud
from harness.scones.dataset.transform import from_folder
from harness.targets.aws import aws
from harness.targets.recording import Cleaner, recorded
from harness.targets.replaying import NoAnswerError, Recording, answered_from
from harness.targets.target import Target, TargetError
from tests.emulator.acting import Actors, trust_of

ACCOUNT = "987654321098"
HERE = Target("aws", {}, is_local=False, account_id="123456789012", region="us-east-1", caller="arn:aws:iam::1:user/me")


@pytest.fixture
def nothing_sent(monkeypatch):
    """No connection can be made."""

    def refuse(*_, **__):
        raise AssertionError("something was sent")

    return lambda: monkeypatch.setattr(socket.socket, "connect", refuse)


def ask(session):
    """Requests in several protocols, one that is refused and one with a streamed body, and what was answered."""
    s3, sts, states = session.client("s3"), session.client("sts"), session.client("stepfunctions")
    said = [sts.get_caller_identity()["Arn"]]
    s3.create_bucket(Bucket="recorded")
    s3.put_object(Bucket="recorded", Key="a", Body=b"as it was")
    said.append(s3.get_object(Bucket="recorded", Key="a")["Body"].read())
    said += [
        item["Key"]
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket="recorded")
        for item in page["Contents"]
    ]
    s3.delete_object(Bucket="recorded", Key="a")
    s3.delete_bucket(Bucket="recorded")
    for call in (lambda: s3.head_bucket(Bucket="recorded"), lambda: states.describe_execution(executionArn=EXECUTION)):
        with pytest.raises(ClientError) as refused:
            call()
        said.append(refused.value.response["Error"])
    return said


EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:none:none"


def test_what_was_answered_is_answered_again_and_nothing_is_sent(target, tmp_path, nothing_sent):
    with recorded(HERE, tmp_path / "run.jsonl") as path:
        said = ask(boto3.session.Session())
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert (lines[0]["recording"], lines[0]["region"]) == (1, "us-east-1")
    assert [line["operation"] for line in lines[1:4]] == ["GetCallerIdentity", "CreateBucket", "PutObject"]
    assert {line["status"] for line in lines[1:]} >= {200, 404}
    assert said[1:3] == [b"as it was", "a"]
    nothing_sent()
    with answered_from(Recording(path)) as recording:
        session = boto3.session.Session()
        assert ask(session) == said
        assert (recording.left(), recording.others) == ([], [])
        with pytest.raises(NoAnswerError, match="no answer to s3 CreateBucket"):
            session.client("s3").create_bucket(Bucket="another")


def test_a_wait_is_not_waited_for_again(tmp_path):
    described = [
        {
            "service": "sagemaker",
            "operation": "DescribeEndpoint",
            "parameters": {"EndpointName": "e"},
            "status": 200,
            "headers": {},
            "body": json.dumps({"EndpointStatus": status}),
        }
        for status in ("Creating", "Creating", "InService")
    ]
    first = {"recording": 1, "region": "us-east-1", "caller": "arn:aws:iam::123456789012:user/someone"}
    path = tmp_path / "run.jsonl"
    path.write_text("\n".join(map(json.dumps, [first, *described])))
    with aws(answered_by(path)):
        sagemaker = boto3.session.Session().client("sagemaker")
        assert sagemaker.describe_endpoint(EndpointName="e")["EndpointStatus"] == "InService"


def answered_by(path):
    from harness.settings import Settings

    return Settings(target="aws", aws_stand_in=str(path))


def test_nothing_secret_is_written(target, tmp_path):
    actors = Actors()
    role = actors.role(trust=trust_of({"AWS": "arn:aws:iam::123456789012:root"}))
    with recorded(HERE, tmp_path / "run.jsonl") as path:
        session = boto3.session.Session()
        secrets = session.client("secretsmanager")
        given = session.client("sts").assume_role(RoleArn=role, RoleSessionName="someone")["Credentials"]
        secrets.create_secret(Name="recorded", SecretString="do not tell")
        assert secrets.get_secret_value(SecretId="recorded")["SecretString"] == "do not tell"
        secrets.delete_secret(SecretId="recorded", ForceDeleteWithoutRecovery=True)
        session.client("iam").list_roles()
    actors.close()
    text = path.read_text()
    for secret in (given["SecretAccessKey"], given["SessionToken"], given["AccessKeyId"], "do not tell"):
        assert secret not in text
    assert "removed" in text


@pytest.mark.parametrize(
    ("text", "without"),
    [
        (f"arn:aws:iam::{ACCOUNT}:role/r", "arn:aws:iam::123456789012:role/r"),
        ("assumed-role/AWSReservedSSO_A/jane.doe@corp.example", "assumed-role/AWSReservedSSO_A/someone"),
        ("harness:owner=jane.doe@corp.example", "harness:owner=someone"),
        ("write to joe@corp.example", "write to someone@example.com"),
        (
            "https://b.s3.amazonaws.com/k?X-Amz-Signature=abc123&x=1",
            "https://b.s3.amazonaws.com/k?X-Amz-Signature=removed&x=1",
        ),
        ("AROAEXAMPLE1234567890:x", "AROAEXAMPLE:x"),
        ("<SecretAccessKey>abc/+</SecretAccessKey>", "<SecretAccessKey>removed</SecretAccessKey>"),
        ('{"secretAccessKey": "ab\\"c"}', '{"secretAccessKey": "removed"}'),
        ("<ID>" + "ab" * 32 + "</ID>", "<ID>" + "0" * 64 + "</ID>"),
        ("scones-unlimited-image", "scones-unlimited-image"),
    ],
)
def test_what_is_taken_out(text, without):
    cleaner = Cleaner(ACCOUNT, f"arn:aws:sts::{ACCOUNT}:assumed-role/AWSReservedSSO_A/jane.doe@corp.example")
    assert cleaner.text(text) == without
    assert cleaner.value({"Tags": [{"Key": text}]}) == {"Tags": [{"Key": without}]}


@pytest.mark.parametrize("text", ["", "{}", '{"recording": 99}', "no JSON"])
def test_what_is_no_recording_is_told(tmp_path, text):
    path = tmp_path / "run.jsonl"
    path.write_text(text)
    with (
        pytest.raises(TargetError, match=r"run\.jsonl is no recording of requests to AWS"),
        aws(answered_by(path)),
    ):
        pass


SUITE = """
import boto3
import pytest

pytestmark = pytest.mark.workflow


def test_an_account(target):
    assert boto3.client("s3").list_buckets()["Buckets"] == []
"""


@pytest.mark.slow
def test_a_suite_on_aws_leaves_a_recording_that_answers_it_again(stand_in, tmp_path):
    (tmp_path / "test_suite.py").write_text(SUITE)

    def suite(**environment):
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-m", "aws", "-q", "-p", "no:cacheprovider"],
            cwd=tmp_path,
            env=stand_in.environment(**environment),
            capture_output=True,
            text=True,
            timeout=120,
        )

    first = suite(HARNESS_RECORDINGS=str(tmp_path / "recordings"))
    assert first.returncode == 0, first.stdout + first.stderr
    (path,) = (tmp_path / "recordings").iterdir()
    assert f"HARNESS_AWS_STAND_IN={path} replays it" in first.stdout
    assert [json.loads(line).get("operation") for line in path.read_text().splitlines()] == [None, "ListBuckets"]
    again = suite(HARNESS_AWS_STAND_IN=str(path))
    assert again.returncode == 0, again.stdout + again.stderr
    assert list((tmp_path / "recordings").iterdir()) == [path]


def told(console_file):
    """The lines of a command, without times and the names that each run makes up."""
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME", console_file.getvalue())
    return [line for line in text.splitlines() if "stands in for AWS" not in line]


@pytest.mark.slow
def test_a_deployment_is_made_used_and_removed_again_from_a_recording(
    stand_in, root, drawings, tmp_path, nothing_sent, caplog
):
    dataset = from_folder(drawings)
    settings = replace(stand_in.settings, model=str(root / "fixtures" / "model" / "model.tar.gz"))

    def go(target):
        file = io.StringIO()
        console = Console(file=file, width=200, highlight=False)
        scones = bring_up_on_aws(target, settings, root, dataset, console)
        key = f"test/{dataset.test['filename'].iloc[0]}"
        ended = run(scones.session.client("stepfunctions"), scones.state_machine_arn, scones.event(key))
        take_down_on_aws(target, settings, console)
        return told(file), ended.status

    with stand_in.session() as (target, session):
        try:
            with recorded(target, tmp_path / "run.jsonl") as path:
                lines, status = go(target)
        finally:
            destroy_cloud(target, session, settings)
    assert lines[-1] == "  all of it is gone"
    nothing_sent()
    with aws(replace(settings, aws_stand_in=str(path))) as target:
        assert go(target) == (lines, status)
    left = [record.getMessage() for record in caplog.records if "not made any more" in record.getMessage()]
    assert left == []
