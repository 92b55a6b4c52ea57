"""SageMaker pipelines: their steps are the jobs that run here, and what cannot be run is refused when it is made."""

import json
import uuid

import boto3
import pytest

from tests.emulator.acting import refused
from tests.emulator.packages import package
from tests.emulator.pictures import picture
from tests.waiting import active, settled, until


@pytest.fixture(scope="module")
def bucket(s3, bucket):
    for number in range(2):
        s3.put_object(Bucket=bucket, Key=f"in/{number}.png", Body=picture(number, number))
    return bucket


@pytest.fixture(scope="module")
def function(target, role):
    functions, name = boto3.client("lambda"), f"pipelines-{uuid.uuid4().hex[:8]}"
    code = 'def lambda_handler(event, context):\n    return {"score": event["value"] * 2, "text": "done"}\n'
    answer = functions.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role=role,
        Handler="lambda_function.lambda_handler",
        Code={"ZipFile": package(code)},
    )
    active(functions, name)
    yield answer["FunctionArn"]
    functions.delete_function(FunctionName=name)


def create(sagemaker, role, steps, parameters=()):
    name = f"pipeline-{uuid.uuid4().hex[:8]}"
    definition = {"Version": "2020-12-01", "Parameters": list(parameters), "Steps": steps}
    sagemaker.create_pipeline(
        PipelineName=name, ClientRequestToken="x" * 32, RoleArn=role, PipelineDefinition=json.dumps(definition)
    )
    return name


def run(sagemaker, name, **parameters):
    given = [{"Name": key, "Value": value} for key, value in parameters.items()]
    arn = sagemaker.start_pipeline_execution(PipelineName=name, PipelineParameters=given)["PipelineExecutionArn"]
    execution = settled(sagemaker.describe_pipeline_execution, "PipelineExecutionStatus", PipelineExecutionArn=arn)
    steps = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn, SortOrder="Ascending")
    return execution, steps["PipelineExecutionSteps"]


def condition_steps(function):
    return [
        {
            "Name": "Decide",
            "Type": "Condition",
            "Arguments": {
                "Conditions": [
                    {
                        "Type": "GreaterThanOrEqualTo",
                        "LeftValue": {"Get": "Steps.Score.OutputParameters['score']"},
                        "RightValue": {"Get": "Parameters.Least"},
                    }
                ],
                "IfSteps": [],
                "ElseSteps": [
                    {
                        "Name": "Stop",
                        "Type": "Fail",
                        "Arguments": {
                            "ErrorMessage": {
                                "Std:Join": {
                                    "On": " ",
                                    "Values": ["only", {"Get": "Steps.Score.OutputParameters['score']"}],
                                }
                            }
                        },
                    }
                ],
            },
        },
        {
            "Name": "Score",
            "Type": "Lambda",
            "FunctionArn": function,
            "Arguments": {"value": 3},
            "OutputParameters": [{"OutputName": "score", "OutputType": "Integer"}],
        },
    ]


PARAMETERS = [{"Name": "Least", "Type": "Integer", "DefaultValue": 6}]


def test_a_condition_chooses(sagemaker, role, function):
    name = create(sagemaker, role, condition_steps(function), PARAMETERS)
    execution, steps = run(sagemaker, name)
    assert execution["PipelineExecutionStatus"] == "Succeeded", steps
    assert [(step["StepName"], step["StepStatus"]) for step in steps] == [
        ("Score", "Succeeded"),
        ("Decide", "Succeeded"),
    ]
    assert steps[0]["Metadata"]["Lambda"]["OutputParameters"] == [{"Name": "score", "Value": "6"}]
    assert steps[1]["Metadata"]["Condition"] == {"Outcome": "True"}
    execution, steps = run(sagemaker, name, Least="7")
    assert execution["PipelineExecutionStatus"] == "Failed"
    assert execution["FailureReason"] == "Step failure: One or multiple steps failed."
    assert (steps[-1]["StepName"], steps[-1]["FailureReason"]) == ("Stop", "only 6")
    listed = sagemaker.list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"]
    assert [item["PipelineExecutionStatus"] for item in listed] == ["Failed", "Succeeded"]


