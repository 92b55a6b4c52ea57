"""What tasks call, through boto3: results, errors and events as AWS's recordings have them."""

import json
import re
import time
import uuid

import boto3
import pytest

from tests.emulator.conftest import delete_role, make_role
from tests.emulator.packages import package
from tests.emulator.pictures import load, request
from tests.emulator.test_states import client, create  # noqa: F401
from tests.waiting import execution_ended

SDK = "arn:aws:states:::aws-sdk:"
OPTIMIZED = "arn:aws:states:::"
ECHO = """
import time
def handler(event, context):
    if event == "fail":
        raise ValueError("as asked")
    if event == "slow":
        time.sleep(5)
    return event
"""


@pytest.fixture(scope="module")
def function(target, role):
    functions = boto3.client("lambda")
    name = f"echo-{uuid.uuid4().hex[:6]}"
    arn = functions.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role=role,
        Handler="lambda_function.handler",
        Code={"ZipFile": package(ECHO)},
    )["FunctionArn"]
    functions.get_waiter("function_active_v2").wait(FunctionName=name)
    yield arn
    functions.delete_function(FunctionName=name)


@pytest.fixture
def call(client, create):  # noqa: F811
    """Runs a machine of one task; gives the execution as it is described."""

    def run(resource, parameters=None, given=None, **more):
        state = {"Type": "Task", "Resource": resource, "End": True, **more}
        if parameters is not None:
            state["Parameters"] = parameters
        arn = create({"StartAt": "Call", "States": {"Call": state}})
        started = client.start_execution(stateMachineArn=arn, input=json.dumps(given if given is not None else {}))
        return execution_ended(client, started["executionArn"])

    return run


def output(answer):
    assert answer["status"] == "SUCCEEDED", answer
    return json.loads(answer["output"])


def events(client, answer):  # noqa: F811
    return client.get_execution_history(executionArn=answer["executionArn"])["events"]


# Lambda


def test_invoke_gives_what_the_sdk_for_java_shows(call, function):
    result = output(call(OPTIMIZED + "lambda:invoke", {"FunctionName": function, "Payload": {"a": "é"}}))
    assert result["Payload"] == {"a": "é"}
    assert (result["ExecutedVersion"], result["StatusCode"]) == ("$LATEST", 200)
    headers = result["SdkHttpMetadata"]["AllHttpHeaders"]
    assert headers["X-Amz-Executed-Version"] == ["$LATEST"] and headers["Content-Type"] == ["application/json"]
    assert result["SdkResponseMetadata"]["RequestId"] == headers["x-amzn-RequestId"][0]


def test_a_payload_that_is_json_text_is_sent_as_it_is(call, function):
    assert output(call(OPTIMIZED + "lambda:invoke", {"FunctionName": function, "Payload": '{"a":1}'}))["Payload"] == {
        "a": 1
    }
    assert output(call(OPTIMIZED + "lambda:invoke", {"FunctionName": function, "Payload": "text"}))["Payload"] == "text"


def test_the_functions_own_arn_gives_its_answer_alone(call, function):
    assert output(call(function, given={"n": [1, None]})) == {"n": [1, None]}


def test_an_error_of_the_function_has_its_type_as_name_and_its_payload_as_cause(call, function):
    for answer in (
        call(OPTIMIZED + "lambda:invoke", {"FunctionName": function, "Payload": "fail"}),
        call(function, given="fail"),
    ):
        assert answer["error"] == "ValueError"
        assert json.loads(answer["cause"])["errorMessage"] == "as asked"


def test_an_asynchronous_invocation_is_not_waited_for(call, function):
    began = time.monotonic()
    result = output(
        call(OPTIMIZED + "lambda:invoke", {"FunctionName": function, "Payload": "slow", "InvocationType": "Event"})
    )
    assert result["StatusCode"] == 202 and time.monotonic() - began < 4


def test_a_refusal_of_lambda_is_in_the_words_of_both_sdks(call):
    answer = call(OPTIMIZED + "lambda:invoke", {"FunctionName": "absent"})
    assert answer["error"] == "Lambda.ResourceNotFoundException"
    assert re.search(
        r"Service: AWSLambda; Status Code: 404; Error Code: ResourceNotFoundException; Request ID: \S+; Proxy: null\)",
        answer["cause"],
    )
    answer = call(SDK + "lambda:invoke", {"FunctionName": "absent"})
    assert answer["error"] == "Lambda.ResourceNotFoundException"
    assert re.search(r"\(Service: Lambda, Status Code: 404, Request ID: \S+\)$", answer["cause"])


