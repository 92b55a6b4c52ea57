"""When an execution was in which state: bars from its start to its end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from harness.dashboard.steps import Step
from harness.dashboard.views import ExecutionView

WIDE = 1000
"""Units from the start to the end."""
MOST = 500
"""Bars that are shown."""


@dataclass(frozen=True)
class Part:
    """A piece of a bar; *kind* is ``whole``, ``try``, ``failed`` or ``wait``."""

    kind: str
    x: float
    width: float


@dataclass(frozen=True)
class Bar:
    """A state's time: how long after the start it was entered, in seconds, and its pieces, in units of 1/1000."""

    step: Step
    after: float
    parts: list[Part]


@dataclass(frozen=True)
class Timeline:
    """The bars of an execution; *seconds* from the left end to the right; *more* bars are left out."""

    bars: list[Bar]
    seconds: float
    more: int


def timeline_of(view: ExecutionView) -> Timeline:
    """Return what took how long, in the order of the steps; of a running execution, up to now."""
    began = view.row.started
    last = [time for step in view.steps for time in (step.left or step.entered,)]
    ended = view.row.stopped or max([datetime.now(UTC), *last])
    whole = max([(time - began).total_seconds() for time in (ended, *last)] + [0.001])

    def part(kind: str, start: datetime, end: datetime | None) -> Part:
        x = max(0.0, (start - began).total_seconds()) / whole * WIDE
        until = ((end or ended) - began).total_seconds() / whole * WIDE
        least = 6 if kind in ("try", "failed") else 4
        return Part(kind, round(min(x, WIDE - least), 1), round(max(until - x, least), 1))

    bars = []
    for step in view.steps[:MOST]:
        parts = [part("wait" if step.kind == "Wait" else "whole", step.entered, step.left)]
        for before, after in zip(step.attempts, step.attempts[1:], strict=False):
            if before.ended is not None:
                parts.append(part("wait", before.ended, after.began))
        if len(step.attempts) > 1:
            parts += [part("failed" if this.error else "try", this.began, this.ended) for this in step.attempts]
        bars.append(Bar(step, max(0.0, (step.entered - began).total_seconds()), parts))
    return Timeline(bars, whole, max(0, len(view.steps) - MOST))
