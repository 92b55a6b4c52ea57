"""Event source mappings: kept here, and queues among them read.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html
https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
"""

from __future__ import annotations

import json
import logging
import threading
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from harness.emulator.access.sessions import RoleSession
from harness.emulator.door.call import Call
from harness.emulator.lambda_.control_plane import ControlPlane, table
from harness.emulator.lambda_.paging import page
from harness.emulator.lambda_.patterns import matches
from harness.emulator.lambda_.records import Function
from harness.emulator.lambda_.references import Reference, reference_of
from harness.emulator.lambda_.refusals import conflict, invalid, not_found, validation
from harness.emulator.services import Operation

logger = logging.getLogger(__name__)

_STREAMS = ("kinesis", "dynamodb", "kafka")
_KNOWN = ("sqs", "kinesis", "dynamodb", "kafka", "mq", "rds")
_AT_ONCE = 10
"""Messages that one ReceiveMessage gives."""
_LOOK = 0.2
_TAKEN = (
    "BatchSize",
    "MaximumBatchingWindowInSeconds",
    "FilterCriteria",
    "ParallelizationFactor",
    "DestinationConfig",
    "MaximumRecordAgeInSeconds",
    "BisectBatchOnFunctionError",
    "MaximumRetryAttempts",
    "TumblingWindowInSeconds",
    "FunctionResponseTypes",
    "ScalingConfig",
    "SourceAccessConfigurations",
    "SelfManagedEventSource",
    "Topics",
    "Queues",
    "StartingPosition",
    "StartingPositionTimestamp",
    "KMSKeyArn",
)


