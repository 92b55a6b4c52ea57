"""Jobs that really run, from state machines: each ``.sync`` task waits for its job, and gives what Describe says."""

import json
import uuid

import boto3
import pytest

from tests.emulator.test_script_mode import IMAGE, put_programs
from tests.emulator.test_xgboost import IMAGE as XGBOOST
from tests.waiting import execution_ended

pytest.importorskip("sklearn")
pytestmark = pytest.mark.slow
CLUSTER = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}


def run(role, states, start):
    machines = boto3.client("stepfunctions")
    definition = json.dumps({"StartAt": start, "States": states})
    arn = machines.create_state_machine(name=f"sync-{uuid.uuid4().hex[:8]}", roleArn=role, definition=definition)
    execution = machines.start_execution(stateMachineArn=arn["stateMachineArn"], input="{}")["executionArn"]
    return execution_ended(machines, execution, 180)


@pytest.fixture(scope="module")
def bucket(s3, bucket):
    put_programs(s3, bucket)
    return bucket


def source(bucket, prefix):
    return {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/{prefix}"}}


def task(action, parameters, name, **more):
    resource = f"arn:aws:states:::sagemaker:{action}"
    return {"Type": "Task", "Resource": resource, "Parameters": parameters, "ResultPath": f"$.{name}", **more}


def processing(role, bucket, name, code="0"):
    def placed(of, key, local):
        place = {"S3Uri": f"s3://{bucket}/{key}", "LocalPath": f"/opt/ml/processing/{local}"}
        return {of: place}

    def given(what, key, local):
        found = placed("S3Input", key, local)
        found["S3Input"] |= {"S3DataType": "S3Prefix", "S3InputMode": "File"}
        return {"InputName": what, **found}

    output = placed("S3Output", f"prepared/{name}", "train")
    output["S3Output"]["S3UploadMode"] = "EndOfJob"
    return {
        "ProcessingJobName": name,
        "RoleArn": role,
        "AppSpecification": {
            "ImageUri": IMAGE,
            "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/process.py"],
            "ContainerArguments": ["--rows", "150"],
        },
        "Environment": {"WORDS": "as told", "CODE": code},
        "ProcessingInputs": [
            given("data", "data/iris.csv", "input/data"),
            given("code", "code/process.py", "input/code"),
        ],
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "train", **output}]},
        "ProcessingResources": {"ClusterConfig": CLUSTER},
    }


def test_a_workflow_prepares_trains_and_transforms(role, bucket):
    name = f"sync-{uuid.uuid4().hex[:8]}"
    boto3.client("s3").put_object(Bucket=bucket, Key=f"{name}/rows.csv", Body=b"5.1,3.5,1.4,0.2\n6.7,3.0,5.2,2.3\n")
    hyperparameters = {
        "sagemaker_program": "train.py",
        "sagemaker_submit_directory": f"s3://{bucket}/code/sourcedir.tar.gz",
        "max-depth": "3",
        "name": "iris",
    }
    training = {
        "TrainingJobName": name,
        "RoleArn": role,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "HyperParameters": hyperparameters,
        "InputDataConfig": [{"ChannelName": "train", "DataSource": source(bucket, "data/")}],
        "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/out"},
        "ResourceConfig": CLUSTER,
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
    }
    container = {
        "Image": IMAGE,
        "ModelDataUrl.$": "$.train.ModelArtifacts.S3ModelArtifacts",
        "Environment": {
            "SAGEMAKER_PROGRAM": "train.py",
            "SAGEMAKER_SUBMIT_DIRECTORY": f"s3://{bucket}/code/sourcedir.tar.gz",
        },
    }
    transform = {
        "TransformJobName": name,
        "ModelName": name,
        "TransformInput": {"ContentType": "text/csv", "SplitType": "Line", "DataSource": source(bucket, f"{name}/")},
        "TransformOutput": {"S3OutputPath": f"s3://{bucket}/{name}-out", "AssembleWith": "Line"},
        "TransformResources": {"InstanceCount": 1, "InstanceType": "ml.m5.large"},
    }
    model = {"ModelName": name, "ExecutionRoleArn": role, "PrimaryContainer": container}
    states = {
        "Prepare": task("createProcessingJob.sync", processing(role, bucket, name), "prepare", Next="Train"),
        "Train": task("createTrainingJob.sync", training, "train", Next="Model"),
        "Model": task("createModel", model, "model", Next="Transform"),
        "Transform": task("createTransformJob.sync", transform, "transform", End=True),
    }
    done = run(role, states, "Prepare")
    assert done["status"] == "SUCCEEDED", done
    output = json.loads(done["output"])
    assert output["prepare"]["ProcessingJobStatus"] == "Completed"
    assert output["prepare"]["ExitMessage"] == "as told"
    assert output["train"]["TrainingJobStatus"] == "Completed"
    assert output["transform"]["TransformJobStatus"] == "Completed"
    written = boto3.client("s3").get_object(Bucket=bucket, Key=f"{name}-out/rows.csv.out")["Body"].read()
    assert [json.loads(line) for line in written.splitlines()] == [[0.0, 2.0]]


def test_a_job_that_fails_fails_its_task(role, bucket):
    name = f"sync-{uuid.uuid4().hex[:8]}"
    done = run(role, {"P": task("createProcessingJob.sync", processing(role, bucket, name, "3"), "p", End=True)}, "P")
    assert (done["status"], done["error"]) == ("FAILED", "States.TaskFailed")
    cause = json.loads(done["cause"])
    assert cause["ProcessingJobStatus"] == "Failed"
    assert cause["FailureReason"] == "AlgorithmError: as told, exit code: 3"


