"""The pages: what they show of a target, and to whom."""

import json
import re
import socket
import uuid
from html import unescape

import boto3
import pytest
from werkzeug.test import Client

from harness.dashboard.app import Dashboard
from harness.dashboard.clients import clients_of
from harness.dashboard.guard import TOKEN_HEADER
from harness.project.executions import run, wait
from tests.waiting import in_service

from .conftest import HERE

DEFINITION = {
    "Comment": "Looks whether it is to fail.",
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
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 50


@pytest.fixture(scope="module")
def machine(target, role):
    states, name = boto3.client("stepfunctions"), f"shown-{uuid.uuid4().hex[:8]}"
    arn = states.create_state_machine(name=name, definition=json.dumps(DEFINITION), roleArn=role)["stateMachineArn"]
    yield arn
    states.delete_state_machine(stateMachineArn=arn)


@pytest.fixture(scope="module")
def results(machine):
    states = boto3.client("stepfunctions")
    return [run(states, machine, {"fail": fail, "note": "<script>alert(1)</script>"}) for fail in (False, True)]


def plain(html):
    """A page's text, in one line."""
    body = re.sub(r"<script.*?</script>", "", html[html.index("<main") :], flags=re.DOTALL)
    text = re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body)))
    return re.sub(r" ([:.,])", r"\1", text)


# What is shown


def test_the_first_screen_says_what_passed_what_failed_and_why(page, machine, results):
    text = plain(page.get(f"/?machine={machine}").text)
    assert "2 executions: 1 succeeded, 1 failed" in text
    assert "1 failed with AsDesigned: it was <b>asked</b> to." in text
    assert "Looks whether it is to fail." in plain(page.get(f"/?machine={machine}&tab=workflow").text)


def test_executions_are_listed_the_newest_first(page, machine, results):
    answer = page.get(f"/?machine={machine}").text
    listed = answer[answer.index('id="list"') :]
    assert listed.index(results[1].name) < listed.index(results[0].name)
    assert 'class="status SUCCEEDED"' in listed and 'class="status FAILED"' in listed


def test_executions_are_sorted_by_what_is_asked_for(page, machine, results):
    for sort, first, second in (("status", 1, 0), ("-status", 0, 1), ("started", 0, 1), ("-started", 1, 0)):
        answer = unescape(page.get(f"/?machine={machine}&sort={sort}").text)
        assert answer.index(results[first].arn) < answer.index(results[second].arn), sort
    assert page.get(f"/?machine={machine}&sort=none&within=x").status_code == 200
    assert results[0].arn in unescape(page.get(f"/?machine={machine}&within=60").text)


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("status=FAILED", [False, True]),
        ("status=SUCCEEDED", [True, False]),
        ("error=AsDesigned", [False, True]),
        ("error=Other", [False, False]),
        ("status=RUNNING", [False, False]),
    ],
)
def test_the_list_is_filtered(page, machine, results, asked, shown):
    answer = page.get(f"/?machine={machine}&{asked}").text
    assert [result.arn in unescape(answer) for result in results] == shown


def test_the_list_is_filtered_by_part_of_a_name(page, machine, results):
    answer = unescape(page.get(f"/?machine={machine}&name={results[0].name[4:20].upper()}").text)
    assert results[0].arn in answer and results[1].arn not in answer


def test_an_execution_shows_its_states_and_why_it_failed(page, results):
    answer = page.get(f"/executions/{results[1].arn}").text
    text = plain(answer)
    assert "failed with AsDesigned: it was <b>asked</b> to" in text
    assert "It failed in the step Break." in text
    assert text.index("Look succeeded") < text.index("Break failed")
    assert "Not reached: Pass." in text
    drawn = json.loads(re.search(r"data-graph-states>(.*?)</script>", answer)[1])
    assert {name: state["status"] for name, state in drawn.items()} == {"Look": "SUCCEEDED", "Break": "FAILED"}


