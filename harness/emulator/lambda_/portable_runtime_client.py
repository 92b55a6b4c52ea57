"""``runtime_client``, the part of awslambdaric that is compiled for one version of Python, for all others.

It lies as ``runtime_client.py`` beside awslambdaric where a function runs on another Python than the emulator's, and
imports nothing of the harness. As the compiled part does, it spends little: ``http.client`` took a third of what a
small function takes.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import os
import socket

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
        self.connection: socket.socket | None = None

    def ask(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        # The answer's status, its headers by their names in small letters, its body.
        address = os.environ["AWS_LAMBDA_RUNTIME_API"]
        if self.connection is None:
            host, _, port = address.rpartition(":")
            self.connection = socket.create_connection((host, int(port)))
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.answers = self.connection.makefile("rb")
        given = {"Host": address, "User-Agent": self.agent, **headers, "Content-Length": str(len(body))}
        lines = (f"{method} {_PREFIX}{path} HTTP/1.1", *(f"{name}: {given[name]}" for name in given), "", "")
        self.connection.sendall("\r\n".join(lines).encode("latin-1") + body)
        status = self.answers.readline().split(None, 2)
        if not status:
            raise ConnectionError("the Runtime API has closed the connection")
        found = {}
        while line := self.answers.readline().rstrip():
            name, _, value = line.decode("latin-1").partition(":")
            found[name.lower()] = value.strip()
        return int(status[1]), found, self.answers.read(int(found["content-length"]))

    def post(self, path: str, body: bytes, headers: dict[str, str]) -> None:
        status, _, _ = self.ask("POST", path, body, headers)
        if status >= 300:
            raise RuntimeError(f"Failed to post invocation response: {status}")


_CLIENT = _Client()


def initialize_client(user_agent: str) -> None:
    """Say who asks."""
    _CLIENT.agent = user_agent


def next() -> tuple[bytes, dict[str, str | int | None]]:
    """Wait for an event: its body, and the headers that it came with."""
    status, given, body = _CLIENT.ask("GET", "next", b"", {})
    if status != 200:
        raise RuntimeError(f"Failed to get next invocation: {status}")
    headers: dict[str, str | int | None] = {name: given.get(name.lower()) for name in _HEADERS}
    return body, {**headers, _DEADLINE: int(given.get(_DEADLINE.lower(), "0"))}


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
