"""Tasks of state machines that answer what they are told, in place of the services that they call.

For replaying executions of AWS: nothing of what they called is there, and the engine cannot tell.
"""

from __future__ import annotations

import io
import json
import re
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from harness.emulator.stepfunctions.clock import Clock

_CAUSE = re.compile(
    r"^(?P<message>.*) \(Service: [^;]*; Status Code: (?P<status>\d+); .*Request ID: (?P<id>[^;)]*)", re.S
)
_UNTYPED = "because Lambda did not return an error type. Returned payload: "
_SILENCE = 1e7


class TaskScript:
    """Answers waiting for the tasks that will ask for them.

    Args:
        clock: by which a task is silent that is not to answer.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._answers: deque[dict[str, Any]] = deque()
        self._lock = threading.Lock()

    def load(self, answers: Sequence[dict[str, Any]]) -> None:
        """Have tasks answer *answers*, each target's in their order; none brings the services back.

        An answer is ``{"service", "target"}`` with ``"output"``, or ``"error"`` and ``"cause"``, or ``"silent": true``.
        """
        with self._lock:
            self._answers = deque(answers)

    def client(self, service: str, otherwise: Callable[[], Any]) -> Any:
        """The client of *service* for a task: one that answers from here while there are answers."""
        with self._lock:
            return _Scripted(service, self) if self._answers else otherwise()

    def take(self, service: str, target: str) -> dict[str, Any]:
        """The next answer of *target*.

        Raises:
            botocore.exceptions.ClientError: there is none.
        """
        with self._lock:
            for answer in self._answers:
                if answer["target"] == target and answer["service"] in (service, f"aws-sdk:{service}"):
                    self._answers.remove(answer)
                    return answer
        message = f"the script has no answer for {service} {target}"
        raise ClientError(_error("NotScripted", message, 500, ""), target)


class _Scripted:
    """A boto3 client as far as the engine sees one."""

    def __init__(self, service: str, script: TaskScript) -> None:
        self._service = service
        self._script = script

    def invoke(self, *, FunctionName: str, **_: Any) -> dict[str, Any]:
        parts = FunctionName.split(":")
        answer = self._script.take("lambda", parts[6] if len(parts) >= 7 else parts[0])
        if "error" in answer:
            return _failed_invocation(answer)
        _silence(answer, self._script.clock)
        output = answer.get("output")
        whole = output if answer.get("whole") and isinstance(output, Mapping) and "Payload" in output else None
        metadata: Mapping[str, Any] = (whole or {}).get("SdkHttpMetadata") or {}
        return {
            **{name: value for name, value in (whole or {}).items() if name in ("ExecutedVersion", "LogResult")},
            "Payload": io.BytesIO(json.dumps(whole["Payload"] if whole is not None else output).encode()),
            "StatusCode": (whole or {}).get("StatusCode", 200),
            "ResponseMetadata": {
                "RequestId": ((whole or {}).get("SdkResponseMetadata") or {}).get("RequestId", ""),
                "HTTPStatusCode": metadata.get("HttpStatusCode", 200),
                "HTTPHeaders": {name.lower(): value for name, value in (metadata.get("HttpHeaders") or {}).items()},
            },
        }

    def __getattr__(self, action: str) -> Any:
        def call(**_: Any) -> Any:
            name = re.sub(r"_(\w)", lambda match: match[1].upper(), action)
            answer = self._script.take(self._service, name)
            if "error" in answer:
                raise _client_error(answer, name)
            _silence(answer, self._script.clock)
            return answer.get("output") or {}

        return call


def _silence(answer: Mapping[str, Any], clock: Clock) -> None:
    if answer.get("silent"):
        clock.sleep(_SILENCE)


def _failed_invocation(answer: Mapping[str, Any]) -> dict[str, Any]:
    _, found, untyped = answer["cause"].partition(_UNTYPED)
    try:
        payload = json.loads(untyped if found else answer["cause"])
    except ValueError:
        raise _client_error(answer, "Invoke") from None
    return {
        "FunctionError": "Unhandled",
        "Payload": io.BytesIO(json.dumps(payload).encode()),
        "StatusCode": 200,
        "ResponseMetadata": {"RequestId": "", "HTTPStatusCode": 200, "HTTPHeaders": {}},
    }


def _client_error(answer: Mapping[str, Any], operation: str) -> ClientError:
    code = answer["error"].rpartition(".")[2]
    match = _CAUSE.match(answer["cause"])
    if match is None:
        return ClientError(_error(code, answer["cause"], 400, ""), operation)
    return ClientError(_error(code, match["message"], int(match["status"]), match["id"]), operation)


def _error(code: str, message: str, status: int, request_id: str) -> Any:
    return {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"RequestId": request_id, "HTTPStatusCode": status},
    }
