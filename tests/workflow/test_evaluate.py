"""Batch evaluation of many images, on the workflow that is deployed: what succeeds, fails, is resumed and compared."""

import gzip
import io
import json
import uuid

import boto3
import pytest
from rich.console import Console

from harness.evaluation.batch import MACHINES, BatchOptions
from harness.evaluation.command import EvaluateOptions, _earlier, evaluate_on
from harness.evaluation.files import read_json
from harness.project.executions import run
from tests.deployed import machine as describe
from tests.deployed import policies


@pytest.fixture(scope="module")
def prefix(scones, drawings):
    """Where 20 test images and their manifests are in the bucket."""
    s3, where = scones.session.client("s3"), f"evaluate-{uuid.uuid4().hex[:6]}"
    lines = (drawings / "test.lst").read_text()
    s3.put_object(Bucket=scones.bucket, Key=f"{where}/test.lst", Body=lines.encode())
    rows = [line.split("\t") for line in lines.splitlines()]
    for _, _, path in rows:
        s3.put_object(Bucket=scones.bucket, Key=f"{where}/test/{path}", Body=(drawings / "test" / path).read_bytes())
    table = "s3_key,label\n" + "".join(f"test/{path},{label}\n" for _, label, path in rows)
    s3.put_object(Bucket=scones.bucket, Key=f"{where}/items.csv", Body=table.encode())
    entries = "".join(json.dumps({"s3_key": f"test/{path}", "label": int(label)}) + "\n" for _, label, path in rows)
    s3.put_object(Bucket=scones.bucket, Key=f"{where}/items.jsonl", Body=entries.encode())
    listed = "".join(f'"{scones.bucket}","{where}/test/{path}"\n' for _, _, path in rows)
    s3.put_object(Bucket=scones.bucket, Key=f"{where}/list.csv.gz", Body=gzip.compress(listed.encode()))
    manifest = {
        "destinationBucket": f"arn:aws:s3:::{scones.bucket}",
        "fileFormat": "CSV",
        "fileSchema": "Bucket, Key",
        "files": [{"key": f"{where}/list.csv.gz"}],
    }
    s3.put_object(Bucket=scones.bucket, Key=f"{where}/manifest.json", Body=json.dumps(manifest).encode())
    return f"s3://{scones.bucket}/{where}"


@pytest.fixture
def evaluate(scones, settings, root, tmp_path):
    """Evaluates a source, and gives the result and what was printed."""

    def run_it(source="", output="out", before=None, resume=False, **more):
        batch = BatchOptions(4, more.pop("batch_size", 5), more.pop("tolerate", 5.0))
        options = EvaluateOptions(root, str(source), tmp_path / output, batch=batch, resume=resume, **more)
        text = io.StringIO()
        console = Console(file=text, width=200, highlight=False)
        result = evaluate_on(scones, "embedded", options, settings, console, before, _earlier(options))
        return result, text.getvalue()

    return run_it


@pytest.mark.parametrize("workflow", [pytest.param("nested", marks=pytest.mark.slow), "inline"])
def test_a_folder_is_evaluated(evaluate, scones, states, drawings, workflow):
    result, said = evaluate(drawings, workflow=workflow)
    evaluation = result.evaluation
    assert result.batch.status == "SUCCEEDED"
    assert len(evaluation.labelled) == 20
    statuses = {prediction.status for prediction in evaluation.predictions}
    assert statuses == {"sure", "unsure"}, "the stub should be unsure of some"
    for prediction in evaluation.predictions:
        assert (prediction.confidence > 0.93) == (prediction.status == "sure")
    output = json.loads(states.describe_execution(executionArn=result.batch.execution_arn)["output"])
    unsure = sum(prediction.status == "unsure" for prediction in evaluation.predictions)
    assert (output["images"], output["unsure"], output["failed"]) == (20, unsure, 0)
    s3 = scones.session.client("s3")
    listed = s3.get_object(Bucket=scones.bucket, Key=output["unsureImages"])["Body"].read().splitlines()
    assert len(listed) == unsure
    assert "20 images in" in said and "do not exceed the threshold 0.93" in said and "not real" in said
    page = result.files[2].read_text()
    for heading in ("Which threshold?", "The least confident images", "What is taken for what"):
        assert heading in page
    assert "http://" not in page and "https://" not in page
    assert read_json(result.files[0]).predictions == evaluation.predictions
    assert len(result.files[1].read_text().splitlines()) == 21


