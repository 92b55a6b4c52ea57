"""A model served by a program: started, watched, asked over HTTP, started anew when it dies.

https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html
"""

from __future__ import annotations

import http.client
import logging
import re
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.emulator.sagemaker.frameworks import FrameworkEnvironments
from harness.emulator.sagemaker.images import ImageKind, kind_of
from harness.emulator.sagemaker.model_data import fetch_model
from harness.emulator.sagemaker.model_server import (
    ModelAnswer,
    ModelRequest,
    ModelTimeout,
    ModelUnreachable,
    Streamed,
)
from harness.emulator.sagemaker.program import ProgramError, ProgramSpec, RunningProgram, start_program

logger = logging.getLogger(__name__)

START_LIMIT = 480.0
"""Seconds that a container has to answer its first health check.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProductionVariant.html
"""
_PING_LIMIT = 2.0
_PART = 1 << 20
_INVOCATIONS = "/invocations"
_PING_PAUSE = 0.02
_STOP_GRACE = 10.0
_LONGEST_PAUSE = 30.0
_LISTENING = re.compile(r"Listening on http://([0-9.]+):(\d+)")


@dataclass(frozen=True)
class ServedModel:
    """What a model server runs."""

    variant: str
    image: str
    environment: Mapping[str, str]
    model_data: str | None
    """``s3://...model.tar.gz``, or None."""
    folder: Path
    """Scratch folder, removed when the server is closed."""
    s3: Any = field(repr=False)
    on_line: Callable[[str], None] = field(repr=False)
    """Takes each line of the program's output."""
    frameworks: FrameworkEnvironments | None = None
    """The environments that stand in for AWS's framework containers."""
    reach: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Variables by which a process reaches the emulator."""


class ProcessServer:
    """Serves a model with its image's ``serve`` program."""

    is_stub = False
    stub = None

    def __init__(self, model: ServedModel) -> None:
        self._model = model
        self.root = model.folder / "ml"
        """The folder that stands in for ``/opt/ml``."""
        self._lock = threading.Lock()
        self._idle: deque[http.client.HTTPConnection] = deque()
        self._address: tuple[str, int] | None = None
        self._told = threading.Event()
        self._program: RunningProgram | None = None
        self._closed = threading.Event()
        self.restarts = 0
        """How often the program died and was started anew."""

    @property
    def pid(self) -> int | None:
        """Process number of the program, None while there is none."""
        return self._program.pid if self._program is not None else None

    def start(self) -> None:
        """Fetch the model, start the program, and wait until it answers its health check.

        Raises:
            RuntimeError: it does not; the message is the endpoint's failure reason.
        """
        for name in ("model", "input", "output"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        if self._model.model_data:
            fetch_model(self._model.s3, self._model.model_data, self.root / "model")
        code = self._model.environment.get("SAGEMAKER_SUBMIT_DIRECTORY", "")
        if code.startswith("s3://"):
            fetch_model(self._model.s3, code, self.root / "code")
        if not self._launch():
            raise RuntimeError(
                f"The primary container for production variant {self._model.variant} did not pass the ping health "
                "check. Please check CloudWatch logs for this endpoint."
            )
        threading.Thread(target=self._watch, name="model-server", daemon=True).start()

    def invoke(self, request: ModelRequest) -> ModelAnswer:
        """Pass a request on to ``POST /invocations``."""
        return self.ask("POST", _INVOCATIONS, request)

    def ask(
        self, method: str, path: str, request: ModelRequest, headers: Mapping[str, str] | None = None
    ) -> ModelAnswer:
        """Ask the program; its whole answer.

        Args:
            method: of HTTP.
            path: of the program's API.
            request: what it is asked.
            headers: more than those of the request.

        Raises:
            ModelTimeout: it does not answer in time.
            ModelUnreachable: it does not answer.
        """
        try:
            return self._send(method, path, request, headers or {}).whole()
        except TimeoutError:
            raise ModelTimeout from None
        except (OSError, http.client.HTTPException) as error:
            raise ModelUnreachable(f"the model's process gave no answer: {error or type(error).__name__}") from None

    def stream(self, request: ModelRequest) -> Streamed:
        """Pass a request on to ``POST /invocations``, and its answer as it comes."""
        return self._send("POST", _INVOCATIONS, request, {})

    def _send(self, method: str, path: str, request: ModelRequest, more: Mapping[str, str]) -> Streamed:
        headers = {"Content-Type": request.content_type, "Accept": request.accept, **more}
        if request.custom_attributes is not None:
            headers["X-Amzn-SageMaker-Custom-Attributes"] = request.custom_attributes
        while True:
            connection, reused = self._connection()
            connection.timeout = request.seconds
            if connection.sock is not None:
                connection.sock.settimeout(request.seconds)
            try:
                connection.request(method, path, request.body, headers)
                answer = connection.getresponse()
            except TimeoutError:
                connection.close()
                raise ModelTimeout from None
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                if reused:
                    # A server may end a connection that was idle, and this request has not reached it then.
                    continue
                raise ModelUnreachable(f"the model's process gave no answer: {error or type(error).__name__}") from None
            return Streamed(
                answer.status,
                answer.headers.get("Content-Type") or "application/octet-stream",
                answer.headers.get("X-Amzn-SageMaker-Custom-Attributes"),
                self._parts(connection, answer),
            )

    def _parts(self, connection: http.client.HTTPConnection, answer: http.client.HTTPResponse) -> Iterator[bytes]:
        whole = False
        try:
            while part := answer.read1(_PART):
                yield part
            if answer.length:
                raise http.client.IncompleteRead(b"", answer.length)
            whole = True
        finally:
            answer.close()
            if whole and not answer.will_close:
                self._idle.append(connection)
            else:
                connection.close()

    def close(self) -> None:
        """End the program and remove its files."""
        self._closed.set()
        program = self._program
        if program is not None:
            program.terminate()
            if program.wait(_STOP_GRACE) is None:
                program.kill()
                program.wait(_STOP_GRACE)
        self._drop_connections()
        shutil.rmtree(self._model.folder, ignore_errors=True)

    def _connection(self) -> tuple[http.client.HTTPConnection, bool]:
        try:
            return self._idle.pop(), True
        except IndexError:
            pass
        address = self._address
        if address is None:
            raise ModelUnreachable("the model's process is gone and is being started anew")
        return http.client.HTTPConnection(*address), False

    def _drop_connections(self) -> None:
        while self._idle:
            try:
                self._idle.pop().close()
            except IndexError:
                return

    def _launch(self) -> bool:
        """Start the program; gives whether it came to answer its health check."""
        self._told.clear()
        found: list[tuple[str, int]] = []

        def take(line: str) -> None:
            if not found and (match := _LISTENING.search(line)):
                found.append((match[1], int(match[2])))
                self._told.set()
            self._model.on_line(line)

        tells = kind_of(self._model.image) is not ImageKind.CONTAINER  # a process says where it listens
        spec = ProgramSpec(
            self._model.image,
            ("serve",),
            self.root,
            self._model.environment,
            take,
            serves=True,
            frameworks=self._model.frameworks,
            reach=self._model.reach,
        )
        built_in = kind_of(self._model.image) is ImageKind.BUILT_IN
        try:
            program = self._program = start_program(spec, ("--port", "0") if built_in else ())
        except ProgramError as error:
            raise RuntimeError(str(error)) from None
        deadline = time.monotonic() + START_LIMIT
        while time.monotonic() < deadline and not self._closed.is_set():
            address = found[0] if found else None if tells else _published(program)
            if address is not None and _answers_ping(*address):
                self._address = address
                return True
            if program.wait(0) is not None:
                return False
            if tells and not found:
                self._told.wait(0.1)
            else:
                time.sleep(_PING_PAUSE)
        program.kill()
        return False

    def _watch(self) -> None:
        pause = 0.0
        while not self._closed.is_set():
            program, began = self._program, time.monotonic()
            assert program is not None
            while (code := program.wait(1.0)) is None:
                if self._closed.is_set():
                    return
            if self._closed.is_set():
                return
            self._address = None
            self._drop_connections()
            if time.monotonic() - began > _LONGEST_PAUSE:
                pause = 0.0
            logger.warning(
                "the model server of variant %s ended with %d and is started anew", self._model.variant, code
            )
            self._closed.wait(pause)
            pause = min(_LONGEST_PAUSE, pause * 2 or 0.5)
            self.restarts += 1
            try:
                self._launch()
            except RuntimeError as error:
                logger.warning("the model server of variant %s did not start: %s", self._model.variant, error)


def _published(program: RunningProgram) -> tuple[str, int] | None:
    try:
        return program.address  # type: ignore[attr-defined,no-any-return]
    except ProgramError:
        return None


def _answers_ping(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=_PING_LIMIT)
    try:
        connection.request("GET", "/ping")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
