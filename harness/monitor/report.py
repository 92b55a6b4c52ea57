"""The monitor's report: one HTML page with everything in it, and each plot as a PNG beside it."""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from harness.capture.export import unfinished
from harness.monitor.sections import Section
from harness.reporting import page

PAGE = "report.html"


def write_monitor(
    folder: Path,
    *,
    title: str,
    totals: Sequence[tuple[str, str]],
    notes: Sequence[str],
    sections: Sequence[Section],
    facts: Sequence[tuple[str, str]],
    made: datetime,
) -> list[Path]:
    """Write ``report.html`` and the plots; gives what was written, the page first.

    Args:
        folder: where they go; made if it is not there.
        title: heading.
        totals: numbers to see first, each with what it counts.
        notes: what was not real or not whole, a sentence each, shown at the top.
        sections: in the order to show.
        facts: where the captures are from and how they were looked at.
        made: when.
    """
    parts = [page.begin(title), f"<p>Made on {made:%Y-%m-%d at %H:%M} UTC.</p>"]
    if totals:
        items = "".join(f"<li><b>{html.escape(value)}</b> {html.escape(name)}</li>" for value, name in totals)
        parts.append(f'<ul class="totals">{items}</ul>')
    parts.append(page.notes("To know before reading on:", notes))
    written = []
    folder.mkdir(parents=True, exist_ok=True)
    for section in sections:
        parts.append(f"<h2>{html.escape(section.title)}</h2><p>{html.escape(section.words)}</p>")
        figures = []
        for plot in section.plots:
            image = page.png(plot.axes)
            path = folder / f"{plot.name}.png"
            with unfinished(path) as scratch:
                scratch.write_bytes(image)
            written.append(path)
            figures.append(page.figure(plot.description, image))
        parts.append(f'<div class="side">{"".join(figures)}</div>' if section.side_by_side else "".join(figures))
    parts += ["<h2>How it was made</h2>", page.facts(facts), page.end()]
    return [page.write(folder / PAGE, "\n".join(parts)), *written]
