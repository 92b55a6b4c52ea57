"""Queues and streams reach functions, loops are cut, and sources that cannot be read are refused when mapped."""

import json
import uuid
from datetime import datetime, timedelta

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.emulator.conftest import delete_role, make_role
from tests.emulator.packages import package
from tests.waiting import active, until

TELL = """
import boto3, json, os
def lambda_handler(event, context):
    boto3.client("sqs").send_message(QueueUrl=os.environ["TOLD"], MessageBody=json.dumps(event))
"""
FAILS_FOR_BAD = """
import boto3, json, os
def lambda_handler(event, context):
    boto3.client("sqs").send_message(QueueUrl=os.environ["TOLD"], MessageBody=json.dumps(len(event["Records"])))
    for record in event["Records"]:
        if record["dynamodb"]["Keys"]["id"]["S"] == "bad":
            return {"batchItemFailures": [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]}]}
"""
ADDS_UP = """
import base64, boto3, json, os
def lambda_handler(event, context):
    boto3.client("sqs").send_message(QueueUrl=os.environ["TOLD"], MessageBody=json.dumps(event))
    state = event["state"]
    for record in event["Records"]:
        given = json.loads(base64.b64decode(record["kinesis"]["data"]))
        state["sum"] = state.get("sum", 0) + given["a"]
        state["padding"] = "x" * given.get("padding", 0)
    return {"state": state}
"""
AROUND = """
import boto3, os
def lambda_handler(event, context):
    boto3.client("sqs").send_message(QueueUrl=os.environ["TOLD"], MessageBody="again")
"""
SLOW = """
import time
def lambda_handler(event, context):
    time.sleep(1.5)
"""
CALLS_ITSELF = """
import boto3, json, os
def lambda_handler(event, context):
    count = event.get("count", 1)
    boto3.client("sqs").send_message(QueueUrl=os.environ["TOLD"], MessageBody=str(count))
    if count < 18:
        event = json.dumps({"count": count + 1})
        boto3.client("lambda").invoke(FunctionName=context.function_name, InvocationType="Event", Payload=event)
"""


@pytest.fixture(scope="module")
def client(target):
    return boto3.client("lambda")


@pytest.fixture
def queue(target):
    made = []

    def make(**attributes):
        sqs = boto3.client("sqs")
        url = sqs.create_queue(QueueName=f"source-{uuid.uuid4().hex[:8]}", Attributes=attributes)["QueueUrl"]
        made.append(url)
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        return url, arn

    yield make
    for url in made:
        boto3.client("sqs").delete_queue(QueueUrl=url)


@pytest.fixture
def deploy(client, role):
    made, mapped = [], []

    def make(source, mapping=None, **settings):
        name = f"source-{uuid.uuid4().hex[:8]}"
        given = {"Runtime": "python3.11", "Handler": "lambda_function.lambda_handler", "Role": role, **settings}
        client.create_function(FunctionName=name, Code={"ZipFile": package(source)}, **given)
        active(client, name)
        made.append(name)
        if mapping:
            mapped.append(client.create_event_source_mapping(FunctionName=name, **mapping)["UUID"])
        return name

    yield make
    for number in mapped:
        client.delete_event_source_mapping(UUID=number)
    for name in made:
        client.delete_function(FunctionName=name)


@pytest.fixture
def table(target):
    dynamodb = boto3.client("dynamodb")
    name = f"table-{uuid.uuid4().hex[:8]}"
    made = dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    yield name, made["TableDescription"]["LatestStreamArn"]
    dynamodb.delete_table(TableName=name)


def told(url, number=1, seconds=15):
    """Bodies of so many messages."""
    sqs, found = boto3.client("sqs"), []

    def receive():
        for message in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            found.append(json.loads(message["Body"]))
        return found

    return until(receive, seconds, enough=lambda bodies: len(bodies) >= number)


def told_of(url):
    return {"Environment": {"Variables": {"TOLD": url}}}


def test_a_tables_stream_reaches_a_function_as_far_as_filters_let_it(deploy, queue, table):
    url, _ = queue()
    name, arn = table
    pattern = json.dumps({"eventName": ["INSERT"], "dynamodb": {"NewImage": {"kind": {"S": ["bike"]}}}})
    filters = {"Filters": [{"Pattern": pattern}]}
    given = {"EventSourceArn": arn, "StartingPosition": "TRIM_HORIZON", "FilterCriteria": filters, "BatchSize": 1}
    deploy(TELL, given, **told_of(url))
    dynamodb = boto3.client("dynamodb")
    for number, kind in enumerate(("bike", "car", "bike")):
        item = {"id": {"S": str(number)}, "kind": {"S": kind}, "raw": {"B": b"\0\1"}}
        dynamodb.put_item(TableName=name, Item=item)
    records = [event["Records"][0] for event in told(url, 2)]
    assert [record["dynamodb"]["Keys"]["id"]["S"] for record in records] == ["0", "2"]
    assert records[0]["eventSourceARN"] == arn
    assert (records[0]["eventName"], records[0]["eventSource"]) == ("INSERT", "aws:dynamodb")
    assert records[0]["dynamodb"]["NewImage"]["raw"] == {"B": "AAE="}
    assert isinstance(records[0]["dynamodb"]["ApproximateCreationDateTime"], float)


