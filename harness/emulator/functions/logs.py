"""CloudWatch Logs for functions: START, END and REPORT lines, written in the background.

https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections import defaultdict
from typing import Any

from harness.emulator.clients import Clients

logger = logging.getLogger(__name__)

_MOST_EVENTS = 10_000
"""Events that one PutLogEvents call takes.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
"""


class LogWriter:
    """Collects log events and puts them to CloudWatch Logs at an interval, never on an invocation's time.

    Args:
        clients: where the Logs service answers.
        interval: seconds between two writes.
    """

    def __init__(self, clients: Clients, interval: float = 0.25) -> None:
        self._clients = clients
        self._interval = interval
        self._pending: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
        self._known: set[tuple[str, str, str]] = set()
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._wake = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="function-logs", daemon=True)
        self._thread.start()

    def put(self, region: str, group: str, stream: str, message: str) -> None:
        """Add one event, stamped now, to a stream; group and stream are made when they are missing."""
        event = {"timestamp": time.time_ns() // 1_000_000, "message": message}
        with self._lock:
            self._pending[region, group, stream].append(event)
        self._wake.set()

    def flush(self) -> None:
        """Write all that was put before; returns when it is written."""
        with self._writing:
            with self._lock:
                pending, self._pending = self._pending, defaultdict(list)
            for key, events in pending.items():
                try:
                    self._write(key, events)
                except Exception as error:
                    logger.warning("%d log events of %s were not written: %s", len(events), key[1], error)

    def close(self) -> None:
        """Write what is left and stop."""
        self._closed = True
        self._wake.set()
        self._thread.join()
        self.flush()

    def _run(self) -> None:
        while not self._closed:
            self._wake.wait()
            if not self._closed:
                time.sleep(self._interval)
            self._wake.clear()
            self.flush()

    def _write(self, key: tuple[str, str, str], events: list[dict[str, Any]]) -> None:
        region, group, stream = key
        client = self._clients.get("logs", region)
        for start in range(0, len(events), _MOST_EVENTS):
            batch = {
                "logGroupName": group,
                "logStreamName": stream,
                "logEvents": events[start:][:_MOST_EVENTS],
            }
            if key not in self._known:
                self._make(client, group, stream)
                self._known.add(key)
            try:
                client.put_log_events(**batch)
            except client.exceptions.ResourceNotFoundException:
                # Somebody deleted the group or the stream: what is left of this environment's log goes with it.
                return

    @staticmethod
    def _make(client: Any, group: str, stream: str) -> None:
        for create, name in (
            (client.create_log_group, {"logGroupName": group}),
            (client.create_log_stream, {"logGroupName": group, "logStreamName": stream}),
        ):
            try:
                create(**name)
            except client.exceptions.ResourceAlreadyExistsException:
                continue


class LogStream:
    """The log of one execution environment.

    Args:
        writer: writes it.
        region: where the group lives.
        group: log group, ``/aws/lambda/<function>`` unless configured.
        version: function version, part of the stream's name.
    """

    def __init__(self, writer: LogWriter, region: str, group: str, version: str) -> None:
        self._writer = writer
        self._region = region
        self.group = group
        self.name = f"{time.strftime('%Y/%m/%d', time.gmtime())}/[{version}]{uuid.uuid4().hex}"
        self._version = version
        self._tail: list[str] = []

    def line(self, message: str) -> None:
        """Add one event."""
        self._tail.append(message)
        self._writer.put(self._region, self.group, self.name, message + "\n")

    def start(self, request_id: str) -> None:
        """An invocation begins."""
        self._tail.clear()
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
        """An invocation is over.

        Args:
            request_id: the invocation's.
            duration: seconds that the handler took.
            memory_mb: the function's memory setting.
            used_mb: most memory that the environment has used.
            init: seconds that the environment took to start, for its first invocation.
            status: ``timeout``, or ``error\\tError Type: ...``, when it did not end by itself.

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
        return "\n".join(self._tail).encode()[-4096:]
