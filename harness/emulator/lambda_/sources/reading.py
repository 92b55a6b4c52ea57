"""What reading any source needs: who invokes, which records are wanted, and how a function tells what failed.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.emulator.access.sessions import RoleSession
from harness.emulator.context import EmulatorContext
from harness.emulator.lambda_.patterns import matches
from harness.emulator.lambda_.records import Store

EventSourceMapping = Mapping[str, Any]
"""botocore's ``EventSourceMappingConfiguration``."""
LOOK = 0.2
"""Seconds between two looks into a source that had nothing."""


@dataclass(frozen=True)
class SourceAnswer:
    """What became of a batch.

    Attributes:
        request_id: of the invocation.
        payload: the function's answer; None where it failed.
        is_loop: whether it was not invoked at all, for that would go on with a loop.
        version: that was invoked.
    """

    request_id: str
    payload: bytes | None
    is_loop: bool = False
    version: str = "$LATEST"


Invoke = Callable[[str, bytes, str], SourceAnswer]
"""Invokes a function, an ARN, with an event, JSON text, of a trace."""


@dataclass(frozen=True)
class Reading:
    """The surroundings of a reader.

    Attributes:
        context: the emulator's.
        store: all records of Lambda.
        invoke: invokes functions.
        closed: set when nothing is to be read any more.
    """

    context: EmulatorContext
    store: Store
    invoke: Invoke
    closed: threading.Event

    def mapping(self, number: str) -> EventSourceMapping | None:
        """Return the mapping as it is now; None where it or its function is gone, it is disabled, or all is to end."""
        found = self.store.mappings.get(number)
        if found is None or found["State"] != "Enabled" or self.closed.is_set():
            return None
        parts = str(found["FunctionArn"]).split(":")
        return found if (parts[3], parts[6]) in self.store.functions else None

    def client(self, service: str, mapping: EventSourceMapping, as_role: bool = True) -> Any:
        """Return a client for a source of events, in the source's region.

        Args:
            service: boto3's name, e.g. ``sqs``.
            mapping: whose function's role it calls as.
            as_role: False: as the emulator itself, which may do everything.
        """
        session = self.session(mapping) if as_role else None
        return self.context.clients.get(service, str(mapping["EventSourceArn"]).split(":")[3], session)

    def session(self, mapping: EventSourceMapping) -> RoleSession:
        """Return a session of the function's role."""
        parts = str(mapping["FunctionArn"]).split(":")
        function = self.store.functions[parts[3], parts[6]]
        return RoleSession(str(function.latest["Role"]), function.name)


def as_event(records: list[dict[str, Any]]) -> bytes:
    """Write the event that carries *records*."""
    return json.dumps({"Records": records}, separators=(",", ":"), ensure_ascii=False).encode()


def is_wanted(record: Mapping[str, Any], mapping: EventSourceMapping) -> bool:
    """Whether a mapping's filters, if it has any, let a record through, whose JSON parts have been read."""
    filters = (mapping.get("FilterCriteria") or {}).get("Filters") or ()
    return not filters or any(matches(json.loads(each.get("Pattern") or "{}"), record) for each in filters)


def failures(payload: bytes, mapping: EventSourceMapping) -> list[str] | None:
    """Read what a function says that it failed with; None for everything, where its answer is not as it should be.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    """
    if "ReportBatchItemFailures" not in (mapping.get("FunctionResponseTypes") or ()):
        return []
    try:
        said = json.loads(payload)
        failed = (said or {}).get("batchItemFailures") or []
        names = [each["itemIdentifier"] for each in failed]
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    return names if all(isinstance(name, str) and name for name in names) else None
