"""Events arrive: S3's notifications, messages of SNS, EventBridge's rules; with the permission of who gets them."""

import base64
import json
import time
import uuid

import boto3
import pytest
import requests
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from harness.emulator.events.rules import input_of
from tests.emulator.packages import package
from tests.waiting import active, until

ROLE = "arn:aws:iam::123456789012:role/everything"
CODE = """
import json, os
import boto3

def handler(event, context):
    boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps(event))
"""
EVENT = {"detail": {"n": 1, "s": 'a"b'}}
PATTERN = json.dumps({"source": ["my.app"]})


@pytest.fixture(scope="module")
def clients(target, role):
    return {name: boto3.client(name) for name in ("lambda", "s3", "sns", "sqs", "events", "stepfunctions")}


@pytest.fixture
def queue(clients):
    return clients["sqs"].create_queue(QueueName=f"q-{uuid.uuid4().hex[:8]}")["QueueUrl"]


@pytest.fixture
def function(clients, queue):
    """A function that puts the events it gets into the queue."""
    name = f"f-{uuid.uuid4().hex[:8]}"
    arn = clients["lambda"].create_function(
        FunctionName=name,
        Runtime="python3.12",
        Handler="lambda_function.handler",
        Role=ROLE,
        Code={"ZipFile": package(CODE)},
        Environment={"Variables": {"QUEUE": queue}},
        Timeout=20,
    )["FunctionArn"]
    clients["lambda"].get_waiter("function_active_v2").wait(FunctionName=name)
    yield arn
    clients["lambda"].delete_function(FunctionName=name)


@pytest.fixture
def bucket(new_bucket):
    """A bucket for one test, which tells of its own events only."""
    return new_bucket()


def allow(clients, function, service, source):
    clients["lambda"].add_permission(
        FunctionName=function,
        StatementId=uuid.uuid4().hex,
        Action="lambda:InvokeFunction",
        Principal=service,
        SourceArn=source,
    )


def arn_of(clients, queue):
    answer = clients["sqs"].get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    return answer["Attributes"]["QueueArn"]


def received(clients, queue, before=lambda: None):
    """The next message in the queue; *before* is called before each look."""

    def look():
        before()
        return clients["sqs"].receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages")

    found = until(look)
    clients["sqs"].delete_message(QueueUrl=queue, ReceiptHandle=found[0]["ReceiptHandle"])
    return json.loads(found[0]["Body"])


def to_function(function, **more):
    return {"LambdaFunctionConfigurations": [{"Id": "on", "LambdaFunctionArn": function, **more}]}


def test_s3_invokes_a_function_that_lets_it(clients, bucket, function, queue):
    configuration = to_function(
        function,
        Events=["s3:ObjectCreated:*"],
        Filter={"Key": {"FilterRules": [{"Name": "suffix", "Value": ".png"}]}},
    )
    with pytest.raises(ClientError, match="Unable to validate the following destination configurations") as refused:
        clients["s3"].put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configuration)
    assert refused.value.response["Error"]["Code"] == "InvalidArgument"
    allow(clients, function, "s3.amazonaws.com", f"arn:aws:s3:::{bucket}")
    clients["s3"].put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configuration)
    clients["s3"].put_object(Bucket=bucket, Key="a.txt", Body=b"x")
    clients["s3"].put_object(Bucket=bucket, Key="a b/c.png", Body=b"xyz")
    (record,) = received(clients, queue)["Records"]
    assert (record["eventSource"], record["eventName"]) == ("aws:s3", "ObjectCreated:Put")
    assert record["s3"]["configurationId"] == "on"
    assert record["s3"]["bucket"]["arn"] == f"arn:aws:s3:::{bucket}"
    assert record["s3"]["object"]["key"] == "a+b/c.png"
    assert record["s3"]["object"]["size"] == 3


