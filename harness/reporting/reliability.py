"""Reliability diagrams: whether a model is as often right as it says."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from harness.reporting.charts import PASSED, finish, new_axes
from harness.reporting.statistics import Calibration, wilson

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def reliability(measured: Calibration, *, axes: Axes | None = None) -> Axes:
    """Reliability diagram: how often predictions of each confidence are right, with Wilson's 95 % intervals.

    Args:
        measured: from :func:`harness.capture.statistics.calibration`.
        axes: where to draw; a new figure when None.
    """
    axes = axes or new_axes(5.6, 5.0)
    low, high = wilson(measured.correct, measured.count)
    share = measured.accuracy
    axes.plot([0, 1], [0, 1], color="#666666", linestyle=":", linewidth=1.2, label="perfect calibration")
    errors = np.maximum([share - low, high - share], 0)
    axes.errorbar(
        measured.confidence,
        share,
        yerr=errors,
        color=PASSED,
        marker="o",
        markersize=6,
        linewidth=1.4,
        capsize=3,
        label="predictions, with 95 % interval",
    )
    from matplotlib.ticker import MultipleLocator

    lowest = max(0, math.floor((min([*measured.confidence, *low, 0.95]) - 0.05) * 10) / 10)
    # Along the bottom, where no line runs; on two heights, as means of neighbouring bins may be close to each other.
    for number, (x, count) in enumerate(zip(measured.confidence, measured.count, strict=True)):
        axes.text(
            min(x, 0.97),
            0.015 + 0.045 * (number % 2),
            f"n = {count:,}",
            transform=axes.get_xaxis_transform(),
            ha="center",
            fontsize=8,
        )
    axes.set_xlim(lowest, 1.01)
    axes.set_ylim(lowest, 1.02)
    axes.xaxis.set_major_locator(MultipleLocator(0.1))
    axes.yaxis.set_major_locator(MultipleLocator(0.1))
    axes.set_aspect("equal", adjustable="box")
    axes.set_xlabel("mean confidence (probability, 0 to 1)")
    axes.set_ylabel("accuracy (share correct, 0 to 1)")
    axes.set_title(f"Calibration: expected error {measured.error:.3f}")
    finish(axes, grid="both")
    return axes
