"""What a process of a function, a training job or a model server writes, split into log events."""

from __future__ import annotations

import contextlib
import os
import select
import struct
import threading
from collections.abc import Callable

_MAGIC = b"\xa5\x5a\x00"
_HEAD = struct.Struct(">IIQ")
_LONGEST_EVENT = 256 * 1024
"""Bytes of one log event; CloudWatch Logs takes no more."""


class ProcessOutput:
    """Reads a process's output and hands each log event, without its line end, to *sink*.

    A line is an event. awslambdaric sends what ``logging`` writes, and its own errors, as frames to
    ``_LAMBDA_TELEMETRY_LOG_FD``, so that
    a message of several lines stays one event, as on AWS. Here that descriptor is standard output itself: both
    kinds keep their order, and a frame's first three bytes, which no UTF-8 text has, tell them apart.

    Args:
        sink: takes the text of one event.

    Attributes:
        descriptor: for the process's standard output and error, and for its telemetry.
    """

    def __init__(self, sink: Callable[[str], None]) -> None:
        self._sink = sink
        self._lock = threading.Lock()
        self._source, self.descriptor = os.pipe()
        os.set_blocking(self._source, False)
        self._rest = b""
        self._ended = False
        self._thread = threading.Thread(target=self._read, name="process-output", daemon=True)

    def start(self) -> None:
        """Begin to read; the process has its end of the pipe by now."""
        os.close(self.descriptor)
        self._thread.start()

    def drain(self) -> None:
        """Hand over all that the process has written until now."""
        with self._lock:
            self._drain()

    def _read(self) -> None:
        # poll, not select: an emulator of many environments has descriptors beyond select's 1,024.
        poller = select.poll()
        poller.register(self._source, select.POLLIN | select.POLLHUP)
        while not self._ended:
            poller.poll()
            self.drain()
        os.close(self._source)

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while not self._ended:
                data = os.read(self._source, 1 << 16)
                self._rest += data
                self._take_events()
                if not data:
                    self._ended = True
                    if self._rest:
                        self._emit(self._rest)

    def _take_events(self) -> None:
        while self._rest:
            if self._rest.startswith(_MAGIC):
                if len(self._rest) < _HEAD.size:
                    return
                end = _HEAD.size + _HEAD.unpack_from(self._rest)[1]
                if len(self._rest) < end:
                    return
                self._emit(self._rest[_HEAD.size : end].removesuffix(b"\n"))
                self._rest = self._rest[end:]
                continue
            frame = self._rest.find(_MAGIC)
            line = self._rest.find(b"\n", 0, frame if frame > 0 else len(self._rest))
            if line >= 0:
                self._emit(self._rest[:line])
                self._rest = self._rest[line + 1 :]
            elif frame > 0:
                self._emit(self._rest[:frame])
                self._rest = self._rest[frame:]
            elif len(self._rest) > _LONGEST_EVENT:
                self._emit(self._rest[:_LONGEST_EVENT])
                self._rest = self._rest[_LONGEST_EVENT:]
            else:
                return

    def _emit(self, event: bytes) -> None:
        self._sink(event.decode("utf-8", "replace"))
