"""What each task of an execution answered, read from its history."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

_LAMBDA = "lambda"


def answers_of(events: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The answers in the order in which tasks were scheduled, as the emulator's task script takes them.

    Each is ``{"service", "target", "output"}`` or ``{"service", "target", "error", "cause"}``; the target is a
    function's name, or the action of another service.
    """
    by_id = {event["id"]: event for event in events}
    answers = []
    for event in events:
        details = event.get("taskScheduledEventDetails")
        if details is not None:
            parameters = details["parameters"]
            parameters = json.loads(parameters) if isinstance(parameters, str) else parameters
            service = details["resourceType"]
            target = function_name(parameters["FunctionName"]) if service == _LAMBDA else details["resource"]
        elif "lambdaFunctionScheduledEventDetails" in event:
            service = _LAMBDA
            target = function_name(event["lambdaFunctionScheduledEventDetails"]["resource"])
        else:
            continue
        answer: dict[str, Any] = {"service": service, "target": target}
        ending = _ending(event, events, by_id)
        if ending is not None:
            kind = ending["type"]
            found: dict[str, Any] = next((value for name, value in ending.items() if name.endswith("EventDetails")), {})
            if kind.endswith("Succeeded"):
                answer["output"] = json.loads(found["output"]) if found.get("output") else None
                answer["whole"] = kind == "TaskSucceeded"
            elif kind.endswith(("Failed", "SubmitFailed", "StartFailed")):
                answer |= {"error": found.get("error", ""), "cause": found.get("cause", "")}
            else:
                answer["silent"] = True  # it timed out
        answers.append(answer)
    return answers


def function_name(reference: str) -> str:
    """A function's name out of its ARN, with or without a version, or out of a name."""
    parts = reference.split(":")
    return parts[6] if len(parts) >= 7 else parts[0]


def _ending(
    scheduled: dict[str, Any], events: Sequence[dict[str, Any]], by_id: dict[int, dict[str, Any]]
) -> dict[str, Any] | None:
    """The event that ends what *scheduled* began: the end of the chain that leads back to it."""
    for event in events:
        if not event["type"].endswith(("Succeeded", "Failed", "TimedOut")) or event["id"] <= scheduled["id"]:
            continue
        back: dict[str, Any] | None = event
        while back is not None and back["id"] > scheduled["id"]:
            back = by_id.get(back["previousEventId"])
            if back is not None and back["id"] != scheduled["id"] and back["type"].endswith(_NOT_BETWEEN):
                back = None
        if back is not None:
            return event
    return None


_NOT_BETWEEN = ("Succeeded", "Failed", "TimedOut", "StateEntered", "StateExited")