def test_s3_tells_queues_of_what_is_removed(clients, bucket, queue):
    arn = arn_of(clients, queue)
    configuration = {"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectRemoved:*"]}]}
    clients["s3"].put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configuration)
    assert received(clients, queue)["Event"] == "s3:TestEvent"
    clients["s3"].put_object(Bucket=bucket, Key="gone", Body=b"x")
    clients["s3"].delete_object(Bucket=bucket, Key="gone")
    (record,) = received(clients, queue)["Records"]
    assert record["eventName"] == "ObjectRemoved:Delete"
    assert "size" not in record["s3"]["object"]


def test_sns_invokes_its_subscribers(clients, function, queue):
    topic = clients["sns"].create_topic(Name=f"t-{uuid.uuid4().hex[:8]}")["TopicArn"]
    clients["sns"].subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function)
    clients["sns"].publish(TopicArn=topic, Message="before it may", Subject="s")
    allow(clients, function, "sns.amazonaws.com", topic)
    clients["sns"].publish(TopicArn=topic, Message="hello", Subject="s")
    (record,) = received(clients, queue)["Records"]
    assert record["EventSource"] == "aws:sns"
    assert (record["Sns"]["TopicArn"], record["Sns"]["Message"], record["Sns"]["Subject"]) == (topic, "hello", "s")


@pytest.mark.parametrize(("version", "algorithm"), [("1", hashes.SHA1()), ("2", hashes.SHA256())])
def test_sns_signs_as_its_topic_asks(target, clients, queue, version, algorithm):
    sns, arn = clients["sns"], arn_of(clients, queue)
    attributes = {"SignatureVersion": "2"} if version == "2" else {}
    topic = sns.create_topic(Name=f"t-{uuid.uuid4().hex[:8]}", Attributes=attributes)["TopicArn"]
    subscription = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)["SubscriptionArn"]
    sns.publish(TopicArn=topic, Message="hello", Subject="s")
    message = received(clients, queue)
    assert message["SignatureVersion"] == version
    assert message["UnsubscribeURL"].endswith(f"SubscriptionArn={subscription}")
    there = {"https": target.environment["HTTPS_PROXY"]}
    pem = requests.get(
        message["SigningCertURL"], proxies=there, verify=target.environment["AWS_CA_BUNDLE"], timeout=10
    ).content
    signed = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
    text = "".join(f"{part}\n{message[part]}\n" for part in signed)
    assert pem.startswith(b"-----BEGIN"), pem
    key = x509.load_pem_x509_certificate(pem).public_key()
    key.verify(base64.b64decode(message["Signature"]), text.encode(), padding.PKCS1v15(), algorithm)


def test_a_fifo_topic_numbers_its_messages(clients):
    sns, sqs, name = clients["sns"], clients["sqs"], f"t-{uuid.uuid4().hex[:8]}.fifo"
    fifo = {"FifoTopic": "true", "ContentBasedDeduplication": "true"}
    topic = sns.create_topic(Name=name, Attributes=fifo)["TopicArn"]
    url = sqs.create_queue(QueueName=name, Attributes={"FifoQueue": "true"})["QueueUrl"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn_of(clients, url))
    numbers = [sns.publish(TopicArn=topic, Message=text, MessageGroupId="g")["SequenceNumber"] for text in "ab"]
    entries = [{"Id": text, "Message": text, "MessageGroupId": "g"} for text in "cd"]
    done = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)["Successful"]
    numbers += [each["SequenceNumber"] for each in done]
    assert numbers == sorted(set(numbers)) and {len(number) for number in numbers} == {20}
    seen = [json.loads(each["Body"]) for each in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]]
    assert [(each["Message"], each["SequenceNumber"]) for each in seen] == list(zip("abcd", numbers, strict=True))


