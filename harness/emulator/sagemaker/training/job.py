"""A training job: its request, the states it goes through, and how DescribeTrainingJob shows it.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeTrainingJob.html
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

_BEFORE_TRAINING = ("Starting", "Pending", "Downloading")
_BEFORE_THE_END = (*_BEFORE_TRAINING, "Training")
_AT_THE_END = (
    "TrainingEndTime",
    "TrainingTimeInSeconds",
    "BillableTimeInSeconds",
    "FinalMetricDataList",
    "FailureReason",
)
IN_PROGRESS, STOPPING = "InProgress", "Stopping"
ENDED = frozenset({"Completed", "Failed", "Stopped"})
_LONGEST_REASON = 1024
_SHOWN = (
    "HyperParameters",
    "RoleArn",
    "InputDataConfig",
    "OutputDataConfig",
    "ResourceConfig",
    "VpcConfig",
    "CheckpointConfig",
    "DebugHookConfig",
    "ExperimentConfig",
    "DebugRuleConfigurations",
    "TensorBoardOutputConfig",
    "ProfilerConfig",
    "ProfilerRuleConfigurations",
    "Environment",
    "RetryStrategy",
    "RemoteDebugConfig",
    "InfraCheckConfig",
)


def now() -> datetime:
    """Return the time, to the millisecond that AWS gives."""
    return datetime.now(UTC)


class TrainingJob:
    """One training job. Its thread moves it on; others read it and wait for its end.

    Args:
        parameters: CreateTrainingJob's request.
        arn: the job's ARN.
        region: the job's region.
    """

    def __init__(self, parameters: Mapping[str, Any], arn: str, region: str) -> None:
        self.parameters = dict(parameters)
        self.name: str = parameters["TrainingJobName"]
        self.arn = arn
        self.region = region
        self.status = IN_PROGRESS
        self.secondary_status = ""
        self.failure_reason: str | None = None
        self.created = self.modified = now()
        self.started: datetime | None = None
        """When it began to be billed: the instances are there and data comes down."""
        self.ended: datetime | None = None
        self.metrics: list[dict[str, Any]] = []
        self._transitions: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self.enter("Starting", "Starting the training job")

    @property
    def image(self) -> str:
        """The training image."""
        return str(self.parameters["AlgorithmSpecification"].get("TrainingImage", ""))

    @property
    def output_uri(self) -> str:
        """``s3://...`` below which the job leaves its results, without a slash at the end."""
        return f"{self.parameters['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{self.name}/output"

    @property
    def model_uri(self) -> str:
        """Where the model artifact is, or will be."""
        if self.parameters["OutputDataConfig"].get("CompressionType") == "NONE":
            return f"{self.output_uri}/model/"
        return f"{self.output_uri}/model.tar.gz"

    @property
    def time_limit(self) -> int:
        """Seconds that it may run."""
        return int(self.parameters.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", 86400))

    def enter(self, status: str, message: str) -> None:
        """Enter a secondary status, or change the message of the present one."""
        with self._changed:
            time = self.modified = now()
            last = self._transitions[-1] if self._transitions else None
            if last is not None and last["Status"] == status:
                last["StatusMessage"] = message
            else:
                if last is not None:
                    last["EndTime"] = time
                self._transitions.append({"Status": status, "StartTime": time, "StatusMessage": message})
            self.secondary_status = status
            if status == "Downloading":
                self.started = time
            self._changed.notify_all()

    def stopping(self) -> bool:
        """Ask it to stop; gives False when it has ended already."""
        with self._changed:
            if self.status in ENDED:
                return False
            if self.status != STOPPING:
                self.status = STOPPING
                self.enter("Stopping", "Stopping the training job")
            return True

    def end(self, status: str, secondary_status: str, message: str, reason: str | None = None) -> None:
        """End it, for good.

        Args:
            status: ``TrainingJobStatus``: ``Completed``, ``Failed`` or ``Stopped``.
            secondary_status: ``SecondaryStatus``, e.g. ``MaxRuntimeExceeded``.
            message: ``StatusMessage`` of that transition.
            reason: ``FailureReason``; None: it has none.
        """
        with self._changed:
            self.enter(secondary_status, message[:_LONGEST_REASON])
            self._transitions[-1]["EndTime"] = self.modified
            self.failure_reason = reason[:_LONGEST_REASON] if reason else None
            self.ended = self.modified
            self.status = status
            self._changed.notify_all()

    def await_end(self, timeout: float) -> bool:
        """Wait until it has ended, for *timeout* seconds at most; gives whether it has."""
        with self._changed:
            return self._changed.wait_for(lambda: self.status in ENDED, timeout)

    def await_training(self, timeout: float) -> None:
        """Wait until its program has been started, or it has ended, for *timeout* seconds at most."""
        with self._changed:
            self._changed.wait_for(
                lambda: self.status in ENDED or self.secondary_status not in _BEFORE_TRAINING, timeout
            )

    def describe(self, metric_definitions: Sequence[Mapping[str, str]]) -> dict[str, Any]:
        """DescribeTrainingJob's answer."""
        parameters = self.parameters
        with self._changed:
            answer: dict[str, Any] = {
                "TrainingJobName": self.name,
                "TrainingJobArn": self.arn,
                "ModelArtifacts": {"S3ModelArtifacts": self.model_uri},
                "TrainingJobStatus": self.status,
                "SecondaryStatus": self.secondary_status,
                "AlgorithmSpecification": {
                    "EnableSageMakerMetricsTimeSeries": False,
                    **parameters["AlgorithmSpecification"],
                },
                "StoppingCondition": {"MaxRuntimeInSeconds": self.time_limit} | parameters.get("StoppingCondition", {}),
                "CreationTime": self.created,
                "LastModifiedTime": self.modified,
                "SecondaryStatusTransitions": [dict(transition) for transition in self._transitions],
                "EnableNetworkIsolation": parameters.get("EnableNetworkIsolation", False),
                "EnableInterContainerTrafficEncryption": parameters.get("EnableInterContainerTrafficEncryption", False),
                "EnableManagedSpotTraining": parameters.get("EnableManagedSpotTraining", False),
            }
            answer |= {name: parameters[name] for name in _SHOWN if name in parameters}
            if metric_definitions:
                answer["AlgorithmSpecification"]["MetricDefinitions"] = list(metric_definitions)
            if self.failure_reason is not None:
                answer["FailureReason"] = self.failure_reason
            if self.started is not None:
                answer["TrainingStartTime"] = self.started
            if self.ended is not None:
                answer["TrainingEndTime"] = self.ended
                if self.started is not None:
                    seconds = max(1, math.ceil((self.ended - self.started).total_seconds()))
                    answer["TrainingTimeInSeconds"] = answer["BillableTimeInSeconds"] = seconds
            if self.metrics:
                answer["FinalMetricDataList"] = list(self.metrics)
        return answer

    def record(self) -> dict[str, Any]:
        """Return it as plain data."""
        with self._changed:
            return {name: value for name, value in vars(self).items() if name != "_changed"}

    @classmethod
    def restored(cls, record: Mapping[str, Any]) -> TrainingJob:
        """Return the job of which *record* is the record."""
        job = cls(record["parameters"], record["arn"], record["region"])
        vars(job).update(record)
        return job


def while_it_trains(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return what DescribeTrainingJob told of a job before its program ended; *told* is what it tells of it now."""
    shown = [dict(each) for each in told["SecondaryStatusTransitions"] if each["Status"] in _BEFORE_THE_END]
    shown[-1].pop("EndTime", None)
    return {
        **{name: value for name, value in told.items() if name not in _AT_THE_END},
        "TrainingJobStatus": IN_PROGRESS,
        "SecondaryStatus": shown[-1]["Status"],
        "SecondaryStatusTransitions": shown,
        "LastModifiedTime": shown[-1]["StartTime"],
    }
