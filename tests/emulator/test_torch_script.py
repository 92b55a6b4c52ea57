"""A PyTorch script as AWS's PyTorch container takes it: trained on small digits, served, asked."""

import io
import json
import uuid

import boto3
import numpy as np
import pytest

from tests.emulator.test_script_mode import packed
from tests.emulator.test_sync_jobs import run, source, task
from tests.waiting import in_service, training_ended

pytestmark = pytest.mark.train
IMAGE = "763104330519.dkr.ecr.us-east-1.amazonaws.com/pytorch-{}:2.1.0-cpu-py310-ubuntu20.04-sagemaker"
CODE = """
import argparse, json, os
import numpy
import torch
from torch import nn


def network():
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2), nn.LogSoftmax(1))


def model_fn(model_dir):
    model = network()
    model.load_state_dict(torch.load(os.path.join(model_dir, "model.pth")))
    return model.eval()


def input_fn(body, content_type):
    assert content_type == "application/json", content_type
    return torch.tensor(json.loads(body), dtype=torch.float32)


def predict_fn(data, model):
    with torch.no_grad():
        return model(data).exp()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--lr", type=float)
    args = parser.parse_args()
    torch.manual_seed(1)
    given = numpy.load(os.path.join(os.environ["SM_CHANNEL_TRAINING"], "digits.npz"))
    images, labels = torch.tensor(given["images"]), torch.tensor(given["labels"])
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.5)
    for epoch in range(args.epochs):
        optimizer.zero_grad()
        loss = nn.functional.nll_loss(model(images), labels)
        loss.backward()
        optimizer.step()
        print(f"Train Epoch: {epoch} Loss: {loss.item():.6f}")
    torch.save(model.state_dict(), os.path.join(os.environ["SM_MODEL_DIR"], "model.pth"))
"""


def digits(number, seed):
    """Bars, upright (1) or flat (0), of 8 x 8 pixels."""
    chance = np.random.default_rng(seed)
    labels = chance.integers(0, 2, number)
    images = chance.random((number, 1, 8, 8), dtype=np.float32) / 4
    for image, label, place in zip(images, labels, chance.integers(1, 7, number), strict=True):
        image[0][(slice(None), place) if label else (place, slice(None))] += 1
    return images, labels


def loaded(name, images, labels):
    """Make a bucket with digits and the script."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=name)
    out = io.BytesIO()
    np.savez(out, images=images, labels=labels)
    s3.put_object(Bucket=name, Key="digits/digits.npz", Body=out.getvalue())
    s3.put_object(Bucket=name, Key="code/sourcedir.tar.gz", Body=packed({"mnist.py": CODE}))


def training(name, role):
    """CreateTrainingJob's request."""
    code = f"s3://{name}/code/sourcedir.tar.gz"
    given = {"sagemaker_program": "mnist.py", "sagemaker_submit_directory": code, "epochs": 80, "lr": 0.3}
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{name}/digits/"}}
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {
            "TrainingImage": IMAGE.format("training"),
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "train:loss", "Regex": "Loss: ([0-9.]+)"}],
        },
        "RoleArn": role,
        "HyperParameters": {key: json.dumps(value) for key, value in given.items()},
        "InputDataConfig": [{"ChannelName": "training", "DataSource": source}],
        "OutputDataConfig": {"S3OutputPath": f"s3://{name}/out"},
        "ResourceConfig": {"InstanceType": "ml.g5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
    }


def container(name, model_data):
    return model_data | {
        "Image": IMAGE.format("inference"),
        "Environment": {
            "SAGEMAKER_PROGRAM": "mnist.py",
            "SAGEMAKER_SUBMIT_DIRECTORY": f"s3://{name}/code/sourcedir.tar.gz",
        },
    }


def test_a_network_trains_and_serves(target, role):
    sagemaker, name = boto3.client("sagemaker"), f"torch-{uuid.uuid4().hex[:8]}"
    loaded(name, *digits(200, 1))
    sagemaker.create_training_job(**training(name, role))
    job = training_ended(sagemaker, name, 180)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert job["FinalMetricDataList"][0]["Value"] < 0.3

    served = container(name, {"ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"]})
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer=served)
    variant = {"VariantName": "a", "ModelName": name, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    in_service(sagemaker, name)
    images, labels = digits(50, 2)
    answer = boto3.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=name, ContentType="application/json", Body=json.dumps(images.tolist())
    )
    told = np.array(json.loads(answer["Body"].read()))
    assert (told.argmax(1) == labels).mean() > 0.9
    sagemaker.delete_endpoint(EndpointName=name)


def test_a_state_machine_trains_and_transforms(target, role):
    name = f"torch-{uuid.uuid4().hex[:8]}"
    loaded(name, *digits(200, 1))
    images, labels = digits(20, 2)
    boto3.client("s3").put_object(Bucket=name, Key="batch/digits.json", Body=json.dumps(images.tolist()).encode())
    given = training(name, role)
    served = container(name, {"ModelDataUrl.$": "$.train.ModelArtifacts.S3ModelArtifacts"})
    model = {"ModelName": name, "ExecutionRoleArn": role, "PrimaryContainer": served}
    transform = {
        "TransformJobName": name,
        "ModelName": name,
        "TransformInput": {"ContentType": "application/json", "DataSource": source(name, "batch/")},
        "TransformOutput": {"S3OutputPath": f"s3://{name}/batch-out"},
        "TransformResources": {"InstanceCount": 1, "InstanceType": "ml.m5.large"},
    }
    states = {
        "Train": task("createTrainingJob.sync", given, "train", Next="Model"),
        "Model": task("createModel", model, "model", Next="Transform"),
        "Transform": task("createTransformJob.sync", transform, "transform", End=True),
    }
    done = run(role, states, "Train")
    assert done["status"] == "SUCCEEDED", done
    answer = boto3.client("s3").get_object(Bucket=name, Key="batch-out/digits.json.out")["Body"].read()
    assert (np.array(json.loads(answer)).argmax(1) == labels).mean() > 0.9
