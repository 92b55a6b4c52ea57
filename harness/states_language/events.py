"""The events of a history, in AWS's field names: every one is made here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAX_EVENTS = 25_000
"""Events that a history may have; the next one fails the execution."""

_NOT_TRUNCATED: Mapping[str, Any] = {"truncated": False}

_WITHOUT_DETAILS = frozenset(
    {
        "LambdaFunctionStarted",
        "ParallelStateStarted",
        "ParallelStateSucceeded",
        "ParallelStateFailed",
        "ParallelStateAborted",
        "MapStateSucceeded",
        "MapStateFailed",
        "MapStateAborted",
        "MapRunSucceeded",
        "MapRunAborted",
        "TaskStateAborted",
        "WaitStateAborted",
    }
)


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a history.

    Attributes:
        id: 1, 2, 3, ...
        previous: id of the event that led to it; 0 for the first ones.
        timestamp: seconds since the epoch.
        type: ``TaskStateEntered``.
        details: the members of the event's details, in AWS's names, or None where the type has none.
    """

    id: int
    previous: int
    timestamp: float
    type: str
    details: Mapping[str, Any] | None = None

    @property
    def details_key(self) -> str | None:
        """The member that holds the details, ``stateEnteredEventDetails``; None where the type has none."""
        return details_key(self.type)

    def as_aws(self) -> dict[str, Any]:
        """Return the event as GetExecutionHistory answers it; its timestamp in seconds since the epoch."""
        event: dict[str, Any] = {
            "timestamp": self.timestamp,
            "type": self.type,
            "id": self.id,
            "previousEventId": self.previous,
        }
        if self.details is not None and (key := self.details_key):
            event[key] = dict(self.details)
        return event


def details_key(event_type: str) -> str | None:
    """Return the name of the member of an event of *event_type* that holds its details."""
    if event_type in _WITHOUT_DETAILS:
        return None
    if event_type.endswith("StateEntered"):
        return "stateEnteredEventDetails"
    if event_type.endswith("StateExited"):
        return "stateExitedEventDetails"
    return event_type[0].lower() + event_type[1:] + "EventDetails"


def given(text: str) -> dict[str, Any]:
    """Return the members ``input`` and ``inputDetails``."""
    return {"input": text, "inputDetails": _NOT_TRUNCATED}


def gave(text: str) -> dict[str, Any]:
    """Return the members ``output`` and ``outputDetails``."""
    return {"output": text, "outputDetails": _NOT_TRUNCATED}


def assigned(variables: Mapping[str, str]) -> dict[str, Any]:
    """Return the members that tell of the *variables*, JSON texts, that a state has assigned, if any."""
    return {"assignedVariables": dict(variables), "assignedVariablesDetails": _NOT_TRUNCATED} if variables else {}


def failure(error: str | None, cause: str | None, **more: Any) -> dict[str, Any]:
    """Return the members ``error`` and ``cause``, without what is not there, and *more*."""
    return {name: value for name, value in {"cause": cause, "error": error, **more}.items() if value is not None}
