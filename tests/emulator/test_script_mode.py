"""Users' scripts in AWS's framework containers, without Docker: trained, served, and in processing jobs."""

import io
import json
import tarfile
import uuid
from datetime import timedelta

import boto3
import pytest

from harness.testing.control import write_out
from tests.emulator.acting import refused
from tests.waiting import in_service, settled, training_ended, until

pytest.importorskip("sklearn")
pytestmark = pytest.mark.slow

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
TRAIN = """
import argparse, json, os, sys
import joblib
import numpy
from sklearn.tree import DecisionTreeClassifier

def model_fn(model_dir):
    return joblib.load(os.path.join(model_dir, "model.joblib"))

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--max-depth", type=int)
    parser.add_argument("--name", type=str)
    parser.add_argument("--model-dir", default=os.environ["SM_MODEL_DIR"])
    parser.add_argument("--train", default=os.environ["SM_CHANNEL_TRAIN"])
    args = parser.parse_args()
    if args.name == "fails":
        raise ValueError("bad data")
    rows = numpy.loadtxt(os.path.join(args.train, "iris.csv"), delimiter=",")
    model = DecisionTreeClassifier(max_depth=args.max_depth).fit(rows[:, 1:], rows[:, 0])
    print("accuracy=%.3f;" % model.score(rows[:, 1:], rows[:, 0]))
    joblib.dump(model, os.path.join(args.model_dir, "model.joblib"))
    with open("/opt/ml/output/data/seen.json", "w") as file:
        json.dump({"hps": json.loads(os.environ["SM_HPS"]), "secret": os.environ.get("GITHUB_TOKEN")}, file)
"""
PROCESS = """
import os, pathlib, sys
text = pathlib.Path("/opt/ml/processing/input/data/iris.csv").read_text()
rows = text.splitlines()[: int(sys.argv[2])]
pathlib.Path("/opt/ml/processing/train/part.csv").write_text(chr(10).join(rows))
pathlib.Path("/opt/ml/output/message").write_text(os.environ["WORDS"])
print("wrote", len(rows))
sys.exit(int(os.environ.get("CODE", "0")))
"""


@pytest.fixture(scope="module")
def bucket(s3, bucket):
    put_programs(s3, bucket)
    return bucket


def put_programs(s3, bucket):
    """Put a script that trains, one that processes, and a table for both."""
    from sklearn.datasets import load_iris

    iris = load_iris()
    rows = (",".join(map(str, (label, *values))) for label, values in zip(iris.target, iris.data, strict=True))
    s3.put_object(Bucket=bucket, Key="data/iris.csv", Body="\n".join(rows).encode())
    s3.put_object(Bucket=bucket, Key="code/sourcedir.tar.gz", Body=packed({"train.py": TRAIN}))
    s3.put_object(Bucket=bucket, Key="code/process.py", Body=PROCESS.encode())


