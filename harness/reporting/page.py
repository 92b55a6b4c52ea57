"""What every report is made of: one HTML page that fetches nothing from anywhere, for any screen and for paper."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.reporting.vector import picture
from harness.reporting.verdict import Verdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Cell:
    """A cell of a table that is more than a text."""

    markup: str
    style: str = ""


@dataclass(frozen=True)
class Tile:
    """A picture of a gallery."""

    image: bytes | None
    """A file that browsers show; None where the input is no image."""
    lines: tuple[str, ...]
    wrong: str = ""
    """In words, where the prediction is known to be wrong."""
    times: int = 1
    """How often the same picture came."""


def begin(title: str, made: datetime, about: str = "", verdict: Verdict | None = None, style: str = "") -> str:
    """Write the page up to its verdict.

    Args:
        title: heading.
        made: when.
        about: of what it is, below the heading.
        verdict: what is said first.
        style: rules of its own.
    """
    about = f"{html.escape(about)} · " if about else ""
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{html.escape(title)}</title><style>{_stylesheet()}{style}</style></head><body><main>",
            f"<h1>{html.escape(title)}</h1>",
            f'<p class="small">{about}made on {made:%Y-%m-%d at %H:%M} UTC</p>',
            verdict_box(verdict) if verdict else "",
        ]
    )


def end() -> str:
    """Write what closes the page."""
    return "</main></body></html>\n"


def verdict_box(verdict: Verdict) -> str:
    """Write the verdict, with its reason, what else was found, and the rule."""
    others = "".join(
        f'<li class="{each.level}"><b>{each.level}</b>{html.escape(each.reason)}</li>' for each in verdict.findings[1:]
    )
    return (
        f'<section class="verdict {verdict.level}" aria-label="Verdict"><p><b>{verdict.level}</b>'
        f"{html.escape(verdict.reason)}</p>{f'<ul>{others}</ul>' if others else ''}"
        f'<p class="small">Rule: {html.escape(verdict.rule)}.</p></section>'
    )


def totals(cells: Sequence[tuple[str, str, str]]) -> str:
    """Numbers to see first: each with what it counts, and of how many or nothing."""
    items = "".join(
        f"<li><b>{html.escape(value)}</b>{html.escape(name)}{f'<small>{html.escape(of)}</small>' if of else ''}</li>"
        for value, name, of in cells
    )
    return f'<ul class="totals">{items}</ul>'


def notes(heading: str, lines: Sequence[str]) -> str:
    """Write a box that is not overlooked; nothing where there are no lines."""
    if not lines:
        return ""
    items = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
    return f'<div class="note"><strong>{html.escape(heading)}</strong><ul>{items}</ul></div>'


def figure(description: str, axes: Axes) -> str:
    """Write a chart with the text that says what it shows; the figure is used up by that."""
    text = html.escape(description)
    return f"<figure>{picture(axes, text)}<figcaption>{text}</figcaption></figure>"


def table(
    columns: Sequence[str],
    rows: Sequence[tuple[str, Sequence[str | Cell]]],
    *,
    numbers: Sequence[int] = (),
    caption: str = "",
) -> str:
    """Write a table that becomes a list of cards where the screen is narrow.

    Args:
        columns: headings.
        rows: each with its class, or nothing, and its cells.
        numbers: columns that hold numbers.
        caption: what it is, where no text before it says so.
    """
    heads = "".join(
        f'<th scope="col"{_css("number" if n in numbers else "")}>{html.escape(name)}</th>'
        for n, name in enumerate(columns)
    )
    lines = []
    for style, cells in rows:
        shown = []
        for n, cell in enumerate(cells):
            text, own = (cell.markup, cell.style) if isinstance(cell, Cell) else (html.escape(cell), "")
            classes = " ".join(filter(None, ("number" if n in numbers else "", own)))
            label = f' data-label="{html.escape(columns[n])}"'
            shown.append(f"<td{_css(classes)}{label}>{text}</td>")
        lines.append(f"<tr{_css(style)}>{''.join(shown)}</tr>")
    title = f"<caption>{html.escape(caption)}</caption>" if caption else ""
    return f'<table class="cards">{title}<thead><tr>{heads}</tr></thead><tbody>{"".join(lines)}</tbody></table>'


def gallery(tiles: Sequence[Tile]) -> str:
    """Pictures side by side, each with its words below."""
    items = []
    for tile in tiles:
        style = _css("wrong" if tile.wrong else "")
        again = f"<span>× {tile.times:,}</span>" if tile.times > 1 else ""
        wrong = f'<span class="bad">✕ {html.escape(tile.wrong)}</span>' if tile.wrong else ""
        words = "".join(f"<span>{html.escape(line)}</span>" for line in tile.lines)
        shown = image(tile.image) if tile.image is not None else "<span>no image</span>"
        items.append(f"<li{style}>{shown}{words}{wrong}{again}</li>")
    return f'<ul class="gallery">{"".join(items)}</ul>'


def image(content: bytes) -> str:
    """Write a picture, given as its file's bytes, which the words beside it name."""
    kind = "jpeg" if content.startswith(b"\xff\xd8") else "png"
    return f'<img src="data:image/{kind};base64,{base64.b64encode(content).decode()}" alt="">'


def facts(rows: Sequence[tuple[str, str]]) -> str:
    """Write a table of names and values."""
    lines = [f'<tr><th scope="row">{html.escape(name)}</th><td>{html.escape(value)}</td></tr>' for name, value in rows]
    return "\n".join(['<table class="facts">', *lines, "</table>"])


def _stylesheet() -> str:
    return (files("harness.reporting") / "report.css").read_text(encoding="utf-8")


def _css(classes: str) -> str:
    return f' class="{classes}"' if classes else ""


def png(axes: Axes) -> bytes:
    """Draw the figure of *axes*."""
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
