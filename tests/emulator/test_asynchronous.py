"""Events that nobody waits for: tried again as Lambda does, and told of afterwards."""

import json
import uuid

import boto3
import pytest

from tests.emulator.acting import allow
from tests.emulator.conftest import delete_role, make_role
from tests.emulator.packages import package
from tests.waiting import active, until

# Fails so often, and notes each attempt in a file: functions share this machine's folders.
HANDLER = """
def lambda_handler(event, context):
    with open(event["file"], "a") as file:
        file.write(context.aws_request_id + "\\n")
    if len(open(event["file"]).readlines()) <= event["failures"]:
        raise ValueError("not yet")
    return "done"
"""


@pytest.fixture
def invoke(role, tmp_path):
    """Makes a function and sends it an event; gives its name, the event, and the file of its attempts."""
    functions, made = boto3.client("lambda"), []

    def send(failures, config=None, role=role, **more):
        name = f"event-{uuid.uuid4().hex[:8]}"
        functions.create_function(
            FunctionName=name,
            Role=role,
            Runtime="python3.12",
            Handler="lambda_function.lambda_handler",
            Code={"ZipFile": package(HANDLER)},
            **more,
        )
        active(functions, name)
        made.append(name)
        if config is not None:
            functions.put_function_event_invoke_config(FunctionName=name, **config)
        event = {"file": str(tmp_path / name), "failures": failures}
        answer = functions.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event))
        assert answer["StatusCode"] == 202
        return name, event, tmp_path / name

    yield send
    for name in made:
        functions.delete_function(FunctionName=name)


@pytest.fixture
def queue(target):
    """A queue: its ARN, and a function that waits for its next message."""
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName=f"queue-{uuid.uuid4().hex[:8]}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def receive():
        return until(lambda: sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"]).get("Messages"))[0]

    yield arn, receive
    sqs.delete_queue(QueueUrl=url)


def attempts(file):
    return file.read_text().splitlines() if file.exists() else []


def test_an_event_that_fails_is_tried_twice_more(clock, invoke, queue):
    arn, receive = queue
    _, _, file = invoke(9, {"DestinationConfig": {"OnFailure": {"Destination": arn}}})
    context = json.loads(receive()["Body"])["requestContext"]
    assert (context["condition"], context["approximateInvokeCount"]) == ("RetriesExhausted", 3)
    assert len(set(attempts(file))) == 1  # the request's id stays
    assert len(attempts(file)) == 3


def test_what_succeeds_is_not_tried_again(clock, invoke, queue):
    arn, receive = queue
    name, event, file = invoke(1, {"DestinationConfig": {"OnSuccess": {"Destination": arn}}})
    record = json.loads(receive()["Body"])
    assert len(attempts(file)) == 2
    context = record["requestContext"]
    assert (context["condition"], context["approximateInvokeCount"]) == ("Success", 2)
    assert context["functionArn"].endswith(f":function:{name}:$LATEST")
    assert context["requestId"] == attempts(file)[0]
    assert (record["requestPayload"], record["responsePayload"]) == (event, "done")
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST"}


def test_a_function_may_ask_for_no_further_attempts(invoke, queue):
    arn, receive = queue
    config = {"MaximumRetryAttempts": 0, "DestinationConfig": {"OnFailure": {"Destination": arn}}}
    _, _, file = invoke(9, config)
    record = json.loads(receive()["Body"])
    assert len(attempts(file)) == 1
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["responseContext"]["functionError"] == "Unhandled"
    assert record["responsePayload"]["errorType"] == "ValueError"


@pytest.mark.parametrize(("age", "count"), [(60, 1), (100, 2), (180, 2), (200, 3)])
def test_it_waits_a_minute_and_then_two_and_gives_up_what_grows_too_old(clock, invoke, queue, age, count):
    arn, receive = queue
    config = {"MaximumEventAgeInSeconds": age, "DestinationConfig": {"OnFailure": {"Destination": arn}}}
    _, _, file = invoke(9, config)
    context = json.loads(receive()["Body"])["requestContext"]
    condition = "RetriesExhausted" if count == 3 else "EventAgeExceeded"
    assert (context["condition"], context["approximateInvokeCount"]) == (condition, count)
    assert len(attempts(file)) == count


def test_a_dead_letter_queue_gets_the_event(clock, invoke, queue):
    arn, receive = queue
    _, event, file = invoke(9, DeadLetterConfig={"TargetArn": arn})
    message = receive()
    assert json.loads(message["Body"]) == event
    told = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert (told["RequestID"], told["ErrorCode"]) == (attempts(file)[0], "200")
    assert "not yet" in told["ErrorMessage"]


def test_the_role_must_be_allowed_to_tell(invoke, queue, caplog):
    arn, _ = queue
    name = f"mute-{uuid.uuid4().hex[:8]}"
    role = make_role(name, allow("logs:*"))
    config = {"MaximumRetryAttempts": 0, "DestinationConfig": {"OnFailure": {"Destination": arn}}}
    invoke(9, config, role=role)
    until(lambda: "could not be sent" in caplog.text)
    assert "is not authorized to perform: sqs:" in caplog.text
    delete_role(name)


def test_a_topic_a_bus_and_a_function_are_told(invoke, queue, role, tmp_path):
    arn, receive = queue
    sns, events, functions = boto3.client("sns"), boto3.client("events"), boto3.client("lambda")
    topic = sns.create_topic(Name=f"topic-{uuid.uuid4().hex[:8]}")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    invoke(0, {"DestinationConfig": {"OnSuccess": {"Destination": topic}}})
    assert json.loads(json.loads(receive()["Body"])["Message"])["requestContext"]["condition"] == "Success"

    bus = events.create_event_bus(Name=f"bus-{uuid.uuid4().hex[:8]}")["EventBusArn"]
    name = bus.rpartition("/")[2]
    pattern = json.dumps({"detail-type": ["Lambda Function Invocation Result - Failure"]})
    events.put_rule(Name="failed", EventBusName=name, EventPattern=pattern)
    events.put_targets(Rule="failed", EventBusName=name, Targets=[{"Id": "queue", "Arn": arn}])
    config = {"MaximumRetryAttempts": 0, "DestinationConfig": {"OnFailure": {"Destination": bus}}}
    failed, _, _ = invoke(9, config)
    told = json.loads(receive()["Body"])
    assert (told["source"], told["detail"]["responsePayload"]["errorType"]) == ("lambda", "ValueError")
    assert told["resources"][1].endswith(f":function:{failed}:$LATEST")
    events.remove_targets(Rule="failed", EventBusName=name, Ids=["queue"])
    events.delete_rule(Name="failed", EventBusName=name)
    events.delete_event_bus(Name=name)
    sns.delete_topic(TopicArn=topic)

    file, listener = tmp_path / "told", f"told-{uuid.uuid4().hex[:8]}"
    source = (
        f"import json\ndef lambda_handler(event, context):\n    open({str(file)!r}, 'w').write(json.dumps(event))\n"
    )
    functions.create_function(
        FunctionName=listener,
        Role=role,
        Runtime="python3.12",
        Handler="lambda_function.lambda_handler",
        Code={"ZipFile": package(source)},
    )
    active(functions, listener)
    own = functions.get_function(FunctionName=listener)["Configuration"]["FunctionArn"]
    invoke(0, {"DestinationConfig": {"OnSuccess": {"Destination": own}}})
    until(lambda: file.exists() and file.read_text())
    assert json.loads(file.read_text())["responsePayload"] == "done"
    functions.delete_function(FunctionName=listener)