class EventMappings:
    """The operations on event source mappings, and the threads that read their queues.

    Args:
        plane: the records.
        invoke: invokes a function, an ARN, with an event, JSON text, and gives its answer; None where it failed.
    """

    def __init__(self, plane: ControlPlane, invoke: Callable[[str, bytes], bytes | None]) -> None:
        self._plane = plane
        self._store = plane.store
        self._invoke = invoke
        self._closed = threading.Event()
        self._readers: dict[str, threading.Thread] = {}

    def operations(self) -> dict[str, Operation]:
        """By name."""
        return table(
            {
                "CreateEventSourceMapping": self.create,
                "DeleteEventSourceMapping": self.delete,
                "GetEventSourceMapping": self.get,
                "ListEventSourceMappings": self.list,
                "UpdateEventSourceMapping": self.update,
            }
        )

    def start(self) -> None:
        """Read the queues of all mappings that are enabled."""
        for number in list(self._store.mappings):
            self._read(number)

    def close(self) -> None:
        """Read nothing any more."""
        self._closed.set()
        for thread in list(self._readers.values()):
            thread.join(2)

    def create(self, call: Call) -> Mapping[str, Any]:
        """Have a function get a source's records."""
        given = call.parameters
        source = given.get("EventSourceArn")
        reference, function = self._function(call)
        service = str(source).split(":")[2] if source else "kafka"
        if source is None and not given.get("SelfManagedEventSource"):
            raise invalid("Unrecognized event source.")
        if service not in _KNOWN:
            raise invalid("Unrecognized event source.")
        if source is None and not given.get("SourceAccessConfigurations"):
            raise invalid("Required 'sourceAccessConfigurations' parameter is missing.")
        if service == "sqs" and given.get("DestinationConfig"):
            raise invalid("Unsupported DestinationConfig parameter for given event source mapping type.")
        if service in ("kinesis", "dynamodb"):
            if not given.get("StartingPosition"):
                raise invalid(validation("null", "startingPosition", "not be null.").message)
            if service == "dynamodb" and given["StartingPosition"] == "AT_TIMESTAMP":
                raise invalid(f"Unsupported starting position for arn type: {source}")
        self._check_filters(given)
        target = reference.arn
        for other in self._store.mappings.values():
            if other["FunctionArn"] == target and source and other.get("EventSourceArn") == source:
                raise conflict(
                    f'The event source arn (" {source} ") and function (" {function.name} ") provided mapping '
                    f"already exists. Please update or delete the existing mapping with UUID {other['UUID']}"
                )
        number = str(uuid.uuid4())
        mapping = {
            "UUID": number,
            "EventSourceMappingArn": f"arn:aws:lambda:{call.region}:{call.account}:event-source-mapping:{number}",
            "FunctionArn": target,
            "LastModified": datetime.now(UTC),
            "BatchSize": 10 if service == "sqs" else 100,
            "MaximumBatchingWindowInSeconds": 0,
            "State": "Enabled" if given.get("Enabled", True) else "Disabled",
            "StateTransitionReason": "USER_INITIATED" if service == "sqs" else "User action",
            "FunctionResponseTypes": [],
            "Tags": dict(given.get("Tags") or {}),
        }
        if source:
            mapping["EventSourceArn"] = source
        if service in ("kinesis", "dynamodb"):
            mapping |= {
                "ParallelizationFactor": 1,
                "DestinationConfig": {"OnFailure": {}},
                "MaximumRecordAgeInSeconds": -1,
                "BisectBatchOnFunctionError": False,
                "MaximumRetryAttempts": -1,
                "TumblingWindowInSeconds": 0,
                "LastProcessingResult": "No records processed",
            }
        mapping |= {member: given[member] for member in _TAKEN if given.get(member) is not None}
        self._store.mappings[number] = mapping
        answer = {**self._described(mapping), "State": "Creating"}
        self._read(number)
        return answer

    def get(self, call: Call) -> Mapping[str, Any]:
        """Describe a mapping."""
        return self._described(self._mapping(call))

    def update(self, call: Call) -> Mapping[str, Any]:
        """Change a mapping."""
        given = call.parameters
        mapping = self._mapping(call)
        self._check_filters(given)
        if given.get("FunctionName"):
            mapping["FunctionArn"] = self._function(call)[0].arn
        mapping.update({member: given[member] for member in _TAKEN if given.get(member) is not None})
        if given.get("Enabled") is not None:
            mapping["State"] = "Enabled" if given["Enabled"] else "Disabled"
        mapping["LastModified"] = datetime.now(UTC)
        self._read(mapping["UUID"])
        return {**self._described(mapping), "State": "Updating"}

    def delete(self, call: Call) -> Mapping[str, Any]:
        """Have the function get nothing any more."""
        mapping = self._mapping(call)
        del self._store.mappings[mapping["UUID"]]
        return {**self._described(mapping), "State": "Deleting"}

    def list(self, call: Call) -> Mapping[str, Any]:
        """List mappings, those of a function or source."""
        given = call.parameters
        wanted = reference_of(call).arn if given.get("FunctionName") else None
        found = [
            self._described(mapping)
            for mapping in self._store.mappings.values()
            if mapping["FunctionArn"].split(":")[3] == call.region
            and wanted in (None, mapping["FunctionArn"])
            and given.get("EventSourceArn") in (None, mapping.get("EventSourceArn"))
        ]
        return page(call, "EventSourceMappings", found, 100)

    def _function(self, call: Call) -> tuple[Reference, Function]:
        reference = reference_of(call)
        function = self._store.find(reference)
        if function is None or (reference.qualifier is not None and not function.has(reference.qualifier)):
            raise invalid("Function does not exist")
        return reference, function

    def _mapping(self, call: Call) -> dict[str, Any]:
        found = self._store.mappings.get(str(call.parameters["UUID"]))
        if found is None:
            raise not_found("The resource you requested does not exist.")
        return found

    @staticmethod
    def _check_filters(given: Mapping[str, Any]) -> None:
        for each in (given.get("FilterCriteria") or {}).get("Filters") or ():
            try:
                right = isinstance(json.loads(each.get("Pattern") or "{}"), dict)
            except ValueError:
                right = False
            if not right:
                raise invalid("Invalid filter pattern definition.")

    @staticmethod
    def _described(mapping: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in mapping.items() if name != "Tags"}

    # Queues

    def _read(self, number: str) -> None:
        mapping = self._store.mappings[number]
        source = str(mapping.get("EventSourceArn") or "")
        if mapping["State"] != "Enabled" or number in self._readers:
            return
        if source.split(":")[2:3] != ["sqs"]:
            logger.warning("not emulated: records of %s do not reach %s", source, mapping["FunctionArn"])
            return
        thread = threading.Thread(target=self._read_queue, args=(number,), name="event-source", daemon=True)
        self._readers[number] = thread
        thread.start()

    def _read_queue(self, number: str) -> None:
        address = ""
        while not self._closed.is_set():
            mapping = self._store.mappings.get(number)
            if mapping is None or mapping["State"] != "Enabled":
                break
            try:
                client = self._client(mapping)
                if not address:
                    parts = mapping["EventSourceArn"].split(":")
                    own = self._plane.context.clients.get("sqs", parts[3])  # a role needs no permission to find it
                    address = own.get_queue_url(QueueName=parts[5])["QueueUrl"]
                if not self._deliver(client, address, mapping):
                    self._closed.wait(_LOOK)
            except Exception as error:
                if not self._closed.is_set():
                    logger.warning("event source mapping %s: %s", number, error)
                self._closed.wait(1)
        self._readers.pop(number, None)

    def _client(self, mapping: Mapping[str, Any]) -> Any:
        """SQS, as the function's role."""
        parts = str(mapping["FunctionArn"]).split(":")
        function = self._store.functions[parts[3], parts[6]]
        session = RoleSession(str(function.latest["Role"]), function.name)
        return self._plane.context.clients.get("sqs", str(mapping["EventSourceArn"]).split(":")[3], session)

    def _deliver(self, client: Any, address: str, mapping: Mapping[str, Any]) -> bool:
        """Hand one batch over; whether there was one."""
        messages: list[dict[str, Any]] = []
        until = datetime.now(UTC).timestamp() + float(mapping["MaximumBatchingWindowInSeconds"])
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
            if not messages:
                return False
            if not found and (datetime.now(UTC).timestamp() >= until or self._closed.wait(_LOOK)):
                break
        wanted = [message for message in messages if _is_wanted(_record(message, mapping), mapping)]
        for message in messages:
            if message not in wanted:  # what the filters leave out is gone, as on AWS
                client.delete_message(QueueUrl=address, ReceiptHandle=message["ReceiptHandle"])
        messages = wanted
        if not messages:
            return True
        event = {"Records": [_record(message, mapping) for message in messages]}
        payload = json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()
        answer = self._invoke(str(mapping["FunctionArn"]), payload)
        failed = {message["MessageId"] for message in messages} if answer is None else _failures(answer, mapping)
        for message in messages:
            if failed is not None and message["MessageId"] not in failed:
                client.delete_message(QueueUrl=address, ReceiptHandle=message["ReceiptHandle"])
        return True


def _record(message: Mapping[str, Any], mapping: Mapping[str, Any]) -> dict[str, Any]:
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


def _is_wanted(record: Mapping[str, Any], mapping: Mapping[str, Any]) -> bool:
    """Whether a mapping's filters, if it has any, let a record through."""
    filters = (mapping.get("FilterCriteria") or {}).get("Filters") or ()
    if not filters:
        return True
    try:
        body = json.loads(record["body"])
    except ValueError:
        body = record["body"]
    return any(matches(json.loads(each.get("Pattern") or "{}"), {**record, "body": body}) for each in filters)


def _failures(answer: bytes, mapping: Mapping[str, Any]) -> set[str] | None:
    """Messages that a function says it failed with; None for all of them.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    """
    if "ReportBatchItemFailures" not in (mapping.get("FunctionResponseTypes") or ()):
        return set()
    try:
        said = json.loads(answer)
        failed = (said or {}).get("batchItemFailures") or []
        return {str(each["itemIdentifier"]) for each in failed}
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
