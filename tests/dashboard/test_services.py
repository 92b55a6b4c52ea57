"""The pages of what a workflow is made of: functions, jobs, buckets, roles and stacks."""

import io
import json
import re
import uuid
import zipfile
from datetime import UTC, datetime

import boto3
import pytest

from harness.dashboard.logs import LogLine
from harness.dashboard.services.buckets import text_of
from harness.dashboard.services.jobs import curves, version_of
from tests.emulator.conftest import delete_role, make_role
from tests.emulator.pictures import load, request
from tests.waiting import until

CODE = """
import boto3
def handler(event, context):
    print("got", event)
    if event.get("list"):
        boto3.client("s3").list_buckets()
    return {"twice": 2 * event["n"]}
"""
STACK = {
    "Description": "A bucket",
    "Parameters": {"Word": {"Type": "String", "Default": "any"}},
    "Resources": {"Pictures": {"Type": "AWS::S3::Bucket"}},
    "Outputs": {"Name": {"Value": {"Ref": "Pictures"}}},
}


def text(answer):
    assert answer.status_code == 200, answer.text
    return answer.text


@pytest.fixture(scope="module")
def function(target):
    """A function whose role may write logs, and nothing else."""
    role = make_role("shown-function", {"Effect": "Allow", "Action": "logs:*", "Resource": "*"})
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as package:
        package.writestr("main.py", CODE)
    client, name = boto3.client("lambda"), f"shown-{uuid.uuid4().hex[:8]}"
    client.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role=role,
        Handler="main.handler",
        Code={"ZipFile": packed.getvalue()},
        Environment={"Variables": {"COLOUR": "red"}},
    )
    client.get_waiter("function_active_v2").wait(FunctionName=name)
    yield name
    client.delete_function(FunctionName=name)
    delete_role("shown-function")


def test_a_function_is_called_with_an_event(driven, function):
    assert f'href="/functions/{function}"' in text(driven.get("/functions"))
    answer = text(driven.post(f"/functions/{function}/invoke", {"event": '{"n": 21}'}))
    assert "&#34;twice&#34;: 42" in answer and "START RequestId" in answer
    failed = text(driven.post(f"/functions/{function}/invoke", {"event": "{}"}))
    assert "failed: Unhandled" in failed and "KeyError" in failed
    shown = text(driven.get(f"/functions/{function}"))
    for word in ("COLOUR", "red", "main.handler", "KeyError", "$LATEST", "shown-function"):
        assert word in shown
    refused = driven.post(f"/functions/{function}/invoke", {"event": "{"})
    assert refused.status_code == 400 and "not JSON" in refused.json["message"]
    assert driven.get("/functions/none").status_code == 404


def test_a_page_that_only_shows_calls_nothing(page, function):
    assert "data-send" not in text(page.get(f"/functions/{function}"))
    assert page.post(f"/functions/{function}/invoke", {"event": "{}"}).status_code == 403
    assert page.post("/endpoints/none/invoke", b"{}").status_code == 403


def test_a_role_tells_what_it_was_refused_and_asked_for(driven, function):
    driven.post(f"/functions/{function}/invoke", {"event": '{"n": 1, "list": true}'})
    shown = text(driven.get("/roles/shown-function"))
    refused, asked = shown.index('id="refused"'), shown.index('id="asked"')
    assert "s3:ListAllMyBuckets" in shown[refused:asked]
    assert "because no identity-based policy allows" in shown[refused:asked]
    assert "logs:PutLogEvents" in shown[asked:]
    assert 'href="/roles/shown-function"' in text(driven.get("/roles"))
    assert driven.get("/roles/none").status_code == 404


def test_an_endpoint_that_is_not_there_refuses_in_its_words(driven):
    answer = driven.post("/endpoints/none/invoke", b"{}")
    assert answer.status_code == 400
    assert "Endpoint none of account 123456789012 not found." in answer.json["message"]


