"""The monitor's plots. Each function draws into axes and returns them; a new figure is made where none are given.

Classes differ in colour (Okabe and Ito's, told apart by the colour-blind), and in marker, hatch or line, which tell the
same in grey.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from harness.capture.periods import Periods, periods_of
from harness.capture.plots import is_first, known_answers
from harness.reporting.charts import BELOW, PASSED, THRESHOLD_LINE, finish, new_axes, time_axis
from harness.reporting.labels import class_name
from harness.reporting.statistics import LEVEL, wilson
from harness.reporting.words import limit as limit_text
from harness.reporting.words import percent
from harness.settings import get_settings

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from harness.monitor.drift import Drift
    from harness.project.latency import StateVisit

COLOURS = (PASSED, "#E69F00", "#009E73", "#CC79A7", "#56B4E9", BELOW, "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
HATCHES = ("", "////", "....", "xxxx", "----", "++++", "oooo")
LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))
_WIDTH = 0.02
"""Of a bar, in confidence."""
_COUNTS = (0, 2, 5, 10, *(step * 10**power for power in range(1, 9) for step in (2, 5, 10)))


def confidence_by_class(frame: pd.DataFrame, *, threshold: float | None = None, axes: Axes | None = None) -> Axes:
    """Histogram of the confidence, the classes beside each other, with the threshold as a line.

    Args:
        frame: from :func:`harness.capture.batches.read_frame` or :func:`harness.capture.records.to_frame`.
        threshold: confidence to exceed; the setting when None.
        axes: where to draw; a new figure when None.
    """
    limit = get_settings().threshold if threshold is None else threshold
    from matplotlib.ticker import NullLocator

    axes = axes or new_axes()
    known = known_answers(frame)
    classes = _classes(known["predicted"])
    lowest = min(1 / max(2, len(classes)), float(known["confidence"].min()) if len(known) else 1)
    edges = bins_beside(limit, lowest)
    width = np.diff(edges) / len(classes)
    most = 0
    for index, number in enumerate(classes):
        values = known["confidence"][known["predicted"] == number].to_numpy()
        # Open below and closed above, as what equals the threshold does not exceed it.
        place = np.clip(np.searchsorted(edges, values, side="left") - 1, 0, len(edges) - 2)
        counts = np.bincount(place, minlength=len(edges) - 1)
        most = max(most, int(counts.max()))
        axes.bar(
            edges[:-1] + index * width,
            counts,
            width,
            align="edge",
            color=COLOURS[index % len(COLOURS)],
            hatch=HATCHES[index % len(HATCHES)],
            label=f"{class_name(number)} ({len(values):,})",
            edgecolor="black",
            linewidth=0.5,
        )
    axes.set_yscale("symlog", linthresh=10)
    ticks = [tick for tick in _COUNTS if tick <= 2 * max(most, 5)]
    axes.set_yticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylim(0, max(most * 1.15, 5))
    axes.axvline(limit, color=THRESHOLD_LINE, linestyle="--", linewidth=1.2, label=f"threshold {limit_text(limit)}")
    axes.set_xlim(edges[0], 1)
    axes.set_xlabel("confidence (probability, 0 to 1)")
    axes.set_ylabel("predictions (count, linear to 10, then log)")
    axes.set_title("Confidence by predicted class")
    finish(axes)
    return axes


def bins_beside(threshold: float, lowest: float) -> NDArray[np.float64]:
    """Edges of bars from about *lowest* to 1, with one at *threshold*, so that no bar is on both sides of it."""
    below = math.ceil(round((threshold - lowest) / _WIDTH, 6))
    above = math.ceil(round((1 - threshold) / _WIDTH, 6))
    edges = threshold + _WIDTH * np.arange(-max(below, 0), above)
    return np.unique(np.round(np.append(np.clip(edges, 0, 1), [threshold, 1.0]), 9))


def share_below_over_time(frame: pd.DataFrame, *, threshold: float | None = None, axes: Axes | None = None) -> Axes:
    """Plot the share of predictions that do not exceed the threshold, by period, with Wilson's 95 % intervals.

    Args:
        frame: from :func:`harness.capture.batches.read_frame`; the columns ``time`` (UTC) and ``confidence`` are read.
        threshold: confidence to exceed (0 to 1); the setting when None.
        axes: where to draw; a new figure when None.
    """
    limit = get_settings().threshold if threshold is None else threshold
    axes = axes or new_axes()
    known = known_answers(frame)
    periods = periods_of(known["time"])
    first = is_first(known, periods.number)
    below = (known["confidence"] <= limit).to_numpy()
    _share_line(axes, periods, first, below, 0, "not above the threshold")
    axes.set_ylabel("share of predictions (%)")
    axes.set_title(f"Share not above the threshold {limit_text(limit)}, by {periods.name}")
    time_axis(axes, known["time"])
    finish(axes)
    return axes


def class_balance_over_time(frame: pd.DataFrame, *, axes: Axes | None = None) -> Axes:
    """Share of each predicted class, by period, with Wilson's 95 % intervals.

    Of two classes only one is drawn: the other is what is left.

    Args:
        frame: as of :func:`confidence_by_class`.
        axes: where to draw; a new figure when None.
    """
    axes = axes or new_axes()
    known = known_answers(frame)
    periods = periods_of(known["time"])
    classes = _classes(known["predicted"])
    first = is_first(known, periods.number)
    predicted = known["predicted"].to_numpy(dtype=np.int64)
    for index, number in enumerate(classes):
        if len(classes) == 2 and index == 0:
            continue
        _share_line(axes, periods, first, predicted == number, index, class_name(number))
    if len(classes) == 2:
        axes.axhline(50, color="#666666", linewidth=1, linestyle=":", label="even")
    axes.set_ylabel("share of predictions (%)")
    axes.set_title(f"Class balance of the predictions, by {periods.name}")
    time_axis(axes, known["time"])
    finish(axes)
    return axes


def accuracy_by_group(groups: Sequence[tuple[str, int, int]], *, axes: Axes | None = None) -> Axes:
    """Accuracy of each group of predictions, with Wilson's 95 % intervals.

    Args:
        groups: name, how many were correct, of how many.
        axes: where to draw; a new figure when None.
    """
    axes = axes or new_axes(7.5, 1.6 + 0.45 * len(groups))
    names = [f"{name} (n = {total:,})" for name, _, total in groups]
    correct = np.array([right for _, right, _ in groups], dtype=float)
    total = np.array([count for _, _, count in groups], dtype=float)
    share = np.divide(correct, total, out=np.full(len(groups), np.nan), where=total > 0)
    low, high = wilson(correct, total)
    place = np.arange(len(groups))[::-1]
    axes.errorbar(
        100 * share,
        place,
        xerr=100 * np.nan_to_num(np.maximum([share - low, high - share], 0)),
        color=PASSED,
        marker="o",
        markersize=7,
        linestyle="none",
        capsize=3,
    )
    for x, y in zip(share, place, strict=True):
        if not math.isnan(x):
            axes.annotate(percent(x), (100 * x, y), xytext=(0, 7), textcoords="offset points", ha="center", fontsize=8)
    axes.set_yticks(place, names)
    axes.set_ylim(-0.6, len(groups) - 0.3)
    axes.set_xlim(max(0, math.floor(100 * np.nanmin([*low[total > 0], 0.9]) / 5) * 5 - 2), 101)
    axes.set_xlabel("accuracy (% correct, with 95 % interval)")
    axes.set_title("Accuracy where the true class is known")
    finish(axes, grid="x", legend=False)
    return axes


def input_distribution(drift: Drift, measure: str, *, axes: Axes | None = None) -> Axes:
    """Distribution functions of one measure, of training and captured images, whose largest distance the test takes.

    Args:
        drift: from :func:`harness.monitor.drift.compare`.
        measure: ``brightness`` or ``contrast``.
        axes: where to draw; a new figure when None.
    """
    axes = axes or new_axes(5.6, 4.2)
    test = next(test for test in drift.tests if test.measure == measure)
    for features, colour, line, label in (
        (drift.reference, "#000000", "--", "training"),
        (drift.captured, PASSED, "-", "captured"),
    ):
        values = np.sort(getattr(features, measure))
        share = np.arange(1, len(values) + 1) / len(values)
        axes.step(values, 100 * share, where="post", color=colour, linestyle=line, label=f"{label} ({len(values):,})")
    axes.set_ylim(0, 100)
    axes.set_xlabel(f"{measure} of an image ({test.unit})")
    axes.set_ylabel("images up to that value (%)")
    axes.set_title(f"{measure.capitalize()}: D = {test.statistic:.3f}, p {p_text(test.adjusted)}")
    finish(axes, grid="both")
    return axes


def input_embedding(drift: Drift, *, axes: Axes | None = None) -> Axes:
    """Training and captured images on the first two principal components of all their thumbnails.

    Args:
        drift: from :func:`harness.monitor.drift.compare`.
        axes: where to draw; a new figure when None.
    """
    axes = axes or new_axes(5.6, 4.2)
    test = next(test for test in drift.tests if test.measure == "embedding")
    generator = np.random.default_rng(0)
    for points, colour, marker, label in (
        (drift.reference_points, "#777777", "x", "training"),
        (drift.captured_points, PASSED, "o", "captured"),
    ):
        shown = points if len(points) <= 500 else points[generator.choice(len(points), 500, replace=False)]
        axes.scatter(
            shown[:, 0],
            shown[:, 1] if shown.shape[1] > 1 else np.zeros(len(shown)),
            marker=marker,
            s=16,
            color=colour,
            alpha=0.6,
            linewidths=0.8,
            label=f"{label} ({len(shown):,} of {len(points):,})",
        )
    axes.set_xlabel("first component (no unit)")
    axes.set_ylabel("second component (no unit)")
    axes.set_title(f"Embedding: energy distance {test.statistic:.3f}, p {p_text(test.adjusted)}")
    finish(axes, grid="both")
    return axes


def latency_by_state(visits: Sequence[StateVisit], *, axes: Axes | None = None) -> Axes:
    """How long each state takes: quartiles as a box, the 5th to 95th percentile as whiskers, every visit as a point.

    Args:
        visits: from :mod:`harness.project.latency`; states stand in the order in which they are first entered.
        axes: where to draw; a new figure when None.
    """
    names = list(dict.fromkeys(visit.state for visit in visits))
    axes = axes or new_axes(7.5, 1.8 + 0.55 * max(1, len(names)))
    generator = np.random.default_rng(0)
    # Step Functions dates events to the millisecond, so a state may seem to take none.
    times = [np.array([max(visit.seconds * 1000, 1) for visit in visits if visit.state == name]) for name in names]
    ended = [np.array([visit.succeeded for visit in visits if visit.state == name]) for name in names]
    for row, (values, good) in enumerate(zip(times, ended, strict=True)):
        place = len(names) - 1 - row
        p5, p25, p50, p75, p95 = np.percentile(values, (5, 25, 50, 75, 95))
        axes.hlines(place, p5, p95, color="#444444", linewidth=1.2)
        axes.barh(place, p75 - p25, left=p25, height=0.5, color="#eeeeee", edgecolor="#444444", linewidth=1.2)
        axes.vlines(p50, place - 0.25, place + 0.25, color="black", linewidth=2.4, zorder=4)
        height = place + generator.uniform(-0.16, 0.16, len(values))
        for chosen, colour, marker, size, label in (
            (good, PASSED, "o", 14, "left"),
            (~good, BELOW, "X", 30, "execution ended in it"),
        ):
            if chosen.any():
                axes.scatter(
                    values[chosen],
                    height[chosen],
                    s=size,
                    color=colour,
                    marker=marker,
                    alpha=0.6,
                    label=label,
                    zorder=3,
                    linewidths=0,
                )
    axes.set_yticks(
        range(len(names)), [textwrap.fill(name, 26, max_lines=3, placeholder="…") for name in reversed(names)]
    )
    axes.set_ylim(-0.6, max(1, len(names)) - 0.4)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:,g}")
    axes.set_xlabel("time in the state (ms, logarithmic)")
    axes.set_title(f"Latency by state, {len({visit.execution for visit in visits}):,} executions")
    finish(axes, grid="x", legend=False)
    handles = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    if handles:
        axes.legend(
            handles.values(), handles.keys(), loc="upper center", bbox_to_anchor=(0.5, -0.3), ncols=2, frameon=False
        )
    return axes


def p_text(value: float) -> str:
    """Return a p value as it follows the letter."""
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"


def _share_line(
    axes: Axes, periods: Periods, first: NDArray[np.bool_], chosen: NDArray[np.bool_], index: int, label: str
) -> None:
    total, counts = periods.count(first), periods.count(first & chosen)
    low, high = wilson(counts, total)
    # Periods without predictions are a gap, not a zero.
    share = np.divide(100.0 * counts, total, out=np.full(len(total), np.nan), where=total > 0)
    colour = COLOURS[index % len(COLOURS)]
    gap = total == 0
    axes.fill_between(
        periods.middle,
        np.where(gap, np.nan, 100 * low),
        np.where(gap, np.nan, 100 * high),
        color=colour,
        alpha=0.18,
        linewidth=0,
    )
    held = np.flatnonzero(~gap)
    axes.errorbar(
        periods.middle[held],
        share[held],
        yerr=np.maximum([share[held] - 100 * low[held], 100 * high[held] - share[held]], 0),
        linestyle="none",
        color=colour,
        capsize=2,
        linewidth=0.9,
    )
    axes.plot(
        periods.middle,
        share,
        color=colour,
        linestyle=LINES[index % len(LINES)],
        marker=MARKERS[index % len(MARKERS)],
        markersize=5,
        linewidth=1.5,
        label=f"{label}, with {LEVEL:.0%} interval".replace("%", " %"),
    )
    axes.set_ylim(0, 100)


def _classes(predicted: pd.Series) -> list[int]:
    return sorted({0, 1, *(int(number) for number in predicted.unique())})
