"""A function's log: START, END and REPORT lines around what it prints.

https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

from harness.emulator.logs.writer import LogWriter

_TAIL = 4096
"""Bytes of a log that ``LogType=Tail`` answers."""


class LogStream:
    """The log of one execution environment.

    Args:
        writer: writes it.
        region: where the group lives.
        group: log group, ``/aws/lambda/<function>`` unless configured.
        version: function version, part of the stream's name.
        may_write: whether the function's role lets it write to the stream of this name; asked at each invocation.
    """

    def __init__(
        self, writer: LogWriter, region: str, group: str, version: str, may_write: Callable[[str], bool]
    ) -> None:
        self._writer = writer
        self._region = region
        self.group = group
        self.name = f"{time.strftime('%Y/%m/%d', time.gmtime())}/[{version}]{uuid.uuid4().hex}"
        self._version = version
        self._tail = ""
        self._closed = False
        self._may_write = may_write
        self._allowed: bool | None = None

    def look(self) -> bool:
        """Find out whether the function's role lets it write; the first who writes does, otherwise."""
        self._allowed = self._may_write(self.name)
        return self._allowed

    def mute(self) -> None:
        """Take no more: the environment is gone, and its log group may be deleted by now."""
        self._closed = True

    def line(self, message: str) -> None:
        """Add one event."""
        if self._closed:
            return
        self._tail = f"{self._tail}{message}\n"[-_TAIL - 1 :]
        if self.look() if self._allowed is None else self._allowed:
            self._writer.put(self._region, self.group, self.name, message + "\n")

    def start(self, request_id: str) -> None:
        """An invocation begins."""
        self._tail = ""
        self.look()
        self.line(f"START RequestId: {request_id} Version: {self._version}")

    def end(
        self,
        request_id: str,
        duration: float,
        memory_mb: int,
        used_mb: int,
        init: float | None,
        status: str | None = None,
    ) -> bytes:
        r"""An invocation is over.

        Args:
            request_id: the invocation's.
            duration: seconds that the handler took.
            memory_mb: the function's memory setting.
            used_mb: most memory that the environment has used.
            init: seconds that the environment took to start, for its first invocation.
            status: ``timeout``, or ``error\tError Type: ...``, when it did not end by itself.

        Returns:
            The last 4 KB of the invocation's log, as ``LogType=Tail`` answers it.
        """
        milliseconds = duration * 1000
        billed = -(-int(milliseconds * 100) // 100) if milliseconds else 1
        if init is not None:
            billed = -(-int((duration + init) * 100_000) // 100)
        report = (
            f"REPORT RequestId: {request_id}\tDuration: {milliseconds:.2f} ms\tBilled Duration: {max(billed, 1)} ms\t"
            f"Memory Size: {memory_mb} MB\tMax Memory Used: {used_mb} MB\t"
        )
        if init is not None:
            report += f"Init Duration: {init * 1000:.2f} ms\t"
        if status is not None:
            report += f"Status: {status}"
        self.line(f"END RequestId: {request_id}")
        self.line(report)
        return self._tail.removesuffix("\n").encode()[-_TAIL:]