def packed(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return out.getvalue()


def train(sagemaker, role, bucket, **hyperparameters):
    name = f"script-{uuid.uuid4().hex[:8]}"
    given = {
        "sagemaker_program": "train.py",
        "sagemaker_submit_directory": f"s3://{bucket}/code/sourcedir.tar.gz",
        "max-depth": 3,
        "name": "iris",
        **hyperparameters,
    }
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/data/"}
    sagemaker.create_training_job(
        TrainingJobName=name,
        AlgorithmSpecification={
            "TrainingImage": IMAGE,
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "accuracy", "Regex": "accuracy=([0-9.]+);"}],
        },
        RoleArn=role,
        HyperParameters={key: json.dumps(value) for key, value in given.items()},
        InputDataConfig=[{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
        OutputDataConfig={"S3OutputPath": f"s3://{bucket}/out"},
        ResourceConfig={"InstanceType": "ml.g5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 600},
    )
    return training_ended(sagemaker, name)


def log_of(group, job):
    logs = boto3.client("logs")
    (stream,) = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{job}/")["logStreams"]
    events = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True)
    return [event["message"] for event in events["events"]]


def in_order(lines, *words):
    """Each of *words* is in a line, one behind the other."""
    rest = iter(lines)
    for text in words:
        assert any(text in line for line in rest), (text, lines)


def test_a_script_trains_and_serves(sagemaker, role, bucket, target):
    job = train(sagemaker, role, bucket)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert job["FinalMetricDataList"][0]["Value"] > 0.9
    published = boto3.client("cloudwatch").get_metric_statistics(
        Namespace="/aws/sagemaker/TrainingJobs",
        MetricName=job["FinalMetricDataList"][0]["MetricName"],
        Dimensions=[{"Name": "TrainingJobName", "Value": job["TrainingJobName"]}],
        StartTime=job["CreationTime"] - timedelta(minutes=1),
        EndTime=job["TrainingEndTime"] + timedelta(minutes=1),
        Period=60,
        Statistics=["Average"],
    )
    assert [point["Average"] for point in published["Datapoints"]] == [job["FinalMetricDataList"][0]["Value"]]
    write_out(target)
    lines = log_of("/aws/sagemaker/TrainingJobs", job["TrainingJobName"])
    assert "AWS's container has scikit-learn 1.2; this process has" in lines[0]
    in_order(
        lines,
        "sagemaker-training-toolkit INFO     Imported framework sagemaker_sklearn_container.training",
        "sagemaker_sklearn_container.training INFO     Invoking user training script.",
        "sagemaker-training-toolkit INFO     Invoking user script",
        "Training Env:",
        '    "framework_module": "sagemaker_sklearn_container.training:main",',
        '    "user_entry_point": "train.py"',
        "Environment variables:",
        'SM_HOSTS=["algo-1"]',
        "Invoking script with the following command:",
        " train.py --max-depth 3 --name iris",
        "accuracy=",
        "Waiting for the process to finish and give a return code.",
        "Done waiting for a return code. Received 0 from exiting process.",
        "sagemaker-training-toolkit INFO     Reporting training SUCCESS",
    )
    key = f"out/{job['TrainingJobName']}/output/output.tar.gz"
    body = boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        seen = json.load(archive.extractfile("seen.json"))
    assert seen == {"hps": {"max-depth": 3, "name": "iris"}, "secret": None}

    name = f"iris-{uuid.uuid4().hex[:8]}"
    container = {
        "Image": IMAGE,
        "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"],
        "Environment": {
            "SAGEMAKER_PROGRAM": "train.py",
            "SAGEMAKER_SUBMIT_DIRECTORY": f"s3://{bucket}/code/sourcedir.tar.gz",
        },
    }
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer=container)
    variant = {"VariantName": "a", "ModelName": name, "InitialInstanceCount": 1, "InstanceType": "ml.g5.xlarge"}
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    assert (
        sagemaker.describe_endpoint_config(EndpointConfigName=name)["ProductionVariants"][0]["InstanceType"]
        == "ml.g5.xlarge"
    )
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    in_service(sagemaker, name)
    runtime = boto3.client("sagemaker-runtime")
    answer = runtime.invoke_endpoint(EndpointName=name, ContentType="text/csv", Body=b"5.1,3.5,1.4,0.2\n6.3,3.3,6,2.5")
    assert json.loads(answer["Body"].read()) == [0.0, 2.0]
    # AWS's container makes a vector of one row, and scikit-learn takes none.
    with pytest.raises(runtime.exceptions.ModelError, match="Expected 2D array, got 1D array instead"):
        runtime.invoke_endpoint(EndpointName=name, ContentType="text/csv", Body=b"5.1,3.5,1.4,0.2")
    with pytest.raises(runtime.exceptions.ModelError, match="415"):
        runtime.invoke_endpoint(EndpointName=name, ContentType="image/png", Body=b"x")
    sagemaker.delete_endpoint(EndpointName=name)


def test_a_script_that_fails_tells_why(sagemaker, role, bucket):
    job = train(sagemaker, role, bucket, name="fails")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith(
        'AlgorithmError: ExecuteUserScriptError:\nExitCode 1\nErrorMessage "ValueError: bad data"'
    )


