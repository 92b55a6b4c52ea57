"""Axes, colours and frame of every chart; colours are the Okabe-Ito set, told apart by the colour-blind."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PASSED = "#0072B2"
BELOW = "#D55E00"
THRESHOLD_LINE = "#000000"
_SHORTEST = 10.0
"""Seconds that an axis of time shows at least."""


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


def time_axis(axes: Axes, times: Any) -> None:
    """Label an axis of time for the range that there is; of a moment alone, show some seconds around it.

    Args:
        axes: whose x axis it is.
        times: of what is drawn, in UTC: a series or an array of datetime64.
    """
    import numpy as np
    import pandas as pd
    from matplotlib import dates

    moments = pd.DatetimeIndex(pd.to_datetime(np.asarray(times), utc=True)).tz_localize(None)
    if not len(moments):
        axes.set_xlabel("time of inference (UTC)")
        return
    first, last = moments.min(), moments.max()
    span = (last - first).total_seconds()
    room = pd.Timedelta(seconds=max(0.03 * span, (_SHORTEST - span) / 2))
    axes.set_xlim(float(dates.date2num(first - room)), float(dates.date2num(last + room)))
    seconds = max(span, _SHORTEST)
    locator = dates.AutoDateLocator(minticks=3, maxticks=8)
    axes.xaxis.set_major_locator(locator)
    forms = ((600, "%H:%M:%S"), (86_400, "%H:%M"), (5 * 86_400, "%m-%d %H:%M"))
    form = next((form for longest, form in forms if seconds < longest), "%Y-%m-%d")
    axes.xaxis.set_major_formatter(dates.DateFormatter(form))
    days = f"{first:%Y-%m-%d}" if first.date() == last.date() else f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"
    axes.set_xlabel(f"time of inference (UTC, {days})")


def finish(axes: Axes, *, grid: Literal["x", "y", "both"] = "y", legend: bool = True) -> None:
    """Give a plot what all plots have in common: a faint grid, no box, the legend below.

    Args:
        axes: the plot, drawn.
        grid: lines across the x axis, the y axis, or both.
        legend: whether there is one.
    """
    axes.grid(axis=grid, color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if legend:
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=3, frameon=False)
