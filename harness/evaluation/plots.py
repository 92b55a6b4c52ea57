"""Plots of an evaluation, in the colours and the manner of :mod:`harness.reporting.charts`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.evaluation import metrics
from harness.evaluation.model import Prediction
from harness.reporting.charts import BELOW, PASSED, finish, new_axes
from harness.reporting.words import limit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LINE = "#000000"


def threshold_sweep(predictions: Sequence[Prediction], threshold: float) -> Axes:
    """Share of images that pass, and accuracy of these with its interval, by threshold."""
    steps = [step for step in metrics.sweep(predictions) if step.accuracy is not None]
    axes = new_axes()
    at = [step.threshold for step in steps]
    axes.fill_between(
        at,
        [step.low or 0 for step in steps],
        [step.high or 0 for step in steps],
        color=PASSED,
        alpha=0.18,
        linewidth=0,
        label="its 95 % interval",
    )
    axes.plot(at, [step.accuracy or 0 for step in steps], color=PASSED, linewidth=2, label="accuracy of what passes")
    coverage = [step.coverage for step in steps]
    axes.plot(at, coverage, color=BELOW, linewidth=2, linestyle="--", label="share that passes")
    axes.axvline(threshold, color=_LINE, linestyle=":", linewidth=1.4, label=f"threshold {limit(threshold)}")
    axes.set_xlabel("threshold (confidence to exceed)")
    axes.set_ylabel("share (0 to 1)")
    axes.set_ylim(min([*coverage, 0.8]) - 0.05, 1.02)
    axes.set_title("What each threshold lets pass, and how right that is")
    finish(axes)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=4, frameon=False)
    return axes
