"""The stub model: made-up but repeatable probabilities, or whatever a test has scripted."""

from __future__ import annotations

import hashlib
import json
import struct
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.emulator.limits import ENDPOINT_SECONDS
from harness.emulator.sagemaker.model_server import ModelAnswer, ModelRequest, ModelTimeout, Streamed

_IMAGE_SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
_SURE_SHARE = 0.75
"""Share of images for which the stub is surer than 0.93, so that a demo shows both ends of a workflow."""
_SEEN = 1000


class ScriptError(ValueError):
    """A script that a stub cannot follow; the message names the field."""


@dataclass
class Script:
    """What a stub is told to answer instead of its own probabilities."""

    answers: deque[Any] = field(default_factory=deque)
    """Answers for the next requests, in order."""
    by_image: dict[str, Any] = field(default_factory=dict)
    """Answers by the SHA-256 (hexadecimal) of the image."""
    error_status: int | None = None
    error_message: str = ""
    errors_left: int | None = None
    """How many requests still get the error; None means all."""
    delay: float = 0.0
    """Seconds before each answer."""

    @classmethod
    def read(cls, document: Any) -> Script:
        """Return a script from its JSON form.

        ``{"answers": [[0.98, 0.02], ...], "by_image": {"<sha256>": [...]},
        "error": {"status": 500, "message": "...", "times": 1}, "delay": 0.2}``; every member may be left out.

        Raises:
            ScriptError: naming the member that cannot be followed.
        """
        if unknown := sorted(document.keys() - {"answers", "by_image", "error", "delay"}):
            raise ScriptError(f"a script has no {', '.join(map(repr, unknown))}")
        answers, by_image = document.get("answers", []), document.get("by_image", {})
        if not isinstance(answers, Sequence) or isinstance(answers, str):
            raise ScriptError("'answers' must be a list, an answer for each request")
        if not isinstance(by_image, Mapping):
            raise ScriptError("'by_image' must map SHA-256 sums to answers")
        error, delay = document.get("error"), document.get("delay", 0)
        if not isinstance(delay, (int, float)) or delay < 0:
            raise ScriptError("'delay' must be a number of seconds")
        script = cls(deque(answers), dict(by_image), delay=float(delay))
        if error is not None:
            if not isinstance(error, Mapping) or not isinstance(error.get("status"), int):
                raise ScriptError("'error' must have an HTTP 'status'")
            if not 400 <= error["status"] <= 599:
                raise ScriptError("'error.status' must be from 400 to 599")
            script.error_status = error["status"]
            script.error_message = str(error.get("message", ""))
            script.errors_left = error.get("times")
        return script


class StubServer:
    """Answers images with a pair of probabilities that follows from the image's bytes alone.

    What is neither PNG nor JPEG is refused as a client error. The answer's form, JSON with float32's digits, is that of
    AWS's image-classification container.
    """

    is_stub = True

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._script = Script()
        self._seen: deque[dict[str, Any]] = deque(maxlen=_SEEN)

    @property
    def stub(self) -> StubServer:
        """Itself."""
        return self

    def start(self) -> None:
        """Nothing to start."""

    def close(self) -> None:
        """Nothing to close."""

    def follow(self, script: Script) -> None:
        """Answer as *script* says from now on; what it leaves open, as ever."""
        with self._lock:
            self._script = script

    def invocations(self) -> list[dict[str, Any]]:
        """Return the last 1,000 requests: SHA-256 of the body, content type and what was answered."""
        with self._lock:
            return list(self._seen)

    def invoke(self, request: ModelRequest) -> ModelAnswer:
        """Return the scripted answer, or a pair of probabilities derived from the image."""
        digest = hashlib.sha256(request.body).hexdigest()
        with self._lock:
            delay = self._script.delay
            answer = self._decide(request, digest)
            self._seen.append(
                {
                    "image": digest,
                    "content_type": request.content_type,
                    "status": answer.status,
                    "answer": answer.body.decode("utf-8", "replace"),
                }
            )
        if delay:
            time.sleep(min(delay, ENDPOINT_SECONDS.most))
            if delay >= ENDPOINT_SECONDS.most:
                raise ModelTimeout
        return answer

    def stream(self, request: ModelRequest) -> Streamed:
        """Return the answer, in one part."""
        answer = self.invoke(request)
        return Streamed(answer.status, answer.content_type, answer.custom_attributes, iter((answer.body,)))

    def _decide(self, request: ModelRequest, digest: str) -> ModelAnswer:
        script = self._script
        if script.error_status is not None and script.errors_left != 0:
            if script.errors_left is not None:
                script.errors_left -= 1
            return ModelAnswer(script.error_status, script.error_message.encode(), "text/plain")
        if digest in script.by_image:
            return _answer(script.by_image[digest])
        if script.answers:
            return _answer(script.answers.popleft())
        if not request.body.startswith(_IMAGE_SIGNATURES):
            return ModelAnswer(400, b"unable to evaluate payload provided", "text/plain")
        return _answer(probabilities_of(digest))


def probabilities_of(digest: str) -> list[float]:
    """Two float32 probabilities that sum to one, from a SHA-256 in hexadecimal."""
    share, place = (int(digest[start : start + 8], 16) / 2**32 for start in (0, 8))
    confidence = 0.931 + 0.069 * place if share < _SURE_SHARE else 0.5 + 0.43 * place
    pair = (confidence, 1 - confidence) if int(digest[16], 16) % 2 else (1 - confidence, confidence)
    return [struct.unpack("<f", struct.pack("<f", value))[0] for value in pair]


def _answer(value: Any) -> ModelAnswer:
    # A text is sent as it stands, so that a test can answer what is no JSON.
    text = value if isinstance(value, str) else json.dumps(value)
    return ModelAnswer(200, text.encode(), "application/json")