def test_a_model_is_made_transforms_and_is_registered(sagemaker, role, bucket):
    image = "stub:1"
    steps = [
        {
            "Name": "Make",
            "Type": "Model",
            "Arguments": {"ExecutionRoleArn": role, "PrimaryContainer": {"Image": image}},
        },
        {
            "Name": "Transform",
            "Type": "Transform",
            "Arguments": {
                "ModelName": {"Get": "Steps.Make.ModelName"},
                "TransformInput": {
                    "ContentType": "image/png",
                    "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/in/"}},
                },
                "TransformOutput": {
                    "S3OutputPath": {"Std:Join": {"On": "/", "Values": [f"s3://{bucket}", {"Get": "Parameters.Where"}]}}
                },
                "TransformResources": {"InstanceCount": 1, "InstanceType": "ml.m5.large"},
            },
        },
        {
            "Name": "Register",
            "Type": "RegisterModel",
            "DependsOn": ["Transform"],
            "Arguments": {
                "ModelPackageGroupName": f"group-{bucket}",
                "InferenceSpecification": {
                    "Containers": [{"Image": image}],
                    "SupportedContentTypes": ["image/png"],
                    "SupportedResponseMIMETypes": ["application/json"],
                },
                "ModelApprovalStatus": "PendingManualApproval",
            },
        },
    ]
    name = create(sagemaker, role, steps, [{"Name": "Where", "Type": "String"}])
    execution, shown = run(sagemaker, name, Where="there")
    assert execution["PipelineExecutionStatus"] == "Succeeded", shown
    written = boto3.client("s3").list_objects_v2(Bucket=bucket, Prefix="there/")["Contents"]
    assert [item["Key"] for item in written] == ["there/0.png.out", "there/1.png.out"]
    assert [list(step["Metadata"]) for step in shown] == [["Model"], ["TransformJob"], ["RegisterModel"]]


def test_a_definition_may_lie_in_s3(sagemaker, role, bucket):
    steps = [{"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "as it was told"}}]
    boto3.client("s3").put_object(Bucket=bucket, Key="definition.json", Body=json.dumps({"Steps": steps}).encode())
    name = f"pipeline-{uuid.uuid4().hex[:8]}"
    sagemaker.create_pipeline(
        PipelineName=name,
        ClientRequestToken="x" * 32,
        RoleArn=role,
        PipelineDefinitionS3Location={"Bucket": bucket, "ObjectKey": "definition.json"},
    )
    assert run(sagemaker, name)[1][0]["FailureReason"] == "as it was told"


def test_a_job_that_fails_fails_the_execution(sagemaker, role, bucket):
    arguments = {
        "RoleArn": role,
        "AppSpecification": {
            "ImageUri": "763104351884.dkr.ecr.us-east-1.amazonaws.com/tensorflow-training:2.13.0-cpu-py310",
            "ContainerEntrypoint": ["true"],
        },
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
        },
    }
    steps = [
        {"Name": "First", "Type": "Processing", "Arguments": arguments},
        {"Name": "Then", "Type": "Fail", "DependsOn": ["First"], "Arguments": {"ErrorMessage": "not come to"}},
    ]
    execution, shown = run(sagemaker, create(sagemaker, role, steps))
    assert execution["PipelineExecutionStatus"] == "Failed"
    assert [step["StepName"] for step in shown] == ["First"]
    assert "harness sagemaker prepare tensorflow" in shown[0]["FailureReason"]


def lambda_step(name, function, value, **more):
    outputs = [{"OutputName": "score", "OutputType": "Integer"}]
    arguments = {"value": value}
    return {
        "Name": name,
        "Type": "Lambda",
        "Arguments": arguments,
        "FunctionArn": function,
        "OutputParameters": outputs,
        **more,
    }


@pytest.fixture
def queue(target):
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName=f"pipelines-{uuid.uuid4().hex[:8]}")["QueueUrl"]

    def next_message():
        found = until(lambda: sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages"))
        return json.loads(found[0]["Body"])

    yield url, next_message
    sqs.delete_queue(QueueUrl=url)


def test_a_callback_is_waited_for_beside_other_steps(sagemaker, role, function, queue):
    url, next_message = queue
    callback = {
        "Name": "Ask",
        "Type": "Callback",
        "Arguments": {"number": {"Get": "Parameters.Number"}},
        "SqsQueueUrl": url,
        "OutputParameters": [{"OutputName": "answer", "OutputType": "Integer"}],
    }
    steps = [
        callback,
        lambda_step("Beside", function, 1),
        lambda_step("After", function, {"Get": "Steps.Ask.OutputParameters['answer']"}),
    ]
    name = create(sagemaker, role, steps, [{"Name": "Number", "Type": "Integer", "DefaultValue": 7}])

    def start():
        return sagemaker.start_pipeline_execution(PipelineName=name)["PipelineExecutionArn"]

    def states(arn, **wanted):
        def steps():
            listed = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
            return {step["StepName"]: step for step in listed}

        return until(steps, enough=lambda found: {name: step["StepStatus"] for name, step in found.items()} == wanted)

    arn = start()
    message = next_message()
    assert message["arguments"] == {"number": 7}
    assert message["pipelineExecutionArn"] == arn
    waiting = states(arn, Ask="Executing", Beside="Succeeded")
    assert waiting["Ask"]["Metadata"]["Callback"]["CallbackToken"] == message["token"]
    outputs = [{"Name": "answer", "Value": "x"}]
    answer = sagemaker.send_pipeline_execution_step_success(CallbackToken=message["token"], OutputParameters=outputs)
    assert answer["PipelineExecutionArn"] == arn
    states(arn, Ask="Succeeded", Beside="Succeeded", After="Succeeded")
    code, _ = refused(sagemaker.send_pipeline_execution_step_success, CallbackToken=message["token"])
    assert code == "ResourceNotFound"

    arn = start()
    sagemaker.send_pipeline_execution_step_failure(CallbackToken=next_message()["token"], FailureReason="nobody knows")
    failed = states(arn, Ask="Failed", Beside="Succeeded")
    assert failed["Ask"]["FailureReason"] == "nobody knows"

    arn = start()
    next_message()
    sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken="x" * 32)
    states(arn, Ask="Stopped", Beside="Succeeded")