@pytest.mark.parametrize(
    "name",
    [
        "test.lst",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("test/", "items.csv", "items.jsonl", "manifest.json")
        ),
    ],
)
def test_any_source_gives_the_same(evaluate, prefix, name):
    images = f"{prefix}/" if name.startswith("items") else None
    result, _ = evaluate(f"{prefix}/{name}", workflow="inline", images=images)
    found = {prediction.name: prediction.probabilities for prediction in result.evaluation.predictions}
    assert len(found) == 20
    assert len(result.evaluation.labelled) == 20
    s3, where = boto3.client("s3"), prefix.partition("//")[2].partition("/")
    runtime = boto3.client("sagemaker-runtime")
    key = f"{where[2]}/test/{next(iter(found))}"
    body = s3.get_object(Bucket=where[0], Key=key)["Body"].read()
    answer = runtime.invoke_endpoint(EndpointName="scones-suite", ContentType="image/png", Body=body)
    assert tuple(json.loads(answer["Body"].read())) == next(iter(found.values()))


@pytest.mark.slow
def test_an_image_deleted_meanwhile_fails_alone(evaluate, scones, prefix):
    s3, where = scones.session.client("s3"), prefix.partition(f"{scones.bucket}/")[2]
    body = s3.get_object(Bucket=scones.bucket, Key=f"{where}/test.lst")["Body"].read().decode()
    s3.put_object(Bucket=scones.bucket, Key=f"{where}/more.lst", Body=(body + "99\t1\tgone.png\n").encode())
    result, said = evaluate(f"{prefix}/more.lst", images=f"{prefix}/test/", batch_size=1)
    assert result.batch.status == "SUCCEEDED"
    (failed,) = [prediction for prediction in result.evaluation.predictions if prediction.status == "failed"]
    assert (failed.name, failed.error) == ("gone.png", "NoSuchKey")
    assert "1 images failed" in said
    result, said = evaluate(f"{prefix}/more.lst", images=f"{prefix}/test/", batch_size=1, tolerate=4.0)
    assert (result.batch.status, result.batch.error) == ("FAILED", "States.ExceedToleratedFailureThreshold")
    assert "The specified tolerated failure threshold was exceeded" in said


@pytest.mark.slow
@pytest.mark.parametrize("workflow", ["nested", "inline"])
def test_a_throttled_endpoint_fails_the_batch_and_a_resume_does_the_rest(
    evaluate, faults, scones, states, prefix, workflow
):
    # boto3 in the function tries again by itself: a single image is refused until it gives up.
    faults.add(endpoint=scones.endpoint, error="ThrottlingException", fraction=0.7, seed=4)
    result, _ = evaluate(f"{prefix}/test.lst", batch_size=1, tolerate=0.0, workflow=workflow)
    assert (result.batch.status, result.batch.error) == ("FAILED", "States.ExceedToleratedFailureThreshold")
    failed = [prediction for prediction in result.evaluation.predictions if prediction.status == "failed"]
    errors = {prediction.error for prediction in failed}
    # The first failure ends it: what runs is stopped, what waits is not started.
    assert errors & {"ClientError", "ThrottlingException"}
    assert errors <= {"ClientError", "ThrottlingException", "ABORTED", "NotStarted"}
    faults.clear()
    counts = states.describe_map_run(mapRunArn=result.batch.map_run)["itemCounts"]
    resumed, said = evaluate(resume=True)
    assert (resumed.batch.status, resumed.batch.redrives) == ("SUCCEEDED", 1)
    assert resumed.batch.map_run == result.batch.map_run
    assert {prediction.status for prediction in resumed.evaluation.predictions} <= {"sure", "unsure"}
    assert len(resumed.evaluation.labelled) == 20
    assert f"{counts['succeeded']} of 20 images are done already" in said
    again, said = evaluate(resume=True)
    assert again.evaluation.predictions == resumed.evaluation.predictions
    assert "nothing to resume" in said


