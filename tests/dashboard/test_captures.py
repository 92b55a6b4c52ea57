"""Captures for the chart, and logs for a step: read once, and then only what is new."""

import base64
import json
import uuid

import boto3
import pytest

from harness.dashboard import captures
from harness.dashboard.captures import CaptureReader, least_sure

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


def record(time, probabilities, image=PNG):
    data = {
        "endpointInput": {
            "observedContentType": "image/png",
            "mode": "INPUT",
            "encoding": "BASE64",
            "data": base64.b64encode(image).decode(),
        },
        "endpointOutput": {
            "observedContentType": "application/json",
            "mode": "OUTPUT",
            "encoding": "JSON",
            "data": json.dumps(probabilities),
        },
    }
    return json.dumps(
        {
            "captureData": data,
            "eventMetadata": {"eventId": str(uuid.uuid4()), "inferenceTime": time},
            "eventVersion": "0",
        }
    )


@pytest.fixture
def bucket(s3, new_bucket):
    name = new_bucket()

    def put(key, *lines):
        s3.put_object(Bucket=name, Key=f"p/e/v/2026/01/01/{key}.jsonl", Body="\n".join(lines).encode())

    put.uri, put.name = f"s3://{name}/p/e", name
    return put


def test_what_is_new_is_read(bucket):
    bucket("00/00-00-000-a", record("2026-01-01T00:00:00Z", [0.9, 0.1]), record("2026-01-01T00:00:01Z", [0.4, 0.6]))
    bucket("00/00-02-000-b", "no record", record("2026-01-01T00:00:02Z", {"no": "list"}))
    reader = CaptureReader(boto3.client("s3"), bucket.uri, 3600)
    first = reader.read()
    assert [(p.confidence, p.predicted, p.classes) for p in first.points] == [(0.9, 0, 2), (0.6, 1, 2)]
    assert first.skipped == 2 and first.unread == 0
    assert first.points[0].image == f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    assert reader.read() is first  # good for a while
    bucket("01/00-00-000-c", record("2026-01-01T01:00:00Z", [0.2, 0.8]))
    second = reader.read(now=True)
    assert len(second.points) == 3 and second.version > first.version
    assert reader.read(now=True).version == second.version
    assert [(p.confidence, times) for p, times in least_sure(second.points, 2)] == [(0.6, 3)]  # the same image


def test_a_file_that_grows_is_read_again(bucket):
    reader = CaptureReader(boto3.client("s3"), bucket.uri, 0)
    line = record("2026-01-01T00:00:00Z", [1, 0])
    bucket("00/00-00-000-a", line)
    assert len(reader.read().points) == 1
    bucket("00/00-00-000-a", line, line)
    assert len(reader.read().points) == 2


def test_the_newest_are_kept(bucket, monkeypatch):
    monkeypatch.setattr(captures, "MOST_POINTS", 3)
    for hour in range(6):
        bucket(f"{hour:02}/00-00-000-a", record(f"2026-01-01T{hour:02}:00:00Z", [hour / 10 + 0.5, 0]))
    reader = CaptureReader(boto3.client("s3"), bucket.uri, 0)
    assert [p.confidence for p in reader.read().points] == [0.8, 0.9, 1.0]
    again = reader.read(now=True)
    assert again.version == reader.read(now=True).version and again.unread == 3


def test_what_is_no_picture_is_not_shown_as_one(bucket):
    bucket("00/00-00-000-a", record("2026-01-01T00:00:00Z", [1, 0], image=b"<script>"))
    assert CaptureReader(boto3.client("s3"), bucket.uri, 0).read().points[0].image == ""


def test_captures_of_aws(real_data, bucket):
    s3 = boto3.client("s3")
    paths = sorted((real_data / "aws-truth" / "capture").glob("*.jsonl"))
    for path in paths:
        s3.put_object(Bucket=bucket.name, Key=f"p/e/AllTraffic/2026/01/01/00/{path.name}", Body=path.read_bytes())
    reading = CaptureReader(s3, bucket.uri, 0).read()
    assert len(reading.points) + reading.skipped == sum(len(path.read_text().splitlines()) for path in paths)
    assert reading.skipped == 0
    assert all(0.5 <= point.confidence <= 1 and point.image for point in reading.points)
