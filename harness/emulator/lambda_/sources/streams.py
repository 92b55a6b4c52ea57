"""Streams of DynamoDB and Kinesis, read for functions.

https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
"""

from __future__ import annotations

import base64
import json
import logging
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from harness.emulator.lambda_.sources.reading import (
    LOOK,
    EventSourceMapping,
    Reading,
    SourceAnswer,
    as_event,
    failures,
    is_wanted,
)

logger = logging.getLogger(__name__)

_CLIENTS = {"dynamodb": "dynamodbstreams", "kinesis": "kinesis"}
_BATCH_INFO = {"dynamodb": "DDBStreamBatchInfo", "kinesis": "KinesisBatchInfo"}
_SHARDS_AGAIN = 5.0
"""Seconds between two looks for new shards."""
_LONGEST_WAIT = 10.0


def read_stream(reading: Reading, number: str) -> None:
    """Read all shards of the stream of mapping *number*, each in its order, until it is gone or disabled."""
    threads: dict[str, threading.Thread] = {}
    while (mapping := reading.mapping(number)) is not None:
        try:
            for shard in _shards(reading, mapping):
                if shard not in threads:
                    shard_reader = _ShardReader(reading, number, shard, is_new=bool(threads))
                    threads[shard] = threading.Thread(target=shard_reader.read, name="event-source", daemon=True)
                    threads[shard].start()
        except Exception as error:
            if not reading.closed.is_set():
                logger.warning("event source mapping %s: %s", number, error)
        reading.closed.wait(_SHARDS_AGAIN)


def _shards(reading: Reading, mapping: EventSourceMapping) -> list[str]:
    service, arn = _service(mapping), mapping["EventSourceArn"]
    client = reading.client(_CLIENTS[service], mapping)
    described = client.describe_stream(StreamArn=arn) if service == "dynamodb" else client.list_shards(StreamARN=arn)
    found = described["StreamDescription"]["Shards"] if service == "dynamodb" else described["Shards"]
    return [str(each["ShardId"]) for each in found]


def _service(mapping: EventSourceMapping) -> str:
    return str(mapping["EventSourceArn"]).split(":")[2]