def test_a_bucket_is_looked_through(driven, target):
    s3, bucket = boto3.client("s3"), f"shown-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="a/b/<c>.json", Body=b'{"x": "\xc3\xa4"}', ContentType="application/json")
    s3.put_object(Bucket=bucket, Key="a/raw", Body=b"\x00\x01\xff")
    assert f'href="/buckets/{bucket}"' in text(driven.get("/buckets"))
    assert f'href="/buckets/{bucket}?prefix=a/"' in text(driven.get(f"/buckets/{bucket}"))
    below = text(driven.get(f"/buckets/{bucket}?prefix=a/"))
    assert ">b/</a>" in below and ">raw</a>" in below
    shown = text(driven.get(f"/buckets/{bucket}/object?key=a/b/<c>.json"))
    assert "{&#34;x&#34;: &#34;ä&#34;}" in shown and "<c>" not in shown
    assert "neither an image nor text" in text(driven.get(f"/buckets/{bucket}/object?key=a/raw"))
    assert driven.get(f"/s3?uri=s3://{bucket}/a/raw").location.endswith(f"/buckets/{bucket}/object?key=a/raw")
    assert driven.get(f"/s3?uri=s3://{bucket}/a").location.endswith(f"/buckets/{bucket}?prefix=a/")
    for missing in ("/buckets/none", f"/buckets/{bucket}/object?key=none"):
        assert driven.get(missing).status_code == 404
    for key in ("a/b/<c>.json", "a/raw"):
        s3.delete_object(Bucket=bucket, Key=key)
    s3.delete_bucket(Bucket=bucket)


def test_text_that_is_cut_inside_a_character_is_text():
    assert text_of("aä".encode()[:2]) == "a"
    assert text_of(b"\xff\xfe" * 10) is None
    assert text_of(b"a\x00b") is None


def test_a_training_job_has_a_log_metrics_and_an_artifact(driven, target, clients):
    s3, bucket = boto3.client("s3"), f"shown-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=bucket)
    load(s3, bucket)
    before = version_of(clients, "")
    given = request(bucket)
    name = given["TrainingJobName"]
    boto3.client("sagemaker").create_training_job(**given)
    assert version_of(clients, "") != before
    until(lambda: version_of(clients, f"training/{name}")[0] == "Completed")
    done = boto3.client("sagemaker").describe_training_job(TrainingJobName=name)
    assert f'href="/jobs/training/{name}"' in text(driven.get("/jobs"))
    shown = text(driven.get(f"/jobs/training/{name}"))
    assert "<polyline" in shown
    assert re.search(r"validation[:-]accuracy", shown, re.IGNORECASE)
    assert done["ModelArtifacts"]["S3ModelArtifacts"] in shown
    assert "image_shape" in shown and "/aws/sagemaker/TrainingJobs" in shown
    assert driven.get("/jobs/training/none").status_code == 404
    assert driven.get("/jobs/other/none").status_code == 404


def test_metrics_are_read_by_the_jobs_own_definitions():
    lines = [LogLine(datetime(2026, 1, 1, tzinfo=UTC), f"epoch {n} my={n / 2} loss=9") for n in range(3)]
    (mine,) = curves(lines, [{"Name": "m", "Regex": "my=([0-9.]+)"}])
    assert (mine.name, mine.values) == ("m", [0.0, 0.5, 1.0])
    assert mine.points == "0.0,152.0 300.0,80.0 600.0,8.0"
    assert [curve.name for curve in curves(lines, [])] == ["loss"]


def test_a_stack_has_resources_events_and_outputs(driven, target):
    client, name = boto3.client("cloudformation"), f"shown-{uuid.uuid4().hex[:8]}"
    client.create_stack(StackName=name, TemplateBody=json.dumps(STACK))
    until(lambda: client.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE")
    assert f'href="/stacks/{name}"' in text(driven.get("/stacks"))
    shown = text(driven.get(f"/stacks/{name}"))
    bucket = client.describe_stack_resources(StackName=name)["StackResources"][0]["PhysicalResourceId"]
    assert f'href="/buckets/{bucket}"' in shown
    assert "CREATE_COMPLETE" in shown and "Pictures" in shown and "any" in shown
    assert driven.get("/stacks/none").status_code == 404
    client.delete_stack(StackName=name)