def transforming(bucket, name, key):
    """The state that transforms CSV below a key with the model of that name."""
    transform = {
        "TransformJobName": name,
        "ModelName": name,
        "TransformInput": {"ContentType": "text/csv", "SplitType": "Line", "DataSource": source(bucket, key)},
        "TransformOutput": {"S3OutputPath": f"s3://{bucket}/{name}-out", "AssembleWith": "Line", "Accept": "text/csv"},
        "TransformResources": {"InstanceCount": 1, "InstanceType": "ml.m5.large"},
    }
    return task("createTransformJob.sync", transform, "transform", End=True)


def transformed(bucket, name, file):
    body = boto3.client("s3").get_object(Bucket=bucket, Key=f"{name}-out/{file}.out")["Body"].read()
    return [float(line) for line in body.split()]


def test_the_built_in_xgboost_trains_and_transforms(role, bucket):
    name = f"sync-{uuid.uuid4().hex[:8]}"
    boto3.client("s3").put_object(Bucket=bucket, Key=f"{name}/rows.csv", Body=b"5.1,3.5,1.4,0.2\n6.7,3.0,5.2,2.3\n")
    training = {
        "TrainingJobName": name,
        "RoleArn": role,
        "AlgorithmSpecification": {"TrainingImage": XGBOOST, "TrainingInputMode": "File"},
        "HyperParameters": {"objective": "multi:softmax", "num_class": "3", "num_round": "5"},
        "InputDataConfig": [
            {"ChannelName": "train", "ContentType": "text/csv", "DataSource": source(bucket, "data/")},
        ],
        "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/out"},
        "ResourceConfig": CLUSTER,
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
    }
    container = {"Image": XGBOOST, "ModelDataUrl.$": "$.train.ModelArtifacts.S3ModelArtifacts"}
    model = {"ModelName": name, "ExecutionRoleArn": role, "PrimaryContainer": container}
    states = {
        "Train": task("createTrainingJob.sync", training, "train", Next="Model"),
        "Model": task("createModel", model, "model", Next="Transform"),
        "Transform": transforming(bucket, name, f"{name}/"),
    }
    done = run(role, states, "Train")
    assert done["status"] == "SUCCEEDED", done
    output = json.loads(done["output"])
    assert [each["MetricName"] for each in output["train"]["FinalMetricDataList"]] == ["train:mlogloss"]
    assert output["transform"]["TransformJobStatus"] == "Completed"
    assert transformed(bucket, name, "rows.csv") == [0.0, 2.0]


def test_a_pipeline_with_a_condition_is_started_and_followed(role, bucket):
    """AWS has no ``.sync`` for pipelines: a state machine asks until the execution has ended."""
    name = f"sync-{uuid.uuid4().hex[:8]}"
    step = {"Name": "Prepare", "Type": "Processing", "Arguments": processing(role, bucket, name)}
    del step["Arguments"]["ProcessingJobName"]
    status = {"Get": "Steps.Prepare.ProcessingJobStatus"}
    decide = {
        "Name": "Done",
        "Type": "Condition",
        "Arguments": {
            "Conditions": [
                {"Type": "Equals", "LeftValue": status, "RightValue": "Completed"},
                {"Type": "Equals", "LeftValue": {"Get": "Parameters.Wanted"}, "RightValue": "yes"},
            ],
            "IfSteps": [],
            "ElseSteps": [{"Name": "Refuse", "Type": "Fail", "Arguments": {"ErrorMessage": "not wanted"}}],
        },
    }
    document = {
        "Version": "2020-12-01",
        "Parameters": [{"Name": "Wanted", "Type": "String"}],
        "Steps": [step, decide],
    }
    boto3.client("sagemaker").create_pipeline(
        PipelineName=name, ClientRequestToken="x" * 32, RoleArn=role, PipelineDefinition=json.dumps(document)
    )

    def asked(action, parameters, **more):
        return {"Type": "Task", "Resource": f"arn:aws:states:::aws-sdk:sagemaker:{action}", **more} | {
            "Parameters": parameters
        }

    def states(wanted):
        given = {
            "PipelineName": name,
            "ClientRequestToken.$": "States.Format('{}-{}', $$.Execution.Name, $$.State.EnteredTime)",
            "PipelineParameters": [{"Name": "Wanted", "Value": wanted}],
        }
        named = {"PipelineExecutionArn.$": "$.PipelineExecutionArn"}
        under_way = {"Variable": "$.PipelineExecutionStatus", "StringEquals": "Executing", "Next": "Wait"}
        well = {"Variable": "$.PipelineExecutionStatus", "StringEquals": "Succeeded", "Next": "Well"}
        return {
            "Start": asked("startPipelineExecution", given, Next="Look"),
            "Look": asked("describePipelineExecution", named, Next="Ended"),
            "Ended": {"Type": "Choice", "Choices": [under_way, well], "Default": "Steps"},
            "Wait": {"Type": "Wait", "Seconds": 1, "Next": "Look"},
            "Well": {"Type": "Succeed"},
            "Steps": asked("listPipelineExecutionSteps", named, Next="Failed"),
            "Failed": {"Type": "Fail", "Error": "Pipeline", "CausePath": "$.PipelineExecutionSteps[0].FailureReason"},
        }

    done = run(role, states("yes"), "Start")
    assert done["status"] == "SUCCEEDED", done
    assert json.loads(done["output"])["PipelineExecutionStatus"] == "Succeeded"
    done = run(role, states("no"), "Start")
    assert (done["status"], done.get("error"), done.get("cause")) == ("FAILED", "Pipeline", "not wanted")
