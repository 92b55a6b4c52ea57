"""Answers boto3 from a recording, in place of AWS: what was answered there is answered here, in the same order.

See :mod:`harness.targets.recording`.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import logging
import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.targets.recording import ACCOUNT, FORM, Cleaner
from harness.targets.target import Target, TargetError, environment_of

if TYPE_CHECKING:
    from botocore.session import Session

logger = logging.getLogger(__name__)

_READS = ("Describe", "Get", "Head", "List", "Lookup", "Search", "BatchGet", "Query", "Scan")
_MOST = 1000
"""Times that one answer is given: who waits for another would wait for ever."""


class NoAnswerError(LookupError):
    """The recording does not have what is asked; the message says what that was."""


@dataclass
class _Answer:
    moment: int
    """How much had been changed by then."""
    service: str
    operation: str
    asked: str
    line: dict[str, Any]
    given: int = 0

    @property
    def is_read(self) -> bool:
        return is_read(self.operation)


def is_read(operation: str) -> bool:
    """Whether an operation changes nothing, by its name."""
    return operation.startswith(_READS)


class Recording:
    """What AWS has answered.

    A request that changes something is given the first answer to the same request that was not given yet; one that
    only reads, the last answer to the same request before the next change: nobody waits again. Where a name is made
    up anew by each run, no request is the same, and the first that was not given to that operation is.

    Args:
        path: of the file.

    Raises:
        TargetError: it is no recording.
    """

    def __init__(self, path: Path) -> None:
        try:
            first, *lines = [json.loads(line) for line in path.read_text().splitlines() if line]
            if first["recording"] != FORM:
                raise ValueError(f"form {first['recording']}")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise TargetError(f"{path} is no recording of requests to AWS: {error}") from None
        self.region = str(first["region"])
        self.caller = str(first["caller"])
        self.others: list[str] = []
        """Requests that were given the answer to another one of the same operation."""
        self._cleaner = Cleaner("", "")
        self._lock = threading.Lock()
        self._current = threading.local()
        self._answers: dict[tuple[str, str], list[_Answer]] = defaultdict(list)
        self._moment = moment = 0
        for line in lines:
            answer = _Answer(moment, line["service"], line["operation"], _key(line["parameters"]), line)
            self._answers[answer.service, answer.operation].append(answer)
            moment += not answer.is_read

    def left(self) -> list[str]:
        """List requests that were recorded and not made, those that only read left out."""
        return [
            f"{answer.service} {answer.operation} {answer.asked}"
            for answers in self._answers.values()
            for answer in answers
            if not answer.given and not answer.is_read
        ]

    def join(self, session: Session) -> None:
        """Answer the clients of a botocore session that is being made."""
        session.register("provide-client-params", self._choose)
        session.register("before-send", self._send)

    def _choose(self, params: Any, model: Any, **_: Any) -> None:
        service, operation = model.service_model.service_name, model.name
        asked = _key(self._cleaner.value(params))
        with self._lock:
            self._current.answer = self._find(service, operation, asked).line

    def _find(self, service: str, operation: str, asked: str) -> _Answer:
        answers = self._answers[service, operation]
        same = [answer for answer in answers if answer.asked == asked]
        if is_read(operation):
            found = next((each for each in reversed(same) if each.moment <= self._moment), None)
            found = found or next(iter(same), None)
        else:
            found = next((answer for answer in same if not answer.given), None)
        if found is None:
            found = next((answer for answer in answers if not answer.given), None)
            if found is None:
                raise NoAnswerError(f"the recording has no answer to {service} {operation} {asked}")
            self.others.append(f"{service} {operation}: {asked} in place of {found.asked}")
        found.given += 1
        if found.given > _MOST:
            raise NoAnswerError(f"{service} {operation} was asked {_MOST} times: the recording has no other answer")
        if not found.is_read:
            self._moment = max(self._moment, found.moment + 1)
        return found

    def _send(self, request: Any, **_: Any) -> Any:
        from botocore.awsrequest import AWSResponse
        from botocore.exceptions import HTTPClientError

        line = self._current.answer
        if "status" not in line:
            raise HTTPClientError(error=line.get("error", "no answer"))
        if "omitted" in line:
            raise NoAnswerError(f"the recording left out {line['omitted']} of {line['service']} {line['operation']}")
        data = base64.b64decode(line["base64"]) if "base64" in line else line["body"].encode()
        headers = {**line["headers"], "content-length": str(len(data))}
        return AWSResponse(request.url, line["status"], headers, _Raw(data))


class _Raw(io.BytesIO):
    """A body as urllib3 has it."""

    def stream(self, amt: int = 1 << 16, decode_content: bool | None = None) -> Iterator[bytes]:
        """Yield what is left, in parts."""
        while part := self.read(amt):
            yield part


@contextlib.contextmanager
def answered_from(recording: Recording) -> Iterator[Recording]:
    """Have boto3 answered from *recording* while the block lasts, in sessions that are made in it; nothing is sent."""
    import botocore

    botocore.register_initializer(recording.join)
    try:
        yield recording
    finally:
        botocore.unregister_initializer(recording.join)


@contextlib.contextmanager
def replayed(path: Path) -> Iterator[Target]:
    """Stand in for AWS with what it has answered before: the account that was recorded, while the block lasts.

    Args:
        path: of the recording.

    Raises:
        TargetError: it is no recording.
    """
    recording = Recording(path)
    variables = {
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "nothing is sent",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_REGION": recording.region,
        "AWS_DEFAULT_REGION": recording.region,
    }
    target = Target(
        "aws",
        variables,
        is_local=False,
        account_id=ACCOUNT,
        region=recording.region,
        caller=recording.caller,
        stand_in=True,
    )
    with environment_of(target), answered_from(recording):
        yield target
    for kind, found in (("given the answer to another", recording.others), ("not made any more", recording.left())):
        for line in found:
            logger.warning("%s: %s: %s", path.name, kind, line)


def _key(parameters: Any) -> str:
    return json.dumps(parameters, sort_keys=True, separators=(",", ":"))
