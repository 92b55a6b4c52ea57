"""Runs one training job from its first state to its last.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_SecondaryStatusTransition.html
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from harness.emulator.logs.writer import LogWriter
from harness.emulator.sagemaker.execution_role import ExecutionRole
from harness.emulator.sagemaker.images import ImageKind, kind_of
from harness.emulator.sagemaker.job_thread import LOST, JobThread, reason_of
from harness.emulator.sagemaker.model_data import ModelDataError, fetch_model
from harness.emulator.sagemaker.program import Programs, ProgramSpec, start_program
from harness.emulator.sagemaker.training.channels import ChannelError, download, find_objects, shard, split_uri
from harness.emulator.sagemaker.training.job import STOPPING, TrainingJob, now
from harness.emulator.sagemaker.training.layout import HOST, checkpoint_folder, container_environment, lay_out, mode_of
from harness.emulator.sagemaker.training.metrics import MetricReader, definitions_for
from harness.emulator.sagemaker.training.pipes import ChannelPipe, blocks
from harness.emulator.sagemaker.training.uploads import files_below, upload_files, upload_tar

logger = logging.getLogger(__name__)

LOG_GROUP = "/aws/sagemaker/TrainingJobs"


class JobRunner(JobThread):
    """Takes a job through downloading, training and uploading.

    Args:
        job: what to run.
        role: as which it runs.
        logs: where the program's output goes.
        folder: scratch folder; removed at the end.
        options: further options for a built-in algorithm's program, such as its local recipe.
        on_change: told whenever the job has changed.
        publish: takes metrics as PutMetricData does.
        programs: how programs are run.
    """

    def __init__(
        self,
        job: TrainingJob,
        role: ExecutionRole,
        logs: LogWriter,
        folder: Path,
        options: Sequence[str],
        on_change: Callable[[TrainingJob], None],
        programs: Programs,
        publish: Callable[[Sequence[Mapping[str, Any]]], object],
    ) -> None:
        place = (LOG_GROUP, f"{job.name}/{HOST}-{int(time.time())}")
        super().__init__(f"training-{job.name}", job.arn, job.region, role, logs, place, folder)
        self._programs = programs
        self.job = job
        self._options = options
        self._on_change = on_change
        self._publish = publish
        self._pipes: list[ChannelPipe] = []
        self._definitions = definitions_for(
            job.image, job.parameters["AlgorithmSpecification"].get("MetricDefinitions")
        )
        self._metrics = MetricReader(self._definitions)

    def _run(self) -> None:
        job = self.job
        try:
            self._take_on_role()
            self._download()
            if self._stop.is_set():
                self._end("Stopped", "Stopped", "Training job stopped")
                return
            code, overdue = self._train()
            if self._abandoned:
                self._end("Failed", "Failed", "", LOST)
                return
            stopped = self._stop.is_set()
            if code != 0 and not stopped and not overdue:
                reason = self._failure_reason(code)
                self._end("Failed", "Failed", reason, reason)
                return
            try:
                self._upload()
            except self._s3.exceptions.ClientError as error:
                raise ChannelError(
                    f"ClientError: Artifact upload failed:{error.response['Error'].get('Message')}"
                ) from None
            if overdue:
                self._end("Stopped", "MaxRuntimeExceeded", "Training job runtime exceeded MaxRuntimeInSeconds provided")
            elif stopped:
                self._end("Stopped", "Stopped", "Training job stopped")
            else:
                self._end("Completed", "Completed", "Training job completed")
        except Exception as error:
            reason = reason_of(error)
            if reason.startswith("InternalServerError"):
                logger.exception("training job %s failed", job.name)
            self._end("Failed", "Failed", reason, reason)
        finally:
            for pipe in self._pipes:
                pipe.close()
            shutil.rmtree(self._folder, ignore_errors=True)

    def _end(self, status: str, secondary_status: str, message: str, reason: str | None = None) -> None:
        self._logs.flush()
        self.job.metrics = self._metrics.final()
        for data in self._metrics.metric_data(self.job.name):
            self._publish(data)
        self.job.end(status, secondary_status, message, reason)
        self._on_change(self.job)

    def _enter(self, status: str, message: str) -> None:
        if self.job.status != STOPPING:
            self.job.enter(status, message)
            self._on_change(self.job)

    def _download(self) -> None:
        self._enter("Pending", "Training job waiting for capacity")
        self._enter("Pending", "Preparing the instances for training")
        self._enter("Downloading", "Downloading input data")
        lay_out(self._root, self.job)
        for channel in self.job.parameters.get("InputDataConfig") or []:
            source = channel["DataSource"]["S3DataSource"]
            objects = find_objects(self._s3, source)
            if source.get("S3DataDistributionType") == "ShardedByS3Key":
                objects = shard(objects, 0, 1)
            if mode_of(channel, self.job.parameters) == "Pipe":
                read = partial(blocks, self._s3, channel, objects)
                self._pipes.append(ChannelPipe(self._root / "input" / "data", channel["ChannelName"], read))
                continue
            folder = self._root / "input" / "data" / channel["ChannelName"]
            download(self._s3, objects, folder, channel.get("CompressionType") == "Gzip")
            if self._stop.is_set():
                return
        self._fetch_code()
        checkpoints = self._checkpoints()
        if checkpoints is not None:
            folder, uri = checkpoints
            found = find_objects(self._s3, {"S3DataType": "S3Prefix", "S3Uri": uri.rstrip("/") + "/"})
            download(self._s3, found, folder, gunzip=False)
            for path in files_below(folder):
                stat = path.stat()
                self._uploaded[path] = (stat.st_size, stat.st_mtime_ns)

    def _fetch_code(self) -> None:
        """Unpack the user's scripts to where AWS's training toolkit has them."""
        given = self.job.parameters.get("HyperParameters") or {}
        uri = str(given.get("sagemaker_submit_directory", "")).strip('"')
        if kind_of(self.job.image) is ImageKind.FRAMEWORK and uri.startswith("s3://"):
            try:
                fetch_model(self._s3, uri, self._root / "code")
            except ModelDataError as error:
                raise ChannelError(f"ClientError: {error}") from None

    def _train(self) -> tuple[int, bool]:
        """Run the program; its exit code, and whether it ran too long."""
        job = self.job
        self._enter("Downloading", "Downloading the training image")
        specification = job.parameters["AlgorithmSpecification"]
        spec = ProgramSpec(
            job.image,
            tuple(specification.get("ContainerArguments") or ("train",)),
            self._root,
            container_environment(job, job.region),
            self._take_line,
            tuple(specification.get("ContainerEntrypoint") or ()),
            frameworks=self._programs.frameworks,
            reach=self._programs.reach(self._role.session, job.region),
        )
        self._require_image(job.image)
        built_in = kind_of(job.image) is ImageKind.BUILT_IN
        program = start_program(spec, self._options if built_in else ())
        self._enter("Training", "Training image download completed. Training in progress.")
        return self._watch(program, job.time_limit, self._sync_checkpoints)

    def _take_line(self, line: str) -> None:
        self._metrics.read(line, now())
        self._log(line)

    def _failure_reason(self, code: int) -> str:
        for pipe in self._pipes:
            if isinstance(pipe.failure, ChannelError):
                return str(pipe.failure)
        path = self._root / "output" / "failure"
        text = path.read_text(encoding="utf-8", errors="replace").strip() if path.is_file() else ""
        kind = "" if text.startswith(("ClientError", "AlgorithmError")) else "AlgorithmError: "
        ending = f", exit code: {code if code >= 0 else 128 - code}"
        return f"{kind}{text}"[: 1024 - len(ending)] + ending

    def _upload(self) -> None:
        self._enter("Uploading", "Uploading generated training model")
        self._sync_checkpoints()
        model, output = self._root / "model", self._root / "output" / "data"
        if self.job.parameters["OutputDataConfig"].get("CompressionType") == "NONE":
            upload_files(self._s3, model, self.job.model_uri)
            upload_files(self._s3, output, f"{self.job.output_uri}/output/")
            return
        upload_tar(self._s3, model, self.job.model_uri, self._folder / "model.tar.gz")
        if any(output.iterdir()):
            upload_tar(self._s3, output, f"{self.job.output_uri}/output.tar.gz", self._folder / "output.tar.gz")

    def _checkpoints(self) -> tuple[Path, str] | None:
        config = self.job.parameters.get("CheckpointConfig")
        folder = checkpoint_folder(self._root, config) if config else None
        return (folder, config["S3Uri"]) if config and folder is not None else None

    def _sync_checkpoints(self) -> None:
        checkpoints = self._checkpoints()
        if checkpoints is not None and checkpoints[0].is_dir():
            upload_files(self._s3, *checkpoints, self._uploaded)


def check_sources(s3: Any, parameters: dict[str, Any], region: str) -> str | None:
    """Return what CreateTrainingJob refuses about the input data, in AWS's words; None when all of it is there.

    Args:
        s3: client of S3, as the job's role.
        parameters: of CreateTrainingJob.
        region: of the job, which its buckets must be in.
    """
    for channel in parameters.get("InputDataConfig") or []:
        source = channel["DataSource"].get("S3DataSource")
        if source is None:
            return "not emulated: input from file systems. Use an S3DataSource."
        try:
            bucket, prefix = split_uri(source["S3Uri"])
        except ChannelError as error:
            return str(error)
        try:
            found = s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1).get("KeyCount", 0)
            told = ""
        except s3.exceptions.ClientError as error:
            found, told = 0, f" Error message from S3: {error.response['Error'].get('Message')}"
        if not found:
            return (
                f'No S3 objects found under S3 URL "{source["S3Uri"]}" given in input data source. Please ensure that '
                f"the bucket exists in the selected region ({region}), that objects exist under that S3 prefix, and "
                f'that the role "{parameters["RoleArn"]}" has "s3:ListBucket" permissions on bucket "{bucket}".{told}'
            )
    return None
