"""CreateProcessingJob and its kin.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateProcessingJob.html
"""

from __future__ import annotations

import uuid

from harness.emulator.context import EmulatorContext
from harness.emulator.door.call import Call
from harness.emulator.door.members import Members, number, optional_text, structure, structures, text
from harness.emulator.moto.sagemaker import backend_of
from harness.emulator.sagemaker.execution_role import ExecutionRole
from harness.emulator.sagemaker.jobs import Jobs
from harness.emulator.sagemaker.names import arn_of, refusal
from harness.emulator.sagemaker.processing.runner import ProcessingRunner
from harness.emulator.sagemaker.program import Programs
from harness.emulator.sagemaker.running_job import RunningJob

PLACE = "/opt/ml/processing"
_SHOWN = (
    *("ProcessingInputs", "ProcessingOutputConfig", "ProcessingResources", "AppSpecification"),
    *("Environment", "NetworkConfig", "RoleArn", "ExperimentConfig"),
)
_LONGEST = 86400


def processing_jobs(context: EmulatorContext, programs: Programs) -> Jobs:
    """All processing jobs.

    Args:
        context: the emulator's surroundings.
        programs: how programs are run.
    """

    def make(call: Call) -> tuple[RunningJob, ProcessingRunner]:
        parameters = call.parameters
        name = text(parameters, "ProcessingJobName")
        arn = arn_of("processing-job", name, call.region, context.account_id)
        _refuse_what_cannot_run(parameters)
        role = ExecutionRole(context, text(parameters, "RoleArn"))
        role.require(arn)
        job = RunningJob(parameters, name, arn, call.region)
        folder = context.folder / "processing" / uuid.uuid4().hex
        return job, ProcessingRunner(job, role, context.logs, folder, programs)

    def record(job: RunningJob) -> None:
        parameters = job.parameters
        backend_of(context.account_id, job.region).create_processing_job(
            app_specification=parameters["AppSpecification"],
            experiment_config=parameters.get("ExperimentConfig"),
            network_config=parameters.get("NetworkConfig"),
            processing_inputs=parameters.get("ProcessingInputs"),
            processing_job_name=job.name,
            processing_output_config=parameters.get("ProcessingOutputConfig") or {},
            role_arn=parameters["RoleArn"],
            tags=parameters.get("Tags") or [],
            stopping_condition=parameters.get("StoppingCondition"),
        )

    return Jobs("ProcessingJob", make, _describe, record)


def _describe(job: RunningJob) -> Members:
    parameters = job.parameters
    answer: dict[str, object] = {
        "ProcessingJobName": job.name,
        "ProcessingJobArn": job.arn,
        "ProcessingJobStatus": job.status,
        "StoppingCondition": parameters.get("StoppingCondition") or {"MaxRuntimeInSeconds": _LONGEST},
        "CreationTime": job.created,
        "LastModifiedTime": job.modified,
        **{name: parameters[name] for name in _SHOWN if name in parameters},
    }
    more = {
        "ProcessingStartTime": job.started,
        "ProcessingEndTime": job.ended,
        "FailureReason": job.failure_reason,
        "ExitMessage": job.exit_message,
    }
    return answer | {name: value for name, value in more.items() if value is not None}


def _refuse_what_cannot_run(parameters: Members) -> None:
    cluster = structure(structure(parameters, "ProcessingResources"), "ClusterConfig")
    if number(cluster, "InstanceCount") > 1:
        raise refusal("not emulated: processing on more than one instance. Set InstanceCount to 1.")
    inputs = structures(parameters, "ProcessingInputs")
    outputs = structures(structure(parameters, "ProcessingOutputConfig"), "Outputs")
    names = [text(item, "InputName") for item in inputs]
    for kind, given in (("input", names), ("output", [text(item, "OutputName") for item in outputs])):
        if len(set(given)) != len(given):
            raise refusal(f"Processing {kind} names must be unique within a processing job.")
    for item in (*inputs, *outputs):
        if "DatasetDefinition" in item or "FeatureStoreOutput" in item:
            raise refusal("not emulated: dataset definitions and feature stores in processing jobs.")
        place = optional_text(structure(item, "S3Input") or structure(item, "S3Output"), "LocalPath")
        if place is None:
            raise refusal("S3Input and S3Output need a LocalPath.")
        if place != PLACE and not place.startswith(f"{PLACE}/"):
            raise refusal(f"LocalPath {place} must be below {PLACE}.")
