"""Charts as SVG that follow a page's colours, light or dark, drawn for a wide and for a narrow screen."""

from __future__ import annotations

import base64
import io
import re
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LIGHT = {
    "ink": "#1b1f24",
    "soft": "#666666",
    "line": "#dddddd",
    "paper": "#ffffff",
    "raised": "#eeeeee",
    "good": "#0072b2",
    "bad": "#d55e00",
}
_DARK = {
    "ink": "#e6e8eb",
    "soft": "#a5abb3",
    "line": "#3a4048",
    "paper": "#16191d",
    "raised": "#2a2f36",
    "good": "#56b4e9",
    "bad": "#ff9d4d",
}
_NAMES = {
    "#000000": "ink",
    "#666666": "soft",
    "#777777": "soft",
    "#444444": "soft",
    "#dddddd": "line",
    "#ffffff": "paper",
    "#eeeeee": "raised",
    "#0072b2": "good",
    "#d55e00": "bad",
}
NARROW = 3.9
"""Inches, which fill a telephone's width with letters that can be read."""
_LETTERS = 34
"""Letters that labels beside each other may have on a narrow axis."""
_MANY = 600
"""Points from which on a cloud of them is a picture within the drawing."""


def picture(axes: Axes, description: str) -> str:
    """Draw the figure of *axes* as a ``<picture>``: by the page's width, one of two drawings. It is used up by that.

    Args:
        axes: as a plot gives them.
        description: what is seen, for those who do not see it.
    """
    figure: Any = axes.figure
    wide_inches, high_inches = (float(size) for size in figure.get_size_inches())
    handles, labels = _take_legend(axes)
    for cloud in axes.collections:
        if len(np.asarray(cloud.get_offsets())) > _MANY:
            cloud.set_rasterized(True)
    wide = _drawn(figure, handles, labels, wide_inches, high_inches)
    narrow_high = max(2.9, high_inches * 0.8) + 0.2 * (len(labels) - 1)
    for each in figure.axes:
        figure.suptitle(textwrap.fill(each.get_title(), 44), fontsize=10)
        each.set_title("")
        for label in (each.xaxis.label, each.yaxis.label):
            words = label.get_text()
            label.set(text=words.replace(" (", "\n(", 1) if len(words) > 28 else words, fontsize=9)
        each.tick_params(labelsize=8.5)
        names = [text.get_text() for text in each.get_yticklabels()]
        if max(map(len, names), default=0) > 12:
            each.set_yticks(
                each.get_yticks(),
                [
                    textwrap.fill(name.replace("(", " ("), 16, break_long_words=False).replace(" (", "(")
                    for name in names
                ],
            )
        ticks = [text.get_text() for text in each.get_xticklabels()]
        crowded = len(ticks) > 7 or len(ticks) * max(map(len, ticks), default=0) > _LETTERS
        for text in each.get_xticklabels()[1::2] if crowded else ():
            text.set_visible(False)
    narrow = _drawn(figure, handles, labels, NARROW, narrow_high)
    return (
        f'<picture><source media="(max-width: 44rem)" srcset="{narrow}">'
        f'<img src="{wide}" alt="{description}" style="max-width: {wide_inches * 96 * 1.1:.0f}px"></picture>'
    )


def _take_legend(axes: Axes) -> tuple[list[Any], list[str]]:
    legend = axes.get_legend()
    if legend is None:
        return [], []
    handles, labels = list(legend.legend_handles), [text.get_text() for text in legend.get_texts()]
    legend.remove()
    return handles, labels


def _drawn(figure: Any, handles: list[Any], labels: list[str], wide: float, high: float) -> str:
    for legend in list(figure.legends):
        legend.remove()
    if handles:
        # As many beside each other as fit.
        columns = max(1, min(len(labels), int(wide * 12 / (max(map(len, labels)) + 6))))
        figure.legend(
            handles, labels, loc="outside lower center", ncols=columns, frameon=False, fontsize=9 if wide < 5 else 10
        )
    figure.set_size_inches(wide, high)
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None}, dpi=150)
    text = re.sub(r"<\?xml.*?\?>|<!DOCTYPE.*?>|<metadata>.*?</metadata>", "", buffer.getvalue(), flags=re.S)
    text = re.sub(
        r"(?<=[: ])#[0-9a-f]{6}", lambda found: f"var(--{_NAMES[found[0]]})" if found[0] in _NAMES else found[0], text
    )
    dark = f"@media (prefers-color-scheme: dark) {{ :root {{ {_variables(_DARK)} }} }}"
    style = f":root {{ {_variables(_LIGHT)} fill: var(--ink); }} {dark}"
    text = re.sub(r"(<svg[^>]*>)", rf"\1<style>{style}</style>", text, count=1)
    return "data:image/svg+xml;base64," + base64.b64encode(text.strip().encode()).decode()


def _variables(colours: dict[str, str]) -> str:
    return " ".join(f"--{name}: {value};" for name, value in colours.items())
