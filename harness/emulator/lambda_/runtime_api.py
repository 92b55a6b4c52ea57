"""The Lambda Runtime API, as one execution environment sees it.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html

Each environment has a listener of its own, so that a request needs no identification, as on AWS.
"""

from __future__ import annotations

import http.server
import queue
import socketserver
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from harness.emulator.door.body import BodyError, read_body
from harness.emulator.door.heads import QuickHead
from harness.emulator.lambda_.invocation import Invocation

_PREFIX = "/2018-06-01/runtime/"


@dataclass(frozen=True)
class RuntimeEvents:
    """What an environment's owner is told, on the thread that answers the runtime."""

    ready: Callable[[], None]
    """The runtime asked for an invocation: it is initialized and idle."""
    result: Callable[[str, bytes], None]
    """A handler's result: request id and JSON text."""
    error: Callable[[str, bytes], None]
    """A handler's error: request id and JSON text."""
    init_error: Callable[[bytes], None]
    """The runtime could not load the handler: JSON text."""


class RuntimeApi:
    """Serves the Runtime API to one process.

    Args:
        events: who is told what the runtime says.
        deadline: milliseconds since the epoch at which the invocation just handed over must be done.
    """

    def __init__(self, events: RuntimeEvents, deadline: Callable[[], int]) -> None:
        self._invocations: queue.SimpleQueue[Invocation | None] = queue.SimpleQueue()
        self._events = events
        self._deadline = deadline
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.api = self
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.5}, name="runtime-api", daemon=True
        )
        self._thread.start()

    @property
    def address(self) -> str:
        """``host:port`` for ``AWS_LAMBDA_RUNTIME_API``."""
        host, port = self._server.server_address[:2]
        return f"{host!s}:{port}"

    def hand_over(self, invocation: Invocation) -> None:
        """Give the runtime its next event."""
        self._invocations.put(invocation)

    def close(self) -> None:
        """Stop listening; a runtime that waits for an event is told to go."""
        self._invocations.put(None)
        threading.Thread(target=self._shut_down, daemon=True).start()

    def _shut_down(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    block_on_close = False
    api: RuntimeApi

    def server_bind(self) -> None:
        # http.server looks its own name up, which can take seconds on a laptop without a network.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A runtime that was killed in the middle of a request: its environment reports that.
        pass


class _Handler(QuickHead):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    server: _Server

    def parse_request(self) -> bool:
        """Read the head; a web page that has found the port is refused, or it would take invocations away."""
        if not super().parse_request():
            return False
        names = self.headers.get_all("Host", [])
        if names != [f"127.0.0.1:{self.server.server_port}"] or {"origin", "sec-fetch-site"} & {
            name.lower() for name in self.headers
        }:
            self.close_connection = True
            self.send_error(403)
            return False
        return True

    def do_GET(self) -> None:
        api = self.server.api
        if self.path != f"{_PREFIX}invocation/next":
            self._answer(404, b"{}")
            return
        api._events.ready()
        invocation = api._invocations.get()
        if invocation is None:
            self.close_connection = True
            return
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": str(api._deadline()),
            "Lambda-Runtime-Invoked-Function-Arn": invocation.invoked_arn,
            "Lambda-Runtime-Trace-Id": invocation.trace_id,
        }
        if invocation.client_context is not None:
            headers["Lambda-Runtime-Client-Context"] = invocation.client_context
        self._answer(200, invocation.payload, headers)

    def do_POST(self) -> None:
        try:
            body = read_body(self.rfile, self.headers)
        except BodyError as error:
            self.close_connection = True
            self.send_error(error.status)
            return
        events = self.server.api._events
        parts = self.path.removeprefix(_PREFIX).split("/")
        match parts:
            case ["invocation", request_id, "response"]:
                self._answer(202, b'{"status":"OK"}')
                events.result(request_id, body)
            case ["invocation", request_id, "error"]:
                self._answer(202, b'{"status":"OK"}')
                events.error(request_id, body)
            case ["init", "error"]:
                events.init_error(body)
                self._answer(202, b'{"status":"OK"}')
            case _:
                self._answer(404, b"{}")

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        fields = {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}
        lines = [f"HTTP/1.1 {status} {self.responses[status][0]}", *(f"{name}: {fields[name]}" for name in fields)]
        self.wfile.write("\r\n".join((*lines, "", "")).encode("latin-1") + body)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        pass
