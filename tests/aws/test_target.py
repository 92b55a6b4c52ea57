"""Where the targets lead: the aws target to AWS or nowhere, the local ones never there."""

import http.server
import json
import os
import threading
from dataclasses import replace

import boto3
import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner
from werkzeug import Response

from harness.cli import main
from harness.emulator.clients import Clients
from harness.settings import Settings, SettingsError
from harness.targets import open_standing_target, open_target
from harness.targets.aws import aws
from harness.targets.target import Target, TargetError, environment_of


@pytest.fixture
def shell(monkeypatch, tmp_path):
    """A shell with credentials and a region, and nothing that leads elsewhere; a function that sets variables in it."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "HARNESS_")) or name.lower() in ("https_proxy", "http_proxy", "no_proxy"):
            monkeypatch.delenv(name)
    settled = {
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "example",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
    }

    def change(**variables):
        for name, value in {**settled, **variables}.items():
            monkeypatch.setenv(name, value)

    change()
    return change


def refusal(settings=None):
    with pytest.raises(TargetError) as raised, aws(settings or Settings(target="aws")):
        pass
    return str(raised.value)


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME"])
def test_an_endpoint_variable_left_over_from_a_local_shell_is_refused(shell, variable):
    shell(**{variable: "http://127.0.0.1:4566"})
    said = refusal()
    assert f"{variable}=http://127.0.0.1:4566" in said
    assert f"unset {variable}" in said


@pytest.mark.parametrize(
    "config",
    [
        "[profile work]\nendpoint_url = http://127.0.0.1:4566\n",
        "[profile work]\nservices = here\n[services here]\nsagemaker =\n  endpoint_url = http://127.0.0.1:4566\n",
    ],
)
def test_a_profile_that_leads_elsewhere_is_refused(shell, tmp_path, config):
    (tmp_path / "config").write_text(config)
    shell(AWS_PROFILE="work")
    said = refusal()
    assert "http://127.0.0.1:4566, not at AWS" in said
    assert "profile work" in said


def test_credentials_of_the_emulator_are_refused(shell):
    shell(AWS_ACCESS_KEY_ID="ASIAIOSFODNN7EXAMPLE")
    assert "left over from `harness env`" in refusal()


def test_the_emulator_as_a_proxy_is_refused(shell, emulator_process):
    shell(HTTPS_PROXY=emulator_process.url)
    assert "is an emulator, left over" in refusal()


def test_a_profile_that_is_not_there_is_named(shell):
    shell(AWS_PROFILE="nobody")
    assert "nobody" in refusal()


def test_a_region_is_needed(shell, monkeypatch):
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert "no region is set" in refusal()


@pytest.mark.parametrize(
    ("region", "partition"),
    [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov"), ("us-iso-east-1", "aws-iso")],
)
def test_other_partitions_are_refused_with_words(shell, region, partition):
    shell(AWS_DEFAULT_REGION=region)
    assert f"region {region} is of the partition {partition}" in refusal()


def test_the_account_must_be_the_one_that_is_meant(emulator_process):
    said = refusal(Settings(target="aws", aws_stand_in=emulator_process.url, aws_account="0" * 12))
    assert "these credentials are of account 123456789012" in said
    assert f"not of {'0' * 12}" in said


def test_an_account_is_twelve_digits():
    with pytest.raises(SettingsError, match="12 digits"):
        Settings.from_environment({"HARNESS_AWS_ACCOUNT": "12345"})


@pytest.mark.parametrize(
    "url",
    ["http://example.com:80", "https://127.0.0.1:4566", "http://127.0.0.1", "https://sts.us-east-1.amazonaws.com"],
)
def test_only_this_machine_stands_in_for_aws(url):
    assert "expected http://127.0.0.1:PORT" in refusal(Settings(target="aws", aws_stand_in=url))


def test_only_an_emulator_stands_in_for_aws():
    class Else(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"status": "running"}')

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Else) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        said = refusal(Settings(target="aws", aws_stand_in=f"http://127.0.0.1:{server.server_port}"))
        server.shutdown()
    assert "no emulator answers there" in said


def test_the_stand_in_gets_all_calls_whatever_the_shell_says(shell, emulator_process):
    shell(AWS_ENDPOINT_URL_S3="http://127.0.0.1:1", AWS_PROFILE="somebody")
    with aws(Settings(target="aws", aws_stand_in=emulator_process.url)) as target:
        assert (target.account_id, target.region, target.stand_in) == ("123456789012", "us-east-1", True)
        assert boto3.client("s3").meta.endpoint_url == emulator_process.url
        # Programs that name AWS's hosts themselves get there, too.
        named = boto3.client("sts", endpoint_url="https://sts.us-east-1.amazonaws.com")
        assert named.get_caller_identity()["Account"] == "123456789012"
    assert os.environ["AWS_PROFILE"] == "somebody"


def test_somebody_elses_role_on_the_stand_in(shell, emulator_process):
    settings = Settings(target="aws", aws_stand_in=emulator_process.url)
    for role in ("arn:aws:iam::123456789012:role/nobody", "no ARN"):
        said = refusal(replace(settings, aws_stand_in_role=role))
        assert said.startswith(f"HARNESS_AWS_STAND_IN_ROLE={role}: ")
    with emulator_process.session() as (_, session):
        trust = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": trust})
        role = session.client("iam").create_role(RoleName="me", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    with aws(replace(settings, aws_stand_in_role=role)) as target:
        assert target.caller == "arn:aws:sts::123456789012:assumed-role/me/harness"
        with pytest.raises(ClientError, match=r"assumed-role/me/harness is not authorized to perform: lambda:List"):
            boto3.client("lambda").list_functions()
    with emulator_process.session() as (_, session):
        session.client("iam").delete_role(RoleName="me")


# Local targets


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"AWS_ENDPOINT_URL": "https://s3.us-east-1.amazonaws.com"},
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ENDPOINT_URL_S3": "https://s3.eu-west-1.amazonaws.com"},
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ENDPOINT_URL_LAMBDA": "https://lambda.eu-west-1.api.aws"},
    ],
)
def test_a_local_target_refuses_to_run_where_a_call_would_reach_aws(environment):
    target = Target("emulator", environment, is_local=True)
    with pytest.raises(TargetError, match="nothing was run"), environment_of(target):
        pass


def test_an_announced_emulator_that_leads_to_aws_is_refused(tmp_path):
    from harness.emulator.process.endpoint_file import announced

    leading = {"AWS_ENDPOINT_URL": "https://sagemaker.us-east-1.amazonaws.com"}
    with (
        announced(tmp_path, "http://127.0.0.1:1", leading),
        pytest.raises(TargetError, match="real AWS"),
        open_standing_target(Settings(cache=tmp_path)),
    ):
        pass


def test_an_emulator_of_some_services_never_calls_aws(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://s3.us-east-1.amazonaws.com")
    clients = Clients("http://127.0.0.1:1", frozenset({"lambda"}), "us-east-1", "123456789012", None, Response)
    with pytest.raises(LookupError, match=r"AWS's own: the emulator never calls there"):
        clients.get("s3")


def test_there_are_three_targets():
    with pytest.raises(ValueError, match="embedded, compose and aws"):
        open_target(Settings(target="mars"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["demo"], "the demo is for this machine"),
        (["run", "--target", "aws", __file__], "what a script costs on AWS nobody can tell"),
        (["sweep", "--target", "compose"], "only what is on aws expires"),
    ],
)
def test_what_knows_no_price_keeps_off_the_aws_target(shell, monkeypatch, arguments, message):
    monkeypatch.setattr("harness.settings.get_settings", lambda: Settings(target="aws"))
    ended = CliRunner().invoke(main, arguments)
    assert ended.exit_code != 0
    assert message in ended.output
