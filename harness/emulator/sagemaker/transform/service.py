"""CreateTransformJob and its kin.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTransformJob.html
"""

from __future__ import annotations

import uuid

from harness.emulator.context import EmulatorContext
from harness.emulator.door.call import Call
from harness.emulator.door.members import Members, flag, number, structure, text, text_map
from harness.emulator.moto.sagemaker import backend_of
from harness.emulator.sagemaker.execution_role import ExecutionRole
from harness.emulator.sagemaker.jobs import Jobs
from harness.emulator.sagemaker.model_server import ModelServer
from harness.emulator.sagemaker.names import arn_of, refusal
from harness.emulator.sagemaker.program import Programs
from harness.emulator.sagemaker.running_job import RunningJob
from harness.emulator.sagemaker.serving import model_server
from harness.emulator.sagemaker.transform.runner import LOG_GROUP, TransformRunner

_SHOWN = (
    "ModelName",
    "MaxConcurrentTransforms",
    "ModelClientConfig",
    "MaxPayloadInMB",
    "BatchStrategy",
    "Environment",
    "TransformInput",
    "TransformOutput",
    "DataCaptureConfig",
    "TransformResources",
    "DataProcessing",
    "ExperimentConfig",
)
_MOST_MEGABYTES_AT_ONCE = 100


def transform_jobs(context: EmulatorContext, programs: Programs) -> Jobs:
    """All transform jobs.

    Args:
        context: the emulator's surroundings.
        programs: how programs are run.
    """

    def make(call: Call) -> tuple[RunningJob, TransformRunner]:
        parameters, region = call.parameters, call.region
        name, model_name = text(parameters, "TransformJobName"), text(parameters, "ModelName")
        arn = arn_of("transform-job", name, region, context.account_id)
        _refuse_what_cannot_run(parameters)
        model = backend_of(context.account_id, region)._models.get(model_name)
        if model is None:
            raise refusal(f'Could not find model "{arn_of("model", model_name, region, context.account_id)}".')
        role = ExecutionRole(context, model.execution_role_arn)
        job = RunningJob(parameters, name, arn, region)
        folder = context.folder / "transform" / uuid.uuid4().hex

        def server() -> ModelServer:
            stream = f"{name}/i-{uuid.uuid4().hex[:17]}"
            put = role.log(region, LOG_GROUP, stream)
            more = {**_batch_variables(parameters), **text_map(parameters, "Environment")}
            return model_server("AllTraffic", model, role, region, programs, folder / "server", put, more)

        return job, TransformRunner(job, role, context.logs, folder, server)

    def record(job: RunningJob) -> None:
        given = job.parameters
        backend_of(context.account_id, job.region).create_transform_job(
            transform_job_name=job.name,
            model_name=given["ModelName"],
            max_concurrent_transforms=given.get("MaxConcurrentTransforms"),
            model_client_config=given.get("ModelClientConfig"),
            max_payload_in_mb=given.get("MaxPayloadInMB"),
            batch_strategy=given.get("BatchStrategy"),
            environment=given.get("Environment"),
            transform_input=given["TransformInput"],
            transform_output=given["TransformOutput"],
            data_capture_config=given.get("DataCaptureConfig"),
            transform_resources=given["TransformResources"],
            data_processing=given.get("DataProcessing"),
            tags=given.get("Tags") or [],
            experiment_config=given.get("ExperimentConfig"),
        )

    return Jobs("TransformJob", make, _describe, record)


def _batch_variables(parameters: Members) -> dict[str, str]:
    many = parameters.get("BatchStrategy", "MultiRecord") == "MultiRecord"
    return {
        "SAGEMAKER_BATCH": "true",
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": str(parameters.get("MaxPayloadInMB", 6)),
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": str(parameters.get("MaxConcurrentTransforms") or 1),
        "SAGEMAKER_BATCH_STRATEGY": "MULTI_RECORD" if many else "SINGLE_RECORD",
    }


def _describe(job: RunningJob) -> Members:
    parameters = job.parameters
    answer: dict[str, object] = {
        "TransformJobName": job.name,
        "TransformJobArn": job.arn,
        "TransformJobStatus": job.status,
        "CreationTime": job.created,
        **{name: parameters[name] for name in _SHOWN if name in parameters},
    }
    answer["DataProcessing"] = {
        "InputFilter": "$",
        "OutputFilter": "$",
        "JoinSource": "None",
        **(parameters.get("DataProcessing") or {}),
    }
    more = {
        "TransformStartTime": job.started,
        "TransformEndTime": job.ended,
        "FailureReason": job.failure_reason,
    }
    return answer | {name: value for name, value in more.items() if value is not None}


def _refuse_what_cannot_run(parameters: Members) -> None:
    given = structure(parameters, "TransformInput")
    source, split = structure(structure(given, "DataSource"), "S3DataSource"), text(given, "SplitType", "None")
    if split not in ("None", "Line"):
        raise refusal(f"not emulated: SplitType {split}. Use None or Line.")
    if split == "None" and parameters.get("BatchStrategy") == "MultiRecord":
        raise refusal("BatchStrategy MultiRecord requires a SplitType.")
    if text(source, "S3DataType") not in ("S3Prefix", "ManifestFile"):
        raise refusal("S3DataType of a transform job's input must be S3Prefix or ManifestFile.")
    payload, at_once = number(parameters, "MaxPayloadInMB", 6), number(parameters, "MaxConcurrentTransforms", 1)
    if payload * at_once > _MOST_MEGABYTES_AT_ONCE:
        raise refusal("MaxConcurrentTransforms * MaxPayloadInMB must not exceed 100 MB.")
    if flag(structure(parameters, "DataCaptureConfig"), "GenerateInferenceId"):
        raise refusal("not emulated: GenerateInferenceId in batch transform.")
