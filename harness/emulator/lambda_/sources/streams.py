"""Streams of DynamoDB and Kinesis, read for functions.

https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
"""

from __future__ import annotations

import json
import logging
import threading
import time
from dataclasses import replace
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
from harness.emulator.lambda_.sources.stream_records import (
    arrival_of,
    as_filtered,
    as_seen,
    sequence_of,
    service_of,
    time_text,
)
from harness.emulator.lambda_.sources.windows import Window, by_window

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
    service, arn = service_of(mapping), mapping["EventSourceArn"]
    client = reading.client(_CLIENTS[service], mapping)
    if service == "dynamodb":
        found = client.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    else:
        found = client.list_shards(StreamName=str(arn).split("/")[1])["Shards"]
    return [str(each["ShardId"]) for each in found]


class _ShardReader:
    """Reads one shard."""

    def __init__(self, reading: Reading, number: str, shard: str, is_new: bool) -> None:
        self._reading = reading
        self._number = number
        self._shard = shard
        self._is_new = is_new
        self._waiting: list[dict[str, Any]] = []
        """Records that have been read and not handed over, as the function gets them."""
        self._window: Window | None = None
        """The tumbling window that is open, where the mapping asks for such."""

    def read(self) -> None:
        """Read until the mapping is gone or disabled, or the shard ends."""
        iterator: str | None = None
        has_begun = False
        while (mapping := self._reading.mapping(self._number)) is not None:
            try:
                client = self._reading.client(_CLIENTS[service_of(mapping)], mapping)
                if not has_begun:
                    iterator, has_begun = self._first(client, mapping), True
                if iterator is not None:
                    iterator = self._batch(client, iterator, mapping)
                elif self._window is None:
                    return
                else:
                    self._reading.closed.wait(LOOK)
                batch, self._waiting = self._waiting, []
                self._hand_over(batch, mapping)
            except Exception as error:
                if not self._reading.closed.is_set():
                    logger.warning("event source mapping %s: %s", self._number, error)
                self._reading.closed.wait(1)

    def _hand_over(self, batch: list[dict[str, Any]], mapping: EventSourceMapping) -> None:
        """Hand over what was read, window by window where there are such, and end a window that is over."""
        if not mapping.get("TumblingWindowInSeconds"):
            self._deliver(batch, mapping)
            return
        for window, records in by_window(batch, mapping, self._shard):
            if self._window is not None and window.start > self._window.start:
                self._finish(self._window, mapping)
            self._window = self._window or window
            self._deliver(records, mapping)
        if self._window is not None and not batch and time.time() > self._window.end + LOOK:
            self._finish(self._window, mapping)

    def _finish(self, window: Window, mapping: EventSourceMapping, is_early: bool = False) -> None:
        """Have the function process what it has added up; the shard waits until it has."""
        wait = LOOK
        while self._reading.mapping(self._number) is not None:
            answer = self._invoke([], mapping, is_final=not is_early, is_early=is_early)
            if answer.payload is not None or answer.is_loop:
                break
            self._reading.closed.wait(wait)
            wait = min(2 * wait, _LONGEST_WAIT)
        self._window = None if not is_early else Window(window.start, window.length, window.shard, window.source)

    def _invoke(
        self, records: list[dict[str, Any]], mapping: EventSourceMapping, is_final: bool = False, is_early: bool = False
    ) -> SourceAnswer:
        """Invoke the function; within a window, an answer without a state is a failure."""
        window = self._window
        event = as_event(records) if window is None else window.event(records, is_final=is_final, is_early=is_early)
        answer = self._reading.invoke(str(mapping["FunctionArn"]), event, "")
        if window is None or answer.is_loop or window.take(answer.payload):
            return answer
        return replace(answer, payload=None)

    def _first(self, client: Any, mapping: EventSourceMapping) -> str:
        position = "TRIM_HORIZON" if self._is_new else str(mapping["StartingPosition"])
        given: dict[str, Any] = {"ShardId": self._shard, "ShardIteratorType": position}
        if service_of(mapping) == "dynamodb":
            given["StreamArn"] = mapping["EventSourceArn"]
        else:
            given["StreamName"] = str(mapping["EventSourceArn"]).split("/")[1]  # a consumer's ARN has more
            if position == "AT_TIMESTAMP":
                given["Timestamp"] = mapping["StartingPositionTimestamp"]
        return str(client.get_shard_iterator(**given)["ShardIterator"])

    def _batch(self, client: Any, iterator: str, mapping: EventSourceMapping) -> str | None:
        """Read until there is a batch, or its window is over; gives the next iterator, None at the shard's end."""
        size, until = int(mapping["BatchSize"]), None
        following: str | None = iterator
        role = self._reading.session(mapping).role
        while following is not None and len(self._waiting) < size:
            answer = client.get_records(ShardIterator=following, Limit=min(size - len(self._waiting), 1000))
            following = answer.get("NextShardIterator")
            found = [as_seen(each, mapping, self._shard, role) for each in answer["Records"]]
            self._waiting += [each for each in found if is_wanted(as_filtered(each), mapping)]
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
            if age >= 0 and time.time() - arrival_of(batch[0]) > age:
                self._give_up(batch, mapping, SourceAnswer("", None), attempts, "RecordAgeExceeded")
                return
            answer = self._invoke(batch, mapping)
            attempts += 1
            if self._window is not None and self._window.is_too_large:
                self._finish(self._window, mapping, is_early=True)
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
            "timestamp": time_text(now.timestamp(), service_of(mapping), always=True),
            _BATCH_INFO[service_of(mapping)]: {
                "shardId": self._shard,
                "startSequenceNumber": sequence_of(batch[0]),
                "endSequenceNumber": sequence_of(batch[-1]),
                "approximateArrivalOfFirstRecord": time_text(arrival_of(batch[0]), service_of(mapping)),
                "approximateArrivalOfLastRecord": time_text(arrival_of(batch[-1]), service_of(mapping)),
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


def _rest(batch: list[dict[str, Any]], answer: SourceAnswer, mapping: EventSourceMapping) -> list[dict[str, Any]]:
    """Return what of a batch is still to be done: from the first record on that the function has failed with."""
    if answer.is_loop:
        return []
    failed = failures(answer.payload, mapping) if answer.payload is not None else None
    if failed is None:
        return batch
    if not failed:
        return []
    numbers = [sequence_of(record) for record in batch]
    if not set(failed) <= set(numbers):
        return batch
    return batch[min(numbers.index(each) for each in failed) :]
