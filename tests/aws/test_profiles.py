"""Profiles, SSO and roles by botocore's own code: what `aws configure sso` and `aws sso login` leave leads the target.

https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-sso.html
"""

import hashlib
import json
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import botocore.credentials
import botocore.exceptions
import botocore.httpsession
import botocore.tokens
import pytest

from harness.project.session import SharedClients
from harness.settings import Settings
from harness.targets.aws import aws
from harness.targets.target import TargetError
from tests.aws.aws_by_host import ACCOUNT, Aws

START = "https://example.awsapps.com/start"
SCOPE = "sso_registration_scopes = sso:account:access\n"
SESSION = f"[sso-session corp]\nsso_start_url = {START}\nsso_region = eu-west-1\n{SCOPE}"
ROLE = f"sso_account_id = {ACCOUNT}\nsso_role_name = Deployer\n"
PROFILE = f"[profile work]\nsso_session = corp\n{ROLE}region = eu-central-1\n{SESSION}"
LEGACY = f"[profile work]\nsso_start_url = {START}\nsso_region = eu-west-1\n{ROLE}region = eu-central-1\n"
FORMS = {"sso_session": (PROFILE, "corp"), "sso_start_url": (LEGACY, START)}
DEPLOYER = f"arn:aws:sts::{ACCOUNT}:assumed-role/AWSReservedSSO_Deployer_0123456789abcdef/jane@example.com"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/team/scones-deployer"
ASSUMED = f"arn:aws:sts::{ACCOUNT}:assumed-role/scones-deployer/session"
USER = f"arn:aws:iam::{ACCOUNT}:user/jane"
LOGIN = "`aws sso login --profile work`"


@pytest.fixture
def account(monkeypatch):
    """AWS in place of botocore's transport; a call to any other host fails the test."""
    answering = Aws(
        callers={"ASIASSO": DEPLOYER, "AKIAUSER": USER, "ASIAROLE": ASSUMED, "ASIALATER": DEPLOYER},
        tokens={"signed-in": "ASIASSO", "refreshed": "ASIALATER"},
        refreshes={"refresh": "refreshed"},
    )
    here, elsewhere = threading.current_thread(), botocore.httpsession.URLLib3Session.send

    def send(session, request):
        # Other tests may run beside this one, on threads of their own.
        return answering.send(request) if threading.current_thread() is here else elsewhere(session, request)

    monkeypatch.setattr(botocore.httpsession.URLLib3Session, "send", send)
    yield answering
    assert answering.unknown == []


class Home:
    """A home folder with ~/.aws in it."""

    def __init__(self, folder):
        self.folder = folder
        self.cache = folder / ".aws" / "sso" / "cache"
        self.cache.mkdir(parents=True)

    def configure(self, config, credentials=""):
        """What `aws configure` leaves."""
        (self.folder / ".aws" / "config").write_text(config)
        if credentials:
            (self.folder / ".aws" / "credentials").write_text(credentials)

    def sign_in(self, name, lasting=timedelta(hours=1), refresh=None, token="signed-in"):
        """What `aws sso login` leaves, for the session or the start URL of that name."""
        left = {"startUrl": START, "region": "eu-west-1", "accessToken": token, "expiresAt": stamp(lasting)}
        if refresh:
            left |= {
                "clientId": "client",
                "clientSecret": "secret",
                "registrationExpiresAt": stamp(timedelta(days=30)),
                "refreshToken": refresh,
            }
        self.token_file(name).write_text(json.dumps(left))

    def token_file(self, name):
        return self.cache / f"{hashlib.sha1(name.encode()).hexdigest()}.json"


