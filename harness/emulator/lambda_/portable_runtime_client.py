"""``runtime_client``, the part of awslambdaric that is compiled for one version of Python, for all others.

It lies as ``runtime_client.py`` beside awslambdaric where a function runs on another Python than the emulator's, and
imports nothing of the harness.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import http.client
import os

_PREFIX = "/2018-06-01/runtime/invocation/"
_DEADLINE = "Lambda-Runtime-Deadline-Ms"
_HEADERS = (
    "Content-Type",
    "Lambda-Runtime-Aws-Request-Id",
    "Lambda-Runtime-Aws-Tenant-Id",
    "Lambda-Runtime-Client-Context",
    "Lambda-Runtime-Cognito-Identity",
    "Lambda-Runtime-Invocation-Id",
    "Lambda-Runtime-Invoked-Function-Arn",
    "Lambda-Runtime-Trace-Id",
)


class _Client:
    """One connection, kept open from one event to the next."""

    def __init__(self) -> None:
        self.agent = ""
        self.connection: http.client.HTTPConnection | None = None

    def ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> http.client.HTTPResponse:
        if self.connection is None:
            self.connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
        self.connection.request(method, _PREFIX + path, body, {"User-Agent": self.agent, **headers})
        return self.connection.getresponse()

    def post(self, path: str, body: bytes, headers: dict[str, str]) -> None:
        answer = self.ask("POST", path, body, headers)
        answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"Failed to post invocation response: {answer.status}")


_CLIENT = _Client()


def initialize_client(user_agent: str) -> None:
    """Say who asks."""
    _CLIENT.agent = user_agent


def next() -> tuple[bytes, dict[str, str | int | None]]:
    """Wait for an event: its body, and the headers that it came with."""
    answer = _CLIENT.ask("GET", "next", None, {})
    body = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"Failed to get next invocation: {answer.status}")
    headers: dict[str, str | int | None] = {name: answer.getheader(name) for name in _HEADERS}
    return body, {**headers, _DEADLINE: int(answer.getheader(_DEADLINE, "0"))}


def post_invocation_result(invoke_id: str, result: bytes, content_type: str, invocation_id: str | None = None) -> None:
    """Give a handler's result.

    Args:
        invoke_id: ``Lambda-Runtime-Aws-Request-Id``.
        result: the handler's answer, JSON as a rule.
        content_type: of it.
        invocation_id: taken as awslambdaric gives it; this emulator has no use for it.
    """
    _CLIENT.post(invoke_id + "/response", result, {"Content-Type": content_type})


def post_error(invoke_id: str, error: str, xray_fault: str, invocation_id: str | None = None) -> None:
    """Give a handler's error.

    Args:
        invoke_id: ``Lambda-Runtime-Aws-Request-Id``.
        error: JSON text: ``errorMessage``, ``errorType``, ``requestId``, ``stackTrace``.
        xray_fault: the same for X-Ray, JSON text.
        invocation_id: taken as awslambdaric gives it; this emulator has no use for it.
    """
    headers = {"Content-Type": "application/json", "Lambda-Runtime-Function-XRay-Error-Cause": xray_fault}
    _CLIENT.post(invoke_id + "/error", error.encode(), headers)
