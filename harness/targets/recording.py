"""Writes down what AWS was asked and what it answered, without secrets, so that it can be answered again elsewhere.

A file has JSON lines: first of what it is a recording, then each request with its answer, as botocore has them.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.targets.target import Target
from harness.version import __version__

if TYPE_CHECKING:
    from botocore.session import Session

ACCOUNT = "123456789012"
"""The account of AWS's own examples, which stands for the one of whoever recorded."""
FORM = 1
_NAME = "someone"
_LONGEST_BODY = 1 << 20
_LONGEST_BLOB = 2_000
_KEPT_HEADERS = ("content-type", "etag", "last-modified", "location", "x-amz", "x-amzn")
_DROPPED_HEADERS = ("token", "checksum", "x-amz-crc32", "x-amz-id-2")
"""Secrets, and what would say that a body without its secrets is not the one that was sent."""
_BEGUN = "harness-recording"
_SECRETS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(X-Amz-(?:Signature|Security-Token|Credential)=)[^&\s\"'<>\\]+", re.IGNORECASE), r"\1removed"),
    (re.compile(r"(<(SecretAccessKey|SessionToken)>)[^<]*(?=</\2>)"), r"\1removed"),
    (
        re.compile(
            r"(\"(?:secretAccessKey|sessionToken|securityToken|accessToken|refreshToken|idToken|clientSecret|"
            r"authorizationToken|password|privateKey|secretString)\"\s*:\s*\")(?:[^\"\\]|\\.)*",
            re.IGNORECASE,
        ),
        r"\1removed",
    ),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), "AKIAIOSFODNN7EXAMPLE"),
    (re.compile(r"\b(AROA|AIDA|AGPA|AIPA|ANPA)[A-Z0-9]{12,}\b"), r"\1EXAMPLE"),
    (re.compile(r"(<ID>)[0-9a-f]{64}(?=</ID>)"), r"\g<1>" + "0" * 64),
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "someone@example.com"),
)
_SECRET_MEMBERS = re.compile(
    r"secret(access)?key|(session|security|access|refresh|id)token|secretstring|password", re.I
)


class Cleaner:
    """Takes secrets out of text: keys, tokens, signatures, addresses, the account's number and its user's name.

    Args:
        account: the account's number.
        caller: ARN of who asks.
    """

    def __init__(self, account: str, caller: str) -> None:
        name = re.escape(caller.rpartition("/")[2])
        self._own = [(re.compile(rf"\b{account}\b"), ACCOUNT)] if account else []
        if len(name) > 2:
            self._own.append((re.compile(rf"(?<![\w.-]){name}(?![\w.-])"), _NAME))

    def text(self, text: str) -> str:
        """Return *text* without secrets."""
        for pattern, instead in (*self._own, *_SECRETS):
            text = pattern.sub(instead, text)
        return text

    def value(self, value: Any, name: str = "") -> Any:
        """Return a parameter as JSON has it, without secrets; what is long or no text by its length and digest."""
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.value(item, str(key)) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(item) for item in value]
        if isinstance(value, datetime | date):
            return value.isoformat()
        if isinstance(value, bytes | bytearray):
            data = bytes(value)
            with contextlib.suppress(UnicodeDecodeError):
                if len(data) <= _LONGEST_BLOB:
                    return self.text(data.decode())
            return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        if isinstance(value, str):
            return "removed" if _SECRET_MEMBERS.fullmatch(name) else self.text(value)
        return value if value is None or isinstance(value, bool | int | float) else {"stream": type(value).__name__}


class Recorder:
    """Writes what all sessions of this process ask and are answered, a line each, as it comes.

    Args:
        write: takes a line.
        cleaner: takes secrets out.
    """

    def __init__(self, write: Callable[[str], object], cleaner: Cleaner) -> None:
        self._write = write
        self._cleaner = cleaner
        self._lock = threading.Lock()

    def join(self, session: Session) -> None:
        """Listen to the clients of a botocore session that is being made."""
        session.register("provide-client-params", self._begin)
        session.register("after-call", self._answered)
        session.register("after-call-error", self._failed)

    def note(self, line: Mapping[str, Any]) -> None:
        """Write a line."""
        with self._lock:
            self._write(json.dumps(line, separators=(",", ":")) + "\n")

    def _begin(self, params: Any, model: Any, context: dict[str, Any], **_: Any) -> None:
        context[_BEGUN] = {
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "begun": time.monotonic(),
            "service": model.service_model.service_name,
            "operation": model.name,
            "region": context.get("client_region"),
            "parameters": self._cleaner.value(params),
        }

    def _answered(self, http_response: Any, parsed: Any, model: Any, context: dict[str, Any], **_: Any) -> None:
        told = {name.lower(): value for name, value in http_response.headers.items()}
        headers = {
            name: self._cleaner.text(value)
            for name, value in told.items()
            if name.startswith(_KEPT_HEADERS) and not any(part in name for part in _DROPPED_HEADERS)
        }
        attempts = parsed.get("ResponseMetadata", {}).get("RetryAttempts", 0) + 1
        body = self._body(http_response, parsed, model)
        self._end(context, {"attempts": attempts, "status": http_response.status_code, "headers": headers, **body})

    def _failed(self, exception: Exception, context: dict[str, Any], **_: Any) -> None:
        self._end(context, {"error": self._cleaner.text(f"{type(exception).__name__}: {exception}")})

    def _end(self, context: dict[str, Any], answer: Mapping[str, Any]) -> None:
        asked = context.pop(_BEGUN, None)
        if asked is not None:
            seconds = round(time.monotonic() - asked.pop("begun"), 3)
            self.note({**asked, "seconds": seconds, **answer})

    def _body(self, http_response: Any, parsed: Any, model: Any) -> dict[str, Any]:
        if model.has_event_stream_output:
            return {"omitted": "a stream of events"}
        data = http_response.content if not model.has_streaming_output or http_response.status_code >= 300 else None
        if data is None:
            from botocore.response import StreamingBody

            if int(http_response.headers.get("content-length") or 0) > _LONGEST_BODY:
                return {"omitted": f"{http_response.headers['content-length']} bytes"}
            member = model.output_shape.serialization["payload"]
            data = parsed[member].read()
            parsed[member] = StreamingBody(io.BytesIO(data), len(data))  # who asked reads it, too
        try:
            return {"body": self._cleaner.text(data.decode())}
        except UnicodeDecodeError:
            return {"base64": base64.b64encode(data).decode()}


@contextlib.contextmanager
def recorded(target: Target, path: Path) -> Iterator[Path]:
    """Write all that is asked of AWS while the block lasts, by sessions that are made in it.

    Args:
        target: where it is asked.
        path: of the file, whose folder is made.
    """
    import boto3
    import botocore

    path.parent.mkdir(parents=True, exist_ok=True)
    cleaner = Cleaner(target.account_id or "", target.caller or "")
    with path.open("w") as file:

        def write(line: str) -> None:
            file.write(line)
            file.flush()  # a run that is killed has been recorded until then

        recorder = Recorder(write, cleaner)
        recorder.note(
            {
                "recording": FORM,
                "harness": __version__,
                "boto3": boto3.__version__,
                "at": datetime.now(UTC).isoformat(timespec="seconds"),
                "region": target.region,
                "caller": cleaner.text(target.caller or ""),
                "stand_in": target.stand_in,
            }
        )
        botocore.register_initializer(recorder.join)
        try:
            yield path
        finally:
            botocore.unregister_initializer(recorder.join)