# SDK integrations


@pytest.mark.parametrize(
    "body, text", [({"a": [1]}, '{"a":[1]}'), ([1, "é"], '[1,"é"]'), (False, "false"), (0, "0"), ("text", "text")]
)
def test_objects_are_written_as_json_and_read_as_text(call, bucket, body, text):
    assert "ETag" in output(call(SDK + "s3:putObject", {"Bucket": bucket, "Key": "k", "Body": body}))
    result = output(call(SDK + "s3:getObject", {"Bucket": bucket, "Key": "k"}))
    assert (result["Body"], result["ContentLength"]) == (text, len(text.encode()))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", result["LastModified"])
    assert list(result)[-1] == "Body"


@pytest.mark.parametrize(
    "resource, parameters, error",
    [
        ("s3:getObject", {"Bucket": "BUCKET", "Key": "absent"}, "S3.NoSuchKeyException"),
        ("s3:headObject", {"Bucket": "BUCKET", "Key": "absent"}, "S3.NoSuchKeyException"),
        ("s3:listObjects", {"Bucket": "absent-bucket"}, "S3.NoSuchBucketException"),
        ("sqs:getQueueUrl", {"QueueName": "absent"}, "Sqs.QueueDoesNotExistException"),
        ("sagemaker:describeEndpoint", {"EndpointName": "absent"}, "SageMaker.SageMakerException"),
        ("sfn:sendTaskFailure", {"TaskToken": "absent"}, "Sfn.InvalidTokenException"),
        ("dynamodb:getItem", {"TableName": "absent", "Key": {"id": {"S": "1"}}}, "DynamoDb.ResourceNotFoundException"),
        ("dynamodb:putItem", {"TableName": "absent", "Item": None}, "DynamoDb.DynamoDbException"),
    ],
)
def test_errors_have_the_names_of_the_sdk_for_java(call, bucket, resource, parameters, error):
    parameters = {name: bucket if value == "BUCKET" else value for name, value in parameters.items()}
    assert call(SDK + resource, parameters)["error"] == error


def test_arguments_that_do_not_fit_keep_a_task_from_being_scheduled(client, call):  # noqa: F811
    answer = call(SDK + "s3:getObject", {"Bucket.$": "$.bucket", "Key.$": "$.key"}, {"bucket": "b", "key": 1})
    assert answer["error"] == "States.Runtime"
    assert "could not be used to start the Task: [The value for the field 'Key' must be a STRING]" in answer["cause"]
    assert [event["type"] for event in events(client, answer)] == [
        "ExecutionStarted",
        "TaskStateEntered",
        "ExecutionFailed",
    ]


# Messages, tables


def test_a_message_is_sent_and_its_answer_shown(call):
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName=f"q-{uuid.uuid4().hex[:6]}")["QueueUrl"]
    result = output(call(OPTIMIZED + "sqs:sendMessage", {"QueueUrl": url, "MessageBody": {"a": 1}}))
    assert result["SdkHttpMetadata"]["HttpStatusCode"] == 200
    received = output(call(SDK + "sqs:receiveMessage", {"QueueUrl": url}))["Messages"][0]
    assert (received["Body"], received["Md5OfBody"]) == ('{"a":1}', result["MD5OfMessageBody"])
    assert (
        call(OPTIMIZED + "sqs:sendMessage", {"QueueUrl": url, "MessageBody": None})["error"] == "SQS.AmazonSQSException"
    )
    answer = call(OPTIMIZED + "sqs:sendMessage", {"QueueUrl": "nowhere", "MessageBody": "x"})
    assert answer["error"] == "SQS.SdkClientException"
    assert answer["cause"] == "Unable to execute HTTP request: nowhere: Name or service not known"


def test_a_callback_waits_for_its_token(client, create):  # noqa: F811
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName=f"q-{uuid.uuid4().hex[:6]}")["QueueUrl"]
    state = {
        "Type": "Task",
        "Resource": OPTIMIZED + "sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": url, "MessageBody": {"token.$": "$$.Task.Token"}},
        "End": True,
    }
    arn = create({"StartAt": "Call", "States": {"Call": state}})
    execution = client.start_execution(stateMachineArn=arn)["executionArn"]
    (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]
    client.send_task_success(taskToken=json.loads(message["Body"])["token"], output='{"done":true}')
    answer = execution_ended(client, execution)
    assert output(answer) == {"done": True}
    kinds = [event["type"] for event in events(client, answer)]
    assert kinds[2:6] == ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"]


