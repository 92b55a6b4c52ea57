"""The page: what it shows of a target, and to whom."""

import json
import uuid

import boto3
import pytest
from werkzeug.test import Client

from harness.dashboard.app import Dashboard
from harness.dashboard.views import steps_of
from harness.parity.export import read_export
from harness.workflow.executions import run

pytestmark = pytest.mark.local

TRUST = {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
DEFINITION = {
    "StartAt": "Look",
    "States": {
        "Look": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.fail", "BooleanEquals": True, "Next": "Break"}],
            "Default": "Pass",
        },
        "Break": {"Type": "Fail", "Error": "AsDesigned", "Cause": "it was <b>asked</b> to"},
        "Pass": {"Type": "Pass", "End": True},
    },
}


@pytest.fixture(scope="module")
def machine(target):
    name = f"shown-{uuid.uuid4().hex[:8]}"
    document = {"Version": "2012-10-17", "Statement": [TRUST]}
    role = boto3.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(document))["Role"]["Arn"]
    states = boto3.client("stepfunctions")
    arn = states.create_state_machine(name=name, definition=json.dumps(DEFINITION), roleArn=role)["stateMachineArn"]
    yield arn
    states.delete_state_machine(stateMachineArn=arn)


@pytest.fixture(scope="module")
def results(machine):
    states = boto3.client("stepfunctions")
    return [run(states, machine, {"fail": fail, "note": "<script>alert(1)</script>"}) for fail in (False, True)]


@pytest.fixture
def page(target):
    return Client(Dashboard(boto3.Session(), "embedded"))


def get(page, path="/", **headers):
    return page.get(path, base_url="http://127.0.0.1:8090", headers=headers)


def test_executions_are_listed_the_newest_first(page, machine, results):
    text = get(page).text
    section = text[text.index(machine.rpartition(":")[2]) :]
    assert "1 succeeded" in section and "1 failed" in section
    assert section.index(results[1].name) < section.index(results[0].name)


def test_an_execution_shows_its_states_and_why_it_failed(page, results):
    text = get(page, f"/executions/{results[1].arn}").text
    assert text.index("Look") < text.index("Break")
    assert "AsDesigned" in text
    assert "it was &lt;b&gt;asked&lt;/b&gt; to" in text
    assert "Pass <span" not in text
    assert "data-refresh" not in text  # it has ended


def test_what_users_wrote_is_shown_and_not_run(page, results):
    answer = get(page, f"/executions/{results[0].arn}")
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_stubs_are_marked(page, target):
    sagemaker, name = boto3.client("sagemaker"), f"shown-{uuid.uuid4().hex[:8]}"
    role = "arn:aws:iam::123456789012:role/any"
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer={"Image": "harness/stub:1"})
    variant = {"VariantName": "v", "ModelName": name, "InitialInstanceCount": 1, "InstanceType": "ml.m5.xlarge"}
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=name)
    try:
        assert f"{name} is a stub" in get(page).text
    finally:
        sagemaker.delete_endpoint(EndpointName=name)


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("127.0.0.1:8090", None, 200),
        ("localhost:8090", "http://localhost:8090", 200),
        ("[::1]:8090", None, 200),
        ("evil.example:8090", None, 403),
        ("127.0.0.1.evil.example", None, 403),
        ("127.0.0.1:8090", "https://evil.example", 403),
        ("127.0.0.1:8090", "null", 403),
    ],
)
def test_only_this_machine_is_answered(page, host, origin, status):
    headers = {"Host": host} | ({"Origin": origin} if origin else {})
    assert get(page, **headers).status_code == status
    assert get(page, "/static/style.css", **headers).status_code == status


def test_what_is_not_there_is_said(page, machine):
    missing = machine.replace(":stateMachine:", ":execution:") + ":none"
    answer = get(page, f"/executions/{missing}")
    assert answer.status_code == 404
    assert "There is no execution" in answer.text
    assert get(page, "/nothing").status_code == 404


def test_it_only_shows(page):
    assert page.post("/", base_url="http://127.0.0.1:8090").status_code == 405


def test_a_target_that_is_away_is_said(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1")
    answer = get(Client(Dashboard(session, "compose")))
    assert answer.status_code == 502
    assert "http://127.0.0.1:1" in answer.text


def test_the_states_of_aws_own_histories(real_data):
    paths = sorted((real_data / "aws-truth" / "executions").glob("*.json"))
    assert paths
    for path in paths:
        recorded = read_export(path)
        steps = steps_of(recorded.events)
        entered = [event for event in recorded.events if "stateEnteredEventDetails" in event]
        assert [step.name for step in steps] == [event["stateEnteredEventDetails"]["name"] for event in entered]
        assert all(step.left is not None and step.left >= step.entered for step in steps)
        failed = recorded.events[-1]["type"] != "ExecutionSucceeded"
        assert [step.status == "FAILED" for step in steps] == [False] * (len(steps) - 1) + [failed]
