"""SageMaker: jobs that a task starts and waits for, models and endpoints that it makes.

https://docs.aws.amazon.com/step-functions/latest/dg/connect-sagemaker.html
"""

from __future__ import annotations

from harness.emulator.stepfunctions.integrations.optimized import WAITS_FOR_JOB, Action, Job, Optimized


def _job(kind: str, name: str, rule: str, *, emulated: bool = True) -> Action:
    return Action(
        waits=WAITS_FOR_JOB,
        job=Job(
            describe=f"Describe{kind}",
            key=name,
            found_in=lambda arguments, submitted: str(arguments[name]),
            status=name.removesuffix("Name") + "Status",
            under_way=frozenset({"InProgress", "Stopping", "Deleting"}),
            succeeded=frozenset({"Completed"}),
            stop=f"Stop{kind}",
            rule=f"StepFunctionsGetEventsForSageMaker{rule}Rule",
        ),
        emulated=emulated,
    )


SAGEMAKER = Optimized(
    service="sagemaker",
    actions={
        "createEndpoint": Action(),
        "createEndpointConfig": Action(),
        "createModel": Action(),
        "updateEndpoint": Action(),
        "createLabelingJob": _job("LabelingJob", "LabelingJobName", "LabelingJobs", emulated=False),
        "createHyperParameterTuningJob": _job(
            "HyperParameterTuningJob", "HyperParameterTuningJobName", "HyperparameterTuningJobs", emulated=False
        ),
        "createProcessingJob": _job("ProcessingJob", "ProcessingJobName", "ProcessingJobs"),
        "createTrainingJob": _job("TrainingJob", "TrainingJobName", "TrainingJobs"),
        "createTransformJob": _job("TransformJob", "TransformJobName", "TransformJobs"),
    },
    prefix="SageMaker",
    sdk_name="AmazonSageMaker",
    base_error="AmazonSageMakerException",
)
