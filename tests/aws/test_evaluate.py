"""A batch evaluation of what is deployed on AWS: its price is agreed to first."""

import json

import pytest

from tests.aws.test_cloud import MODEL, harness

pytestmark = pytest.mark.slow


def evaluate(stand_in, root, *arguments):
    return harness(stand_in, root, "evaluate", "--target", "aws", "--account", "123456789012", *arguments)


def test_it_needs_a_deployment_and_consent(place, stand_in, root, drawings, tmp_path):
    output = ("--output", tmp_path / "out")
    agreed = ("--yes", "--max-cost", "1")
    nowhere = evaluate(stand_in, root, drawings, *agreed, *output)
    assert nowhere.returncode == 1
    assert "there is no stack scones-unlimited" in nowhere.stderr and "harness deploy --target aws" in nowhere.stderr
    deployed = ("--account", "123456789012", "--yes", "--max-cost", "6", "--data", drawings, "--model", root / MODEL)
    assert harness(stand_in, root, "deploy", "--target", "aws", *deployed).returncode == 0
    alone = evaluate(stand_in, root, drawings, *output)
    assert alone.returncode == 1 and "nobody is here to agree" in alone.stderr.replace("\n", " ")
    dear = evaluate(stand_in, root, drawings, "--yes", "--max-cost", "0.001", *output)
    assert dear.returncode == 1 and "more than the limit of 0.00 USD" in dear.stderr.replace("\n", " ")
    _, session = place
    s3 = session.client("s3")
    (bucket,) = [each["Name"] for each in s3.list_buckets()["Buckets"]]
    assert s3.list_objects_v2(Bucket=bucket, Prefix="evaluations/")["KeyCount"] == 0  # nothing before it is agreed to
    states = session.client("stepfunctions")
    machines = {each["name"]: each["stateMachineArn"] for each in states.list_state_machines()["stateMachines"]}
    assert states.list_executions(stateMachineArn=machines["BatchEvaluationStateMachine"])["executions"] == []
    done = evaluate(stand_in, root, drawings, *agreed, *output)
    assert done.returncode == 0, done.stderr
    assert "state transitions" in done.stdout
    images = len((drawings / "test.lst").read_text().splitlines())
    report = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert report["summary"]["images"] == images and report["summary"]["failed"] == 0
    assert harness(stand_in, root, "destroy", "--target", "aws", "--account", "123456789012").returncode == 0
