"""What is wanted of the harness's speed, beside what was measured: the first table of docs/speed.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

OURS = "this emulator: StartExecution to SUCCEEDED"
MINISTACK = "MiniStack: S3 read, no endpoint"
_STEADY = 1.1
"""By which factor times of the last tenth of a row may differ from the first's: less is the machine's noise."""

Figures = Mapping[str, Any]


@dataclass(frozen=True)
class Goal:
    """One line of the table.

    Attributes:
        name: what is measured.
        found: takes its figure out of a run's; None where the run did not measure it.
        wanted: the goal.
        unit: behind both.
        more: whether more is better.
    """

    name: str
    found: Callable[[Figures], float | None]
    wanted: float
    unit: str
    more: bool = False

    def row(self, figures: Figures) -> list[str]:
        """Write the line: what, now, goal, and whether it is met."""
        found = self.found(figures)
        goal = f"{self.wanted:g} {self.unit}"
        if found is None:
            return [self.name, "not measured", goal, ""]
        is_met = found >= self.wanted if self.more else found <= self.wanted
        return [self.name, f"{found:.3g} {self.unit}", goal, "met" if is_met else "missed"]


def rows(figures: Figures) -> list[list[str]]:
    """All lines, for the figures of one run."""
    return [goal.row(figures) for goal in GOALS]


def _at(*path: str, times: float = 1.0) -> Callable[[Figures], float | None]:
    def find(figures: Figures) -> float | None:
        found: Any = figures
        for name in path:
            found = found.get(name) if isinstance(found, Mapping) else None
        return None if found is None else float(found) * times

    return find


def _above_ministack(figures: Figures) -> float | None:
    ours, theirs = (_at("executions", name, "first_seconds")(figures) for name in (OURS, MINISTACK))
    return None if ours is None or theirs is None else ours - theirs


def _tenths(figures: Figures) -> Sequence[Mapping[str, float]]:
    found: Sequence[Mapping[str, float]] = figures.get("at_once", {}).get("row") or ()
    return found


def _kilobytes_each(figures: Figures) -> float | None:
    tenths = _tenths(figures)
    if not tenths:
        return None
    between = figures["at_once"]["in_a_row"] * (len(tenths) - 1) / len(tenths)
    return float((tenths[-1]["memory_mb"] - tenths[0]["memory_mb"]) * 1024 / between)


def _slower(figures: Figures) -> float | None:
    tenths = _tenths(figures)
    return tenths[-1]["median_milliseconds"] / tenths[0]["median_milliseconds"] if tenths else None


GOALS = (
    Goal("one Scones execution over the wire", _at("executions", OURS, "warm_milliseconds"), 8, "ms"),
    Goal("first SUCCEEDED from process start, everything deployed", _at("executions", OURS, "first_seconds"), 1.2, "s"),
    Goal("the same, above MiniStack's in the same run", _above_ministack, 0, "s"),
    Goal("`pytest` with one test of an own project", _at("own_project", "own"), 1.5, "s"),
    Goal("200 executions at once, client apart", _at("at_once", "executions_per_second"), 130, "a second", more=True),
    Goal("20,000 executions: growth of memory, each", _kilobytes_each, 1, "KB"),
    Goal("20,000 executions: time of the last tenth, the first's being 1", _slower, _STEADY, "times"),
    Goal("idle memory of `harness up`", _at("start", "memory_mb"), 80, "MB"),
    Goal(
        "Distributed Map of 2,000 images, nested",
        _at("maps", "nested", "images_per_second"),
        120,
        "a second",
        more=True,
    ),
    Goal(
        "Distributed Map of 2,000 images, inline",
        _at("maps", "inline", "images_per_second"),
        200,
        "a second",
        more=True,
    ),
    Goal("`make test`", _at("suite", "seconds"), 45, "s"),
    Goal("`.ci/run` whole", _at("ci_minutes"), 10, "min"),
)
"""Those of issue 26."""
