"""A dry run lists the requests that a deployment then makes: the same, in the same order, and sends none of them."""

import io
import json
import subprocess
import sys
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import boto3
import pytest
from rich.console import Console

from harness.project.configuration import read_configuration
from harness.project.plan import deploy_project, destroy_project, plan_project
from harness.project.rehearsal import Request, lines_of, rehearse_project
from harness.project.scaffold import scaffold
from harness.project.session import SharedClients
from harness.scones.aws.bring_up import bring_up_on_aws
from harness.scones.aws.cleanup import destroy_cloud
from harness.scones.aws.deployment import plan_actions, rehearse
from harness.scones.aws.plan import plan_cloud
from harness.scones.dataset.transform import from_folder
from harness.targets.replaying import is_read
from tests.aws.conftest import everything

pytestmark = pytest.mark.slow

MODEL = "fixtures/model/model.tar.gz"
MADE_UP = ("ChangeSetName", "StartDate", "EndDate", "Tags", "ClientToken", "ExpectedBucketOwner")
"""Names and times that differ from run to run."""


class Sent(SharedClients):
    """A session that notes what is sent to change something."""

    def __init__(self):
        super().__init__()
        self.requests = []
        self.events.register("provide-client-params", self._note)

    def _note(self, params, model, **_):
        if not is_read(model.name):
            self.requests.append(Request(model.service_model.service_name, model.name, dict(params)))


def comparable(requests):
    """Requests by what is the same in each run; files that are uploaded beside one another have no order."""

    def key(request):
        given = {name: value for name, value in request.parameters.items() if name not in MADE_UP}
        return request.service, request.operation, json.dumps(given, sort_keys=True, default=repr)

    return [
        each
        for operation, group in groupby(map(key, requests), lambda each: each[:2])
        for each in (sorted(group) if operation == ("s3", "PutObject") else group)
    ]


@pytest.fixture
def dataset(drawings):
    return from_folder(drawings)


@pytest.fixture
def place(stand_in, root):
    with stand_in.session() as (target, session):
        yield target, session
        destroy_cloud(target, session, stand_in.settings)


def listed_and_sent(target, settings, root, dataset):
    """What a dry run lists, action by action, and what its actions then send."""
    session = Sent()
    plan = plan_cloud(target, session, settings, root, dataset, settings.model or None)
    actions = plan_actions(plan, session)
    listed = rehearse(plan, actions)
    assert list(listed) == [action.text for action in actions]
    sent = {}
    for action in actions:
        session.requests.clear()
        action.run()
        sent[action.text] = list(session.requests)
    return listed, sent


def test_the_workflow_makes_the_requests_that_were_listed(place, stand_in, root, dataset):
    target, session = place
    settings = replace(stand_in.settings, model=str(root / MODEL))
    before = everything(session)
    listed, sent = listed_and_sent(target, settings, root, dataset)
    assert before == set()
    assert [comparable(listed[text]) for text in listed] == [comparable(sent[text]) for text in sent]
    operations = [request.operation for requests in listed.values() for request in requests]
    assert [operation for operation, _ in groupby(operations)] == [
        "CreateBucket",
        "PutObject",
        "CreateChangeSet",
        "ExecuteChangeSet",
        "PutObject",
        "CreateScheduleGroup",
        "CreateSchedule",
        "CreateModel",
        "CreateEndpointConfig",
        "CreateEndpoint",
    ]
    # What is there already: a change of the stack and of the endpoint, and another end.
    changed = replace(settings, threshold=0.5, endpoint_instance="ml.m5.large", lifetime_hours=20)
    listed, sent = listed_and_sent(target, changed, root, dataset)
    assert [comparable(listed[text]) for text in listed] == [comparable(sent[text]) for text in sent]
    operations = [request.operation for requests in listed.values() for request in requests]
    assert {"ExecuteChangeSet", "UpdateSchedule", "UpdateEndpoint", "DeleteModel"} <= set(operations)


