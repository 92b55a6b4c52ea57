"""Starts the processes of functions as copies of one that has loaded AWS's runtime already.

A process of its own takes 0.2 s of processor time before it looks at its first event, most of it to import boto3; a
copy takes a tenth of that. What the function sees is the same: :meth:`RuntimeTemplate.start` refuses where it might not
be.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_PROGRAM = Path(__file__).with_name("runtime_template.py")
_READ_BY_PYTHON = ("PYTHON", "LD_", "MALLOC_", "GLIBC_")
"""Beginnings of the names of variables that a process reads when it starts, and a copy has not."""
_PATIENCE = 10.0
_FAREWELL = 2.0
_LONGEST_ANSWER = 1 << 16


class CopiedProcess:
    """What a :class:`subprocess.Popen` is for its own child, for a copy of the template."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._ended = threading.Event()
        self._status = 0

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; gives its exit status, negative for a signal.

        Raises:
            subprocess.TimeoutExpired: it goes on.
        """
        if not self._ended.wait(timeout):
            raise subprocess.TimeoutExpired([str(self.pid)], timeout or 0.0)
        return self._status

    def end(self, status: int) -> None:
        """Take note that it has ended."""
        self._status = status
        self._ended.set()


class RuntimeTemplate:
    """One process that is copied; started with the first function, or when the first is expected.

    Args:
        program: the Python that it runs on.
        runtime_folder: packages that AWS's runtime brings.
        variables: its own environment variables: what Python reads when it starts.
        compiled: folder in which it keeps the packages compiled; None where they are beside them.
    """

    def __init__(
        self, program: str, runtime_folder: Path, variables: Mapping[str, str], compiled: Path | None = None
    ) -> None:
        self.program = program
        self.runtime_folder = runtime_folder
        self._compiled = [] if compiled is None else [str(compiled)]
        self._variables = {**variables, "PYTHONPATH": str(runtime_folder)}
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._modules: frozenset[str] = frozenset()
        self._answers: queue.SimpleQueue[CopiedProcess | None] = queue.SimpleQueue()
        self._copies: dict[int, CopiedProcess] = {}
        self._usable = sys.platform == "linux" and hasattr(os, "pidfd_open")

    def load(self) -> None:
        """Start the process that is copied, before there is a function to run."""
        with self._lock:
            if self._usable:
                try:
                    self._connect()
                except (OSError, ValueError):
                    self._usable = False

    def start(
        self,
        handler: str,
        roots: Sequence[Path],
        own: Mapping[str, str],
        environment: Mapping[str, str],
        descriptor: int,
        mount: tuple[str, str] | None = None,
    ) -> CopiedProcess | None:
        """Start a process that runs *handler*; None where one of its own is needed.

        That is: where no template can be had, where the package brings a module that the template has loaded (a boto3
        of its own, say), and where the function's variables say how Python starts.

        Args:
            handler: as Lambda names it.
            roots: folders of modules that the function brings; it runs in the first, the deployment package's.
            own: the function's own variables.
            environment: all variables, those among them.
            descriptor: for its output; it has the same number there.
            mount: the folder of its layers, and one for what is mounted upon, where they are to be at ``/opt``.
        """
        if not self._usable or any(name.startswith(_READ_BY_PYTHON) for name in own):
            return None
        with self._lock:
            try:
                channel = self._connect()
                if self._bring_their_own(roots):
                    return None
                request = {
                    "handler": handler,
                    "environment": dict(environment),
                    "folder": str(roots[0]),
                    "paths": _folders(environment),
                    "descriptor": descriptor,
                    "mount": mount,
                }
                socket.send_fds(channel, [json.dumps(request).encode()], [descriptor])
                copy = self._answers.get(timeout=_PATIENCE)
            except (OSError, queue.Empty, ValueError):
                copy = None
            if copy is None:
                self._usable = False
            return copy

    def close(self) -> None:
        """End the template; copies end by themselves, or by those who hold them."""
        with self._lock:
            self._usable = False
            if self._channel is not None:
                with contextlib.suppress(OSError):
                    self._channel.shutdown(socket.SHUT_RDWR)
            if self._process is not None:
                try:
                    self._process.wait(_FAREWELL)
                except subprocess.TimeoutExpired:  # it is stopped, or swapped out: nothing waits for that
                    self._process.kill()
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        self._process.wait(_FAREWELL)

    def _connect(self) -> socket.socket:
        if self._channel is None:
            self._channel, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with other:
                self._process = subprocess.Popen(
                    [self.program, "-S", "-s", str(_PROGRAM), str(other.fileno()), *self._compiled],
                    env=self._variables,
                    stdin=subprocess.DEVNULL,
                    pass_fds=(other.fileno(),),
                    start_new_session=True,
                )
            self._channel.settimeout(_PATIENCE)
            self._modules = frozenset(json.loads(self._channel.recv(_LONGEST_ANSWER))["modules"])
            self._channel.settimeout(None)
            threading.Thread(target=self._read, args=(self._channel,), name="runtime-template", daemon=True).start()
        return self._channel

    def _bring_their_own(self, roots: Sequence[Path]) -> bool:
        paths = (path for root in roots if root.is_dir() for path in root.iterdir())
        return any(path.name.partition(".")[0] in self._modules for path in paths)

    def _read(self, channel: socket.socket) -> None:
        while True:
            try:
                data = channel.recv(_LONGEST_ANSWER)
            except OSError:
                data = b""
            if not data:
                break
            answer: dict[str, Any] = json.loads(data)
            if "started" in answer:
                copy = self._copies[answer["started"]] = CopiedProcess(answer["started"])
                self._answers.put(copy)
            else:
                self._copies.pop(answer["ended"]).end(answer["status"])
        channel.close()
        self._usable = False
        self._answers.put(None)
        for copy in list(self._copies.values()):  # nobody would tell of their end any more
            with contextlib.suppress(OSError):
                os.killpg(copy.pid, signal.SIGKILL)
            copy.end(-signal.SIGKILL)


def _folders(environment: Mapping[str, str]) -> Sequence[str]:
    return environment["PYTHONPATH"].split(os.pathsep)
