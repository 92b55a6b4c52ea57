"""CreateTrainingJob, DescribeTrainingJob, StopTrainingJob; moto lists the jobs and keeps their tags."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence

from harness.emulator.context import EmulatorContext
from harness.emulator.door.call import Call
from harness.emulator.door.errors import AwsError
from harness.emulator.door.members import Members, number, structure, structures, text
from harness.emulator.door.validation import check
from harness.emulator.moto.sagemaker import backend_of
from harness.emulator.sagemaker.execution_role import ExecutionRole
from harness.emulator.sagemaker.first_look import FirstLooks
from harness.emulator.sagemaker.images import ImageKind, kind_of, not_emulated
from harness.emulator.sagemaker.job_lists import page
from harness.emulator.sagemaker.names import arn_of, refusal
from harness.emulator.sagemaker.program import Programs
from harness.emulator.sagemaker.training.job import ENDED, IN_PROGRESS, STOPPING, TrainingJob, while_it_trains
from harness.emulator.sagemaker.training.layout import mode_of
from harness.emulator.sagemaker.training.metrics import definitions_for
from harness.emulator.sagemaker.training.runner import JobRunner, check_sources
from harness.emulator.services import Operation

logger = logging.getLogger(__name__)

PATIENCE = 5.0
"""Seconds for which DescribeTrainingJob waits for a running job's end before it answers.

AWS answers at once, and its SDKs therefore ask every 30 seconds or more: a job of two seconds would cost forty.
"""

_PATIENCE_OF_LATE = 20.0
"""Seconds for which a late look waits for the program's start, so that the log comes behind the states before it."""
_LATE = 4.0
"""Seconds behind CreateTrainingJob from which on a first look is late."""


