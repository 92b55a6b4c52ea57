"""What an invocation costs above the model's own forward pass, and what Data Capture adds.

Prints one JSON object, in milliseconds: the forward pass alone (the image decoded, the network run, in this process),
the invocation through InvokeEndpoint, and the same at an endpoint that captures.
"""

from __future__ import annotations

import io
import json
import statistics
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import numpy as np
from PIL import Image

from harness.settings import Settings
from harness.targets import open_target
from tests.waiting import in_service

MODEL = Path(__file__).resolve().parent.parent / "fixtures/model/model.tar.gz"
ROLE = "arn:aws:iam::123456789012:role/service-role/AmazonSageMaker-ExecutionRole"
_ROUNDS = 10


def main(invocations: int) -> None:
    """Measure *invocations* of each kind, in turn, so that what else the machine does falls on all alike."""
    from harness.algorithms.image_classification.artifact import load_artifact
    from harness.algorithms.image_classification.classifier import Classifier

    out = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)).save(out, "PNG")
    body = out.getvalue()
    classifier = Classifier(load_artifact(MODEL))
    with open_target(Settings()):
        boto3.client("s3").create_bucket(Bucket="bucket")
        boto3.client("s3").put_object(Bucket="bucket", Key="model.tar.gz", Body=MODEL.read_bytes())
        plain, capturing = _endpoint(capture=False), _endpoint(capture=True)
        runtime = boto3.client("sagemaker-runtime")

        def invoke(name: str) -> None:
            runtime.invoke_endpoint(EndpointName=name, ContentType="image/png", Body=body)["Body"].read()

        kinds: dict[str, Callable[[], object]] = {
            "forward": lambda: classifier.classify(body),
            "invocation": lambda: invoke(plain),
            "captured": lambda: invoke(capturing),
        }
        times: dict[str, list[float]] = {name: [] for name in kinds}
        for act in kinds.values():
            for _ in range(20):
                act()
        for _ in range(_ROUNDS):
            for name, act in kinds.items():
                for _ in range(invocations // _ROUNDS):
                    began = time.perf_counter()
                    act()
                    times[name].append((time.perf_counter() - began) * 1000)
    print(json.dumps({name: statistics.median(values) for name, values in times.items()}))


def _endpoint(capture: bool) -> str:
    sagemaker: Any = boto3.client("sagemaker")
    name = f"benchmark-{uuid.uuid4().hex[:8]}"
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/image-classification:1"
    sagemaker.create_model(
        ModelName=name,
        ExecutionRoleArn=ROLE,
        PrimaryContainer={"Image": image, "ModelDataUrl": "s3://bucket/model.tar.gz"},
    )
    config: dict[str, Any] = {}
    if capture:
        config["DataCaptureConfig"] = {
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": "s3://bucket/captures",
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        }
    variant = {"VariantName": "Only", "ModelName": name, "InitialInstanceCount": 1, "InstanceType": "ml.m5.xlarge"}
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant], **config)
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    in_service(sagemaker, name)
    return name


if __name__ == "__main__":
    main(int(sys.argv[1]))
