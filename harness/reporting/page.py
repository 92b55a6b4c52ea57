"""What every report is made of: one HTML page that fetches nothing from anywhere."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLE = """
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
figure + figure { margin-top: 1.6rem; }
figcaption, .small { font-size: .9rem; color: color-mix(in srgb, currentColor 75%, transparent); }
.side { display: flex; flex-wrap: wrap; gap: 1rem; } .side figure { flex: 1 1 26rem; max-width: 34rem; margin: 0; }
.lead { font-size: 1.05rem; }
td img { width: 48px; height: 48px; image-rendering: pixelated; display: block; }
.SUCCEEDED { color: var(--good); font-weight: 600; }
.FAILED, .TIMED_OUT, .ABORTED { color: var(--bad); font-weight: 600; }
"""


def begin(title: str, style: str = "") -> str:
    """The page up to its heading; *style*: rules of its own."""
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
            f"<title>{html.escape(title)}</title><style>{STYLE}{style}</style></head><body><main>",
            f"<h1>{html.escape(title)}</h1>",
        ]
    )


def end() -> str:
    """What closes the page."""
    return "</main></body></html>\n"


def notes(heading: str, lines: Sequence[str]) -> str:
    """A box that is not overlooked; nothing where there are no lines."""
    if not lines:
        return ""
    items = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
    return f'<div class="note"><strong>{html.escape(heading)}</strong><ul>{items}</ul></div>'


def figure(description: str, image: bytes) -> str:
    """A PNG with the text that says what it shows."""
    data, text = base64.b64encode(image).decode(), html.escape(description)
    return f'<figure><img src="data:image/png;base64,{data}" alt="{text}"><figcaption>{text}</figcaption></figure>'


def facts(rows: Sequence[tuple[str, str]]) -> str:
    """A table of names and values."""
    lines = [f'<tr><th scope="row">{html.escape(name)}</th><td>{html.escape(value)}</td></tr>' for name, value in rows]
    return "\n".join(["<table>", *lines, "</table>"])


def png(axes: Axes) -> bytes:
    """The figure of *axes*."""
    buffer = io.BytesIO()
    drawn: Any = axes.figure
    drawn.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()


def write(path: Path, text: str) -> Path:
    """Write the page, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(path.name + ".part")
    scratch.write_text(text, encoding="utf-8")
    scratch.replace(path)
    return path
