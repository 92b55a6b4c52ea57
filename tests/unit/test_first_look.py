"""Who looks late, for the first time, finds what comes up on its way; nobody else does."""

import pytest

from harness.emulator.sagemaker.first_look import FirstLooks
from harness.emulator.sagemaker.training.job import TrainingJob, while_it_trains

REQUEST = {
    "TrainingJobName": "job",
    "AlgorithmSpecification": {"TrainingImage": "image", "TrainingInputMode": "File"},
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/"},
}


@pytest.mark.parametrize(
    ("wanted", "seconds", "found"),
    [(True, 30, "Creating"), (True, 0, None), (True, 90, None), (False, 30, None)],
)
def test_a_first_late_look_finds_it_on_its_way(wanted, seconds, found):
    time = [100.0]
    looks = FirstLooks(20, wanted, lambda: time[0])
    looks.begin("endpoint", "us-east-1", "Creating")
    time[0] += seconds
    assert looks.status_for("other", "us-east-1") is None
    assert looks.status_for("endpoint", "us-east-1") == found
    assert looks.status_for("endpoint", "us-east-1") is None


def test_who_looked_at_once_is_told_nothing_else_later():
    time = [100.0]
    looks = FirstLooks(20, True, lambda: time[0])
    looks.begin("endpoint", "us-east-1", "Creating")
    assert looks.status_for("endpoint", "us-east-1") is None
    time[0] += 30
    assert looks.status_for("endpoint", "us-east-1") is None
    looks.begin("endpoint", "us-east-1", "Updating")
    time[0] += 30
    assert looks.status_for("endpoint", "us-east-1") == "Updating"


@pytest.mark.parametrize("end", ["Completed", "Failed"])
def test_a_job_is_told_of_as_it_trained(end):
    job = TrainingJob(REQUEST, "arn", "us-east-1")
    for status in ("Pending", "Downloading", "Training"):
        job.enter(status, "...")
    before = job.describe([])
    job.enter("Uploading", "...")
    job.end(end, end, "...", "why" if end == "Failed" else None)
    told = while_it_trains(job.describe([]))
    assert told["LastModifiedTime"] == before["LastModifiedTime"]
    assert told == before
