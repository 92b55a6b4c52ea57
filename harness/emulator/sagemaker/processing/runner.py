"""Runs one processing job from its inputs to its outputs.

https://docs.aws.amazon.com/sagemaker/latest/dg/build-your-own-processing-container.html
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.emulator.logs.writer import LogWriter
from harness.emulator.sagemaker.execution_role import ExecutionRole
from harness.emulator.sagemaker.job_thread import LOST, JobThread, reason_of
from harness.emulator.sagemaker.program import Programs, ProgramSpec, start_program
from harness.emulator.sagemaker.running_job import RunningJob
from harness.emulator.sagemaker.training.channels import ChannelError, download, find_objects, shard
from harness.emulator.sagemaker.training.uploads import upload_files

logger = logging.getLogger(__name__)

LOG_GROUP = "/aws/sagemaker/ProcessingJobs"
_LONGEST = 86400
_LONGEST_MESSAGE = 1024


class ProcessingRunner(JobThread):
    """Takes a job through downloading, processing and uploading.

    Args:
        job: what to run.
        role: as which it runs.
        logs: where the program's output goes.
        folder: scratch folder; removed at the end.
        programs: how programs are run.
    """

    def __init__(self, job: RunningJob, role: ExecutionRole, logs: LogWriter, folder: Path, programs: Programs) -> None:
        place = (LOG_GROUP, f"{job.name}/algo-1-{int(time.time())}")
        super().__init__(f"processing-{job.name}", job.arn, job.region, role, logs, place, folder)
        self._job = job
        self._programs = programs

    def _run(self) -> None:
        try:
            status, reason = self._process()
        except Exception as error:
            status, reason = "Failed", reason_of(error)
            if reason.startswith("InternalServerError"):
                logger.exception("processing job %s failed", self._job.name)
        self._clear()
        self._job.end(status, reason)

    def _process(self) -> tuple[str, str | None]:
        self._take_on_role()
        self._job.start()
        self._lay_out()
        if self._stop.is_set():
            return "Stopped", None
        code, overdue = self._work()
        if self._abandoned:
            return "Failed", LOST
        message = self._root / "output" / "message"
        if message.is_file():
            self._job.exit_message = message.read_text("utf-8", "replace")[:_LONGEST_MESSAGE]
        if code != 0 and not overdue and not self._stop.is_set():
            self._upload(("Continuous",))
            return "Failed", f"AlgorithmError: {self._job.exit_message or ''}, exit code: {code}"
        self._upload(("Continuous", "EndOfJob"))
        if overdue:
            return "Stopped", "Processing job runtime exceeded MaxRuntimeInSeconds provided"
        return ("Stopped", None) if self._stop.is_set() else ("Completed", None)

    def _lay_out(self) -> None:
        parameters = self._job.parameters
        for name in ("config", "output", "processing"):
            (self._root / name).mkdir(parents=True, exist_ok=True)
        instance = parameters["ProcessingResources"]["ClusterConfig"]["InstanceType"]
        self._configure("processingjobconfig", {"ProcessingJobArn": self._job.arn, **parameters})
        self._configure(
            "resourceconfig", {"current_host": "algo-1", "hosts": ["algo-1"], "current_instance_type": instance}
        )
        for item in parameters.get("ProcessingInputs") or []:
            source = item["S3Input"]
            if source.get("S3InputMode", "File") != "File":
                raise ChannelError("ClientError: not emulated: Pipe mode in processing jobs. Use File.")
            objects = find_objects(self._s3, source)
            if not objects:
                raise ChannelError(f"ClientError: No S3 objects found under S3 URL {source['S3Uri']}.")
            if source.get("S3DataDistributionType") == "ShardedByS3Key":
                objects = shard(objects, 0, 1)
            download(self._s3, objects, self._place(source), source.get("S3CompressionType") == "Gzip")
        for output in self._outputs():
            self._place(output["S3Output"]).mkdir(parents=True, exist_ok=True)

    def _configure(self, name: str, value: Mapping[str, Any]) -> None:
        (self._root / "config" / f"{name}.json").write_text(json.dumps(value, default=str), encoding="utf-8")

    def _place(self, given: Mapping[str, Any]) -> Path:
        place = (self._root / str(given["LocalPath"]).removeprefix("/opt/ml/")).resolve()
        if not place.is_relative_to(self._root.resolve() / "processing"):
            raise ChannelError(f"ClientError: LocalPath {given['LocalPath']} leads out of /opt/ml/processing.")
        return place

    def _outputs(self) -> list[Mapping[str, Any]]:
        return list((self._job.parameters.get("ProcessingOutputConfig") or {}).get("Outputs") or [])

    def _work(self) -> tuple[int, bool]:
        """Run the program; its exit code, and whether it ran too long."""
        parameters, job = self._job.parameters, self._job
        application = parameters["AppSpecification"]
        image = application["ImageUri"]
        self._require_image(image)
        spec = ProgramSpec(
            image,
            tuple(application.get("ContainerArguments") or ()),
            self._root,
            {
                "AWS_REGION": job.region,
                "PROCESSING_JOB_NAME": job.name,
                "PROCESSING_JOB_ARN": job.arn,
                **(parameters.get("Environment") or {}),
            },
            self._log,
            tuple(application.get("ContainerEntrypoint") or ()),
            frameworks=self._programs.frameworks,
            reach=self._programs.reach(self._role.session, job.region),
        )
        limit = (parameters.get("StoppingCondition") or {}).get("MaxRuntimeInSeconds", _LONGEST)
        return self._watch(start_program(spec), limit, lambda: self._upload(("Continuous",)))

    def _upload(self, modes: tuple[str, ...]) -> None:
        for output in self._outputs():
            place = output["S3Output"]
            if place["S3UploadMode"] in modes:
                known = self._uploaded if place["S3UploadMode"] == "Continuous" else None
                upload_files(self._s3, self._place(place), place["S3Uri"], known)
