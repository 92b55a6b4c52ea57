"""What can be done about an execution from its page."""

import json
import re
import subprocess
import sys
import uuid
from datetime import UTC, datetime
from types import SimpleNamespace

import boto3
import pytest

from harness.dashboard.stopped import who_stopped
from harness.dashboard.views import ExecutionViews
from harness.parity.compare import differences
from harness.parity.export import read_export
from harness.parity.replay import replay
from harness.project.executions import run, start, wait
from tests.conftest import harness
from tests.waiting import until

DEFINITION = {
    "StartAt": "Look",
    "States": {
        "Look": {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.fail", "BooleanEquals": True, "Next": "Break"},
                {"Variable": "$.wait", "IsPresent": True, "Next": "Hold"},
            ],
            "Default": "Pass",
        },
        "Break": {"Type": "Fail", "Error": "AsDesigned", "Cause": "it was <b>asked</b> to"},
        "Hold": {"Type": "Wait", "Seconds": 600, "End": True},
        "Pass": {"Type": "Pass", "End": True},
    },
}


@pytest.fixture(scope="module")
def machine(target, role):
    states, name = boto3.client("stepfunctions"), f"worked-{uuid.uuid4().hex[:8]}"
    arn = states.create_state_machine(name=name, definition=json.dumps(DEFINITION), roleArn=role)["stateMachineArn"]
    yield arn
    states.delete_state_machine(stateMachineArn=arn)


def ended(answer):
    assert answer.status_code == 200, answer.text
    return wait(boto3.client("stepfunctions"), answer.json["url"].partition("/executions/")[2])


def test_run_again_with_the_same_input_and_with_another(dashboard_of, machine):
    page = dashboard_of(control=True)
    failed = run(boto3.client("stepfunctions"), machine, {"fail": True, "note": "<script>"})
    again = ended(page.post("/again", {"execution": failed.arn}))
    assert (again.input, again.error) == ({"fail": True, "note": "<script>"}, "AsDesigned")
    assert again.arn != failed.arn
    assert ended(page.post("/again", {"execution": failed.arn, "input": '{"fail": false}'})).succeeded
    refused = page.post("/again", {"execution": failed.arn, "input": "{"})
    assert refused.status_code == 400
    assert "not JSON" in refused.json["message"]


def test_one_is_stopped_and_the_page_says_from_where(dashboard_of, machine):
    page = dashboard_of(control=True)
    arn = start(boto3.client("stepfunctions"), machine, {"fail": False, "wait": True})
    assert 'data-act="stop"' in page.get(f"/executions/{arn}").text
    assert ended(page.post("/stop", {"execution": arn})).status == "ABORTED"
    assert "Stopped from the dashboard" in page.get(f"/executions/{arn}").text


@pytest.fixture
def clerk(target):
    """A user of IAM who may stop executions; gives a client that acts as them."""
    iam, name = boto3.client("iam"), f"clerk-{uuid.uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    may = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "states:*", "Resource": "*"}]}
    iam.put_user_policy(UserName=name, PolicyName="stop", PolicyDocument=json.dumps(may))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    yield (
        name,
        boto3.client(
            "stepfunctions", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"]
        ),
    )
    iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    iam.delete_user_policy(UserName=name, PolicyName="stop")
    iam.delete_user(UserName=name)


def test_stopped_ones_are_not_counted_among_the_failed(dashboard_of, role):
    page, states, name = dashboard_of(), boto3.client("stepfunctions"), f"stopped-{uuid.uuid4().hex[:8]}"
    machine = states.create_state_machine(name=name, definition=json.dumps(DEFINITION), roleArn=role)["stateMachineArn"]
    try:
        run(states, machine, {"fail": True})
        for number, them in enumerate(("it", "them"), 1):
            states.stop_execution(executionArn=start(states, machine, {"fail": False, "wait": True}), cause="too slow")
            title = f"{number + 1} executions: 0 succeeded, 1 failed, {number} stopped"
            until(lambda title=title: title in page.get(f"/?machine={machine}").text)
            shown = page.get(f"/?machine={machine}").text
            text = " ".join(re.sub("<[^>]+>", "", shown).split())
            who = "AmazonSageMaker-ExecutionRole/SageMaker"
            assert f"{number} did not finish because {who} stopped {them}: too slow." in text
            assert "1 failed with AsDesigned" in text and "failed because" not in text
            assert 'class="FAILED" x="0" width="1"' in shown and f'class="ABORTED" x="1" width="{number}"' in shown
    finally:
        states.delete_state_machine(stateMachineArn=machine)


def test_a_stopped_one_says_who_stopped_it_until_it_is_redriven(dashboard_of, machine, clerk):
    page, states, (name, theirs) = dashboard_of(control=True), boto3.client("stepfunctions"), clerk
    arn = start(states, machine, {"fail": False, "wait": True})
    theirs.stop_execution(executionArn=arn, error="Late", cause="too slow")
    theirs.stop_execution(executionArn=arn, cause="again")
    for path in (f"/executions/{arn}", f"/?machine={machine}&status=ABORTED"):
        shown = page.get(path).text
        assert f"ser/{name} stopped it" in shown and "Late: too slow" in shown
    states.redrive_execution(executionArn=arn)
    states.stop_execution(executionArn=arn)
    words = "AmazonSageMaker-ExecutionRole/SageMaker stopped it, without a reason"
    # The page may be some moments old.
    shown = until(lambda: page.get(f"/executions/{arn}").text, enough=lambda text: words in text)
    assert "Redriven once." in shown