def test_a_streams_failed_record_is_tried_again_and_given_up(deploy, queue, table):
    url, _ = queue()
    letters, letters_arn = queue()
    name, arn = table
    dynamodb = boto3.client("dynamodb")
    for key in ("good", "bad", "late"):
        dynamodb.put_item(TableName=name, Item={"id": {"S": key}})
    given = {
        "EventSourceArn": arn,
        "StartingPosition": "TRIM_HORIZON",
        "MaximumRetryAttempts": 1,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "DestinationConfig": {"OnFailure": {"Destination": letters_arn}},
    }
    deploy(FAILS_FOR_BAD, given, **told_of(url))
    assert told(url, 3) == [3, 2, 2]  # what came before the failed one is done; the rest is tried twice
    (letter,) = told(letters)
    assert letter["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert letter["requestContext"]["approximateInvokeCount"] == 2
    assert letter["DDBStreamBatchInfo"]["batchSize"] == 2
    assert letter["DDBStreamBatchInfo"]["streamArn"] == arn


@pytest.fixture
def stream(target):
    kinesis = boto3.client("kinesis")
    name = f"stream-{uuid.uuid4().hex[:8]}"
    kinesis.create_stream(StreamName=name, ShardCount=1)
    kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})
    yield name, kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]
    kinesis.delete_stream(StreamName=name)


def put(stream, **data):
    boto3.client("kinesis").put_record(StreamName=stream, Data=json.dumps(data).encode(), PartitionKey="k")


def test_records_of_kinesis_reach_a_function(deploy, queue, stream):
    url, _ = queue()
    name, arn = stream
    put(name, a=1)
    deploy(TELL, {"EventSourceArn": arn, "StartingPosition": "TRIM_HORIZON"}, **told_of(url))
    ((record,),) = (event["Records"] for event in told(url))
    assert record["kinesis"]["data"] == "eyJhIjogMX0="
    assert record["eventID"].startswith("shardId-000000000000:")


def test_a_consumer_of_kinesis_is_a_source_as_well(client, deploy, queue, stream):
    url, _ = queue()
    name, arn = stream
    gone = f"{arn}/consumer/gone:1"
    with pytest.raises(client.exceptions.InvalidParameterValueException, match=f"Stream not found: {gone}"):
        deploy(TELL, {"EventSourceArn": gone, "StartingPosition": "TRIM_HORIZON"})
    consumer = boto3.client("kinesis").register_stream_consumer(StreamARN=arn, ConsumerName="reader")["Consumer"]
    put(name, a=1)
    source = consumer["ConsumerARN"]
    deploy(TELL, {"EventSourceArn": source, "StartingPosition": "TRIM_HORIZON"}, **told_of(url))
    ((record,),) = (event["Records"] for event in told(url))
    assert (record["kinesis"]["data"], record["eventSourceARN"]) == ("eyJhIjogMX0=", source)


def test_a_window_hands_its_state_on_to_its_end(deploy, queue, stream):
    url, _ = queue()
    name, arn = stream
    mapping = {"EventSourceArn": arn, "StartingPosition": "TRIM_HORIZON", "TumblingWindowInSeconds": 2}
    deploy(ADDS_UP, {**mapping, "BatchSize": 1}, **told_of(url))
    for number in (1, 2):  # of one window, or of two
        put(name, a=number)
    events, finals = [], []
    while sum(event["state"]["sum"] for event in finals) < 3:
        (event,) = told(url)
        events.append(event)
        finals = [event for event in events if event["isFinalInvokeForWindow"]]
    for event in events:
        length = datetime.fromisoformat(event["window"]["end"]) - datetime.fromisoformat(event["window"]["start"])
        assert length == timedelta(seconds=2)
        assert event["shardId"] == "shardId-000000000000" and event["eventSourceARN"] == arn
        assert event["isWindowTerminatedEarly"] is False
        assert bool(event["Records"]) is not event["isFinalInvokeForWindow"]
    assert events[0]["state"] == {}


def test_a_window_of_too_much_state_is_ended_early(deploy, queue, stream):
    url, _ = queue()
    name, arn = stream
    mapping = {"EventSourceArn": arn, "StartingPosition": "TRIM_HORIZON", "TumblingWindowInSeconds": 900}
    deploy(
        ADDS_UP.replace("json.dumps(event)", "json.dumps({**event, 'state': len(event['state'])})"),
        mapping,
        **told_of(url),
    )
    put(name, a=1, padding=1 << 20)
    first, early = told(url, 2)
    assert (first["isWindowTerminatedEarly"], first["state"]) == (False, 0)
    assert (early["isWindowTerminatedEarly"], early["isFinalInvokeForWindow"], early["Records"]) == (True, False, [])
    put(name, a=1)
    (third,) = told(url)
    assert (third["state"], third["window"]) == (0, first["window"])