def test_s3_tells_eventbridge_what_aws_tells_it(clients, bucket, queue):
    name, events = f"r-{uuid.uuid4().hex[:8]}", clients["events"]
    pattern = {"source": ["aws.s3"], "detail": {"reason": ["PutObject", "DeleteObject"], "bucket": {"name": [bucket]}}}
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, Targets=[{"Id": "q", "Arn": arn_of(clients, queue)}])
    clients["s3"].put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    etag = clients["s3"].put_object(Bucket=bucket, Key="a b.png", Body=b"x")["ETag"].strip('"')
    made = received(clients, queue)
    assert (made["detail-type"], made["resources"]) == ("Object Created", [f"arn:aws:s3:::{bucket}"])
    found = made["detail"]["object"]
    assert {**found, "sequencer": ""} == {"key": "a b.png", "size": 1, "etag": etag, "sequencer": ""}
    clients["s3"].delete_object(Bucket=bucket, Key="a b.png")
    gone = received(clients, queue)
    assert (gone["detail-type"], gone["detail"]["deletion-type"]) == ("Object Deleted", "Permanently Deleted")
    events.remove_targets(Rule=name, Ids=["q"])
    events.delete_rule(Name=name)


def test_rules_send_events_to_functions_and_machines(clients, function, queue):
    name = f"r-{uuid.uuid4().hex[:8]}"
    rule = clients["events"].put_rule(Name=name, EventPattern=PATTERN)["RuleArn"]
    allow(clients, function, "events.amazonaws.com", rule)
    machine = clients["stepfunctions"].create_state_machine(
        name=name, roleArn=ROLE, definition=json.dumps({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}})
    )["stateMachineArn"]
    transformed = {"InputPathsMap": {"n": "$.detail.n"}, "InputTemplate": '{"number": <n>, "text": "n is <n>"}'}
    clients["events"].put_targets(
        Rule=name,
        Targets=[
            {"Id": "function", "Arn": function},
            {"Id": "machine", "Arn": machine, "RoleArn": ROLE, "InputTransformer": transformed},
        ],
    )
    entry = {"Source": "my.app", "DetailType": "T", "Detail": json.dumps({"n": 7})}
    clients["events"].put_events(Entries=[{**entry, "Source": "other"}, entry])
    event = received(clients, queue)
    assert (event["source"], event["detail-type"], event["detail"]) == ("my.app", "T", {"n": 7})
    assert event["account"] == "123456789012"
    ran = until(lambda: clients["stepfunctions"].list_executions(stateMachineArn=machine)["executions"])
    given = clients["stepfunctions"].describe_execution(executionArn=ran[0]["executionArn"])["input"]
    assert json.loads(given) == {"number": 7, "text": "n is 7"}
    assert len(ran) == 1


def test_scheduled_rules_go_by_the_test_clock(clients, clock, function, queue):
    name = f"r-{uuid.uuid4().hex[:8]}"
    rule = clients["events"].put_rule(Name=name, ScheduleExpression="rate(1 hour)")["RuleArn"]
    allow(clients, function, "events.amazonaws.com", rule)
    clients["events"].put_targets(Rule=name, Targets=[{"Id": "f", "Arn": function}])
    clock.advance(3600)  # at once: the hour counts from when the rule was put
    event = received(clients, queue)
    clients["events"].remove_targets(Rule=name, Ids=["f"])
    clients["events"].delete_rule(Name=name)
    assert (event["detail-type"], event["resources"]) == ("Scheduled Event", [rule])


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ({}, EVENT),
        ({"Input": '{"x": 1}'}, {"x": 1}),
        ({"InputPath": "$.detail.n"}, 1),
        ({"InputTransformer": {"InputPathsMap": {"s": "$.detail.s"}, "InputTemplate": '"say <s>"'}}, 'say a"b'),
        ({"InputTransformer": {"InputPathsMap": {"s": "$.detail.s"}, "InputTemplate": '{"s": <s>}'}}, {"s": 'a"b'}),
        (
            {"InputTransformer": {"InputTemplate": '{"e": <aws.events.event.json>}'}},
            {"e": {"detail": {"n": 1, "s": 'a"b'}}},
        ),
    ],
)
def test_what_a_target_gets_of_an_event(target, expected):
    assert input_of(target, EVENT) == expected


