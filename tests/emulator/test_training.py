"""Training jobs through boto3: they run, as AWS's do, and fail as AWS's do."""

import gzip
import io
import itertools
import json
import os
import re
import signal
import tarfile

import boto3
import pytest
from botocore.exceptions import ClientError

from harness.emulator.sagemaker.training.channels import S3Object, shard
from tests.emulator.acting import refused
from tests.emulator.pictures import ROLE, channel, channels, load, picture, request, run
from tests.service_model import problems
from tests.waiting import training_ended, until


@pytest.fixture(scope="module")
def bucket(s3, bucket):
    load(s3, bucket)
    return bucket


@pytest.fixture(scope="module")
def completed(sagemaker, bucket):
    """A job that has run to its end."""
    return run(sagemaker, **request(bucket, Tags=[{"Key": "team", "Value": "ml"}]))


def log_of(job):
    logs = boto3.client("logs")
    group = "/aws/sagemaker/TrainingJobs"
    streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{job}/")["logStreams"]
    assert [bool(re.fullmatch(rf"{job}/algo-1-\d+", stream["logStreamName"])) for stream in streams] == [True]
    page = logs.get_log_events(logGroupName=group, logStreamName=streams[0]["logStreamName"], startFromHead=True)
    return [event["message"] for event in page["events"]]


def test_a_job_goes_through_aws_states(completed):
    assert completed["TrainingJobStatus"] == completed["SecondaryStatus"] == "Completed"
    transitions = completed["SecondaryStatusTransitions"]
    assert [(item["Status"], item["StatusMessage"]) for item in transitions] == [
        ("Starting", "Starting the training job"),
        ("Pending", "Preparing the instances for training"),
        ("Downloading", "Downloading the training image"),
        ("Training", "Training image download completed. Training in progress."),
        ("Uploading", "Uploading generated training model"),
        ("Completed", "Training job completed"),
    ]
    for one, next_one in itertools.pairwise(transitions):
        assert one["StartTime"] <= one["EndTime"] == next_one["StartTime"]
    assert completed["CreationTime"] <= completed["TrainingStartTime"] <= completed["TrainingEndTime"]
    assert completed["TrainingTimeInSeconds"] == completed["BillableTimeInSeconds"] >= 1


def test_its_answers_are_as_the_service_model_says(sagemaker, completed):
    assert problems("sagemaker", "DescribeTrainingJob", completed) == []
    listed = sagemaker.list_training_jobs(NameContains=completed["TrainingJobName"])
    assert problems("sagemaker", "ListTrainingJobs", listed) == []
    assert [item["TrainingJobStatus"] for item in listed["TrainingJobSummaries"]] == ["Completed"]
    tags = sagemaker.list_tags(ResourceArn=completed["TrainingJobArn"])["Tags"]
    assert tags == [{"Key": "team", "Value": "ml"}]


def test_the_artifact_lies_where_aws_puts_it(s3, bucket, completed):
    uri = completed["ModelArtifacts"]["S3ModelArtifacts"]
    assert uri == f"s3://{bucket}/models/{completed['TrainingJobName']}/output/model.tar.gz"
    body = s3.get_object(Bucket=bucket, Key=uri.removeprefix(f"s3://{bucket}/"))["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        names = sorted(archive.getnames())
    assert re.fullmatch(r"image-classification-\d{4}\.params", names[0])
    assert names[1:] == ["image-classification-symbol.json", "model-shapes.json"]


def test_its_log_and_final_metrics(completed):
    lines = log_of(completed["TrainingJobName"])
    assert lines[0] == "Docker entrypoint called with argument(s): train"
    accuracies = [float(found[1]) for line in lines if (found := re.search(r"Validation-accuracy=([0-9.]+)", line))]
    assert len(accuracies) == 3
    metrics = {item["MetricName"]: item["Value"] for item in completed["FinalMetricDataList"]}
    assert metrics["validation:accuracy"] == pytest.approx(accuracies[-1])
    assert any("Storing the best model with validation accuracy" in line for line in lines)


def test_it_learns_something(completed):
    """Light above or below is a thing that even a linear model tells apart."""
    metrics = {item["MetricName"]: item["Value"] for item in completed["FinalMetricDataList"]}
    assert metrics["validation:accuracy"] == 1.0


def test_a_name_is_taken_once(sagemaker, bucket, completed):
    code, message = refused(
        sagemaker.create_training_job, **request(bucket, TrainingJobName=completed["TrainingJobName"])
    )
    assert code == "ResourceInUse"
    assert completed["TrainingJobArn"] in message


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"TrainingJobName": "no_underscores"}, "Value 'no_underscores' at 'trainingJobName' failed to satisfy"),
        ({"RoleArn": "arn:aws:iam::1:role/short-account"}, "at 'roleArn' failed to satisfy constraint: Member must"),
        (
            {"ResourceConfig": {"InstanceType": "ml.p9.huge", "InstanceCount": 1, "VolumeSizeInGB": 10}},
            "Value 'ml.p9.huge' at 'resourceConfig.instanceType' failed to satisfy constraint: Member must satisfy "
            "enum value set: [",
        ),
        ({"AlgorithmSpecification": {"TrainingInputMode": "File"}}, "exactly one of AlgorithmName and TrainingImage"),
        (
            {"ResourceConfig": {"InstanceType": "ml.p3.2xlarge", "InstanceCount": 2, "VolumeSizeInGB": 10}},
            "not emulated: training on more than one instance",
        ),
        (
            {
                "AlgorithmSpecification": {
                    "TrainingImage": "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1",
                    "TrainingInputMode": "File",
                }
            },
            "not emulated: the built-in algorithm kmeans",
        ),
        ({"EnableManagedSpotTraining": True}, "Invalid MaxWaitTimeInSeconds"),
    ],
)
def test_a_bad_request_is_refused(sagemaker, bucket, change, expected):
    code, message = refused(sagemaker.create_training_job, **request(bucket, **change))
    assert code == "ValidationException"
    assert expected in message


