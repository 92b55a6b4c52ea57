"""One self-contained HTML page about a run: what passed, what failed and why, with the plots in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.reporting import page
from harness.reporting.verdict import Finding, Verdict, judge
from harness.reporting.words import count, joined, probability, share
from harness.reporting.words import limit as limit_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

UNSURE = "ThresholdConfidenceNotMet"
"""The error with which an execution is meant to fail, where the model is not sure enough."""
_RULE = (
    "fail where an execution ends in any way but success or the designed refusal below the threshold; watch where a "
    "prediction above the threshold is wrong, or something was not real"
)


@dataclass(frozen=True)
class ReportRow:
    """One execution as the report shows it."""

    image: str
    """Name of the image."""
    thumbnail: bytes | None
    """The image itself, PNG."""
    predicted: str
    confidence: float | None
    status: str
    error: str
    seconds: float
    truly: str = ""
    """The class that the image is known to have; empty where nobody says."""

    @property
    def wrong(self) -> bool:
        """Whether the prediction is known to be wrong."""
        return bool(self.truly and self.predicted and self.truly != self.predicted)


def write_report(
    path: Path,
    *,
    title: str,
    rows: Sequence[ReportRow],
    plots: Sequence[tuple[str, Axes]],
    facts: Sequence[tuple[str, str]],
    stubs: Sequence[str],
    threshold: float,
    made: datetime,
) -> Path:
    """Write the page; nothing in it is fetched from anywhere.

    Args:
        path: where it goes.
        title: heading.
        rows: executions, in the order to show.
        plots: each with the text that says what it shows; their figures are used up.
        facts: what was run and how, name and value.
        stubs: what was made up, a sentence each; the page says so at its top.
        threshold: confidence to exceed.
        made: date of the run.
    """
    succeeded = sum(row.status == "SUCCEEDED" for row in rows)
    known = [row for row in rows if row.truly and row.predicted]
    wrong = sum(row.wrong for row in known)
    median = float(np.median([row.seconds for row in rows])) * 1000 if rows else 0.0
    cells = [
        (f"{len(rows):,}", "executions", ""),
        (f"{succeeded:,}", "succeeded", f"of {len(rows):,}"),
        (f"{len(rows) - succeeded:,}", "failed", f"of {len(rows):,}"),
        (f"{wrong:,}", "predicted wrongly", f"of {len(known):,} whose class is known"),
        (f"{median:,.0f} ms", "median duration", f"n = {len(rows):,}"),
    ]
    parts = [
        page.begin(title, made, verdict=verdict(rows, stubs, threshold)),
        page.totals(cells),
        page.notes("Not everything here was real:", stubs),
        "<h2>What the endpoint captured</h2>",
        *(page.figure(description, axes) for description, axes in plots),
        "<h2>Executions</h2>",
        _table(rows, threshold),
        "<h2>How it was run</h2>",
        page.facts(facts),
        page.end(),
    ]
    return page.write(path, "\n".join(parts))


def verdict(rows: Sequence[ReportRow], stubs: Sequence[str], threshold: float) -> Verdict:
    """Judge whether a run went as it was designed to: each execution succeeded or was refused for want of confidence.

    Args:
        rows: an execution each.
        stubs: in words, what was not real.
        threshold: confidence that the workflow wants to be exceeded (0 to 1).
    """
    odd = [row for row in rows if row.status != "SUCCEEDED" and row.error != UNSURE]
    unsure = sum(row.error == UNSURE for row in rows)
    findings = []
    if not rows:
        findings.append(Finding("fail", "No execution ran."))
    elif odd:
        errors = joined(sorted({row.error or row.status for row in odd}))
        findings.append(Finding("fail", f"{share(len(odd), len(rows))} executions ended as nobody designed: {errors}."))
    else:
        words = f"All {count(len(rows), 'execution')} ended as designed: {share(unsure, len(rows))} were refused below "
        findings.append(Finding("pass", f"{words}the threshold {limit_text(threshold)}."))
    sure = [row for row in rows if row.truly and row.confidence is not None and row.confidence > threshold]
    slipped = sum(row.wrong for row in sure)
    if slipped:
        words = f"{share(slipped, len(sure))} predictions above the threshold whose class is known are wrong."
        findings.append(Finding("watch", words))
    if stubs:
        findings.append(Finding("watch", "Not everything was real; see below."))
    return judge(findings, _RULE)


def _table(rows: Sequence[ReportRow], threshold: float) -> str:
    lines: list[tuple[str, list[str | page.Cell]]] = []
    for row in rows:
        good = row.status == "SUCCEEDED"
        mark = f"{'✓' if good else '✕'} {row.status}"
        lines.append(
            (
                "wrong" if row.wrong else "",
                [
                    page.Cell(page.image(row.thumbnail) if row.thumbnail is not None else ""),
                    row.image,
                    f"{row.predicted}, wrong: {row.truly}" if row.wrong else row.predicted,
                    "" if row.confidence is None else probability(row.confidence, threshold),
                    page.Cell(mark, "good" if good else "bad"),
                    row.error,
                    f"{row.seconds * 1000:,.0f} ms",
                ],
            )
        )
    columns = ("Image", "Name", "Predicted", "Confidence", "Status", "Error", "Duration")
    return page.table(columns, lines, numbers=(3, 6))