UNPACKS = """
import base64, boto3, gzip, json, os
def lambda_handler(event, context):
    body = gzip.decompress(base64.b64decode(event["awslogs"]["data"])).decode()
    boto3.client("sqs").send_message(QueueUrl=os.environ["TOLD"], MessageBody=body)
"""


def test_log_events_reach_a_function_that_logs_may_invoke(target, role):
    logs, functions, sqs = (boto3.client(name) for name in ("logs", "lambda", "sqs"))
    name = f"subscribed-{uuid.uuid4().hex[:8]}"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = functions.create_function(
        FunctionName=name,
        Runtime="python3.11",
        Role=role,
        Handler="lambda_function.lambda_handler",
        Code={"ZipFile": package(UNPACKS)},
        Environment={"Variables": {"TOLD": url}},
    )["FunctionArn"]
    active(functions, name)
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="s")
    given = {"logGroupName": name, "filterName": "f", "destinationArn": arn}
    with pytest.raises(ClientError, match="Make sure you have given CloudWatch Logs permission"):
        logs.put_subscription_filter(filterPattern="ERROR", **given)
    functions.add_permission(
        FunctionName=name, StatementId="l", Action="lambda:InvokeFunction", Principal="logs.amazonaws.com"
    )
    with pytest.raises(ClientError, match="Invalid filter pattern"):
        logs.put_subscription_filter(filterPattern="{ $.level = }", **given)
    logs.put_subscription_filter(filterPattern='{ $.level = "ERROR" && $.code >= 500 }', **given)
    now, bad = int(time.time() * 1000), json.dumps({"level": "ERROR", "code": 500})
    events = [{"timestamp": now, "message": text} for text in ("ERROR 500", bad.replace("500", "4"), bad)]
    logs.put_log_events(logGroupName=name, logStreamName="s", logEvents=events)
    (message,) = until(lambda: sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages"))
    told = json.loads(message["Body"])
    assert [each["message"] for each in told["logEvents"]] == [bad]
    assert (told["logGroup"], told["logStream"], told["subscriptionFilters"]) == (name, "s", ["f"])
    functions.delete_function(FunctionName=name)
    logs.delete_log_group(logGroupName=name)


def test_a_bus_hands_on_to_another_and_that_to_no_third(target):
    """So a bus that is its own target receives an event twice, where it went round for ever."""
    events, sqs = boto3.client("events"), boto3.client("sqs")
    url = sqs.create_queue(QueueName="handed-on")["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "*", "Resource": queue}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Statement": [policy]})})
    buses = {name: events.create_event_bus(Name=name)["EventBusArn"] for name in ("first", "second", "third")}
    onwards = {"first": ("second",), "second": ("third", "second", "first"), "third": ()}
    for name, others in onwards.items():
        events.put_rule(Name="on", EventBusName=name, EventPattern='{"source": ["test"]}')
        targets = [{"Id": other, "Arn": buses[other]} for other in others]
        targets.append({"Id": "queue", "Arn": queue, "Input": json.dumps(name)})
        events.put_targets(Rule="on", EventBusName=name, Targets=targets)
    entry = {"Source": "test", "DetailType": "d", "Detail": "{}", "EventBusName": "first"}
    assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0
    told = []

    def all_told():
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", ())
        told.extend(each["Body"] for each in found)
        return len(told) >= 2 and not found

    until(all_told)
    assert sorted(told) == ["first", "second"]
    for name in buses:
        ids = [*onwards[name], "queue"]
        events.remove_targets(Rule="on", EventBusName=name, Ids=ids)
        events.delete_rule(Name="on", EventBusName=name)
        events.delete_event_bus(Name=name)
    sqs.delete_queue(QueueUrl=url)
