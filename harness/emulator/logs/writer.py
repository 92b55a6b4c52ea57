"""CloudWatch Logs, written in the background: for functions, training jobs and endpoints."""

from __future__ import annotations

import logging
import threading
import time
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

    def __init__(self, clients: Clients, interval: float = 1.0) -> None:
        self._clients = clients
        self._interval = interval
        self._pending: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
        self._known: set[tuple[str, str, str]] = set()
        self._failed: set[tuple[str, str, str]] = set()
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._wake = threading.Event()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    def put(self, region: str, group: str, stream: str, message: str) -> None:
        """Add one event, stamped now, to a stream; group and stream are made when they are missing.

        Args:
            region: of the group.
            group: name of the log group, e.g. ``/aws/lambda/greet``.
            stream: name of the log stream.
            message: the event's text.
        """
        with self._lock:
            events = self._pending[region, group, stream]
            # PutLogEvents refuses a batch that is not in order of time as a whole, and the wall clock may go back.
            earliest = events[-1]["timestamp"] if events else 0
            events.append({"timestamp": max(time.time_ns() // 1_000_000, earliest), "message": message})
        self._wake.set()

    def has_group(self, region: str, group: str) -> bool:
        """Whether the log group is there."""
        try:
            found = self._clients.get("logs", region).describe_log_groups(logGroupNamePrefix=group, limit=1)
        except Exception as error:
            logger.warning("log groups of %s cannot be looked up: %s", region, error)
            return False
        return any(item["logGroupName"] == group for item in found["logGroups"])

    def flush(self) -> None:
        """Write all that was put before; returns when it is written."""
        with self._writing:
            with self._lock:
                pending, self._pending = self._pending, defaultdict(list)
            for key, events in pending.items():
                try:
                    self._write(key, events)
                    self._failed.discard(key)
                except Exception as error:
                    self._put_back(key, events, error)

    def _put_back(self, key: tuple[str, str, str], events: list[dict[str, Any]], error: Exception) -> None:
        """Have what was not written tried again with the next write, once; *events* are what is left of them."""
        if key in self._failed or self._closed.is_set():
            logger.warning("%d log events of %s were not written: %s", len(events), key[1], error)
            self._failed.discard(key)
            return
        with self._lock:
            self._pending[key][:0] = events
        self._failed.add(key)
        self._wake.set()

    def close(self) -> None:
        """Write what is left and stop."""
        self._closed.set()
        self._wake.set()
        self._thread.join()
        self.flush()

    def _run(self) -> None:
        while not self._closed.is_set():
            self._wake.wait()
            self._closed.wait(self._interval)
            self._wake.clear()
            self.flush()

    def _write(self, key: tuple[str, str, str], events: list[dict[str, Any]]) -> None:
        region, group, stream = key
        client = self._clients.get("logs", region)
        while events:
            batch = {"logGroupName": group, "logStreamName": stream, "logEvents": events[:_MOST_EVENTS]}
            if key not in self._known:
                self._make(client, group, stream)
                self._known.add(key)
            try:
                client.put_log_events(**batch)
            except client.exceptions.ResourceNotFoundException:
                # Somebody deleted the group, and what is left of this environment's log goes with it; or the service
                # was started anew without its streams, and the group is there again.
                self._known.discard(key)
                try:
                    client.create_log_stream(logGroupName=group, logStreamName=stream)
                    client.put_log_events(**batch)
                except client.exceptions.ResourceNotFoundException:
                    return
            del events[:_MOST_EVENTS]  # what fails later is tried again without them

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