def test_a_malformed_line_of_a_manifest_is_told(evaluate, scones, prefix):
    s3, where = scones.session.client("s3"), prefix.partition(f"{scones.bucket}/")[2]
    s3.put_object(Bucket=scones.bucket, Key=f"{where}/broken.jsonl", Body=b'{"s3_key": "test/a.png"}\n{"s3_key": \n')
    with pytest.raises(
        RuntimeError, match=r"States\.ItemReaderFailed: Unable to parse line 2 of the JSON Lines object"
    ):
        evaluate(f"{prefix}/broken.jsonl")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("s3://{bucket}/nothing/", "there is nothing below"),
        ("s3://{bucket}/nothing.lst", "there is no s3://"),
        ("nowhere", "there is no folder nowhere"),
        ("{empty}", "has no images"),
        ("s3://other-bucket/x.lst", "there is no s3://other-bucket/x.lst"),
    ],
)
def test_a_source_that_is_not_there_is_told(evaluate, scones, tmp_path, source, words):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=words):
        evaluate(source.format(bucket=scones.bucket, empty=tmp_path / "empty"))


@pytest.mark.slow
def test_two_evaluations_are_compared(evaluate, control, scones, prefix):
    before, _ = evaluate(f"{prefix}/test.lst", output="before", workflow="inline")
    control.post(f"endpoints/{scones.endpoint}/script", {"answers": [[0.99, 0.01]] * 40})
    try:
        after, said = evaluate(f"{prefix}/test.lst", before=read_json(before.files[0]), workflow="inline")
    finally:
        control.post(f"endpoints/{scones.endpoint}/script", {})
    comparison = after.comparison
    right = sum(bool(prediction.correct) for prediction in before.evaluation.predictions)
    assert comparison.common == 20
    assert comparison.fixed - comparison.broken == 10 - right
    assert "McNemar" in after.files[2].read_text()
    assert json.loads(after.files[0].read_text())["comparison"]["pValue"] == comparison.p_value
    assert f"against {prefix}/test.lst" in said


STATEMENTS = [
    ("scones-batch-evaluation", "states:StartExecution"),
    ("scones-batch-evaluation", "states:DescribeExecution"),
    ("scones-batch-evaluation", "s3:GetObject"),
    ("scones-batch-evaluation", "s3:PutObject"),
    ("scones-batch-evaluation", "lambda:InvokeFunction"),
    ("scones-image-batch", "states:StartExecution"),
    ("scones-image-batch", "states:DescribeExecution"),
    ("scones-summarize-evaluation", "s3:GetObject"),
    ("scones-image-batch-inline", "lambda:InvokeFunction"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("role", "action"), STATEMENTS)
def test_without_any_one_right_it_breaks(clock, scones, states, prefix, role, action):
    iam = scones.session.client("iam")
    documents = policies(scones)[role]
    for name, document in documents.items():
        rest = {**document, "Statement": [s for s in document["Statement"] if action not in s["Action"]]}
        if rest["Statement"]:
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(rest))
        else:
            iam.delete_role_policy(RoleName=role, PolicyName=name)
    where = prefix.partition(f"{scones.bucket}/")[2]
    event = {
        "items": {"format": "lst", "bucket": scones.bucket, "key": f"{where}/test.lst"},
        "images": {"bucket": scones.bucket, "prefix": f"{where}/test/"},
        "results": {"bucket": scones.bucket, "prefix": f"evaluations/{uuid.uuid4().hex}"},
        "max_concurrency": 1,
        "batch_size": 20,
        "tolerated_failure_percentage": 0,
    }
    machine = MACHINES["inline" if "inline" in role else "nested"]
    try:
        result = run(states, scones.stack.resources[machine].physical_id, event)
    finally:
        for name, document in documents.items():
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))
    assert result.status == "FAILED"
    children = [result.cause or ""]
    for found in states.list_map_runs(executionArn=result.arn)["mapRuns"]:
        for child in states.list_executions(mapRunArn=found["mapRunArn"])["executions"]:
            children.append(states.describe_execution(executionArn=child["executionArn"]).get("cause", ""))
    assert any(f"perform: {action}" in cause for cause in children), children


def test_every_definition_is_deployed_with_its_variant(scones):
    nested, inline = (json.loads(describe(scones, name)["definition"]) for name in MACHINES.values())
    assert nested["States"].keys() == inline["States"].keys()
