"""The folder that stands in for ``/opt/ml`` of one training instance.

https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-running-container.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.emulator.sagemaker.training.job import TrainingJob

HOST = "algo-1"
CHECKPOINTS = "/opt/ml/checkpoints"


def lay_out(root: Path, job: TrainingJob) -> None:
    """Make the folders and write the configuration files of *job* below *root*."""
    for folder in ("input/config", "input/data", "model", "output/data", "checkpoints"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    parameters = job.parameters
    _write(root, "hyperparameters.json", dict(parameters.get("HyperParameters") or {}))
    _write(
        root,
        "inputdataconfig.json",
        {channel["ChannelName"]: _channel(channel, parameters) for channel in parameters.get("InputDataConfig") or []},
    )
    instance = parameters["ResourceConfig"].get("InstanceType", "")
    _write(
        root,
        "resourceconfig.json",
        {
            "current_host": HOST,
            "current_instance_type": instance,
            "current_group_name": "homogeneousCluster",
            "hosts": [HOST],
            "instance_groups": [
                {"instance_group_name": "homogeneousCluster", "instance_type": instance, "hosts": [HOST]}
            ],
            "network_interface_name": "eth0",
        },
    )
    checkpoints = parameters.get("CheckpointConfig")
    if checkpoints:
        _write(root, "checkpointconfig.json", checkpoints)


def checkpoint_folder(root: Path, config: Mapping[str, Any]) -> Path | None:
    """Where a program that runs as a process keeps its checkpoints; None when that lies outside ``/opt/ml``."""
    path = str(config.get("LocalPath") or CHECKPOINTS)
    if not path.startswith("/opt/ml/"):
        return None
    folder = (root / path.removeprefix("/opt/ml/")).resolve()
    return folder if folder.is_relative_to(root.resolve()) else None


def container_environment(job: TrainingJob, region: str) -> dict[str, str]:
    """Return the variables that SageMaker gives a training container, and the job's own."""
    return {
        "TRAINING_JOB_NAME": job.name,
        "TRAINING_JOB_ARN": job.arn,
        "SAGEMAKER_REGION": region,
        "AWS_REGION": region,
        **(job.parameters.get("Environment") or {}),
    }


def mode_of(channel: Mapping[str, Any], parameters: Mapping[str, Any]) -> str:
    """How a channel's data comes: ``File``, ``FastFile`` or ``Pipe``."""
    return str(channel.get("InputMode") or parameters["AlgorithmSpecification"]["TrainingInputMode"])


def _channel(channel: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    source = channel["DataSource"].get("S3DataSource", {})
    config = {
        "TrainingInputMode": mode_of(channel, parameters),
        "S3DistributionType": source.get("S3DataDistributionType", "FullyReplicated"),
        "RecordWrapperType": channel.get("RecordWrapperType", "None"),
    }
    if channel.get("ContentType"):
        config["ContentType"] = channel["ContentType"]
    if source.get("AttributeNames"):
        config["AttributeNames"] = source["AttributeNames"]
    return config


def _write(root: Path, name: str, value: object) -> None:
    (root / "input" / "config" / name).write_text(json.dumps(value, indent=4), encoding="utf-8")
