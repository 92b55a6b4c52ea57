"""Axes, colours and frame of every chart; colours are the Okabe-Ito set, told apart by the colour-blind."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PASSED = "#0072B2"
BELOW = "#D55E00"
THRESHOLD_LINE = "#000000"


def save(axes: Axes, path: Path) -> Path:
    """Write the figure of *axes* as a PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure: Any = axes.figure
    figure.savefig(path, dpi=120, bbox_inches="tight")
    return path


def new_axes(width: float = 7.5, height: float = 4.2) -> Axes:
    """Axes of a new figure, so many inches wide and high, that belongs to nobody else."""
    # Not pyplot: that keeps every figure, and draws differently where a display is.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure: Any = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes: Axes = figure.add_subplot()
    return axes


def finish(axes: Axes, *, grid: Literal["x", "y", "both"] = "y", legend: bool = True) -> None:
    """What all plots have in common: a faint grid, no box, the legend below."""
    axes.grid(axis=grid, color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if legend:
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=3, frameon=False)
