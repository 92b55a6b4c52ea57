"""Tumbling windows: what a function adds up over the records of a stretch of time, shard by shard.

https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-windows.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from harness.emulator.lambda_.sources.reading import EventSourceMapping
from harness.emulator.lambda_.sources.stream_records import arrival_of

_MOST_STATE = 1 << 20
"""Bytes of a state beyond which a window is terminated early."""


@dataclass
class Window:
    """A window of one shard, and its state.

    Attributes:
        start: in seconds since 1970.
        length: in seconds.
        shard: whose records it holds.
        source: ARN of the stream.
        state: what the function has given last.
        is_too_large: whether the state is larger than AWS keeps.
    """

    start: int
    length: int
    shard: str
    source: str
    state: dict[str, Any] = field(default_factory=dict)
    is_too_large: bool = False

    @property
    def end(self) -> int:
        """In seconds since 1970; a record of this very second is in the next window."""
        return self.start + self.length

    def event(self, records: list[dict[str, Any]], *, is_final: bool = False, is_early: bool = False) -> bytes:
        """Write what the function gets.

        Args:
            records: of this window.
            is_final: no more of them come.
            is_early: the window is terminated early, and goes on with an empty state.
        """
        told = {
            "Records": records,
            "window": {"start": _text(self.start), "end": _text(self.end)},
            "state": self.state,
            "shardId": self.shard,
            "eventSourceARN": self.source,
            "isFinalInvokeForWindow": is_final,
            "isWindowTerminatedEarly": is_early,
        }
        return json.dumps(told, separators=(",", ":"), ensure_ascii=False).encode()

    def take(self, payload: bytes | None) -> bool:
        """Take the state out of the function's answer; False where there is none, which is a failure."""
        try:
            state = json.loads(payload or b"null")["state"]
        except (KeyError, TypeError, ValueError):
            return False
        if not isinstance(state, dict):
            return False
        self.state = state
        self.is_too_large = len(json.dumps(state, separators=(",", ":")).encode()) > _MOST_STATE
        return True


def by_window(
    records: Iterable[dict[str, Any]], mapping: EventSourceMapping, shard: str
) -> Iterator[tuple[Window, list[dict[str, Any]]]]:
    """Yield records in their order, each stretch of them with the window that it is in.

    Args:
        records: of one shard.
        mapping: that reads the stream.
        shard: they come from.
    """
    length = int(mapping["TumblingWindowInSeconds"])
    for start, group in groupby(records, key=lambda record: int(arrival_of(record) // length * length)):
        yield Window(start, length, shard, str(mapping["EventSourceArn"])), list(group)


def _text(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
