"""What a report says first: pass, watch or fail, why, and by which rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from harness.reporting.statistics import wilson
from harness.reporting.words import limit as limit_text
from harness.reporting.words import percent, share

if TYPE_CHECKING:
    from rich.console import Console

Level = Literal["pass", "watch", "fail"]
_ORDER: tuple[Level, ...] = ("pass", "watch", "fail")
LARGEST_CALIBRATION_ERROR = 0.05


@dataclass(frozen=True)
class Finding:
    """What one rule finds."""

    level: Level
    reason: str
    """A sentence with numbers."""


@dataclass(frozen=True)
class Verdict:
    """The worst that was found, and all that was looked at."""

    level: Level
    findings: tuple[Finding, ...]
    """The worst first."""
    rule: str

    @property
    def reason(self) -> str:
        """Of the worst finding."""
        return self.findings[0].reason


def show(verdict: Verdict, console: Console) -> None:
    """Say it in a terminal or a log, in a line."""
    from rich.text import Text

    colour = {"pass": "green", "watch": "yellow", "fail": "red"}[verdict.level]
    console.print(Text.assemble((verdict.level.upper(), f"bold {colour}"), f"  {verdict.reason}"), soft_wrap=True)


def judge(findings: Sequence[Finding], rule: str) -> Verdict:
    """Return the verdict that several findings make: the worst of them."""
    ordered = sorted(findings, key=lambda finding: -_ORDER.index(finding.level))
    return Verdict(ordered[0].level, tuple(ordered), rule)


ACCURACY_RULE = (
    "fail where predictions above the threshold are right less often than the threshold says, even by the upper end of "
    "their 95 % interval; watch where its lower end is below the threshold"
)
CALIBRATION_RULE = f"watch where the expected calibration error is above {LARGEST_CALIBRATION_ERROR}"


def accuracy_finding(right: int, total: int, threshold: float) -> Finding:
    """Whether predictions above a threshold are right as often as they have to be sure: see :data:`ACCURACY_RULE`.

    Args:
        right: how many of them are.
        total: of how many.
        threshold: 0 to 1.
    """
    if not total:
        return Finding("watch", f"No prediction of known class is above {limit_text(threshold)}.")
    low, high = (float(end) for end in wilson(right, total))
    level: Level = "fail" if high < threshold else "watch" if low < threshold else "pass"
    interval = f"95 % interval {percent(low)} to {percent(high)}"
    return Finding(level, f"Above {limit_text(threshold)}, {share(right, total)} are right, {interval}.")


def calibration_finding(error: float) -> Finding:
    """Whether confidences are as often right as they say: see :data:`CALIBRATION_RULE`."""
    level: Level = "watch" if error > LARGEST_CALIBRATION_ERROR else "pass"
    return Finding(level, f"The expected calibration error is {error:.3f}.")
