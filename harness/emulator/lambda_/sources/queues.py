"""Queues of SQS, read for functions.

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from harness.emulator.lambda_.sources.reading import (
    LOOK,
    EventSourceMapping,
    Reading,
    as_event,
    failures,
    is_wanted,
)

logger = logging.getLogger(__name__)

_AT_ONCE = 10
"""Messages that one ReceiveMessage gives."""
_BATCHES = 5
"""Batches that Lambda reads at a time to begin with; it goes up to 1,000, for which a laptop has no room."""
_TRACE = "AWSTraceHeader"


def read_queue(reading: Reading, number: str) -> None:
    """Read the queue of mapping *number* until it is gone or disabled."""
    address, free = "", threading.Condition()
    running = 0

    def hand_over(client: Any, messages: list[dict[str, Any]], mapping: EventSourceMapping) -> None:
        nonlocal running
        try:
            _hand_over(reading, client, address, messages, mapping)
        except Exception as error:
            if not reading.closed.is_set():
                logger.warning("event source mapping %s: %s", number, error)
        finally:
            with free:
                running -= 1
                free.notify()

    while (mapping := reading.mapping(number)) is not None:
        most = int((mapping.get("ScalingConfig") or {}).get("MaximumConcurrency") or _BATCHES)
        with free:
            if running >= most:
                free.wait(LOOK)
                continue
        try:
            client = reading.client("sqs", mapping)
            if not address:  # a role needs no permission to find it
                name = mapping["EventSourceArn"].split(":")[5]
                address = reading.client("sqs", mapping, as_role=False).get_queue_url(QueueName=name)["QueueUrl"]
            messages = _batch(reading, client, address, mapping)
        except Exception as error:
            if not reading.closed.is_set():
                logger.warning("event source mapping %s: %s", number, error)
            reading.closed.wait(1)
            continue
        if not messages:
            reading.closed.wait(LOOK)
            continue
        with free:
            running += 1
        threading.Thread(target=hand_over, args=(client, messages, mapping), name="event-source", daemon=True).start()


def _batch(reading: Reading, client: Any, address: str, mapping: EventSourceMapping) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    until = time.monotonic() + float(mapping["MaximumBatchingWindowInSeconds"])
    size = int(mapping["BatchSize"])
    while len(messages) < size:
        found = client.receive_message(
            QueueUrl=address,
            MaxNumberOfMessages=min(size - len(messages), _AT_ONCE),
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
            WaitTimeSeconds=0,
        ).get("Messages", [])
        messages += found
        if not messages or (not found and (time.monotonic() >= until or reading.closed.wait(LOOK))):
            break
    return messages


def _hand_over(
    reading: Reading, client: Any, address: str, messages: list[dict[str, Any]], mapping: EventSourceMapping
) -> None:
    wanted = [message for message in messages if is_wanted(_read(_record(message, mapping)), mapping)]
    left_out = [message for message in messages if message not in wanted]
    _delete(client, address, left_out)  # what the filters leave out is gone, as on AWS
    if not wanted:
        return
    event = as_event([_record(message, mapping) for message in wanted])
    traces = (str((message.get("Attributes") or {}).get(_TRACE) or "") for message in wanted)
    answer = reading.invoke(str(mapping["FunctionArn"]), event, max(traces, key=len, default=""))
    if answer.is_loop:
        _drop(reading, address, wanted, mapping)
        _delete(client, address, wanted)
    elif answer.payload is not None:
        failed = failures(answer.payload, mapping)
        if failed is not None and {message["MessageId"] for message in wanted}.issuperset(failed):
            _delete(client, address, [message for message in wanted if message["MessageId"] not in failed])


def _delete(client: Any, address: str, messages: Sequence[Mapping[str, Any]]) -> None:
    for message in messages:
        client.delete_message(QueueUrl=address, ReceiptHandle=message["ReceiptHandle"])


def _drop(reading: Reading, address: str, messages: Sequence[Mapping[str, Any]], mapping: EventSourceMapping) -> None:
    """Put messages of a loop into the queue's dead-letter queue, where it has one.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
    """
    own = reading.client("sqs", mapping, as_role=False)
    told = own.get_queue_attributes(QueueUrl=address, AttributeNames=["RedrivePolicy"]).get("Attributes") or {}
    if policy := told.get("RedrivePolicy"):
        name = json.loads(policy)["deadLetterTargetArn"].split(":")[5]
        letters = own.get_queue_url(QueueName=name)["QueueUrl"]
        for message in messages:
            own.send_message(QueueUrl=letters, MessageBody=message["Body"])


def _record(message: Mapping[str, Any], mapping: EventSourceMapping) -> dict[str, Any]:
    attributes = {
        name: {
            "stringValue": value.get("StringValue"),
            "stringListValues": [],
            "binaryListValues": [],
            "dataType": value["DataType"],
        }
        for name, value in (message.get("MessageAttributes") or {}).items()
    }
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes") or {},
        "messageAttributes": attributes,
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": mapping["EventSourceArn"],
        "awsRegion": str(mapping["EventSourceArn"]).split(":")[3],
    }


def _read(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record with its body as filters see it."""
    try:
        return {**record, "body": json.loads(record["body"])}
    except ValueError:
        return record