def test_a_window_s_answer_without_a_state_is_a_failure(deploy, queue, stream):
    url, _ = queue()
    letters, letters_arn = queue()
    name, arn = stream
    deploy(
        TELL,
        {
            "EventSourceArn": arn,
            "StartingPosition": "TRIM_HORIZON",
            "TumblingWindowInSeconds": 900,
            "MaximumRetryAttempts": 0,
            "DestinationConfig": {"OnFailure": {"Destination": letters_arn}},
        },
        **told_of(url),
    )
    put(name, a=1)
    (letter,) = told(letters)
    assert letter["requestContext"]["condition"] == "RetryAttemptsExhausted"


def test_windows_are_for_streams(client, deploy, queue):
    _, arn = queue()
    function = deploy(TELL)
    with pytest.raises(client.exceptions.InvalidParameterValueException, match="Unsupported TumblingWindowInSeconds"):
        client.create_event_source_mapping(FunctionName=function, EventSourceArn=arn, TumblingWindowInSeconds=5)


def test_a_source_that_is_not_there_or_may_not_be_read_is_refused(client, deploy, queue, table):
    _, arn = queue()
    able = deploy(TELL)
    missing = arn + "-missing"
    with pytest.raises(ClientError, match=r"SQS Error Code: AWS\.SimpleQueueService\.NonExistentQueue"):
        client.create_event_source_mapping(FunctionName=able, EventSourceArn=missing)
    with pytest.raises(ClientError, match="Stream not found"):
        client.create_event_source_mapping(FunctionName=able, EventSourceArn=table[1][:-1], StartingPosition="LATEST")
    with pytest.raises(ClientError, match="Maximum batch window in seconds must be greater than 0"):
        client.create_event_source_mapping(FunctionName=able, EventSourceArn=arn, BatchSize=11)
    for pattern in ({"body": "text"}, {"body": []}, {"body": {}}, "text", None):
        filters = {"Filters": [{"Pattern": json.dumps(pattern)}]}
        with pytest.raises(ClientError, match="Invalid filter pattern definition"):
            client.create_event_source_mapping(FunctionName=able, EventSourceArn=arn, FilterCriteria=filters)
    poor_role = make_role("reads-nothing")
    poor = deploy(TELL, Role=poor_role)
    try:
        with pytest.raises(ClientError, match="does not have permissions to call ReceiveMessage on SQS"):
            client.create_event_source_mapping(FunctionName=poor, EventSourceArn=arn)
        with pytest.raises(ClientError, match="Please ensure the role can perform the GetRecords"):
            client.create_event_source_mapping(FunctionName=poor, EventSourceArn=table[1], StartingPosition="LATEST")
    finally:
        delete_role("reads-nothing")


def test_batches_of_a_queue_run_beside_each_other_as_far_as_is_configured(client, deploy, queue):
    url, arn = queue(VisibilityTimeout="30")
    sqs = boto3.client("sqs")
    for number in range(4):
        sqs.send_message(QueueUrl=url, MessageBody=str(number))
    scaling = {"ScalingConfig": {"MaximumConcurrency": 2}}
    deploy(SLOW, {"EventSourceArn": arn, "BatchSize": 1, **scaling}, Timeout=10)
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

    def left():
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return [int(found[each]) for each in names]

    under_way = []
    until(lambda: under_way.append(left()) or left() == [0, 0])
    assert max(running for _, running in under_way) == 2


def test_a_loop_through_a_queue_is_cut(client, deploy, queue):
    letters, letters_arn = queue()
    policy = json.dumps({"deadLetterTargetArn": letters_arn, "maxReceiveCount": 5})
    url, arn = queue(RedrivePolicy=policy)
    name = deploy(AROUND, {"EventSourceArn": arn, "BatchSize": 1}, **told_of(url))
    sqs = boto3.client("sqs")
    sqs.send_message(QueueUrl=url, MessageBody="once")
    found = sqs.receive_message(QueueUrl=letters, WaitTimeSeconds=20, AttributeNames=["All"])["Messages"]
    assert [message["Body"] for message in found] == ["again"]
    until(lambda: started(name) == 16)


def started(name):
    events = boto3.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    return sum(event["message"].startswith("START ") for event in events)


def test_a_function_that_calls_itself_is_cut_unless_that_is_allowed(client, deploy, queue):
    url, _ = queue()
    letters, letters_arn = queue()
    name = deploy(CALLS_ITSELF, DeadLetterConfig={"TargetArn": letters_arn}, **told_of(url))
    assert client.get_function_recursion_config(FunctionName=name)["RecursiveLoop"] == "Terminate"
    client.invoke(FunctionName=name)
    assert told(letters) == [{"count": 17}]
    assert len(told(url, 16)) == 16
    client.put_function_recursion_config(FunctionName=name, RecursiveLoop="Allow")
    client.invoke(FunctionName=name)
    assert len(told(url, 18)) == 18