class _ShardReader:
    """Reads one shard."""

    def __init__(self, reading: Reading, number: str, shard: str, is_new: bool) -> None:
        self._reading = reading
        self._number = number
        self._shard = shard
        self._is_new = is_new
        self._waiting: list[dict[str, Any]] = []
        """Records that have been read and not handed over, as the function gets them."""

    def read(self) -> None:
        """Read until the mapping is gone or disabled, or the shard ends."""
        iterator: str | None = None
        while (mapping := self._reading.mapping(self._number)) is not None:
            try:
                client = self._reading.client(_CLIENTS[_service(mapping)], mapping)
                if iterator is None:
                    iterator = self._first(client, mapping)
                iterator = self._batch(client, iterator, mapping)
                if self._waiting:
                    batch, self._waiting = self._waiting, []
                    self._deliver(batch, mapping)
                elif iterator is None:
                    return
            except Exception as error:
                if not self._reading.closed.is_set():
                    logger.warning("event source mapping %s: %s", self._number, error)
                iterator = iterator or None
                self._reading.closed.wait(1)

    def _first(self, client: Any, mapping: EventSourceMapping) -> str:
        position = "TRIM_HORIZON" if self._is_new else str(mapping["StartingPosition"])
        given: dict[str, Any] = {"ShardId": self._shard, "ShardIteratorType": position}
        if _service(mapping) == "dynamodb":
            given["StreamArn"] = mapping["EventSourceArn"]
        else:
            given["StreamName"] = str(mapping["EventSourceArn"]).rpartition("/")[2]
            if position == "AT_TIMESTAMP":
                given["Timestamp"] = mapping["StartingPositionTimestamp"]
        return str(client.get_shard_iterator(**given)["ShardIterator"])

    def _batch(self, client: Any, iterator: str, mapping: EventSourceMapping) -> str | None:
        """Read until there is a batch, or its window is over; gives the next iterator, None at the shard's end."""
        size, until = int(mapping["BatchSize"]), None
        following: str | None = iterator
        while following is not None and len(self._waiting) < size:
            answer = client.get_records(ShardIterator=following, Limit=min(size - len(self._waiting), 1000))
            following = answer.get("NextShardIterator")
            found = [self._record(each, mapping) for each in answer["Records"]]
            self._waiting += [each for each in found if is_wanted(_read(each), mapping)]
            if found and until is None:
                until = time.monotonic() + float(mapping["MaximumBatchingWindowInSeconds"])
            if not found and (until is None or time.monotonic() >= until):
                if not self._waiting:
                    self._reading.closed.wait(LOOK)
                break
            if not found and self._reading.closed.wait(LOOK):
                break
        return following

    def _deliver(self, batch: list[dict[str, Any]], mapping: EventSourceMapping) -> None:
        """Hand a batch over until it is done or given up; the shard waits for it, as its order asks for."""
        attempts, wait = 0, LOOK
        most, age = int(mapping["MaximumRetryAttempts"]), int(mapping["MaximumRecordAgeInSeconds"])
        while batch and self._reading.mapping(self._number) is not None:
            if age >= 0 and time.time() - _arrival(batch[0]) > age:
                self._give_up(batch, mapping, SourceAnswer("", None), attempts, "RecordAgeExceeded")
                return
            answer = self._reading.invoke(str(mapping["FunctionArn"]), as_event(batch), "")
            attempts += 1
            rest = _rest(batch, answer, mapping)
            if not rest:
                return
            if len(rest) < len(batch):  # a checkpoint: what came before it is done
                batch, attempts, wait = rest, 0, LOOK
                continue
            if 0 <= most < attempts:
                self._give_up(batch, mapping, answer, attempts, "RetryAttemptsExhausted")
                return
            if mapping.get("BisectBatchOnFunctionError") and len(batch) > 1:
                middle = len(batch) // 2
                self._deliver(batch[:middle], mapping)
                self._deliver(batch[middle:], mapping)
                return
            self._reading.closed.wait(wait)
            wait = min(2 * wait, _LONGEST_WAIT)

    def _give_up(
        self,
        batch: list[dict[str, Any]],
        mapping: EventSourceMapping,
        answer: SourceAnswer,
        attempts: int,
        condition: str,
    ) -> None:
        """Tell the mapping's destination of a batch that is not tried again.

        https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
        """
        logger.warning("event source mapping %s gives up %d records: %s", self._number, len(batch), condition)
        destination = ((mapping.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")
        if not destination:
            return
        now = datetime.now(UTC)
        record: dict[str, Any] = {
            "requestContext": {
                "requestId": answer.request_id,
                "functionArn": mapping["FunctionArn"],
                "condition": condition,
                "approximateInvokeCount": attempts,
            },
            "responseContext": {
                "statusCode": 200,
                "executedVersion": answer.version,
                "functionError": "Unhandled",
            },
            "version": "1.0",
            "timestamp": _text(now.timestamp(), _service(mapping), always=True),
            _BATCH_INFO[_service(mapping)]: {
                "shardId": self._shard,
                "startSequenceNumber": _sequence(batch[0]),
                "endSequenceNumber": _sequence(batch[-1]),
                "approximateArrivalOfFirstRecord": _text(_arrival(batch[0]), _service(mapping)),
                "approximateArrivalOfLastRecord": _text(_arrival(batch[-1]), _service(mapping)),
                "batchSize": len(batch),
                "streamArn": mapping["EventSourceArn"],
            },
        }
        parts = str(destination).split(":")
        client = self._reading.client(parts[2], mapping)
        match parts[2]:
            case "sqs":
                own = self._reading.client("sqs", mapping, as_role=False)
                address = own.get_queue_url(QueueName=parts[5])["QueueUrl"]
                client.send_message(QueueUrl=address, MessageBody=json.dumps(record))
            case "sns":
                client.publish(TopicArn=destination, Message=json.dumps(record))
            case "s3":
                record["payload"] = as_event(batch).decode()
                day = f"aws/lambda/{self._number}/{self._shard}/{now:%Y/%m/%d}"
                key = f"{day}/{now:%Y-%m-%dT%H.%M.%S}-{answer.request_id}"
                client.put_object(Bucket=parts[5], Key=key, Body=json.dumps(record).encode())
            case _:
                logger.warning("not emulated: %s as destination of a stream's failed batches", destination)

    def _record(self, found: Mapping[str, Any], mapping: EventSourceMapping) -> dict[str, Any]:
        arn = str(mapping["EventSourceArn"])
        if _service(mapping) == "dynamodb":
            record: dict[str, Any] = json.loads(json.dumps(found, default=_plain))
            return {**record, "eventSourceARN": arn}
        sequence = str(found["SequenceNumber"])
        return {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": found["PartitionKey"],
                "sequenceNumber": sequence,
                "data": base64.b64encode(found["Data"]).decode(),
                "approximateArrivalTimestamp": round(found["ApproximateArrivalTimestamp"].timestamp(), 3),
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"{self._shard}:{sequence}",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": self._reading.session(mapping).role,
            "awsRegion": arn.split(":")[3],
            "eventSourceARN": arn,
        }


def _rest(batch: list[dict[str, Any]], answer: SourceAnswer, mapping: EventSourceMapping) -> list[dict[str, Any]]:
    """What of a batch is still to be done: from the first record on that the function has failed with."""
    if answer.is_loop:
        return []
    failed = failures(answer.payload, mapping) if answer.payload is not None else None
    if failed is None:
        return batch
    if not failed:
        return []
    numbers = [_sequence(record) for record in batch]
    if not set(failed) <= set(numbers):
        return batch
    return batch[min(numbers.index(each) for each in failed) :]


def _sequence(record: Mapping[str, Any]) -> str:
    inner = record.get("kinesis") or record["dynamodb"]
    return str(inner.get("sequenceNumber") or inner.get("SequenceNumber"))


def _arrival(record: Mapping[str, Any]) -> float:
    inner = record.get("kinesis") or record["dynamodb"]
    return float(inner.get("approximateArrivalTimestamp") or inner.get("ApproximateCreationDateTime") or time.time())


def _text(seconds: float, service: str, always: bool = False) -> str:
    """A time as AWS writes it: DynamoDB knows no milliseconds."""
    moment = datetime.fromtimestamp(seconds, UTC)
    exact = always or service == "kinesis"
    return moment.isoformat(timespec="milliseconds" if exact else "seconds").replace("+00:00", "Z")


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return float(int(value.timestamp()))  # DynamoDB knows no milliseconds
    raise TypeError(type(value).__name__)


def _read(record: dict[str, Any]) -> dict[str, Any]:
    """A record with its data as filters see it.

    https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis-filtering.html
    """
    if "kinesis" not in record:
        return record
    try:
        data: Any = json.loads(base64.b64decode(record["kinesis"]["data"]))
    except ValueError:
        data = record["kinesis"]["data"]
    return {**record, "data": data}
