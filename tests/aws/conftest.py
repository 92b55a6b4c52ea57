"""An emulator in a process of its own that stands in for AWS, and what looks at everything in it."""

import contextlib
import json
import os
import re
import subprocess
import sys
import urllib.request
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from harness.scones.aws.cleanup import destroy_cloud
from harness.scones.dataset.transform import from_folder
from harness.settings import Settings
from harness.targets.aws import aws
from tests.validated import ValidatedSession
from tests.waiting import hear

ACCOUNT = "123456789012"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/scones-boundary"
P3 = "ml.p3.2xlarge for training job usage"


@dataclass(frozen=True)
class StandIn:
    """An emulator that stands in for AWS."""

    url: str
    sessions: list = field(default_factory=list)
    """The one session that all tests share: to read the service models anew takes a second."""

    @property
    def settings(self):
        return Settings(
            target="aws", aws_stand_in=self.url, consent="yes", max_cost=10.0, aws_account=ACCOUNT, owner="tests"
        )

    def environment(self, **more):
        """Variables for a command in a process of its own."""
        kept = {
            name: value for name, value in os.environ.items() if not re.match("AWS_|HARNESS_|https?_proxy", name, re.I)
        }
        return {**kept, "HARNESS_AWS_STAND_IN": self.url, **more}

    @contextlib.contextmanager
    def session(self, **changed):
        """The aws target there, and a session whose requests are held against botocore's models."""
        with aws(replace(self.settings, **changed)) as target:
            if not self.sessions:
                self.sessions.append(ValidatedSession())
            yield target, self.sessions[0]

    def control(self, method, path, body=None):
        """The emulator's own API."""
        request = urllib.request.Request(
            f"{self.url}/_harness/{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={"Content-Type": "application/json"},
        )
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(request, timeout=30) as answer:
            return json.load(answer)

    def set_quota(self, name, value):
        self.control("PUT", "quotas", {name: value})


@pytest.fixture(scope="session")
def emulator_process(tmp_path_factory):
    """The process, for all tests of this folder."""
    with started(tmp_path_factory.mktemp("stand-in")) as stand_in:
        yield stand_in


@contextlib.contextmanager
def started(cache):
    """An emulator in a process of its own, with a folder to itself."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "HARNESS_"))}
    process = subprocess.Popen(
        [Path(sys.executable).with_name("harness"), "up", "--port", "0"],
        env={**environment, "HARNESS_CACHE": str(cache), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    found = hear(process, r"http://127\.0\.0\.1:\d+")
    # What it writes later must not fill the pipe.
    drain = subprocess.Popen(["cat"], stdin=process.stdout, stdout=subprocess.DEVNULL)
    yield StandIn(found[0])
    process.terminate()
    process.wait(30)
    drain.wait(30)


@pytest.fixture
def stand_in(emulator_process):
    """The emulator, empty, with a quota for one ml.p3.2xlarge."""
    emulator_process.set_quota(P3, 1)
    with emulator_process.session() as (_, session):
        assert everything(session) == set()
    yield emulator_process


def everything(session):
    """All that there is in the account, by kind and name, but for the caller's own role."""
    sagemaker, scheduler = session.client("sagemaker"), session.client("scheduler")
    listed = {
        "bucket": [item["Name"] for item in session.client("s3").list_buckets()["Buckets"]],
        "role": [item["RoleName"] for item in session.client("iam").list_roles()["Roles"]],
        "function": [item["FunctionName"] for item in session.client("lambda").list_functions()["Functions"]],
        "state machine": [
            item["name"] for item in session.client("stepfunctions").list_state_machines()["stateMachines"]
        ],
        "log group": [item["logGroupName"] for item in session.client("logs").describe_log_groups()["logGroups"]],
        "endpoint": [item["EndpointName"] for item in sagemaker.list_endpoints()["Endpoints"]],
        "configuration": [item["EndpointConfigName"] for item in sagemaker.list_endpoint_configs()["EndpointConfigs"]],
        "model": [item["ModelName"] for item in sagemaker.list_models()["Models"]],
        "job": [item["TrainingJobName"] for item in sagemaker.list_training_jobs()["TrainingJobSummaries"]],
        "stack": [item["StackName"] for item in session.client("cloudformation").describe_stacks()["Stacks"]],
        "schedule": [item["Name"] for item in scheduler.list_schedules()["Schedules"]],
        "schedule group": [item["Name"] for item in scheduler.list_schedule_groups()["ScheduleGroups"]],
    }
    found = {(kind, name) for kind, names in listed.items() for name in names}
    return found - {
        ("role", "AmazonSageMaker-ExecutionRole"),
        ("schedule group", "default"),
        ("log group", "/aws/sagemaker/TrainingJobs"),  # of all jobs of an account: SageMaker's to keep
    }


@pytest.fixture
def deployer(stand_in, root):
    """ARN of a role with the guide's policy, as which to deploy; the guide's boundary is there."""
    with stand_in.session() as (_, session):
        iam = session.client("iam")
        trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        role = iam.create_role(RoleName="deployer", AssumeRolePolicyDocument=document)["Role"]["Arn"]
        policy = (root / "docs" / "aws-policy.json").read_text()
        iam.put_role_policy(RoleName="deployer", PolicyName="deploy", PolicyDocument=policy)
        boundary = (root / "docs" / "aws-boundary.json").read_text()
        made = iam.create_policy(PolicyName="scones-boundary", PolicyDocument=boundary)["Policy"]["Arn"]
        assert made == BOUNDARY
        yield role
        iam.delete_policy(PolicyArn=BOUNDARY)
        iam.delete_role_policy(RoleName="deployer", PolicyName="deploy")
        iam.delete_role(RoleName="deployer")


@pytest.fixture
def dataset(drawings):
    return from_folder(drawings)


@pytest.fixture
def place(stand_in, root):
    """The aws target on the stand-in, and what cleans up after a test that broke off."""
    with stand_in.session() as (target, session):
        yield target, session
        destroy_cloud(target, session, stand_in.settings)
