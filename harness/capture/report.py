"""One self-contained HTML page about a run: what passed, what failed and why, with the plots in it."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_STYLE = """
:root { color-scheme: light dark; --line: #8886; --soft: #8882; --good: #0072b2; --bad: #b84a00; }
@media (prefers-color-scheme: dark) { :root { --good: #56b4e9; --bad: #ff9d4d; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { line-height: 1.2; } h2 { margin-top: 2.2rem; }
.totals { display: flex; flex-wrap: wrap; gap: 1rem; padding: 0; list-style: none; }
.totals li { border: 1px solid var(--line); border-radius: .5rem; padding: .6rem 1rem; min-width: 7rem; }
.totals b { display: block; font-size: 1.8rem; line-height: 1.2; }
.note { border-left: .3rem solid #e69f00; background: var(--soft); padding: .6rem 1rem; }
figure { margin: 1rem 0; } figure img { max-width: 100%; background: #fff; border-radius: .3rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid var(--line); }
td.number, th.number { text-align: right; }
td img { width: 48px; height: 48px; image-rendering: pixelated; display: block; }
.SUCCEEDED { color: var(--good); font-weight: 600; }
.FAILED, .TIMED_OUT, .ABORTED { color: var(--bad); font-weight: 600; }
"""


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
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(path.name + ".part")
    scratch.write_text(_page(title, rows, plots, facts, stubs, made), encoding="utf-8")
    scratch.replace(path)
    return path


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
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head><body><main>",
        f"<h1>{html.escape(title)}</h1>",
        f"<p>Made on {made:%Y-%m-%d at %H:%M} UTC.</p>",
        '<ul class="totals">',
        f"<li><b>{len(rows)}</b> executions</li>",
        f'<li><b class="SUCCEEDED">{succeeded}</b> succeeded</li>',
        f'<li><b class="FAILED">{len(rows) - succeeded}</b> failed</li>',
        f"<li><b>{median:.0f} ms</b> median duration</li></ul>",
    ]
    if stubs:
        items = "".join(f"<li>{html.escape(stub)}</li>" for stub in stubs)
        parts.append(f'<div class="note"><strong>Not everything here was real:</strong><ul>{items}</ul></div>')
    parts.append("<h2>What the endpoint captured</h2>")
    for description, axes in plots:
        parts.append(
            f'<figure><img src="data:image/png;base64,{_png(axes)}" alt="{html.escape(description)}">'
            f"<figcaption>{html.escape(description)}</figcaption></figure>"
        )
    parts += ["<h2>Executions</h2>", '<div class="wide">', _table(rows), "</div>", "<h2>How it was run</h2>", "<table>"]
    parts += [
        f'<tr><th scope="row">{html.escape(name)}</th><td>{html.escape(value)}</td></tr>' for name, value in facts
    ]
    parts.append("</table></main></body></html>\n")
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


def _png(axes: Axes) -> str:
    buffer = io.BytesIO()
    figure: Any = axes.figure
    figure.savefig(buffer, format="png", dpi=120)
    return base64.b64encode(buffer.getvalue()).decode()
