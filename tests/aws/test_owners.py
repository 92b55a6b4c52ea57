"""Each request to S3 of each command says whose bucket it expects."""

import os

import boto3
import botocore
import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.dashboard.clients import clients_of
from harness.project.bucket import delete_bucket
from harness.project.scaffold import scaffold
from harness.settings import get_settings
from tests.aws.conftest import ACCOUNT
from tests.aws.test_cloud import MODEL

pytestmark = pytest.mark.slow


@pytest.fixture
def asked():
    """What was asked of S3: operation, and the owners that were expected."""
    seen = []

    def note(params, model, **_):
        if model.service_model.service_name == "s3":
            members = model.input_shape.members
            wanted = {
                members[name].serialization["name"]
                for name in ("ExpectedBucketOwner", "ExpectedSourceBucketOwner")
                if name in members
            }
            seen.append((model.name, {name: params["headers"].get(name) for name in wanted}))

    def join(session):
        session.register("before-call.s3", note)

    botocore.register_initializer(join)
    yield seen
    botocore.unregister_initializer(join)


@pytest.fixture
def command(place, stand_in, asked):
    """Carries out a command in a shell of its own, and returns what it asked of S3."""
    shell, inside = stand_in.environment(AWS_DEFAULT_REGION="us-east-1"), dict(os.environ)

    def carry_out(*arguments, led=False):
        environment = inside if led else shell
        asked.clear()
        with pytest.MonkeyPatch.context() as variables:
            for name in inside.keys() - environment.keys():
                variables.delenv(name)
            for name, value in environment.items():
                variables.setenv(name, value)
            get_settings.cache_clear()
            done = CliRunner().invoke(main, [str(each) for each in arguments], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        assert {name for name, owners in asked if set(owners.values()) - {ACCOUNT}} == set(), arguments
        return {name for name, _ in asked}

    return carry_out


def test_each_command_says_whose_buckets_it_expects(place, command, root, drawings, tmp_path, monkeypatch):
    _, session = place
    monkeypatch.chdir(root)
    on_aws, agreed = ("--target", "aws"), ("--yes", "--max-cost", "6", "--account", ACCOUNT)
    deploy = ("deploy", *on_aws, *agreed, "--model", root / MODEL, "--data", drawings)
    assert "HeadBucket" in command(*deploy, "--dry-run")
    assert {"CreateBucket", "PutObject"} <= command(*deploy, "--executions", "2")
    (bucket,) = [each["Name"] for each in session.client("s3").list_buckets()["Buckets"]]
    (endpoint,) = [each["EndpointName"] for each in session.client("sagemaker").list_endpoints()["Endpoints"]]
    assert "PutObject" in command("dataset", "load", drawings, f"s3://{bucket}/again", led=True)
    images = tmp_path / "images"
    reads = [
        ("capture", "list", endpoint, *on_aws),
        ("capture", "list", f"s3://{bucket}", *on_aws),
        ("capture", "download", endpoint, images, *on_aws),
        ("capture", "tail", endpoint, *on_aws),
        ("capture", "parse", endpoint, "-o", tmp_path / "records.jsonl", *on_aws),
        ("capture", "sql", "table", endpoint, *on_aws),
        ("monitor", endpoint, "-o", tmp_path / "monitor", "--labels", f"s3://{bucket}/again", *on_aws),
        ("evaluate", drawings, *on_aws, *agreed, "--images", "2", "--output", tmp_path / "evaluation"),
    ]
    for each in reads:
        assert command(*each) & {"ListObjectsV2", "GetObject"} or "sql" in each, each
    command("cost", "--region", "us-east-1")
    command("sweep", "--dry-run", "--account", ACCOUNT)
    assert "DeleteBucket" in command("destroy", *on_aws, "--account", ACCOUNT)


def test_the_commands_of_any_project_say_it_too(place, command, tmp_path, monkeypatch):
    _, session = place
    list(scaffold(tmp_path))
    monkeypatch.chdir(tmp_path)
    on_aws, agreed = ("--target", "aws"), ("--yes", "--max-cost", "6", "--account", ACCOUNT)
    assert "PutObject" in command("deploy", *on_aws, *agreed)
    command("destroy", *on_aws, "--account", ACCOUNT)
    for bucket in session.client("s3").list_buckets()["Buckets"]:
        delete_bucket(session.client("s3"), bucket["Name"])


def test_the_dashboard_says_it_too(place, asked):
    _, session = place
    session.client("s3").create_bucket(Bucket="shown")
    clients_of(boto3.Session(), "aws").s3.list_objects_v2(Bucket="shown")
    assert asked[-1] == ("ListObjectsV2", {"x-amz-expected-bucket-owner": ACCOUNT})
    session.client("s3").delete_bucket(Bucket="shown")
