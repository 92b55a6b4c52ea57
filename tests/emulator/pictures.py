"""A data set of a few drawn images in S3, with the calls that train on it."""

import io
import uuid

import numpy as np
from PIL import Image

from tests.waiting import training_ended

ROLE = "arn:aws:iam::123456789012:role/service-role/AmazonSageMaker-ExecutionRole"
IMAGE = "811284229777.dkr.ecr.us-east-1.amazonaws.com/image-classification:1"


def picture(label, seed, side=32):
    """A PNG of noise, bright on the left (0) or on the right (1)."""
    values = np.random.default_rng(seed).integers(0, 90, (side, side, 3))
    half = slice(0, side // 2) if label == 0 else slice(side // 2, side)
    values[half] += 130  # above or below: left and right would not survive a flip
    out = io.BytesIO()
    Image.fromarray(values.astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


def load(s3, bucket, count=40):
    """Put ``train/``, ``test/`` and their ``.lst`` files to *bucket*."""
    for part, number in (("train", count), ("test", 10)):
        lines = []
        for index in range(number):
            name = f"{part}_{index:03}.png"
            s3.put_object(Bucket=bucket, Key=f"{part}/{name}", Body=picture(index % 2, (part == "test", index)))
            lines.append(f"{index}\t{index % 2}\t{name}\n")
        s3.put_object(Bucket=bucket, Key=f"{part}_lst/{part}.lst", Body="".join(lines).encode())


def channel(name, uri, kind="S3Prefix", **more):
    return {
        "ChannelName": name,
        "DataSource": {"S3DataSource": {"S3DataType": kind, "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}},
        "ContentType": "application/x-image",
        "CompressionType": "None",
        "RecordWrapperType": "None",
        **more,
    }


def channels(bucket):
    return [
        channel("train", f"s3://{bucket}/train/"),
        channel("validation", f"s3://{bucket}/test/"),
        channel("train_lst", f"s3://{bucket}/train_lst/"),
        channel("validation_lst", f"s3://{bucket}/test_lst/"),
    ]


def request(bucket, **more):
    """CreateTrainingJob's request for a small job."""
    return {
        "TrainingJobName": f"job-{uuid.uuid4().hex[:8]}",
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "HyperParameters": {"image_shape": "3,32,32", "num_classes": "2", "num_training_samples": "40", "epochs": "3"},
        "InputDataConfig": channels(bucket),
        "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/models"},
        "ResourceConfig": {"InstanceType": "ml.p3.2xlarge", "InstanceCount": 1, "VolumeSizeInGB": 10},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        **more,
    }


def run(sagemaker, **parameters):
    """Create a training job and give DescribeTrainingJob's answer once it has ended."""
    sagemaker.create_training_job(**parameters)
    return training_ended(sagemaker, parameters["TrainingJobName"])