def test_input_that_is_not_there_is_refused_in_aws_words(sagemaker, bucket):
    inputs = [*channels(bucket)[1:], channel("train", f"s3://{bucket}/nothing/")]
    code, message = refused(sagemaker.create_training_job, **request(bucket, InputDataConfig=inputs))
    assert code == "ValidationException"
    assert message == (
        f'No S3 objects found under S3 URL "s3://{bucket}/nothing/" given in input data source. Please ensure that the '
        "bucket exists in the selected region (us-east-1), that objects exist under that S3 prefix, and that the role "
        f'"{ROLE}" has "s3:ListBucket" permissions on bucket "{bucket}".'
    )
    inputs = [channel("train", f"s3://{bucket}-gone/train/")]
    _, message = refused(sagemaker.create_training_job, **request(bucket, InputDataConfig=inputs))
    assert message.endswith("Error message from S3: The specified bucket does not exist")


def test_an_unknown_job(sagemaker):
    assert refused(sagemaker.describe_training_job, TrainingJobName="never")[0] == "ValidationException"
    assert refused(sagemaker.stop_training_job, TrainingJobName="never")[0] == "ValidationException"


def test_a_failing_program_fails_the_job_with_its_reason(sagemaker, bucket):
    job = run(sagemaker, **request(bucket, HyperParameters={"num_classes": "two", "num_training_samples": "40"}))
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: ")
    assert "num_classes" in job["FailureReason"]
    assert job["FailureReason"].endswith(", exit code: 2")
    assert job["SecondaryStatusTransitions"][-1]["StatusMessage"] == job["FailureReason"]
    assert problems("sagemaker", "DescribeTrainingJob", job) == []


def test_a_killed_program_fails_the_job(sagemaker, control, bucket):
    parameters = long_request(bucket)
    sagemaker.create_training_job(**parameters)
    os.kill(process_of(control, parameters["TrainingJobName"]), signal.SIGKILL)
    job = training_ended(sagemaker, parameters["TrainingJobName"])
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: , exit code: 137"


def test_stopping_keeps_what_was_made(sagemaker, control, s3, bucket):
    parameters = long_request(bucket)
    name = parameters["TrainingJobName"]
    sagemaker.create_training_job(**parameters)
    process_of(control, name)
    until(lambda: any("Storing the best model" in line for line in _log_so_far(name)), 60)
    sagemaker.stop_training_job(TrainingJobName=name)
    job = training_ended(sagemaker, name)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    s3.head_object(Bucket=bucket, Key=f"models/{name}/output/model.tar.gz")
    _code, message = refused(sagemaker.stop_training_job, TrainingJobName=name)
    assert message == "The request was rejected because the training job is in status Stopped."


@pytest.mark.slow
def test_a_job_may_run_so_long_and_no_longer(sagemaker, bucket):
    job = run(sagemaker, **long_request(bucket), StoppingCondition={"MaxRuntimeInSeconds": 1})
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")