def test_what_cannot_be_run_is_refused_when_it_is_made(sagemaker, role, function):
    def attempt(*steps):
        return refused(create, sagemaker=sagemaker, role=role, steps=list(steps))

    assert attempt({"Name": "Tune", "Type": "Tuning", "Arguments": {}}) == (
        "ValidationException",
        "not emulated: pipeline steps of type Tuning (step Tune)",
    )
    wanting = {"Name": "A", "Type": "Fail", "DependsOn": ["B"], "Arguments": {"ErrorMessage": "x"}}
    assert "refers to B, which is no step" in attempt(wanting)[1]
    name = create(sagemaker, role, condition_steps(function), PARAMETERS)
    token = {"PipelineName": name, "ClientRequestToken": "x" * 32}
    code, words = refused(
        sagemaker.start_pipeline_execution, **token, PipelineParameters=[{"Name": "Other", "Value": "1"}]
    )
    assert (code, words) == ("ValidationException", "Unknown parameter(s) found in the request: ['Other']")


FAIL = [{"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "as it was told"}}]


def test_the_same_request_with_the_same_token_starts_one_execution(sagemaker, role):
    name = create(sagemaker, role, FAIL)

    def start(token, **more):
        given = {"PipelineName": name, "ClientRequestToken": token * 32, **more}
        return sagemaker.start_pipeline_execution(**given)["PipelineExecutionArn"]

    first = start("a")
    assert start("a") == first
    later, other = start("b"), start("a", PipelineExecutionDisplayName="another")
    assert len({first, later, other}) == 3
    settled(sagemaker.describe_pipeline_execution, "PipelineExecutionStatus", PipelineExecutionArn=later)
    pages = sagemaker.get_paginator("list_pipeline_executions").paginate(
        PipelineName=name, SortOrder="Ascending", PaginationConfig={"PageSize": 1}
    )
    found = [page["PipelineExecutionSummaries"] for page in pages]
    assert [len(each) for each in found] == [1, 1, 1]
    assert found[0][0]["PipelineExecutionArn"] == first


def test_what_would_not_be_done_is_refused(sagemaker, role):
    name = create(sagemaker, role, FAIL)
    selected = {"SelectedSteps": [{"StepName": "Stop"}]}
    assert refused(sagemaker.start_pipeline_execution, PipelineName=name, SelectiveExecutionConfig=selected) == (
        "ValidationException",
        "not emulated: SelectiveExecutionConfig of pipelines",
    )
    given = {"PipelineName": name, "RoleArn": role, "PipelineDefinition": json.dumps({"Steps": FAIL})}
    assert refused(sagemaker.create_pipeline, **given) == (
        "ValidationException",
        f"Pipeline names must be unique within an AWS account and region. Pipeline with name ({name}) already exists.",
    )


def test_a_pipeline_has_tags(sagemaker, role):
    name = f"tagged-{uuid.uuid4().hex[:8]}"
    given = {"PipelineName": name, "RoleArn": role, "PipelineDefinition": json.dumps({"Steps": FAIL})}
    arn = sagemaker.create_pipeline(**given, Tags=[{"Key": "team", "Value": "a"}])["PipelineArn"]
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "team", "Value": "b"}, {"Key": "cost", "Value": "c"}])
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [
        {"Key": "team", "Value": "b"},
        {"Key": "cost", "Value": "c"},
    ]
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["team"])
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "cost", "Value": "c"}]
    assert refused(sagemaker.list_tags, ResourceArn=f"{arn}-none")[0] == "ValidationException"
