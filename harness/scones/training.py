"""The training job: the built-in image-classification algorithm on one GPU instance, by plain boto3.

https://docs.aws.amazon.com/sagemaker/latest/dg/image-classification.html
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cloud.eventual_consistency import once_known
from harness.project.steps import Step

if TYPE_CHECKING:
    import boto3

    from harness.scones.dataset.transform import Dataset


EPOCHS = 30
_VOLUME_GB = 10
_PENDING_SECONDS = 7200
"""After which SageMaker gives up waiting for an instance: the least that it takes."""
_SPOT_SECONDS = 3600
"""To which it limits the waiting and running of its algorithms that do not checkpoint. This one does.

https://docs.aws.amazon.com/sagemaker/latest/dg/model-managed-spot-training.html
https://docs.aws.amazon.com/sagemaker/latest/dg/model-checkpoints.html
"""
STOP_SECONDS = 120
"""What a job that is stopped may still take, to save its model."""
_POLL = 15.0
_FIRST_POLL = 0.2
_ENDED = ("Completed", "Failed", "Stopped")


class TrainingError(RuntimeError):
    """The job did not end with a model; the message is SageMaker's."""


@dataclass(frozen=True)
class TrainingPlan:
    """A training job to be run, once."""

    prefix: str
    """Its name, but for a number where one of that name failed before."""
    role_arn: str
    image: str
    instance_type: str
    bucket: str
    samples: int
    """Training images."""
    minutes: int
    """After which SageMaker stops it."""
    spot: bool = False
    epochs: int = EPOCHS

    @property
    def longest(self) -> timedelta:
        """After which SageMaker has ended the job, with or without a model."""
        return timedelta(seconds=_PENDING_SECONDS + 2 * self.minutes * 60 + STOP_SECONDS)

    def request(self, name: str, tags: list[dict[str, str]]) -> dict[str, Any]:
        """CreateTrainingJob's parameters."""
        seconds = self.minutes * 60
        stopping = {"MaxRuntimeInSeconds": seconds, "MaxPendingTimeInSeconds": _PENDING_SECONDS}
        spot: dict[str, Any] = {}
        if self.spot:
            # As long again to wait for spare instances; only what could not be done within the limit goes beyond it.
            stopping["MaxWaitTimeInSeconds"] = (
                2 * seconds if seconds > _SPOT_SECONDS else min(2 * seconds, _SPOT_SECONDS)
            )
            spot["CheckpointConfig"] = {"S3Uri": f"s3://{self.bucket}/checkpoints/{name}"}
        return {
            **spot,
            "TrainingJobName": name,
            "RoleArn": self.role_arn,
            "AlgorithmSpecification": {"TrainingImage": self.image, "TrainingInputMode": "File"},
            "HyperParameters": {
                "image_shape": "3,32,32",
                "num_classes": "2",
                "num_training_samples": str(self.samples),
                "epochs": str(self.epochs),
            },
            "InputDataConfig": [
                _channel("train", f"s3://{self.bucket}/train/"),
                _channel("validation", f"s3://{self.bucket}/test/"),
                _channel("train_lst", f"s3://{self.bucket}/train.lst"),
                _channel("validation_lst", f"s3://{self.bucket}/test.lst"),
            ],
            "OutputDataConfig": {"S3OutputPath": f"s3://{self.bucket}/models"},
            "ResourceConfig": {
                "InstanceType": self.instance_type,
                "InstanceCount": 1,
                "VolumeSizeInGB": _VOLUME_GB,
            },
            "StoppingCondition": stopping,
            "EnableManagedSpotTraining": self.spot,
            "Tags": tags,
        }


