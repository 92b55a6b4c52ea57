"""The monitor's report: one HTML page with everything in it, and each plot as a PNG beside it."""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from harness.capture.export import unfinished
from harness.monitor.sections import Section
from harness.reporting import page
from harness.reporting.verdict import ACCURACY_RULE, CALIBRATION_RULE, Finding, Verdict, judge

PAGE = "report.html"
_RULE = f"{ACCURACY_RULE}; {CALIBRATION_RULE}; watch where inputs drift; fail where there is nothing to judge"


def write_monitor(
    folder: Path,
    *,
    title: str,
    totals: Sequence[tuple[str, str, str]],
    notes: Sequence[str],
    sections: Sequence[Section],
    facts: Sequence[tuple[str, str]],
    made: datetime,
) -> list[Path]:
    """Write ``report.html`` and the plots; gives what was written, the page first.

    Args:
        folder: where they go; made if it is not there.
        title: heading.
        totals: numbers to see first, each with what it counts, and of how many.
        notes: what was not real or not whole, a sentence each, shown at the top.
        sections: in the order to show; their figures are used up.
        facts: where the captures are from and how they were looked at.
        made: when.
    """
    parts = [page.begin(title, made, verdict=verdict(sections, notes))]
    if totals:
        parts.append(page.totals(totals))
    parts.append(page.notes("To know before reading on:", notes))
    written = []
    folder.mkdir(parents=True, exist_ok=True)
    for section in sections:
        parts.append(f"<h2>{html.escape(section.title)}</h2><p>{html.escape(section.words)}</p>")
        figures = []
        for plot in section.plots:
            path = folder / f"{plot.name}.png"
            with unfinished(path) as scratch:
                scratch.write_bytes(page.png(plot.axes))
            written.append(path)
            figures.append(page.figure(plot.description, plot.axes))
        parts.append(f'<div class="side">{"".join(figures)}</div>' if section.side_by_side else "".join(figures))
        if section.tiles:
            parts.append(page.gallery(section.tiles))
    parts += ["<h2>How it was made</h2>", page.facts(facts), page.end()]
    return [page.write(folder / PAGE, "\n".join(parts)), *written]


def verdict(sections: Sequence[Section], notes: Sequence[str]) -> Verdict:
    """Return what the sections find, all together."""
    findings = [finding for section in sections for finding in section.findings]
    if not findings:
        findings.append(Finding("fail", "There are no predictions to judge."))
    if notes:
        findings.append(Finding("watch", notes[0]))
    return judge(findings, _RULE)
