"""A serverless variant: so many requests at once and no more, a process only while there is something to do.

https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints.html
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from harness.emulator.aws_models import service_error
from harness.emulator.sagemaker.model_server import ModelAnswer, ModelRequest, ModelServer, ModelUnreachable, Streamed
from harness.emulator.sagemaker.stub import StubServer

IDLE = 300.0
"""Seconds without a request after which the process is ended; AWS does not say how long it waits."""


class ServerlessServer:
    """Serves a model with a process that is started when a request comes, and ended when none has come for a while.

    On AWS each of several requests at once has an environment of its own; here one process serves all of them.

    Args:
        make: makes the model's server.
        most: ``MaxConcurrency``.
        stays: whether it is never ended (``ProvisionedConcurrency``).
        put_line: takes a line of the log.
        idle: seconds without a request after which the process is ended.
    """

    def __init__(
        self,
        make: Callable[[], ModelServer],
        most: int,
        stays: bool,
        put_line: Callable[[str], None],
        idle: float = IDLE,
    ) -> None:
        self._make = make
        self._most = most
        self._stays = stays
        self._put_line = put_line
        self._idle = idle
        self._count = 0
        self._lock = threading.Lock()
        self._starting = threading.Lock()
        self._server: ModelServer | None = make()
        self.is_stub = self._server.is_stub
        self._timer: threading.Timer | None = None
        self._closed = False

    @property
    def stub(self) -> StubServer | None:
        """The stub behind it."""
        return self._server if isinstance(self._server, StubServer) else None

    @property
    def pid(self) -> int | None:
        """Process number, None while there is none."""
        return getattr(self._server, "pid", None)

    def start(self) -> None:
        """Start it once, as AWS does to see whether it answers its health check."""
        assert self._server is not None
        self._server.start()
        self._rest()

    def invoke(self, request: ModelRequest) -> ModelAnswer:
        """Answer a request; the first after a while waits for the model to be started.

        Raises:
            AwsError: ``ThrottlingException``: so many requests are under way already.
        """
        with self._place() as server:
            return server.invoke(request)

    def stream(self, request: ModelRequest) -> Streamed:
        """Answer a request in parts; its place is free again when the last one is read."""
        held = self._place()
        server = held.__enter__()
        try:
            answer = server.stream(request)
        except BaseException:
            held.__exit__(None, None, None)
            raise

        def parts() -> Iterator[bytes]:
            try:
                yield from answer.parts
            finally:
                held.__exit__(None, None, None)

        return replace(answer, parts=parts())

    def close(self) -> None:
        """End the process."""
        self._closed = True
        self._end()

    @contextmanager
    def _place(self) -> Iterator[ModelServer]:
        with self._lock:
            if self._count >= self._most:
                raise service_error("sagemaker-runtime", "InvokeEndpoint", "ThrottlingException", "Rate exceeded", 400)
            self._count += 1
            if self._timer is not None:
                self._timer.cancel()
        try:
            yield self._warm()
        finally:
            with self._lock:
                self._count -= 1
                if not self._count:
                    self._rest()

    def _warm(self) -> ModelServer:
        with self._starting:
            if self._server is None:
                began = time.monotonic()
                server = self._make()
                try:
                    server.start()
                except RuntimeError as error:
                    server.close()
                    raise ModelUnreachable(str(error)) from None
                self._server = server
                self._put_line(f"[harness] cold start: the model was ready after {time.monotonic() - began:.1f} s")
            return self._server

    def _rest(self) -> None:
        if self._stays or self.is_stub or self._closed:
            return
        self._timer = threading.Timer(self._idle, self._scale_in)
        self._timer.daemon = True
        self._timer.start()

    def _scale_in(self) -> None:
        with self._lock:
            if not self._count:
                self._end()

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        with self._starting:
            server, self._server = self._server, None
        if server is not None:
            server.close()