def test_what_users_wrote_is_shown_and_not_run(page, results):
    answer = page.get(f"/executions/{results[1].arn}")
    assert "<script>alert" not in answer.text and "<b>asked" not in answer.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in answer.text
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert f"script-src {HERE}/static/;" in policy  # nor from a bucket that has the same origin
    assert not re.search(r"<script(?![^>]*(src=|application/json))|\son\w+=|style=", answer.text)


def test_all_of_a_text_is_a_link_away(page, role):
    states = boto3.client("stepfunctions")
    definition = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
    arn = states.create_state_machine(name=f"long-{uuid.uuid4().hex[:8]}", definition=definition, roleArn=role)
    result = run(states, arn["stateMachineArn"], {"long": "x" * 5000})
    answer = page.get(f"/executions/{result.arn}").text
    assert "x" * 200 not in answer and "(5,000 characters)" in answer
    link = unescape(re.search(r'href="([^"]*/text\?[^"]*)"', answer)[1])
    whole = page.get(link)
    assert json.loads(whole.text) == {"long": "x" * 5000}
    assert whole.content_type.startswith("text/plain")
    states.delete_state_machine(stateMachineArn=arn["stateMachineArn"])


def test_what_is_not_there_is_said(page, machine):
    missing = machine.replace(":stateMachine:", ":execution:") + ":none"
    answer = page.get(f"/executions/{missing}")
    assert answer.status_code == 404
    assert "There is no execution" in answer.text
    assert page.get("/nothing").status_code == 404
    assert page.get("/captures/data?of=none").status_code == 404
    assert page.get("/watch?topic=none").status_code == 404


def test_endpoints_with_their_variants_and_stubs(page, target):
    sagemaker, name = boto3.client("sagemaker"), f"shown-{uuid.uuid4().hex[:8]}"
    role = "arn:aws:iam::123456789012:role/service-role/AmazonSageMaker-ExecutionRole"
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer={"Image": "harness/stub:1"})
    variants = [
        {
            "VariantName": variant,
            "ModelName": name,
            "InitialInstanceCount": 1,
            "InstanceType": "ml.m5.xlarge",
            "InitialVariantWeight": weight,
        }
        for variant, weight in (("old", 3), ("new", 1))
    ]
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants)
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    in_service(sagemaker, name)
    try:
        text = plain(page.get("/endpoints").text)
        assert f"{name} stub InService: it answers. Its answers are made up" in text
        assert re.search(r"old 75% 1 of 1 ml.m5.xlarge .*harness/stub:1", text)
        assert re.search(r"new 25% 1 of 1 ml.m5.xlarge", text)
        assert "Captures nothing." in text
        assert "Last hour, old: 0 invocations." in text
        runtime = boto3.client("sagemaker-runtime")
        for _ in range(3):
            runtime.invoke_endpoint(
                EndpointName=name, TargetVariant="old", ContentType="image/png", Body=b"\x89PNG\r\n\x1a\n"
            )
        text = plain(page.get("/endpoints").text)
        assert re.search(r"Last hour, old: 3 invocations ; the model took .+ on average, .* none failed", text)
    finally:
        sagemaker.delete_endpoint(EndpointName=name)


