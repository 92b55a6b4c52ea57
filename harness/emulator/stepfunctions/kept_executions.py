"""An execution as it is kept: what is known of it, and how a row of the store has that."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

COLUMNS = "arn, machine, version, alias, map_run, status, started, stopped, redrives, redriven, number"
_SMALL = 2048
"""Bytes that are not compressed."""


@dataclass
class Kept:
    """An execution as it is listed and described.

    Attributes:
        arn: of the execution.
        machine: ARN of its state machine, without a version.
        version: ARN of the version that it runs, where it was started by one or by an alias.
        alias: ARN of the alias that it was started by.
        map_run: ARN of the Map Run that it belongs to.
        status: ``RUNNING``, ``SUCCEEDED``, ``FAILED``, ``TIMED_OUT``, ``ABORTED``.
        started: seconds since the epoch.
        stopped: the same, or None.
        redrives: how many there were.
        redriven: when the last one was, or None.
        number: its place among all executions, given when it begins.
        members: ``input``, ``output``, ``error``, ``cause``, ``revision`` and what else there is.
    """

    arn: str
    machine: str
    version: str | None = None
    alias: str | None = None
    map_run: str | None = None
    status: str = "RUNNING"
    started: float = 0.0
    stopped: float | None = None
    redrives: int = 0
    redriven: float | None = None
    number: int = 0
    members: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Of the execution."""
        return self.arn.split(":")[7]


def row_of(kept: Kept, history: bytes) -> tuple[Any, ...]:
    """Return the values of a row: those of ``COLUMNS``, the members, and the packed history."""
    return (
        kept.arn,
        kept.machine,
        kept.version,
        kept.alias,
        kept.map_run,
        kept.status,
        kept.started,
        kept.stopped,
        kept.redrives,
        kept.redriven,
        kept.number,
        packed(kept.members),
        history,
    )


def kept_of(row: Sequence[Any]) -> Kept:
    """Return the execution that a row keeps, which has ``COLUMNS`` and the members."""
    kept = Kept(*row[:-1])
    kept.members = unpacked(row[-1]) if row[-1] else {}
    return kept


def packed(value: Any) -> bytes:
    """Write a value as JSON, compressed where that is worth the time."""
    text = json.dumps(value, separators=(",", ":")).encode()
    return zlib.compress(text, 1) if len(text) > _SMALL else text


def unpacked(value: bytes) -> Any:
    """Read what ``packed`` has written."""
    return json.loads(value if value[:1] in (b"{", b"[") else zlib.decompress(value))