def process(sagemaker, role, bucket, **variables):
    name = f"process-{uuid.uuid4().hex[:8]}"
    inputs = [
        {
            "InputName": what,
            "S3Input": {
                "S3Uri": f"s3://{bucket}/{uri}",
                "LocalPath": f"/opt/ml/processing/input/{what}",
                "S3DataType": "S3Prefix",
                "S3InputMode": "File",
            },
        }
        for what, uri in (("data", "data/"), ("code", "code/process.py"))
    ]
    output = {
        "OutputName": "train",
        "S3Output": {
            "S3Uri": f"s3://{bucket}/{name}",
            "LocalPath": "/opt/ml/processing/train",
            "S3UploadMode": "EndOfJob",
        },
    }
    sagemaker.create_processing_job(
        ProcessingJobName=name,
        RoleArn=role,
        ProcessingInputs=inputs,
        ProcessingOutputConfig={"Outputs": [output]},
        ProcessingResources={"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}},
        AppSpecification={
            "ImageUri": IMAGE,
            "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/process.py"],
            "ContainerArguments": ["--rows", "7"],
        },
        Environment={"WORDS": "done", **variables},
        Tags=[{"Key": "team", "Value": "ml"}],
    )
    return settled(sagemaker.describe_processing_job, "ProcessingJobStatus", ProcessingJobName=name)


def test_a_processing_job_runs(sagemaker, role, bucket):
    job = process(sagemaker, role, bucket)
    assert (job["ProcessingJobStatus"], job["ExitMessage"]) == ("Completed", "done"), job
    name = job["ProcessingJobName"]
    body = boto3.client("s3").get_object(Bucket=bucket, Key=f"{name}/part.csv")["Body"].read()
    assert len(body.splitlines()) == 7
    assert "wrote 7" in log_of("/aws/sagemaker/ProcessingJobs", name)
    assert sagemaker.list_tags(ResourceArn=job["ProcessingJobArn"])["Tags"] == [{"Key": "team", "Value": "ml"}]
    listed = sagemaker.list_processing_jobs(NameContains=name)["ProcessingJobSummaries"]
    assert [item["ProcessingJobStatus"] for item in listed] == ["Completed"]


def test_a_processing_job_fails_with_its_program(sagemaker, role, bucket):
    job = process(sagemaker, role, bucket, CODE="3")
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: done, exit code: 3"
    assert "Contents" not in boto3.client("s3").list_objects_v2(Bucket=bucket, Prefix=job["ProcessingJobName"])


def test_a_processing_job_is_stopped_and_keeps_what_it_wrote(sagemaker, role, bucket):
    name = f"stopped-{uuid.uuid4().hex[:8]}"
    output = {"S3Uri": f"s3://{bucket}/{name}", "LocalPath": "/opt/ml/processing/out", "S3UploadMode": "Continuous"}
    sagemaker.create_processing_job(
        ProcessingJobName=name,
        RoleArn=role,
        ProcessingOutputConfig={"Outputs": [{"OutputName": "out", "S3Output": output}]},
        ProcessingResources={"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}},
        AppSpecification={
            "ImageUri": IMAGE,
            "ContainerEntrypoint": ["/bin/sh", "-c", "echo a > /opt/ml/processing/out/a; exec sleep 60"],
        },
    )
    s3 = boto3.client("s3")
    until(lambda: "Contents" in s3.list_objects_v2(Bucket=bucket, Prefix=name))
    sagemaker.stop_processing_job(ProcessingJobName=name)
    job = sagemaker.describe_processing_job(ProcessingJobName=name)
    assert job["ProcessingJobStatus"] == "Stopped"
    code, words = refused(sagemaker.stop_processing_job, ProcessingJobName=name)
    assert (code, words) == (
        "ValidationException",
        "The request was rejected because the processing job is in status Stopped.",
    )
    assert refused(sagemaker.describe_processing_job, ProcessingJobName="none")[1] == (
        "Could not find requested job with name: none"
    )


def test_what_is_nowhere_installed_fails_naming_the_remedy(sagemaker, role, bucket):
    image = "763104351884.dkr.ecr.us-east-1.amazonaws.com/tensorflow-training:2.13.0-cpu-py310"
    name = f"none-{uuid.uuid4().hex[:8]}"
    sagemaker.create_processing_job(
        ProcessingJobName=name,
        RoleArn=role,
        ProcessingResources={"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}},
        AppSpecification={"ImageUri": image, "ContainerEntrypoint": ["true"]},
    )
    job = sagemaker.describe_processing_job(ProcessingJobName=name)
    assert job["ProcessingJobStatus"] == "Failed"
    assert "harness sagemaker prepare tensorflow==2.13.0" in job["FailureReason"]
