"""Runs the batch evaluation's state machine, tells how far it is, and collects what it wrote."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from harness.evaluation.model import Prediction
from harness.evaluation.source import PREFIX, Source
from harness.project.executions import history, inferences_of

MACHINES = {"nested": "BatchEvaluationStateMachine", "inline": "BatchEvaluationInlineStateMachine"}
"""By how an image is run: as an execution of the image workflow, or by its functions within the batch's own."""
_LONGEST_POLL = 2.0
Progress = Callable[[dict[str, int]], None]
"""Told the Map Run's itemCounts."""


@dataclass(frozen=True)
class BatchOptions:
    """How a batch runs.

    Attributes:
        max_concurrency: batches at a time.
        batch_size: images of a batch, one after the other.
        tolerated_failure_percentage: share of images that may fail (unsure ones do not) before the batch gives up.
    """

    max_concurrency: int = 4
    batch_size: int = 10
    tolerated_failure_percentage: float = 5.0


@dataclass(frozen=True)
class BatchResult:
    """A batch that has ended.

    Attributes:
        status: of its execution.
        error: and its error, where it failed.
        map_run: ARN, where one was started.
        seconds: from start to end.
        redrives: how often it was resumed.
    """

    execution_arn: str
    status: str
    error: str
    cause: str
    map_run: str
    seconds: float
    redrives: int
    predictions: tuple[Prediction, ...]


def start_batch(states: Any, machine_arn: str, source: Source, bucket: str, name: str, options: BatchOptions) -> str:
    """Start the evaluation of *source*; return the execution's ARN.

    Args:
        states: client of Step Functions.
        machine_arn: the state machine with the Distributed Map.
        source: images and their classes.
        bucket: where results go, below ``evaluations/<name>``.
        name: of the execution.
        options: concurrency, items a batch, tolerated failures in percent.
    """
    event = {
        "items": source.items,
        "images": source.images,
        "results": {"bucket": bucket, "prefix": f"{PREFIX}/{name}"},
        "max_concurrency": options.max_concurrency,
        "batch_size": options.batch_size,
        "tolerated_failure_percentage": options.tolerated_failure_percentage,
    }
    answer = states.start_execution(stateMachineArn=machine_arn, name=name, input=json.dumps(event))
    return str(answer["executionArn"])


def resume_batch(states: Any, execution_arn: str) -> bool:
    """Have an execution that failed, timed out or was stopped go on: what is done already is not done again.

    Returns:
        False where there is nothing to resume: it succeeded, or still runs.
    """
    if states.describe_execution(executionArn=execution_arn)["status"] in ("SUCCEEDED", "RUNNING"):
        return False
    states.redrive_execution(executionArn=execution_arn)
    return True


def wait_for_batch(states: Any, execution_arn: str, progress: Progress = lambda counts: None) -> None:
    """Wait until the execution has ended, and tell how far it is meanwhile.

    Args:
        states: client of Step Functions.
        execution_arn: as :func:`start_batch` gives it.
        progress: given ``itemCounts`` of DescribeMapRun at each look.
    """
    pause = 0.1
    while True:
        status = states.describe_execution(executionArn=execution_arn)["status"]
        run = _map_run(states, execution_arn)
        if run:
            progress(states.describe_map_run(mapRunArn=run)["itemCounts"])
        if status != "RUNNING":
            return
        time.sleep(pause)
        pause = min(pause * 1.3, _LONGEST_POLL)


def collect(states: Any, s3: Any, execution_arn: str, source: Source) -> BatchResult:
    """Return what came of a batch: a prediction for each image.

    A nested workflow that failed for want of confidence tells no probabilities; they are read in its history.

    Args:
        states: client of Step Functions.
        s3: client of S3, to read the results that the Map Run has written.
        execution_arn: an execution that has ended.
        source: what was evaluated, for the true classes.
    """
    answer = states.describe_execution(executionArn=execution_arn)
    results = json.loads(answer["input"])["results"]
    run = _map_run(states, execution_arn)
    predictions: list[Prediction] = []
    if run:
        key = f"{results['prefix']}/{run.rpartition(':')[2]}/manifest.json"
        with ThreadPoolExecutor(4, thread_name_prefix="history") as pool:
            found = pool.map(lambda result: _prediction(states, result, source), _results(s3, results["bucket"], key))
            predictions = sorted(found, key=lambda prediction: prediction.key)
    seconds = (
        answer.get("stopDate", answer["startDate"]) - answer.get("redriveDate", answer["startDate"])
    ).total_seconds()
    return BatchResult(
        execution_arn,
        answer["status"],
        answer.get("error", ""),
        answer.get("cause", ""),
        run,
        seconds,
        answer.get("redriveCount", 0),
        tuple(predictions),
    )


def _map_run(states: Any, execution_arn: str) -> str:
    runs = states.list_map_runs(executionArn=execution_arn)["mapRuns"]
    return str(max(runs, key=lambda run: run["startDate"])["mapRunArn"]) if runs else ""


def _results(s3: Any, bucket: str, manifest_key: str) -> Iterator[dict[str, Any]]:
    """Yield an object for each image: what the batch put out, or the error of the batch that it was in."""
    try:
        manifest = json.loads(s3.get_object(Bucket=bucket, Key=manifest_key)["Body"].read())
    except s3.exceptions.NoSuchKey:
        return  # it failed before it had anything to write
    for group, files in manifest["ResultFiles"].items():
        for file in files:
            for line in s3.get_object(Bucket=bucket, Key=file["Key"])["Body"].iter_lines():
                if not line:
                    continue
                record = json.loads(line)
                if group == "SUCCEEDED":
                    yield from record
                    continue
                error = record.get("Error") or ("NotStarted" if group == "PENDING" else record["Status"])
                for item in json.loads(record["Input"])["Items"]:
                    cause = record.get("Cause", "")
                    yield {"s3_key": item["s3_key"], "status": "failed", "error": error, "cause": cause}


def _prediction(states: Any, result: dict[str, Any], source: Source) -> Prediction:
    key, label = result["s3_key"], source.label_of(result["s3_key"])
    if result["status"] == "failed":
        error, cause = innermost(result["error"], result["cause"])
        return Prediction(key, "failed", label, (), error, cause)
    text = result.get("inferences")
    if text is None and "body" in result:
        text = json.loads(result["body"])["body"]
    if text is None:
        texts = inferences_of(history(states, result["execution"]))
        text = texts[0] if texts else "[]"
    return Prediction(key, result["status"], label, tuple(float(value) for value in json.loads(text)))


def innermost(error: str, cause: str) -> tuple[str, str]:
    """Return the error behind the failure of a nested workflow: causes are descriptions of executions, as JSON."""
    while True:
        try:
            inner = json.loads(cause)
        except ValueError:
            return error, cause
        if not isinstance(inner, dict):
            return error, cause
        if "errorType" in inner:
            return str(inner["errorType"]), str(inner.get("errorMessage", ""))
        if "Error" not in inner:
            return error, cause
        error, cause = inner["Error"], inner.get("Cause", "")
