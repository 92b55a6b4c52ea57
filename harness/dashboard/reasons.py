"""Why an execution failed, in words for people who have never seen AWS."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import ROUND_DOWN, Decimal

_CONFIDENCE = re.compile(
    r"confidence (?:of )?(\d+(?:\.\d+)?)\b.*?\bthreshold (?:of )?(\d+(?:\.\d+)?)", re.IGNORECASE | re.DOTALL
)
_REFUSED = re.compile(r"not authorized to perform: (\S+) on resource: (\S+)")
_SERVICE = re.compile(r" \(Service: (\w+), Status Code: (\d+).*\)$", re.DOTALL)
"""What an AWS SDK for Java adds to a service's words, which are ``null`` where it has none."""
_KNOWN = {
    "States.Timeout": "a step took longer than it may",
    "States.HeartbeatTimeout": "a step stopped to give signs of life",
    "States.DataLimitExceeded": "a step handed on more than 256 KiB",
    "States.Permissions": "a step was not allowed to do what it does",
    "States.Runtime": "a step could not handle its input",
    "States.NoChoiceMatched": "none of a choice's rules fitted",
    "States.ExceedToleratedFailureThreshold": "too many items of a map failed",
    "Sandbox.Timedout": "a function took longer than it may",
    "Lambda.TooManyRequestsException": "a function was called too often at once",
    "Lambda.ServiceException": "Lambda had a fault of its own",
    "Lambda.AWSLambdaException": "Lambda had a fault of its own",
    "Lambda.SdkClientException": "Lambda could not be reached",
    "Lambda.ResourceNotFoundException": "a function does not exist",
    "Runtime.ExitError": "a function's process died",
    "ModelError": "the model answered with an error",
}


@dataclass(frozen=True)
class Reason:
    """Why something failed."""

    error: str
    """The error's name, as the service says it."""
    words: str
    """What that means."""
    detail: str = ""
    """What was said beyond it, for this very failure; perhaps empty."""

    known: bool = True
    """Whether *words* are ours; else they are what was said, as it was said."""

    @property
    def sentence(self) -> str:
        """``because the model was not sure enough: ...`` or ``with OrderIncomplete: ...``, without a full stop."""
        if self.known:
            return f"because {self}"
        said = "" if self.words == self.error else f": {self.words.rstrip('.')}"
        return f"with {self.error}{said}" if self.error else f"and said{said}"

    def __str__(self) -> str:
        return f"{self.words}: {self.detail}" if self.detail else self.words


def message_of(cause: str) -> str:
    """Return what a cause says: the message in a Lambda function's JSON, else all of it.

    https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html
    """
    try:
        document = json.loads(cause)
    except ValueError:
        return cause.strip()
    if isinstance(document, dict):
        for member in ("errorMessage", "Cause", "message", "Message"):
            said = document.get(member)
            if isinstance(said, str) and said:
                return said
    return cause.strip()


def reason_of(error: str, cause: str, status: str = "FAILED", who: str = "") -> Reason:
    """Why an execution or a state ended as it did.

    Args:
        error: the error's name; may be empty.
        cause: its cause, text or JSON.
        status: how it ended, for one that has no error.
        who: ARN of the caller who stopped it; empty where that is not known.
    """
    message = message_of(cause)
    plain = _SERVICE.sub("", message)
    if plain == "null" and (answered := _SERVICE.search(message)):
        plain = f"{answered[1]} answered with the status {answered[2]}, and no words"
    short = plain if len(plain) <= 300 else f"{plain[:299]}…"
    if numbers := _CONFIDENCE.search(message):
        confidence, threshold = numbers.groups()
        detail = f"confidence {_shown(confidence, threshold)}, threshold {threshold}"
        return Reason(error, "the model was not sure enough", detail)
    if refused := _REFUSED.search(message):
        return Reason(error, "a role does not allow what was tried", f"{refused[1]} on {refused[2].rpartition(':')[2]}")
    if status == "TIMED_OUT":
        return Reason(error or "States.Timeout", "the execution took longer than it may", short)
    if status == "ABORTED":
        by = f"{who.rpartition(':')[2].removeprefix('assumed-role/')} stopped it" if who else "somebody stopped it"
        named = error if error not in ("", "StoppedFromTheDashboard") else ""
        return Reason(
            error, by if short or error else f"{by}, without a reason", ": ".join(filter(None, (named, short)))
        )
    if error in _KNOWN:
        return Reason(error, _KNOWN[error], short)
    if not short:
        return Reason(error, error, known=False) if error else Reason(error, "it failed; no reason was given")
    return Reason(error, short, known=False)


def in_words(reasons: Iterable[Reason]) -> list[tuple[int, Reason]]:
    """How many failed for each reason, the commonest first; a reason's detail stays where all share it, or as a range.

    Failures of one error name belong together, and so do those with the same words.
    """
    groups: dict[tuple[str, str], list[Reason]] = {}
    for reason in reasons:
        groups.setdefault((reason.error, reason.words), []).append(reason)
    ordered = Counter({key: len(those) for key, those in groups.items()}).most_common()
    return [
        (count, replace(groups[key][0], detail=_common([reason.detail for reason in groups[key]])))
        for key, count in ordered
    ]


def _common(details: list[str]) -> str:
    if len(set(details)) == 1:
        return details[0]
    found = [re.fullmatch(r"confidence ([0-9.]+), threshold ([0-9.]+)", detail) for detail in details]
    if not all(found):
        return ""
    confidences = sorted((match[1] for match in found if match), key=float)
    thresholds = {match[2] for match in found if match}
    span = f"confidence {confidences[0]} to {confidences[-1]}"
    return f"{span}, threshold {thresholds.pop()}" if len(thresholds) == 1 else span


def _shown(confidence: str, threshold: str) -> str:
    """Write a confidence to four places, or to as many as tell it from the threshold that it does not reach."""
    number, limit = Decimal(confidence), Decimal(threshold)
    for places in range(4, 20):
        short = number.quantize(Decimal(1).scaleb(-places), ROUND_DOWN).normalize()
        if short != limit or number == limit:
            return f"{short:f}"
    return confidence