def plan_training(
    prefix: str,
    dataset: Dataset,
    *,
    role_arn: str,
    image: str,
    instance_type: str,
    bucket: str,
    minutes: int,
    spot: bool,
) -> TrainingPlan:
    """Plan the job for *dataset*, whose name says what it is trained on and how: the same again needs no second job.

    Args:
        prefix: of the job's name.
        dataset: train and test images; their bytes are part of the name's digest.
        role_arn: the role that the job has.
        image: URI of the algorithm's container.
        instance_type: e.g. ``ml.p3.2xlarge``.
        bucket: where images are and the model goes.
        minutes: ``MaxRuntimeInSeconds`` of the job, in minutes.
        spot: ``EnableManagedSpotTraining``.
    """
    digest = hashlib.sha256(json.dumps([image, instance_type, EPOCHS, spot]).encode())
    for part in ("train", "test"):
        digest.update((dataset.folder / f"{part}.lst").read_bytes())
        for name in dataset.part(part)["filename"]:
            digest.update(hashlib.sha256(Path(dataset.folder / part / name).read_bytes()).digest())
    return TrainingPlan(
        f"{prefix}-{digest.hexdigest()[:8]}",
        role_arn,
        image,
        instance_type,
        bucket,
        len(dataset.train),
        minutes,
        spot,
    )


def find_job(plan: TrainingPlan, session: boto3.Session) -> tuple[str, str | None]:
    """Return the name of the job for *plan*, and its status: None where it is still to be made.

    A job that failed keeps its name, so the next one has another number.
    """
    sagemaker = session.client("sagemaker")
    jobs = {
        job["TrainingJobName"]: job["TrainingJobStatus"]
        for page in sagemaker.get_paginator("list_training_jobs").paginate(NameContains=plan.prefix)
        for job in page["TrainingJobSummaries"]
    }
    for name, status in jobs.items():
        if status in ("Completed", "InProgress"):
            return name, status
    number = 1
    while (name := plan.prefix if number == 1 else f"{plan.prefix}-{number}") in jobs:
        number += 1
    return name, None


def train(
    plan: TrainingPlan,
    session: boto3.Session,
    tags: list[dict[str, str]],
    on_step: Step = lambda line: None,
    on_state: Callable[[str], None] = lambda line: None,
) -> str:
    """Have the model trained; a job that has done so, or is about to, is not run twice.

    Args:
        plan: the job.
        session: leads to the target.
        tags: for the job.
        on_step: told what was done.
        on_state: told of each state that the job passes through.

    Returns:
        ``s3://`` address of the ``model.tar.gz``.

    Raises:
        TrainingError: the job failed or was stopped.
        botocore.exceptions.ClientError: SageMaker refuses.
    """
    sagemaker = session.client("sagemaker")
    name, status = find_job(plan, session)
    if status is None:
        once_known(lambda: sagemaker.create_training_job(**plan.request(name, tags)))
        on_step(f"started training job {name} on one {plan.instance_type}{', managed spot' if plan.spot else ''}")
    job = _wait(sagemaker, name, on_state)
    if job["TrainingJobStatus"] != "Completed":
        raise TrainingError(f"training job {name}: {job['TrainingJobStatus']}: {job.get('FailureReason', 'no reason')}")
    if status != "Completed":
        seconds = job.get("BillableTimeInSeconds", 0)
        on_step(f"trained {job['ModelArtifacts']['S3ModelArtifacts']} in {seconds} billable seconds")
    return str(job["ModelArtifacts"]["S3ModelArtifacts"])


def _wait(sagemaker: Any, name: str, on_state: Callable[[str], None]) -> dict[str, Any]:
    """Return the job as it ended; SageMaker itself ends one that takes longer than its limit."""
    said, pause = "", _FIRST_POLL
    while True:
        job: dict[str, Any] = sagemaker.describe_training_job(TrainingJobName=name)
        state = job.get("SecondaryStatusTransitions") or [{"Status": job["SecondaryStatus"]}]
        line = f"{state[-1]['Status']}: {state[-1].get('StatusMessage', '')}".rstrip(": ")
        if line != said:
            on_state(line)
            said = line
        if job["TrainingJobStatus"] in _ENDED:
            return job
        time.sleep(pause)
        pause = min(pause * 1.5, _POLL)


def _channel(name: str, uri: str) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "ContentType": "application/x-image", "DataSource": {"S3DataSource": source}}
