"""A function's log: Lambda's own lines around what it prints.

https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

from harness.emulator.lambda_.platform_lines import PlatformLines, Report
from harness.emulator.lambda_.records import runtime_version_arn
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
        runtime: of the function; empty for an image.
        lines: words Lambda's own lines.
        may_write: whether the function's role lets it write to the stream of this name; asked at each invocation.
    """

    def __init__(
        self,
        writer: LogWriter,
        region: str,
        group: str,
        version: str,
        runtime: str,
        lines: PlatformLines,
        may_write: Callable[[str], bool],
    ) -> None:
        self._writer = writer
        self._region = region
        self.group = group
        self.name = f"{time.strftime('%Y/%m/%d', time.gmtime())}/[{version}]{uuid.uuid4().hex}"
        self._version = version
        self._runtime = runtime
        self._lines = lines
        self._has_begun = False
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

    def said(self, message: str) -> None:
        """Add what Lambda says of something that went wrong, where its log format has that."""
        for line in self._lines.said(message):
            self.line(line)

    def start(self, request_id: str) -> None:
        """Begin an invocation."""
        self.look()
        if not self._has_begun and self._runtime:
            self._has_begun = True
            for line in self._lines.init(self._runtime, runtime_version_arn(self._region, self._runtime)):
                self.line(line)
        self._tail = ""
        for line in self._lines.start(request_id, self._version):
            self.line(line)

    def end(self, report: Report) -> bytes:
        """End an invocation; gives the last 4 KB of its log, as ``LogType=Tail`` answers it."""
        for line in self._lines.end(report):
            self.line(line)
        return self._tail.removesuffix("\n").encode()[-_TAIL:]
