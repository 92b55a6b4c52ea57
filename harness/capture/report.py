"""One self-contained HTML page about a run: what passed, what failed and why, with the plots in it."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from harness.reporting import page

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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


def write_report(
    path: Path,
    *,
    title: str,
    rows: Sequence[ReportRow],
    plots: Sequence[tuple[str, Axes]],
    facts: Sequence[tuple[str, str]],
    stubs: Sequence[str],
    made: datetime,
) -> Path:
    """Write the page; nothing in it is fetched from anywhere.

    Args:
        path: where it goes.
        title: heading.
        rows: executions, in the order to show.
        plots: each with the text that says what it shows.
        facts: what was run and how, name and value.
        stubs: what was made up, a sentence each; the page says so at its top.
        made: date of the run.
    """
    return page.write(path, _page(title, rows, plots, facts, stubs, made))


def _page(
    title: str,
    rows: Sequence[ReportRow],
    plots: Sequence[tuple[str, Axes]],
    facts: Sequence[tuple[str, str]],
    stubs: Sequence[str],
    made: datetime,
) -> str:
    succeeded = sum(row.status == "SUCCEEDED" for row in rows)
    durations = sorted(row.seconds for row in rows)
    median = durations[len(durations) // 2] * 1000 if durations else 0
    parts = [
        page.begin(title),
        f"<p>Made on {made:%Y-%m-%d at %H:%M} UTC.</p>",
        '<ul class="totals">',
        f"<li><b>{len(rows)}</b> executions</li>",
        f'<li><b class="SUCCEEDED">{succeeded}</b> succeeded</li>',
        f'<li><b class="FAILED">{len(rows) - succeeded}</b> failed</li>',
        f"<li><b>{median:.0f} ms</b> median duration</li></ul>",
    ]
    parts.append(page.notes("Not everything here was real:", stubs))
    parts.append("<h2>What the endpoint captured</h2>")
    parts += [page.figure(description, page.png(axes)) for description, axes in plots]
    parts += ["<h2>Executions</h2>", '<div class="wide">', _table(rows), "</div>", "<h2>How it was run</h2>"]
    parts += [page.facts(facts), page.end()]
    return "\n".join(parts)


def _table(rows: Sequence[ReportRow]) -> str:
    lines = [
        '<table><thead><tr><th scope="col">Image</th><th scope="col">Name</th><th scope="col">Predicted</th>'
        '<th scope="col" class="number">Confidence</th><th scope="col">Status</th><th scope="col">Error</th>'
        '<th scope="col" class="number">Duration</th></tr></thead><tbody>'
    ]
    for row in rows:
        picture = ""
        if row.thumbnail is not None:
            data = base64.b64encode(row.thumbnail).decode()
            picture = f'<img src="data:image/png;base64,{data}" alt="{html.escape(row.image)}">'
        confidence = "" if row.confidence is None else f"{row.confidence:.4f}"
        lines.append(
            f"<tr><td>{picture}</td><td>{html.escape(row.image)}</td><td>{html.escape(row.predicted)}</td>"
            f'<td class="number">{confidence}</td><td class="{html.escape(row.status)}">{html.escape(row.status)}</td>'
            f'<td>{html.escape(row.error)}</td><td class="number">{row.seconds * 1000:.0f} ms</td></tr>'
        )
    return "\n".join([*lines, "</tbody></table>"])
