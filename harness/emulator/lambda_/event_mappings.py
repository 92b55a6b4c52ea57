"""Event source mappings: kept here; queues and streams are read (:mod:`~harness.emulator.lambda_.sources`).

https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html
"""

from __future__ import annotations

import json
import logging
import threading
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from harness.emulator.door.call import Call
from harness.emulator.door.errors import AwsError
from harness.emulator.door.members import Members, number, optional_text, structure, structures, text, text_map
from harness.emulator.lambda_.control_plane import ControlPlane, table
from harness.emulator.lambda_.paging import page
from harness.emulator.lambda_.patterns import is_pattern
from harness.emulator.lambda_.records import Function
from harness.emulator.lambda_.references import Reference, reference_of
from harness.emulator.lambda_.refusals import conflict, invalid, not_found, validation
from harness.emulator.lambda_.sources.permissions import check_source
from harness.emulator.lambda_.sources.queues import read_queue
from harness.emulator.lambda_.sources.reading import Invoke, Reading
from harness.emulator.lambda_.sources.streams import read_stream
from harness.emulator.services import Operation

logger = logging.getLogger(__name__)

_KNOWN = ("sqs", "kinesis", "dynamodb", "kafka", "mq", "rds")
_READERS: Mapping[str, Callable[[Reading, str], None]] = {
    "sqs": read_queue,
    "dynamodb": read_stream,
    "kinesis": read_stream,
}
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
        invoke: invokes functions.
    """

    def __init__(self, plane: ControlPlane, invoke: Invoke) -> None:
        self._plane = plane
        self._store = plane.store
        self._closed = threading.Event()
        self._reading = Reading(plane.context, plane.store, invoke, self._closed)
        self._lock = threading.Lock()
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
        for mapping in list(self._store.mappings):
            self._read(mapping)

    def close(self) -> None:
        """Read nothing any more."""
        self._closed.set()
        for thread in list(self._readers.values()):
            thread.join(2)

    def create(self, call: Call) -> Members:
        """Have a function get a source's records."""
        given = call.parameters
        source = optional_text(given, "EventSourceArn")
        reference, function = self._function(call)
        service = str(source).split(":")[2] if source else "kafka"
        if source is None and not given.get("SelfManagedEventSource"):
            raise invalid("Unrecognized event source.")
        if service not in _KNOWN:
            raise invalid("Unrecognized event source.")
        if source is None and not given.get("SourceAccessConfigurations"):
            raise invalid("Required 'sourceAccessConfigurations' parameter is missing.")
        destinations = structure(given, "DestinationConfig")
        if destinations.get("OnSuccess") or (service == "sqs" and destinations):
            raise invalid("Unsupported DestinationConfig parameter for given event source mapping type.")
        if service in ("kinesis", "dynamodb"):
            if not given.get("StartingPosition"):
                raise invalid(validation("null", "startingPosition", "not be null.").message)
            if service == "dynamodb" and given["StartingPosition"] == "AT_TIMESTAMP":
                raise invalid(f"Unsupported starting position for arn type: {source}")
        self._check_filters(given)
        if given.get("TumblingWindowInSeconds") and service not in ("kinesis", "dynamodb"):
            raise invalid("Unsupported TumblingWindowInSeconds parameter for given event source mapping type.")
        if service in _READERS:
            _check_batches(service, given, {})
            check_source(self._plane.context, service, str(source), str(function.latest["Role"]), function.name)
        else:
            logger.warning("not emulated: records of %s do not reach %s", source or "Kafka", reference.arn)
        target = reference.arn
        for other in self._store.mappings.values():
            if other["FunctionArn"] == target and source and other.get("EventSourceArn") == source:
                raise _already_there(service, str(source), function.name, str(other["UUID"]))
        number = str(uuid.uuid4())
        mapping = {
            "UUID": number,
            "EventSourceMappingArn": f"arn:aws:lambda:{call.region}:{call.account}:event-source-mapping:{number}",
            "FunctionArn": target,
            "LastModified": datetime.now(UTC),
            "BatchSize": 10 if service == "sqs" else 100,
            "MaximumBatchingWindowInSeconds": 0,
            "State": "Enabled" if given.get("Enabled", True) else "Disabled",
            "StateTransitionReason": _reason(service),
            "FunctionResponseTypes": [],
            "Tags": text_map(given, "Tags"),
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

    def get(self, call: Call) -> Members:
        """Describe a mapping."""
        return self._described(self._mapping(call))

    def update(self, call: Call) -> Members:
        """Change a mapping."""
        given = call.parameters
        mapping = self._mapping(call)
        self._check_filters(given)
        _check_batches(str(mapping.get("EventSourceArn") or "::").split(":")[2], given, mapping)
        if given.get("FunctionName"):
            mapping["FunctionArn"] = self._function(call)[0].arn
        mapping.update({member: given[member] for member in _TAKEN if given.get(member) is not None})
        told = "Updating"
        if given.get("Enabled") is not None:
            state = "Enabled" if given["Enabled"] else "Disabled"
            if state != mapping["State"]:
                told = "Enabling" if given["Enabled"] else "Disabling"
            mapping["State"] = state
        mapping["LastModified"] = datetime.now(UTC)
        self._read(mapping["UUID"])
        return {**self._described(mapping), "State": told}

    def delete(self, call: Call) -> Members:
        """Have the function get nothing any more."""
        mapping = self._mapping(call)
        del self._store.mappings[mapping["UUID"]]
        return {**self._described(mapping), "State": "Deleting"}

    def list(self, call: Call) -> Members:
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
        found = self._store.mappings.get(text(call.parameters, "UUID"))
        if found is None:
            raise not_found("The resource you requested does not exist.")
        return found

    @staticmethod
    def _check_filters(given: Members) -> None:
        for each in structures(structure(given, "FilterCriteria"), "Filters"):
            try:
                pattern = optional_text(each, "Pattern")
                right = pattern is None or is_pattern(json.loads(pattern))
            except ValueError:
                right = False
            if not right:
                raise invalid("Invalid filter pattern definition.")

    @staticmethod
    def _described(mapping: Members) -> Members:
        without = {"Tags"} if structure(mapping, "FilterCriteria").get("Filters") else {"Tags", "FilterCriteria"}
        return {name: value for name, value in mapping.items() if name not in without}

    # Reading

    def _read(self, number: str) -> None:
        """Read a mapping's source, where it is enabled and not read already."""
        with self._lock:
            if self._store.mappings[number]["State"] != "Enabled" or number in self._readers:
                return
            service = str(self._store.mappings[number].get("EventSourceArn") or "").split(":")[2:3]
            read = _READERS.get(service[0]) if service else None
            if read is None:
                return

            def run() -> None:
                read(self._reading, number)
                with self._lock:
                    self._readers.pop(number, None)
                if self._reading.mapping(number) is not None:
                    self._read(number)  # it was enabled again meanwhile

            thread = threading.Thread(target=run, name="event-source", daemon=True)
            self._readers[number] = thread
            thread.start()


def _already_there(service: str, source: str, function: str, number: str) -> AwsError:
    """AWS tells of queues in words of their own."""
    rest = f"already exists. Please update or delete the existing mapping with UUID {number}"
    if service == "sqs":
        return conflict(f'An event source mapping with SQS arn (" {source} ") and function (" {function} ") {rest}')
    return conflict(f'The event source arn (" {source} ") and function (" {function} ") provided mapping {rest}')


def _reason(service: str) -> str:
    if service not in _READERS:
        return f"not emulated: records of {service} do not reach functions here"
    return "USER_INITIATED" if service == "sqs" else "User action"


def _check_batches(service: str, given: Members, before: Members) -> None:
    size, window = (
        number(given, name, number(before, name, 0)) for name in ("BatchSize", "MaximumBatchingWindowInSeconds")
    )
    if service == "sqs" and size > 10 and not window:
        raise invalid("Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10")