class TrainingJobs:
    """All training jobs.

    Args:
        context: the emulator's surroundings.
        options: options for the programs of built-in algorithms.
        programs: how programs are run.
        pace_of_aws: whether who looks late finds a job still training.
    """

    def __init__(
        self, context: EmulatorContext, options: Sequence[str], programs: Programs, pace_of_aws: bool = False
    ) -> None:
        self._context = context
        self._programs = programs
        self._options = options
        self._looks = FirstLooks(_LATE, pace_of_aws)
        self._jobs: dict[tuple[str, str], TrainingJob] = {}
        self._runners: dict[tuple[str, str], JobRunner] = {}
        self._lock = threading.Lock()
        self.operations: Mapping[str, Operation] = {
            "CreateTrainingJob": self.create,
            "DescribeTrainingJob": self.describe,
            "DeleteTrainingJob": self.delete,
            "StopTrainingJob": self.stop,
            "ListTrainingJobs": self.list,
        }

    def create(self, call: Call) -> Members:
        """Check a request as AWS does, and start the job.

        Raises:
            AwsError: ``ValidationException`` or ``ResourceInUse``.
        """
        parameters, region = call.parameters, call.region
        check("sagemaker", "CreateTrainingJob", parameters)
        name = text(parameters, "TrainingJobName")
        arn = arn_of("training-job", name, region, self._context.account_id)
        self._refuse_what_cannot_run(parameters)
        role = ExecutionRole(self._context, text(parameters, "RoleArn"))
        role.require(arn)
        fault = check_sources(role.client("s3", region), dict(parameters), region)
        if fault is not None:
            raise refusal(fault)
        with self._lock:
            if (region, name) in self._jobs:
                raise AwsError(
                    "ResourceInUse",
                    "Training job names must be unique within an AWS account and region, and a training job with this "
                    f"name already exists ({arn})",
                )
            job = self._jobs[region, name] = TrainingJob(parameters, arn, region)
            self._record(job)
            folder = self._context.folder / "training" / uuid.uuid4().hex
            folder.mkdir(parents=True)
            logs, publish = self._context.logs, self._publisher(call)
            runner = JobRunner(job, role, logs, folder, self._options, self._show, self._programs, publish)
            self._runners[region, name] = runner
        self._looks.begin(name, region, IN_PROGRESS)
        runner.start()
        return {"TrainingJobArn": arn}

    def describe(self, call: Call) -> Members:
        """Return a job as it stands, or as it stands :data:`PATIENCE` seconds later, whichever shows its end.

        Raises:
            AwsError: there is no such job.
        """
        job = self._find(call)
        late = self._looks.status_for(job.name, job.region)
        if late is None:
            job.await_end(PATIENCE)
        else:
            job.await_training(_PATIENCE_OF_LATE)
        given = job.parameters["AlgorithmSpecification"].get("MetricDefinitions")
        told = job.describe(definitions_for(job.image, given))
        return told if late is None or job.status in (STOPPING, "Stopped") else while_it_trains(told)

    def stop(self, call: Call) -> Members:
        """Stop a job; what its program has made until then is kept.

        Raises:
            AwsError: there is no such job, or it has ended.
        """
        job = self._find(call)
        if not job.stopping():
            raise refusal(f"The request was rejected because the training job is in status {job.status}.")
        self._show(job)
        self._runners[job.region, job.name].stop()
        return {}

    def delete(self, call: Call) -> Members:
        """Forget a job that has ended; its name is free again.

        https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DeleteTrainingJob.html

        Raises:
            AwsError: there is no such job, or it has not ended.
        """
        job = self._find(call)
        if job.status not in ENDED:
            raise AwsError("ResourceInUse", f"The training job is in status {job.status} and cannot be deleted.")
        with self._lock:
            self._jobs.pop((job.region, job.name), None)
            self._runners.pop((job.region, job.name), None)
        backend_of(self._context.account_id, job.region).training_jobs.pop(job.name, None)
        return {}

    def list(self, call: Call) -> Members:
        """Answer ListTrainingJobs."""
        check("sagemaker", "ListTrainingJobs", call.parameters)
        found = [_summary(job) for job in self.jobs() if job.region == call.region]
        return page("TrainingJob", found, call.parameters)

    def process_ids(self) -> dict[str, int]:
        """Process numbers of the programs that run now, by job name."""
        with self._lock:
            runners = list(self._runners.values())
        return {
            runner.job.name: runner.pid
            for runner in runners
            if runner.pid is not None and runner.job.status not in ENDED
        }

    def jobs(self) -> tuple[TrainingJob, ...]:
        """All jobs, to be kept."""
        with self._lock:
            return tuple(self._jobs.values())

    def restore(self, record: Members) -> None:
        """Take a job that was kept; one that ran when the emulator stopped has failed of it."""
        job = TrainingJob.restored(record)
        self._jobs[job.region, job.name] = job
        if job.status not in ENDED:
            reason = "InternalServerError: the emulator was stopped while the job ran"
            job.end("Failed", "Failed", reason, reason)
        self._show(job)

    def close(self) -> None:
        """End all jobs that still run."""
        with self._lock:
            runners = [runner for runner in self._runners.values() if runner.job.status not in ENDED]
        for runner in runners:
            runner.abandon()

    def _find(self, call: Call) -> TrainingJob:
        job = self._jobs.get((call.region, text(call.parameters, "TrainingJobName", "")))
        if job is None:
            raise refusal("Requested resource not found.")
        return job

    def _refuse_what_cannot_run(self, parameters: Members) -> None:
        specification = structure(parameters, "AlgorithmSpecification")
        resources = structure(parameters, "ResourceConfig")
        image, channels = text(specification, "TrainingImage", ""), structures(parameters, "InputDataConfig")
        if bool(image) == bool(specification.get("AlgorithmName")):
            raise refusal("You must specify exactly one of AlgorithmName and TrainingImage in AlgorithmSpecification.")
        if specification.get("AlgorithmName"):
            raise refusal("not emulated: AlgorithmName. Name a TrainingImage.")
        algorithm = not_emulated(image)
        if algorithm is not None:
            raise refusal(f"not emulated: the built-in algorithm {algorithm}")
        for channel in channels:
            source = structure(structure(channel, "DataSource"), "S3DataSource")
            if source.get("S3DataType") == "AugmentedManifestFile":
                if mode_of(channel, parameters) != "Pipe":
                    raise refusal("You can use an augmented manifest file only with Pipe input mode.")
                if not source.get("AttributeNames"):
                    raise refusal("AttributeNames are required for an augmented manifest file.")
        if number(resources, "InstanceCount", 1) > 1 or resources.get("InstanceGroups"):
            raise refusal("not emulated: training on more than one instance. Set InstanceCount to 1.")
        if kind_of(image) is ImageKind.BUILT_IN and specification.get("MetricDefinitions"):
            raise refusal("You can't override the metric definitions for Amazon SageMaker algorithms.")
        names = [text(channel, "ChannelName") for channel in channels]
        if len(set(names)) != len(names):
            raise refusal("Channel names must be unique within a training job.")
        if parameters.get("EnableManagedSpotTraining"):
            condition = structure(parameters, "StoppingCondition")
            if number(condition, "MaxWaitTimeInSeconds", 0) < number(condition, "MaxRuntimeInSeconds", 86400):
                raise refusal(
                    "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to "
                    "MaxRuntimeInSeconds"
                )
            built_in = kind_of(image) is ImageKind.BUILT_IN
            if (
                built_in
                and not parameters.get("CheckpointConfig")
                and number(condition, "MaxWaitTimeInSeconds", 0) > 3600
            ):
                raise refusal("MaxWaitTimeInSeconds above 3600 is not supported for the given algorithm.")

    def _record(self, job: TrainingJob) -> None:
        """Leave moto a record, from which it lists jobs and finds their tags."""
        parameters = job.parameters
        backend_of(self._context.account_id, job.region).create_training_job(
            training_job_name=job.name,
            hyper_parameters=parameters.get("HyperParameters"),
            algorithm_specification=dict(parameters["AlgorithmSpecification"]),
            role_arn=parameters["RoleArn"],
            input_data_config=parameters.get("InputDataConfig"),
            output_data_config=parameters["OutputDataConfig"],
            resource_config=parameters.get("ResourceConfig"),
            vpc_config=parameters.get("VpcConfig"),
            stopping_condition=parameters.get("StoppingCondition"),
            tags=parameters.get("Tags") or [],
            enable_network_isolation=False,
            enable_inter_container_traffic_encryption=False,
            enable_managed_spot_training=False,
            checkpoint_config=parameters.get("CheckpointConfig"),
            debug_hook_config=None,
            debug_rule_configurations=None,
            tensor_board_output_config=None,
            experiment_config=None,
        )
        self._show(job)

    def _publisher(self, call: Call) -> Callable[[Sequence[Mapping[str, object]]], object]:
        """Return what puts metrics where AWS puts those of training jobs."""

        def publish(data: Sequence[Mapping[str, object]]) -> None:
            given = {"Namespace": "/aws/sagemaker/TrainingJobs", "MetricData": data}
            put = Call("cloudwatch", "PutMetricData", given, call.region, call.account)
            try:
                self._context.services.call(put)
            except AwsError as error:
                logger.warning("metrics of training jobs cannot be published: %s", error.message)

        return publish

    def _show(self, job: TrainingJob) -> None:
        record = backend_of(self._context.account_id, job.region).training_jobs.get(job.name)
        if record is not None:
            record.training_job_status, record.secondary_status = job.status, job.secondary_status
            record.creation_time = job.created.replace(tzinfo=None)
            record.last_modified_time = job.modified.replace(tzinfo=None)
            record.training_end_time = job.ended.replace(tzinfo=None) if job.ended else None


def _summary(job: TrainingJob) -> Members:
    described = job.describe(())
    shown = ("Name", "Arn", "Status")
    summary = {f"TrainingJob{what}": described[f"TrainingJob{what}"] for what in shown}
    for what in ("CreationTime", "TrainingEndTime", "LastModifiedTime", "SecondaryStatus"):
        if what in described:
            summary[what] = described[what]
    return summary
