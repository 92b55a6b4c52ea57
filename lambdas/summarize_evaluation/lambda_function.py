"""summarizeEvaluation: counts what a batch evaluation wrote to S3, and lists the images that were unsure."""

import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import boto3


@lru_cache(maxsize=1)
def s3_client() -> Any:
    """One client for all invocations of this environment."""
    return boto3.client("s3")


def lines_of(bucket: str, key: str) -> Iterator[Any]:
    """Yield the JSON values of an object, a line each; the object is never in memory whole."""
    for line in s3_client().get_object(Bucket=bucket, Key=key)["Body"].iter_lines():
        if line:
            yield json.loads(line)


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Count the results of a Map Run, and write ``unsure.jsonl`` and ``summary.json`` beside them.

    Args:
        event: the Map state's result: ``MapRunArn`` and ``ResultWriterDetails``.
        context: Lambda's.

    Returns:
        ``images`` and, of these, ``sure``, ``unsure``, ``failed``; ``failedBatches``; where all of it is.
    """
    details = event["ResultWriterDetails"]
    bucket, manifest_key = details["Bucket"], details["Key"]
    folder = manifest_key.rpartition("/")[0]
    manifest = json.loads(s3_client().get_object(Bucket=bucket, Key=manifest_key)["Body"].read())
    files = manifest["ResultFiles"]
    counts: Counter[str] = Counter()
    with tempfile.TemporaryFile() as unsure:
        for file in files["SUCCEEDED"]:
            for batch in lines_of(bucket, file["Key"]):
                for result in batch:
                    counts[result["status"]] += 1
                    if result["status"] == "unsure":
                        unsure.write(json.dumps(result).encode() + b"\n")
        unsure.seek(0)
        s3_client().upload_fileobj(unsure, bucket, f"{folder}/unsure.jsonl")
    for file in files["FAILED"]:
        for record in lines_of(bucket, file["Key"]):
            counts["failedBatches"] += 1
            counts["failed"] += len(json.loads(record["Input"])["Items"])
    summary = {
        "images": counts["sure"] + counts["unsure"] + counts["failed"],
        "sure": counts["sure"],
        "unsure": counts["unsure"],
        "failed": counts["failed"],
        "failedBatches": counts["failedBatches"],
        "mapRunArn": event["MapRunArn"],
        "bucket": bucket,
        "manifest": manifest_key,
        "unsureImages": f"{folder}/unsure.jsonl",
    }
    s3_client().put_object(Bucket=bucket, Key=f"{folder}/summary.json", Body=json.dumps(summary, indent=2).encode())
    return summary