def test_an_image_that_is_not_ours_needs_docker(sagemaker, bucket, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    job = run(
        sagemaker,
        **request(
            bucket,
            AlgorithmSpecification={"TrainingImage": "somebody/their-trainer:3", "TrainingInputMode": "File"},
        ),
    )
    assert job["TrainingJobStatus"] == "Failed"
    assert "somebody/their-trainer:3 is no built-in algorithm" in job["FailureReason"]
    assert "Docker" in job["FailureReason"]


def test_a_manifest_names_the_objects(sagemaker, s3, bucket):
    manifest = [{"prefix": f"s3://{bucket}/train/"}, *(f"train_{index:03}.png" for index in range(40))]
    s3.put_object(Bucket=bucket, Key="manifests/train.manifest", Body=json.dumps(manifest).encode())
    inputs = [channel("train", f"s3://{bucket}/manifests/train.manifest", "ManifestFile"), *channels(bucket)[1:]]
    job = run(sagemaker, **request(bucket, InputDataConfig=inputs))
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    s3.put_object(Bucket=bucket, Key="manifests/train.manifest", Body=b"{}")
    job = run(sagemaker, **request(bucket, InputDataConfig=inputs))
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith(
        f"ClientError: Data download failed: the manifest s3://{bucket}/manifests/train.manifest must be"
    )


def augmented(s3, bucket, key, part, count, **change):
    """An augmented manifest at *key*, as Ground Truth writes it; gives its channel."""
    lines = (
        json.dumps({"source-ref": f"s3://{bucket}/{part}/{part}_{index:03}.png", "class": index % 2, **change})
        for index in range(count)
    )
    s3.put_object(Bucket=bucket, Key=key, Body="\n".join(lines).encode())
    source = {
        "S3DataType": "AugmentedManifestFile",
        "S3Uri": f"s3://{bucket}/{key}",
        "AttributeNames": ["source-ref", "class"],
    }
    return {
        "ChannelName": "train" if part == "train" else "validation",
        "DataSource": {"S3DataSource": source},
        "ContentType": "application/x-recordio",
        "RecordWrapperType": "RecordIO",
        "InputMode": "Pipe",
    }


def test_an_augmented_manifest_comes_through_a_pipe(sagemaker, s3, bucket):
    inputs = [
        augmented(s3, bucket, "augmented/train.manifest", "train", 40),
        augmented(s3, bucket, "augmented/test.manifest", "test", 10),
    ]
    job = run(sagemaker, **request(bucket, InputDataConfig=inputs))
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert {item["MetricName"]: item["Value"] for item in job["FinalMetricDataList"]}["validation:accuracy"] == 1.0
    inputs[0] = augmented(s3, bucket, "augmented/train.manifest", "train", 40, **{"source-ref": f"s3://{bucket}/gone"})
    job = run(sagemaker, **request(bucket, InputDataConfig=inputs))
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == f"ClientError: Data download failed: NoSuchKey for s3://{bucket}/gone"
    code, message = refused(
        sagemaker.create_training_job,
        **request(bucket, InputDataConfig=[{**inputs[0], "InputMode": "File"}, inputs[1]]),
    )
    assert (code, message) == (
        "ValidationException",
        "You can use an augmented manifest file only with Pipe input mode.",
    )


def test_compressed_input_is_unpacked(sagemaker, s3, bucket):
    for part in ("train", "test"):
        body = s3.get_object(Bucket=bucket, Key=f"{part}_lst/{part}.lst")["Body"].read()
        s3.put_object(Bucket=bucket, Key=f"packed/{part}/{part}.lst.gz", Body=gzip.compress(body))
    inputs = [
        *channels(bucket)[:2],
        channel("train_lst", f"s3://{bucket}/packed/train/", CompressionType="Gzip"),
        channel("validation_lst", f"s3://{bucket}/packed/test/", CompressionType="Gzip"),
    ]
    job = run(sagemaker, **request(bucket, InputDataConfig=inputs))
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")


def test_an_object_name_cannot_lead_out_of_its_channel(sagemaker, s3, bucket):
    s3.put_object(Bucket=bucket, Key="hostile/../../../../escaped.png", Body=picture(0, 0))
    inputs = [channel("train", f"s3://{bucket}/hostile/"), *channels(bucket)[1:]]
    job = run(sagemaker, **request(bucket, InputDataConfig=inputs))
    assert job["TrainingJobStatus"] == "Failed"
    assert "leads out of the channel's folder" in job["FailureReason"]


def test_sharding_gives_every_object_to_one_instance():
    objects = [S3Object("bucket", f"train/{number}", str(number)) for number in range(10)]
    parts = [shard(objects, host, 3) for host in range(3)]
    assert sorted(item.key for part in parts for item in part) == sorted(item.key for item in objects)
    assert {len(part) for part in parts} == {3, 4}


def long_request(bucket):
    """A job that trains for as long as a test may want it to."""
    parameters = request(bucket)
    parameters.pop("StoppingCondition")
    parameters["HyperParameters"] = {**parameters["HyperParameters"], "epochs": "1000000"}
    return parameters


def process_of(control, name):
    return until(lambda: control.get("training-jobs")["processes"].get(name))


def _log_so_far(name):
    try:
        return log_of(name)
    except (ClientError, AssertionError):
        return []