def test_on_aws_cloudtrail_is_asked_who_stopped_one():
    arn, at = "arn:aws:states:us-east-1:123456789012:execution:m:e", datetime(2026, 1, 2, tzinfo=UTC)

    def event(of, **more):
        who = {"arn": "arn:aws:iam::123456789012:user/ann"}
        return {"CloudTrailEvent": json.dumps({"requestParameters": {"executionArn": of}, "userIdentity": who, **more})}

    def lookup_events(**given):
        assert given["StartTime"] < at < given["EndTime"]
        return {"Events": events}

    events = [event("other"), {"CloudTrailEvent": '{"requestParameters": null}'}]
    clients = SimpleNamespace(control=None, trail=SimpleNamespace(lookup_events=lookup_events))
    assert who_stopped(clients, arn, at) == ""
    events.append(event(arn, errorCode="AccessDenied"))
    assert who_stopped(clients, arn, at) == ""
    events.append(event(arn))
    assert who_stopped(clients, arn, at) == "arn:aws:iam::123456789012:user/ann"


def test_one_is_redriven(dashboard_of, machine):
    page, states = dashboard_of(control=True), boto3.client("stepfunctions")
    arn = run(states, machine, {"fail": True}).arn
    assert 'data-act="redrive"' in page.get(f"/executions/{arn}").text
    assert ended(page.post("/redrive", {"execution": arn})).error == "AsDesigned"
    assert states.describe_execution(executionArn=arn)["redriveCount"] == 1
    view = ExecutionViews(states, 0).get(arn)
    assert [(step.name, step.status) for step in view.steps][:2] == [("Look", "SUCCEEDED"), ("Break", "FAILED")]
    done = run(states, machine, {"fail": False}).arn
    assert 'data-act="redrive"' not in page.get(f"/executions/{done}").text
    assert page.post("/redrive", {"execution": done}).status_code == 400


def test_nothing_is_done_without_control_or_by_another_page(dashboard_of, machine):
    arn = run(boto3.client("stepfunctions"), machine, {"fail": True}).arn
    shown = dashboard_of().get(f"/executions/{arn}").text
    assert "data-act" not in shown
    for path in ("/again", "/stop", "/redrive"):
        assert dashboard_of().post(path, {"execution": arn}).status_code == 403
        foreign = dashboard_of(control=True).post(path, {"execution": arn}, Origin="https://example.com")
        assert foreign.status_code == 403


def test_tabs_tell_times_events_and_the_definition(dashboard_of, machine):
    page = dashboard_of()
    arn = run(boto3.client("stepfunctions"), machine, {"fail": True}).arn
    timeline = page.get(f"/executions/{arn}?view=timeline").text
    assert timeline.count("<rect") >= 2
    events = page.get(f"/executions/{arn}?view=events").text
    for kind in ("ExecutionStarted", "ChoiceStateEntered", "FailStateEntered", "ExecutionFailed"):
        assert kind in events
    assert "<b>asked" not in events
    assert "&#34;StartAt&#34;" in page.get(f"/executions/{arn}?view=definition").text


def test_an_export_replays(dashboard_of, machine, tmp_path):
    arn = run(boto3.client("stepfunctions"), machine, {"fail": True}).arn
    path = tmp_path / "export.json"
    path.write_bytes(dashboard_of().get(f"/export?execution={arn}").data)
    recorded = read_export(path)
    assert differences(recorded.events, replay(recorded)) == []


def test_what_cannot_be_repeated_is_no_test(dashboard_of, machine):
    states = boto3.client("stepfunctions")
    arn = start(states, machine, {"fail": False, "wait": True})
    states.stop_execution(executionArn=arn)
    answer = dashboard_of().get(f"/pytest?execution={arn}")
    assert answer.status_code == 409
    assert "stopped" in answer.text


@pytest.mark.slow
def test_a_copied_test_passes_in_a_project(dashboard_of, tmp_path):
    """A project of one's own: its execution's copied test is run by its own pytest."""
    subprocess.run(harness("init", tmp_path), check=True, capture_output=True)
    (tmp_path / "tests" / "test_copy.py").write_text(
        "import pathlib\n"
        "import pytest\n"
        "from harness.dashboard.app import Dashboard\n"
        "from harness.dashboard.clients import clients_of\n"
        "from werkzeug.test import Client\n"
        "import boto3\n"
        "pytestmark = pytest.mark.local\n"
        "def test_copy(run, target, clock):\n"
        "    page = Dashboard(clients_of(boto3.Session(), target.name))\n"
        "    for number, given in enumerate(({'name': 'it\\'s \"you\"'}, {})):\n"
        "        done = run('Greeting', given)\n"
        "        text = Client(page).get(f'/pytest?execution={done.arn}', base_url='http://127.0.0.1').text\n"
        "        (pathlib.Path(__file__).parent / f'test_copied_{number}.py').write_text(text)\n"
        "    page.close()\n"
    )

    def tried(*files):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "local", *files],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    tried("tests/test_copy.py")
    copied = [tmp_path / "tests" / f"test_copied_{number}.py" for number in (0, 1)]
    assert "'SUCCEEDED'" in copied[0].read_text()
    assert "'FAILED'" in copied[1].read_text()
    assert "arn:aws" not in copied[0].read_text()
    assert "2 passed" in tried(*copied)
