"""What processing and transform jobs have in common: made, listed, described, stopped, kept."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from harness.emulator.door.call import Call
from harness.emulator.door.errors import AwsError
from harness.emulator.door.members import Members, text
from harness.emulator.door.validation import check
from harness.emulator.sagemaker.job_lists import page
from harness.emulator.sagemaker.names import refusal
from harness.emulator.sagemaker.running_job import ENDED, RunningJob

PATIENCE = 5.0
"""Seconds for which Describe waits for a running job's end before it answers.

AWS answers at once, and its SDKs therefore ask every 30 seconds or more: a job of two seconds would cost forty.
"""


class Runner(Protocol):
    """Takes a job from its first state to its last."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """Have it stop, and keep what it has made."""

    def abandon(self) -> None:
        """End it at once: the emulator stops."""


class Jobs:
    """All jobs of a kind.

    Args:
        kind: ``ProcessingJob``: the operations' and members' names are made with it.
        make: makes a job and its runner, or refuses the request.
        describe: the Describe operation's answer.
        record: leaves moto a record of the job, which has its tags.
    """

    def __init__(
        self,
        kind: str,
        make: Callable[[Call], tuple[RunningJob, Runner]],
        describe: Callable[[RunningJob], Members],
        record: Callable[[RunningJob], None],
    ) -> None:
        self._kind = kind
        self._word = f"{kind.removesuffix('Job').lower()} job"
        self._make = make
        self._describe = describe
        self._record = record
        self._jobs: dict[tuple[str, str], RunningJob] = {}
        self._runners: dict[tuple[str, str], Runner] = {}
        self._lock = threading.Lock()
        self.operations = {
            f"Create{kind}": self.create,
            f"Describe{kind}": self.describe,
            f"Stop{kind}": self.stop,
            f"List{kind}s": self.list,
        }

    def create(self, call: Call) -> Members:
        """Check a request as AWS does, and start the job.

        Raises:
            AwsError: ``ValidationException`` or ``ResourceInUse``.
        """
        check("sagemaker", f"Create{self._kind}", call.parameters)
        job, runner = self._make(call)
        with self._lock:
            if (job.region, job.name) in self._jobs:
                words = (
                    "Job name must be unique within an AWS account and region, and a job with this name already exists"
                )
                raise AwsError("ResourceInUse", f"{words} ({job.arn})")
            self._jobs[job.region, job.name] = job
            self._runners[job.region, job.name] = runner
            self._record(job)
        runner.start()
        return {f"{self._kind}Arn": job.arn}

    def describe(self, call: Call) -> Members:
        """Return a job as it stands, or as it stands :data:`PATIENCE` seconds later, whichever shows its end."""
        job = self._find(call)
        job.await_end(PATIENCE)
        return self._describe(job)

    def stop(self, call: Call) -> Members:
        """Stop a job.

        Raises:
            AwsError: there is no such job, or it has ended.
        """
        job = self._find(call, "job to update")
        if not job.stopping():
            raise refusal(f"The request was rejected because the {self._word} is in status {job.status}.")
        self._runners[job.region, job.name].stop()
        return {}

    def list(self, call: Call) -> Members:
        """Answer List."""
        check("sagemaker", f"List{self._kind}s", call.parameters)
        found = [self._summary(job) for job in self.jobs() if job.region == call.region]
        return page(self._kind, found, call.parameters)

    def jobs(self) -> tuple[RunningJob, ...]:
        """All jobs, to be kept."""
        with self._lock:
            return tuple(self._jobs.values())

    def restore(self, record: Members) -> None:
        """Take a job that was kept."""
        job = RunningJob.restored(record)
        self._jobs[job.region, job.name] = job

    def close(self) -> None:
        """End all jobs that still run."""
        for job in self.jobs():
            if job.status not in ENDED and (job.region, job.name) in self._runners:
                self._runners[job.region, job.name].abandon()

    def _find(self, call: Call, wanted: str = "requested job") -> RunningJob:
        name = text(call.parameters, f"{self._kind}Name", "")
        job = self._jobs.get((call.region, name))
        if job is None:
            raise refusal(f"Could not find {wanted} with name: {name}")
        return job

    def _summary(self, job: RunningJob) -> dict[str, object]:
        summary: dict[str, object] = {
            f"{self._kind}Name": job.name,
            f"{self._kind}Arn": job.arn,
            f"{self._kind}Status": job.status,
            "CreationTime": job.created,
            "LastModifiedTime": job.modified,
        }
        end = "ProcessingEndTime" if self._kind == "ProcessingJob" else "TransformEndTime"
        if job.ended is not None:
            summary[end] = job.ended
        if job.failure_reason is not None:
            summary["FailureReason"] = job.failure_reason
        if job.exit_message is not None and self._kind == "ProcessingJob":
            summary["ExitMessage"] = job.exit_message
        return summary