def test_training_makes_the_requests_that_were_listed(place, stand_in, root, dataset):
    target, _ = place
    listed, sent = listed_and_sent(target, stand_in.settings, root, dataset)
    assert [comparable(listed[text]) for text in listed] == [comparable(sent[text]) for text in sent]
    (train,) = [text for text in listed if text.startswith("train: job")]
    (request,) = listed[train]
    assert "InstanceType=ml.p3.2xlarge" in str(request)
    assert "MaxRuntimeInSeconds=3600" in str(request)


def test_a_dry_run_shows_them_below_what_they_are_for_and_sends_none(place, stand_in, root, dataset):
    target, session = place
    file = io.StringIO()
    settings = replace(stand_in.settings, model=str(root / MODEL))
    bring_up_on_aws(target, settings, root, dataset, Console(file=file, width=200, highlight=False), dry_run=True)
    assert everything(session) == set()
    lines = file.getvalue().splitlines()
    at = next(number for number, line in enumerate(lines) if "would create endpoint" in line)
    assert [line.split()[:2] for line in lines[at + 1 : at + 4]] == [
        ["sagemaker", "CreateModel"],
        ["sagemaker", "CreateEndpointConfig"],
        ["sagemaker", "CreateEndpoint"],
    ]
    assert "ModelDataUrl=s3://scones-unlimited-123456789012-us-east-1/models/" in lines[at + 1]
    assert "InstanceType=ml.m5.xlarge" in lines[at + 2]
    assert [line for line in lines if "s3 PutObject, " in line and " times: first Bucket=" in line], lines


def test_any_project_makes_the_requests_that_were_listed(place, stand_in, tmp_path):
    list(scaffold(tmp_path))
    configuration = read_configuration(tmp_path)
    template = tmp_path / "template.yaml"

    def both():
        session = Sent()
        plan = plan_project(configuration, session)
        listed = rehearse_project(plan, SharedClients(), is_local=False)
        deploy_project(plan, session, is_local=False)
        return listed, session.requests

    listed, sent = both()
    assert comparable(listed) == comparable(sent)
    assert [request.operation for request in listed][-2:] == ["CreateChangeSet", "ExecuteChangeSet"]
    listed, sent = both()  # nothing has changed
    assert comparable(listed) == comparable(sent)
    assert [request.operation for request in listed] == ["CreateChangeSet", "DeleteChangeSet"]
    template.write_text(template.read_text().replace("Timeout: ", "Timeout: 1"))
    listed, sent = both()
    assert comparable(listed) == comparable(sent)
    destroy_project([configuration.stack], boto3.session.Session())
    s3 = boto3.client("s3")
    for bucket in s3.list_buckets()["Buckets"]:
        for item in s3.list_objects_v2(Bucket=bucket["Name"]).get("Contents", ()):
            s3.delete_object(Bucket=bucket["Name"], Key=item["Key"])
        s3.delete_bucket(Bucket=bucket["Name"])


def test_the_command_lists_the_requests_of_any_project(place, stand_in, tmp_path):
    list(scaffold(tmp_path))
    ended = subprocess.run(
        [Path(sys.executable).with_name("harness"), "deploy", "--target", "aws", "--dry-run"],
        cwd=tmp_path,
        env=stand_in.environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    at = lines.index("  requests that would change something, in this order:")
    assert [line.split()[:2] for line in lines[at + 1 :]] == [
        ["s3", "CreateBucket"],
        ["s3", "PutObject"],
        ["s3", "PutObject"],
        ["cloudformation", "CreateChangeSet"],
        ["cloudformation", "ExecuteChangeSet"],
    ]
    assert everything(place[1]) == set()


def test_many_requests_of_a_kind_are_one_line():
    puts = [Request("s3", "PutObject", {"Bucket": "b", "Key": str(number), "Body": b"x"}) for number in range(9)]
    create = Request("s3", "CreateBucket", {"Bucket": "b", "Tags": [{"Key": "k"}]})
    assert list(lines_of([create, *puts, create])) == [
        "s3 CreateBucket Bucket=b",
        "s3 PutObject, 9 times: first Bucket=b Key=0, last Bucket=b Key=8",
        "s3 CreateBucket Bucket=b",
    ]