def test_a_target_that_is_away_is_said(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1")
    answer = Client(Dashboard(clients_of(session, "compose"))).get("/", base_url=HERE)
    assert answer.status_code == 502
    assert "http://127.0.0.1:1" in unescape(answer.text)


# Whom it answers


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:8090", "Origin": "http://localhost:8090"}, 200),
        ({"Host": "[::1]:8090"}, 200),
        ({"Host": "127.0.0.1:55555"}, 200),  # a container's port, published as another
        ({"Host": "evil.example:8090"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Host": "[::1"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:3000"}, 403),  # another program on this machine
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200),  # a link
        ({"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}, 200),
    ],
)
@pytest.mark.parametrize("path", ["/endpoints", "/static/style.css"])
def test_only_its_own_pages_on_this_machine_are_answered(page, headers, status, path):
    assert page.get(path, **headers).status_code == status


def test_other_names_can_be_allowed(dashboard_of):
    page = dashboard_of(hosts=["lab.example"])
    assert page.get("/endpoints", Host="lab.example:8090").status_code == 200
    assert page.get("/endpoints", Host="evil.example").status_code == 403


@pytest.mark.parametrize("path", ["/start", "/pictures?bucket=b", "/faults"])
def test_it_only_shows_unless_it_is_told_otherwise(page, path):
    answer = page.post(path)
    assert answer.status_code == 403
    assert "--control" in answer.text
    assert 'name="harness-token"' not in page.get("/").text


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": None},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {TOKEN_HEADER: None},
        {TOKEN_HEADER: "guessed"},
        {TOKEN_HEADER: "é"},
        {"Host": "evil.example:8090", "Origin": "http://evil.example:8090"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    ],
)
@pytest.mark.parametrize("path", ["/start", "/pictures?bucket=b", "/faults"])
def test_a_web_page_cannot_drive_it(driven, path, headers):
    assert driven.post(path, {}, **headers).status_code == 403


# Control


def test_an_execution_is_started(driven, machine):
    offered = driven.get(f"/start?machine={machine}")
    assert offered.status_code == 200
    answer = driven.post("/start", {"machine": machine, "input": '{"fail": true}'})
    assert answer.status_code == 200
    result = wait(boto3.client("stepfunctions"), answer.json["arn"])
    assert result.error == "AsDesigned"
    assert "failed" in plain(driven.get(answer.json["url"]).text)


@pytest.mark.parametrize("given", ["{", ""])
def test_an_input_that_is_no_json_is_refused(driven, machine, given):
    answer = driven.post("/start", {"machine": machine, "input": given})
    assert answer.status_code == 400
    assert answer.json["message"].startswith("The input is not JSON")


def test_what_aws_refuses_is_said_in_its_words(driven):
    missing = "arn:aws:states:us-east-1:123456789012:stateMachine:none"
    answer = driven.post("/start", {"machine": missing, "input": "{}"})
    assert answer.status_code == 400
    assert "State Machine Does Not Exist" in answer.json["message"]


def test_pictures_are_offered_shown_and_taken(driven, role, bucket):
    s3, states = boto3.client("s3"), boto3.client("stepfunctions")
    for name in ("test/a.png", "test/b.JPG", "test/notes.txt"):
        s3.put_object(Bucket=bucket, Key=name, Body=PNG)
    s3.put_object(Bucket=bucket, Key="test/fake.png", Body=b"<html>")
    definition = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
    name = f"pictures-{uuid.uuid4().hex[:8]}"
    arn = states.create_state_machine(name=name, definition=definition, roleArn=role)["stateMachineArn"]
    run(states, arn, {"my_bucket": bucket, "where": "test/a.png", "more": 1})
    driven.get("/")  # the index learns of it
    offered = driven.get(f"/start?machine={arn}").text
    assert re.findall(r'type="radio" name="picture" value="([^"]*)"', offered) == [
        "test/a.png", "test/b.JPG", "test/fake.png"
    ]  # fmt: skip
    assert 'data-bucket-member="my_bucket" data-key-member="where"' in offered
    shown = driven.get(f"/picture?bucket={bucket}&key=test/a.png")
    assert (shown.status_code, shown.content_type, shown.data) == (200, "image/png", PNG)
    assert driven.get(f"/picture?bucket={bucket}&key=test/fake.png").status_code == 404
    assert driven.get(f"/picture?bucket={bucket}&key=none.png").status_code == 404
    put = driven.post(f"/pictures?bucket={bucket}", PNG).json
    assert s3.get_object(Bucket=bucket, Key=put["key"])["Body"].read() == PNG
    assert driven.post(f"/pictures?bucket={bucket}", PNG).json["key"] == put["key"]
    refused = driven.post(f"/pictures?bucket={bucket}", b"GIF89a")
    assert (refused.status_code, refused.json["message"]) == (400, "the file is no PNG or JPEG picture.")
    states.delete_state_machine(stateMachineArn=arn)