def stamp(later):
    return (datetime.now(UTC) + later).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def home(monkeypatch, tmp_path, account):
    """An empty home folder, with a profile work that is chosen and not yet configured."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "HARNESS_")) or name.lower() in ("https_proxy", "http_proxy", "no_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_PROFILE", "work")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    home = Home(tmp_path)
    # botocore looks up the home folder once, as it is imported.
    for holder in (botocore.credentials.SSOProvider, botocore.tokens.SSOTokenProvider):
        monkeypatch.setattr(holder, "_SSO_TOKEN_CACHE_DIR", str(home.cache))
    monkeypatch.setenv("AWS_LOGIN_CACHE_DIRECTORY", str(tmp_path / ".aws" / "login" / "cache"))
    return home


def refusal(**settings):
    with pytest.raises(TargetError) as raised, aws(Settings(target="aws", **settings)):
        pass
    return str(raised.value)


# Single sign-on


@pytest.mark.parametrize("form", FORMS)
def test_who_is_signed_in_has_the_account_and_the_region_of_the_profile(home, account, form):
    config, name = FORMS[form]
    home.configure(config)
    home.sign_in(name)
    with aws(Settings(target="aws", aws_account=ACCOUNT)) as target:
        assert (target.account_id, target.caller, target.region) == (ACCOUNT, DEPLOYER, "eu-central-1")
        assert not target.is_local
        assert boto3.client("s3").meta.endpoint_url == "https://s3.eu-central-1.amazonaws.com"
        assert boto3.client("sts").get_caller_identity()["Arn"] == DEPLOYER
    assert set(account.asked) == {
        ("portal.sso.eu-west-1.amazonaws.com", "GetRoleCredentials"),
        ("sts.eu-central-1.amazonaws.com", "GetCallerIdentity"),
    }


@pytest.mark.parametrize("form", FORMS)
def test_a_token_that_has_expired_is_told_with_the_command_that_renews_it(home, form):
    config, name = FORMS[form]
    home.configure(config)
    home.sign_in(name, lasting=-timedelta(minutes=1))
    said = refusal()
    assert said.startswith("profile work: ")
    assert "expired" in said
    assert LOGIN in said


@pytest.mark.parametrize("form", FORMS)
def test_who_never_signed_in_is_told_how(home, form):
    home.configure(FORMS[form][0])
    said = refusal()
    assert "does not exist" in said
    assert LOGIN in said


@pytest.mark.parametrize("left", ["", "{}", "not JSON"])
def test_a_token_file_that_cannot_be_read_is_no_token(home, left):
    home.configure(PROFILE)
    home.token_file("corp").write_text(left)
    said = refusal()
    assert "token" in said.lower()
    assert LOGIN in said


def test_a_token_that_has_expired_is_refreshed_and_kept(home, account):
    home.configure(PROFILE)
    home.sign_in("corp", lasting=-timedelta(minutes=1), refresh="refresh", token="old")
    with aws(Settings(target="aws")) as target:
        assert target.caller == DEPLOYER
    assert ("oidc.eu-west-1.amazonaws.com", "CreateToken") in account.asked
    kept = json.loads(home.token_file("corp").read_text())
    assert (kept["accessToken"], kept["refreshToken"]) == ("refreshed", "next")


def test_a_token_that_is_refused_a_refresh_needs_a_new_one(home, account):
    home.configure(PROFILE)
    home.sign_in("corp", lasting=-timedelta(minutes=1), refresh="withdrawn")
    assert LOGIN in refusal()
    assert ("oidc.eu-west-1.amazonaws.com", "CreateToken") in account.asked


@pytest.mark.parametrize("form", FORMS)
def test_a_token_that_was_withdrawn_needs_a_new_one(home, account, form):
    config, name = FORMS[form]
    home.configure(config)
    home.sign_in(name)
    account.portal = (401, "UnauthorizedException")
    assert LOGIN in refusal()


@pytest.mark.parametrize("answer", [(403, "ForbiddenException"), (404, "ResourceNotFoundException")])
def test_a_role_that_the_portal_does_not_give_is_named(home, account, answer):
    home.configure(PROFILE)
    home.sign_in("corp")
    account.portal = answer
    said = refusal()
    assert f"profile work: An error occurred ({answer[1]}) when calling the GetRoleCredentials operation: No" in said
    assert f"does not give role Deployer of account {ACCOUNT}" in said
    assert "sso_role_name and sso_account_id of profile work" in said


def test_another_account_than_the_one_that_is_meant_is_refused(home):
    home.configure(PROFILE)
    home.sign_in("corp")
    said = refusal(aws_account="0" * 12)
    assert f"of account {ACCOUNT} ({DEPLOYER}), not of {'0' * 12}" in said
    assert "another AWS_PROFILE" in said


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (PROFILE.replace("[sso-session corp]", "[sso-session other]"), "corp"),
        (PROFILE.replace("sso_region = eu-west-1\n", ""), "sso_region"),
        ("[profile work\nregion = eu-west-1\n", "config"),
        (f"[profile work]\nregion = eu-west-1\nrole_arn = {ROLE_ARN}\nsource_profile = gone\n", "gone"),
        (f"[profile work]\nregion = eu-west-1\nrole_arn = {ROLE_ARN}\n", "source_profile"),
    ],
)
def test_what_is_wrong_with_a_configuration_is_named(home, account, config, words):
    home.configure(config)
    said = refusal()
    assert words in said
    assert "mend the" in said.lower()
    assert account.asked == []


def test_a_command_says_it_in_one_line(home):
    home.configure(LEGACY)
    home.sign_in(START, lasting=-timedelta(minutes=1))
    command = [Path(sys.executable).with_name("harness"), "sweep", "--dry-run"]
    done = subprocess.run(command, cwd=home.folder, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: profile work: The SSO session")
    assert line.endswith(f"Sign in with {LOGIN}.")


# Roles, programs, keys


@pytest.fixture
def with_role(home, account):
    account.trusted = {(ROLE_ARN, "ASIASSO"): "ASIAROLE", (ROLE_ARN, "AKIAUSER"): "ASIAROLE"}
    home.sign_in("corp")
    return home


def role_profile(source, more=""):
    return f"[profile work]\nrole_arn = {ROLE_ARN}\n{source}\n{more}"


SIGNED_IN = PROFILE.replace("profile work", "profile source")
KEYS = "[source]\naws_access_key_id = AKIAUSER\naws_secret_access_key = s\n"


@pytest.mark.parametrize("region", ["config", "AWS_REGION", "AWS_DEFAULT_REGION"])
def test_a_role_is_taken_on_by_who_is_signed_in(with_role, account, monkeypatch, region):
    where = "region = eu-west-2\n" if region == "config" else ""
    with_role.configure(role_profile("source_profile = source", where) + SIGNED_IN)
    if not where:
        monkeypatch.setenv(region, "eu-west-2")
    with aws(Settings(target="aws")) as target:
        assert (target.account_id, target.caller, target.region) == (ACCOUNT, ASSUMED, "eu-west-2")
    assert ("sts.eu-west-2.amazonaws.com", "AssumeRole") in account.asked


def test_a_role_is_taken_on_with_the_keys_of_another_profile(with_role):
    with_role.configure(role_profile("source_profile = source", "region = eu-west-2\n"), KEYS)
    with aws(Settings(target="aws")) as target:
        assert target.caller == ASSUMED


def test_a_role_whose_source_has_to_sign_in_says_as_what(with_role):
    with_role.configure(role_profile("source_profile = source", "region = eu-west-2\n") + SIGNED_IN)
    with_role.sign_in("corp", lasting=-timedelta(minutes=1))
    said = refusal()
    assert said.startswith("profile work: ")
    assert "`aws sso login --profile source`" in said


def test_a_role_that_does_not_trust_its_source_is_named(with_role, account):
    account.trusted = {}
    with_role.configure(role_profile("source_profile = source", "region = eu-west-2\n"), KEYS)
    said = refusal()
    assert f"not authorized to perform: sts:AssumeRole on resource: {ROLE_ARN}" in said
    assert "role_arn of profile work" in said


def test_a_role_that_wants_a_code_is_refused_before_anybody_is_asked(with_role, account):
    mfa = f"region = eu-west-2\nmfa_serial = arn:aws:iam::{ACCOUNT}:mfa/jane\n"
    with_role.configure(role_profile("source_profile = source", mfa), KEYS)
    said = refusal()
    assert "profile work has mfa_serial" in said
    assert "aws configure export-credentials --profile work --format env" in said
    assert account.asked == []


def test_a_role_by_the_keys_in_the_environment_would_not_be_taken_on(with_role, monkeypatch):
    with_role.configure(role_profile("credential_source = Environment", "region = eu-west-2\n"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAUSER")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    said = refusal()
    assert f"AWS_ACCESS_KEY_ID are those of {USER}, and profile work" in said
    assert f"is for {ROLE_ARN}" in said
    # With the credentials that the remedy sets, it is who it is to be.
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ASIAROLE")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "t")
    with aws(Settings(target="aws")) as target:
        assert target.caller == ASSUMED


def test_a_role_by_the_environment_without_keys_there_is_told(with_role):
    with_role.configure(role_profile("credential_source = Environment", "region = eu-west-2\n"))
    said = refusal()
    assert said.startswith("profile work: ")
    assert "credential_source" in said


def test_keys_left_over_from_another_account_are_not_taken_for_the_profile(home, account, monkeypatch):
    home.configure(PROFILE)
    home.sign_in("corp")
    account.callers["AKIAOTHER"] = other = f"arn:aws:iam::{'0' * 12}:user/other"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOTHER")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    said = refusal()
    assert other in said
    assert f"profile work, which is chosen as well, is for Deployer in account {ACCOUNT}" in said
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ASIASSO")
    with aws(Settings(target="aws")) as target:
        assert target.caller == DEPLOYER


def test_keys_in_the_environment_that_aws_does_not_know(home, monkeypatch):
    home.configure("[profile work]\nregion = eu-west-2\n")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAGONE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    said = refusal()
    assert "InvalidClientTokenId" in said
    assert "The keys are those in AWS_ACCESS_KEY_ID" in said


def process_profile(tmp_path, script):
    program = tmp_path / "give credentials.py"
    program.write_text(script)
    return f'[profile work]\nregion = eu-west-2\ncredential_process = "{sys.executable}" "{program}"\n'


def test_a_program_gives_the_credentials(home, tmp_path):
    given = {"Version": 1, "AccessKeyId": "AKIAUSER", "SecretAccessKey": "s", "Expiration": stamp(timedelta(hours=1))}
    home.configure(process_profile(tmp_path, f"print({json.dumps(given)!r})"))
    with aws(Settings(target="aws")) as target:
        assert (target.caller, target.region) == (USER, "eu-west-2")


@pytest.mark.parametrize(
    ("script", "words"), [("raise SystemExit('the vault is shut')", "the vault is shut"), ("print('{')", "property")]
)
def test_a_program_that_fails_is_named(home, tmp_path, script, words):
    home.configure(process_profile(tmp_path, script))
    said = refusal()
    assert words in said
    assert "credential_process of profile work" in said
    assert "give credentials.py" not in said  # its arguments may be secrets


def test_a_program_that_is_not_there_is_named(home):
    home.configure("[profile work]\nregion = eu-west-2\ncredential_process = /nowhere/vault\n")
    said = refusal()
    assert "'/nowhere/vault'" in said
    assert "credential_process of profile work" in said


# Which profile, which region, which partition


def test_a_profile_that_does_not_exist_is_named(home, account):
    home.configure("[profile other]\nregion = eu-west-2\n")
    said = refusal()
    assert "profile (work) could not be found" in said
    assert "aws configure list-profiles" in said
    assert account.asked == []


def test_a_profile_without_credentials_is_told_how_to_have_some(home):
    home.configure("[profile work]\nregion = eu-west-2\n")
    said = refusal()
    assert said.startswith("profile work: ")
    assert "aws configure sso" in said


@pytest.mark.parametrize(
    ("variables", "region"),
    [
        ({}, "eu-central-1"),
        ({"AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-2"),
        ({"AWS_REGION": "eu-west-3"}, "eu-west-3"),
        ({"AWS_REGION": "eu-west-3", "AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-3"),
    ],
)
def test_which_region(home, monkeypatch, variables, region):
    home.configure(PROFILE)
    home.sign_in("corp")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with aws(Settings(target="aws")) as target:
        assert target.region == region
        assert boto3.Session().region_name == region
        assert (os.environ["AWS_REGION"], os.environ["AWS_DEFAULT_REGION"]) == (region, region)


def test_no_region_anywhere_is_told(home, account):
    home.configure(PROFILE.replace("region = eu-central-1\n", ""))
    assert "or `region` of profile work" in refusal()
    assert account.asked == []


@pytest.mark.parametrize(("region", "partition"), [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")])
def test_a_profile_of_another_partition_is_refused_before_anything_is_asked(home, account, region, partition):
    home.configure(PROFILE.replace("eu-central-1", region))
    home.sign_in("corp")
    said = refusal()
    assert f"region {region} is of the partition {partition}" in said
    assert account.asked == []


def test_credentials_of_another_partition_are_refused(home, account):
    home.configure(PROFILE)
    home.sign_in("corp")
    account.callers["ASIASSO"] = DEPLOYER.replace("arn:aws:", "arn:aws-us-gov:")
    assert "is of the partition aws-us-gov" in refusal()


@pytest.mark.parametrize(
    "leading",
    [
        "endpoint_url = http://127.0.0.1:4566\n",
        *(
            f"services = here\n[services here]\n{name} =\n  endpoint_url = http://127.0.0.1:4566\n"
            for name in ("s3", "pricing", "sso", "sso_oidc", "sagemaker_runtime")
        ),
    ],
)
def test_a_profile_that_leads_elsewhere_is_refused(home, account, leading):
    home.configure(PROFILE.replace("region = eu-central-1\n", f"region = eu-central-1\n{leading}"))
    home.sign_in("corp")
    said = refusal()
    assert "http://127.0.0.1:4566, not at AWS" in said
    assert account.asked == []


def test_a_network_that_does_not_reach_aws_is_no_matter_of_signing_in(home, account, monkeypatch):
    home.configure(PROFILE)
    home.sign_in("corp")

    def send(request):
        raise botocore.exceptions.ProxyConnectionError(proxy_url="http://proxy.example:3128")

    monkeypatch.setattr(account, "send", send)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    said = refusal()
    assert said.startswith('AWS cannot be reached: Failed to connect to proxy URL: "http://proxy.example:3128"')
    assert "sso login" not in said


# Long runs, and what is started from here


def test_credentials_that_expire_during_a_run_are_renewed(home, account):
    home.configure(PROFILE)
    home.sign_in("corp", refresh="refresh")
    account.lasts = timedelta(minutes=1)  # less than the ten that botocore wants to have before it
    with aws(Settings(target="aws")):
        session = SharedClients()
        sts = session.client("sts")
        assert sts.get_caller_identity()["Arn"] == DEPLOYER
        # Meanwhile the portal's session has run out, too; another of its credentials is for somebody else to be seen.
        home.sign_in("corp", lasting=-timedelta(minutes=1), refresh="refresh")
        account.callers["ASIALATER"] = renewed = DEPLOYER.replace("jane", "jane.later")
        assert sts.get_caller_identity()["Arn"] == renewed
        assert session.client("sts") is sts
    assert [host for host, what in account.asked if what == "CreateToken"] == ["oidc.eu-west-1.amazonaws.com"]


def test_a_token_that_ends_for_good_during_a_run_ends_it_in_words(home, account):
    home.configure(LEGACY)
    home.sign_in(START)
    account.lasts = timedelta(minutes=1)
    with aws(Settings(target="aws")):
        sts = SharedClients().client("sts")
        sts.get_caller_identity()
        home.sign_in(START, lasting=-timedelta(minutes=1))
        with pytest.raises(botocore.exceptions.SSOError, match="aws sso login"):
            sts.get_caller_identity()


CHILD = """
import json, os
import boto3, botocore.tokens
session = boto3.Session()
provider = botocore.tokens.SSOTokenProvider(session._session)
print(json.dumps({
    "profile": session.profile_name,
    "region": session.region_name,
    "method": session.get_credentials().method,
    "token": provider.load_token().get_frozen_token().token,
}))
"""


@pytest.mark.parametrize("moved", [False, True])
def test_a_program_that_is_started_from_here_finds_the_same_profile_and_token(home, tmp_path, monkeypatch, moved):
    home.configure(PROFILE)
    home.sign_in("corp")
    if moved:
        config = tmp_path / "elsewhere"
        (tmp_path / ".aws" / "config").rename(config)
        monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "keys"))
    with aws(Settings(target="aws")):
        seen = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, check=True)
    assert json.loads(seen.stdout) == {
        "profile": "work",
        "region": "eu-central-1",
        "method": "sso",
        "token": "signed-in",
    }


# `aws login`

LOGGED_IN = f"[profile work]\nregion = eu-west-2\nlogin_session = {USER}\n"


def test_a_profile_of_aws_login_says_what_boto3_needs(home, monkeypatch):
    monkeypatch.setattr(botocore.credentials, "EC", None)  # as it is without botocore[crt]
    home.configure(LOGGED_IN)
    said = refusal()
    assert said.startswith("profile work: ")
    assert 'pip install "botocore[crt]"' in said
    assert "aws configure sso" in said


def test_a_profile_of_aws_login_that_was_never_used_says_how(home, monkeypatch):
    monkeypatch.setattr(botocore.credentials, "EC", object())  # as it is with botocore[crt]
    home.configure(LOGGED_IN)
    said = refusal()
    assert said.startswith("profile work: ")
    assert "`aws login --profile work`" in said


def test_a_token_of_aws_login_that_cannot_be_read_says_how(home, monkeypatch):
    monkeypatch.setattr(botocore.credentials, "EC", object())
    home.configure(LOGGED_IN)
    cache = home.folder / ".aws" / "login" / "cache"
    cache.mkdir(parents=True)
    (cache / f"{hashlib.sha256(USER.encode()).hexdigest()}.json").write_text("not JSON")
    assert "`aws login --profile work`" in refusal()