def test_an_entry_that_fails_fails_the_task(call):
    entry = {"Source": "s", "DetailType": "d", "Detail": {"a": 1}}
    assert output(call(OPTIMIZED + "events:putEvents", {"Entries": [entry]}))["FailedEntryCount"] == 0
    answer = call(OPTIMIZED + "events:putEvents", {"Entries": [entry, {**entry, "Detail": '"text"'}]})
    assert answer["error"] == "EventBridge.FailedEntry"
    assert json.loads(answer["cause"])["Entries"][1] == {
        "ErrorCode": "MalformedDetail",
        "ErrorMessage": "Detail is malformed.",
    }


def test_topics_and_tables(call):
    arn = output(call(SDK + "sns:createTopic", {"Name": f"t-{uuid.uuid4().hex[:6]}"}))["TopicArn"]
    assert "MessageId" in output(call(OPTIMIZED + "sns:publish", {"TopicArn": arn, "Message": {"a": 1}}))
    answer = call(OPTIMIZED + "sns:publish", {"TopicArn": arn + "x", "Message": "x"})
    assert answer["error"] == "SNS.NotFoundException" and answer["cause"].startswith("Topic does not exist (Service: ")
    table = f"t-{uuid.uuid4().hex[:6]}"
    boto3.client("dynamodb").create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    item = {"id": {"S": "1"}, "n": {"N": "2"}}
    output(call(OPTIMIZED + "dynamodb:putItem", {"TableName": table, "Item": item}))
    assert output(call(OPTIMIZED + "dynamodb:getItem", {"TableName": table, "Key": {"id": {"S": "1"}}}))["Item"] == item
    assert output(call(SDK + "dynamodb:scan", {"TableName": table}))["Count"] == 1


# Jobs


def test_a_job_that_sagemaker_refuses_fails_its_task_by_the_name_that_aws_gives_it(call):
    answer = call(OPTIMIZED + "sagemaker:createTransformJob.sync", {"TransformJobName": "t"})
    assert answer["error"] == "SageMaker.AmazonSageMakerException"
    assert "(Service: AmazonSageMaker; Status Code: 400; Error Code: ValidationException" in answer["cause"]


def test_what_nothing_here_runs_says_so_by_name(call):
    answer = call(OPTIMIZED + "batch:submitJob.sync", {"JobName": "j"})
    assert (answer["error"], answer["cause"]) == ("Batch.AWSBatchException", "not emulated: batch.SubmitJob")


@pytest.fixture(scope="module")
def pictures(s3, bucket):
    load(s3, bucket)
    return bucket


@pytest.mark.slow
def test_a_training_job_is_waited_for_and_described(client, call, pictures):  # noqa: F811
    answer = call(OPTIMIZED + "sagemaker:createTrainingJob.sync", request(pictures))
    result = output(answer)
    assert result["TrainingJobStatus"] == "Completed"
    assert isinstance(result["CreationTime"], int) and result["ModelArtifacts"]["S3ModelArtifacts"].endswith(
        "model.tar.gz"
    )
    submitted = next(event for event in events(client, answer) if event["type"] == "TaskSubmitted")
    assert "TrainingJobArn" in json.loads(submitted["taskSubmittedEventDetails"]["output"])


@pytest.mark.slow
def test_a_training_job_that_fails_fails_its_task_with_its_description(call, pictures):
    wrong = {"num_classes": "two", "num_training_samples": "40"}
    answer = call(OPTIMIZED + "sagemaker:createTrainingJob.sync", request(pictures, HyperParameters=wrong))
    assert answer["error"] == "States.TaskFailed"
    assert "num_classes" in json.loads(answer["cause"])["FailureReason"]


# Rights


def test_credentials_name_a_role_that_has_to_be_taken_on(call, bucket, role):
    name = f"taken-{uuid.uuid4().hex[:6]}"
    arn = make_role(name)
    iam = boto3.client("iam")
    try:
        parameters = {"Bucket": bucket, "Key": "k", "Body": "x"}
        answer = call(SDK + "s3:putObject", parameters, Credentials={"RoleArn": arn})
        assert "is not authorized to assume the task state's role" in answer["cause"]
        trust = {"Effect": "Allow", "Principal": {"AWS": role}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=document)
        answer = call(SDK + "s3:putObject", parameters, Credentials={"RoleArn": arn})
        assert "is not authorized to perform: s3:PutObject" in answer["cause"]
    finally:
        delete_role(name)