def test_faults_are_switched(driven, bucket, faults):
    def slow():
        return re.search(rf'aria-checked="(\w+)" data-fault="slow" data-kind="bucket" data-name="{bucket}"', shown())[1]

    def shown():
        return driven.get("/faults").text

    assert slow() == "false"
    wanted = {"kind": "bucket", "name": bucket, "fault": "slow"}
    for _ in range(2):  # on is on
        assert driven.post("/faults", wanted | {"on": True}).status_code == 200
    assert slow() == "true"
    assert "1 fault is switched on" in plain(shown())
    assert "1 fault is switched on" in plain(driven.get("/").text)
    assert driven.post("/faults", wanted | {"on": False}).status_code == 200
    assert slow() == "false"
    faults.add(state="Look", error="Odd", times=1)
    assert "state Look, error Odd, times 1" in plain(shown())
    assert driven.post("/faults", {"end": None}).status_code == 200
    assert "No fault is switched on" in plain(shown())
    refused = driven.post("/faults", wanted | {"fault": "none", "on": True})
    assert refused.status_code == 400 and "no such fault" in refused.json["message"]


def test_a_fault_on_a_state_is_switched_from_its_execution(driven, bucket, faults, role):
    states, name = boto3.client("stepfunctions"), f"struck-{uuid.uuid4().hex[:8]}"
    task = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:headBucket", "Parameters": {"Bucket": bucket}}
    definition = json.dumps(
        {"StartAt": "Ask it", "States": {"Ask it": {**task, "Next": "Go"}, "Go": {"Type": "Succeed"}}}
    )
    machine = states.create_state_machine(name=name, definition=definition, roleArn=role)["stateMachineArn"]
    done = run(states, machine, {})
    assert done.succeeded

    def offered():
        found = re.findall(r'aria-checked="(\w+)" data-fault="(\w+)" data-kind="state" data-name="([^"]+)"', page())
        return {(fault, of): on for on, fault, of in found}

    def page():
        return driven.get(f"/executions/{done.arn}").text

    fails = ("fails", f"{name}/Ask it")
    assert offered() == {fails: "false", ("slow", f"{name}/Ask it"): "false"}
    wanted = {"kind": "state", "name": f"{name}/Ask it", "fault": "fails"}
    assert driven.post("/faults", wanted | {"on": True}).status_code == 200
    assert offered()[fails] == "true" and "Faults on this state: on" in page()
    assert run(states, machine, {}).error == "FaultFromTheDashboard"
    assert f"State {name}/Ask it" in plain(driven.get("/faults").text)
    assert driven.post("/faults", wanted | {"on": False}).status_code == 200
    assert f"State {name}/Ask it" not in plain(driven.get("/faults").text)
    states.delete_state_machine(stateMachineArn=machine)


def test_a_bucket_that_is_struck_still_shows_its_pictures(driven, bucket, faults):
    boto3.client("s3").put_object(Bucket=bucket, Key="a.png", Body=PNG)
    faults.add(bucket=bucket, error="SlowDown")
    assert driven.get(f"/picture?bucket={bucket}&key=a.png").status_code == 200
    assert faults.log() == []


def test_a_target_without_an_emulator_offers_no_faults(target):
    page = Client(Dashboard(clients_of(boto3.Session(), "compose"), control=True))
    text = plain(page.get("/faults", base_url=HERE).text)
    assert "The compose target has no such switch" in text


def test_an_emulator_that_is_away_is_said_so_and_asked_again():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        environment = {
            "AWS_ENDPOINT_URL": url,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "a",
            "AWS_SECRET_ACCESS_KEY": "b",
        }
        page = Client(Dashboard(clients_of(boto3.Session(), "embedded", url, environment)))
        answer = page.get("/", base_url=HERE)
    assert answer.status_code == 502
    assert "The emulator does not answer" in plain(answer.text)
    assert "harness up" in answer.text
    assert 'name="harness-watch" content="executions"' in answer.text  # it shows itself once there is an answer
