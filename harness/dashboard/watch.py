"""Tells browsers that something has changed: server-sent events, fed by one poller for all who look.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import json
import logging
import queue
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any

logger = logging.getLogger(__name__)

MOST_STREAMS = 48
HEARTBEAT = 10.0
"""Seconds after which a quiet stream gives a sign of life, which also finds out whether anybody is there."""


class TooManyStreams(RuntimeError):
    """No more browsers can be told of changes at once."""


@dataclass
class Topic:
    """Something that is watched.

    Attributes:
        look: gives a version, which differs when something has changed, and what to tell.
        interval: seconds between two looks, while things change.
        slowest: seconds between two looks, when nothing has changed for long.
    """

    look: Callable[[], tuple[Hashable, dict[str, Any]]]
    interval: float
    slowest: float
    due: float = 0.0
    pause: float = 0.0
    version: Hashable = None
    told: dict[str, Any] | None = None
    streams: list[queue.SimpleQueue[dict[str, Any] | None]] = field(default_factory=list)


class Watch:
    """The topics that browsers look at. Its thread lasts as long as there is one."""

    def __init__(self, most_streams: int = MOST_STREAMS, heartbeat: float = HEARTBEAT) -> None:
        self._most_streams = most_streams
        self._heartbeat = heartbeat
        self._lock = threading.Lock()
        self._topics: dict[Hashable, Topic] = {}
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._closed = False

    @property
    def streams(self) -> int:
        """How many browsers are told of changes now."""
        with self._lock:
            return sum(len(topic.streams) for topic in self._topics.values())

    def stream(self, name: Hashable, make: Callable[[], Topic]) -> Iterator[bytes]:
        """Return the events of a topic, until whoever reads them closes the iterator.

        Args:
            name: two streams of the same name share a topic.
            make: makes the topic for the first.

        Raises:
            TooManyStreams: at once, not when the first event is read.
        """
        inbox: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        with self._lock:
            if self._closed or sum(len(topic.streams) for topic in self._topics.values()) >= self._most_streams:
                raise TooManyStreams
            topic = self._topics.get(name)
            if topic is None:
                topic = self._topics[name] = make()
            topic.streams.append(inbox)
            if topic.told is not None:
                inbox.put(topic.told)
            topic.due = 0.0
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="dashboard-watch", daemon=True)
                self._thread.start()
        self._wake.set()
        return _Stream(self._events(inbox), lambda: self._leave(name, inbox))

    def look_now(self) -> None:
        """Look at everything at once: something was just changed from here."""
        with self._lock:
            for topic in self._topics.values():
                topic.due, topic.pause = 0.0, topic.interval
        self._wake.set()

    def close(self) -> None:
        """End all streams."""
        with self._lock:
            self._closed = True
            for topic in self._topics.values():
                for inbox in topic.streams:
                    inbox.put(None)
        self._wake.set()

    def _events(self, inbox: queue.SimpleQueue[dict[str, Any] | None]) -> Iterator[bytes]:
        yield b"retry: 2000\n\n"
        while True:
            try:
                said = inbox.get(timeout=self._heartbeat)
            except queue.Empty:
                yield b": still here\n\n"
                continue
            if said is None:
                return
            yield f"data: {json.dumps(said)}\n\n".encode()

    def _leave(self, name: Hashable, inbox: queue.SimpleQueue[dict[str, Any] | None]) -> None:
        with self._lock:
            topic = self._topics.get(name)
            if topic is not None and inbox in topic.streams:
                topic.streams.remove(inbox)
                if not topic.streams:
                    del self._topics[name]
        self._wake.set()

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._topics or self._closed:
                    self._thread = None
                    return
                now = time.monotonic()
                due = [topic for topic in self._topics.values() if topic.due <= now]
                until = min((topic.due for topic in self._topics.values()), default=now)
                self._wake.clear()
            if not due:
                self._wake.wait(until - now)
                continue
            for topic in due:
                self._look(topic)

    def _look(self, topic: Topic) -> None:
        try:
            version, said = topic.look()
        except Exception as error:
            logger.info("the target does not answer: %s", error)
            version, said = ("trouble", str(error)), {"trouble": str(error)}
        with self._lock:
            changed = version != topic.version
            topic.pause = topic.interval if changed else min(max(topic.pause, topic.interval) * 1.3, topic.slowest)
            topic.due = time.monotonic() + topic.pause
            if changed:
                topic.version, topic.told = version, said
                for inbox in topic.streams:
                    inbox.put(said)


class _Stream(Iterator[bytes]):
    """An iterator that is left when it is closed, also before its first event."""

    def __init__(self, events: Iterator[bytes], leave: Callable[[], None]) -> None:
        self._events = events
        self._leave = leave

    def __next__(self) -> bytes:
        return next(self._events)

    def close(self) -> None:
        """Whoever read it is gone."""
        self._leave()
