"""Plots of an evaluation, in the colours and the manner of :mod:`harness.reporting.charts`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.evaluation import metrics
from harness.evaluation.model import Prediction
from harness.reporting.charts import BELOW, PASSED, finish, new_axes
from harness.reporting.labels import class_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LINE = "#000000"


def confusion_matrix(predictions: Sequence[Prediction]) -> Axes:
    """Counts by class (rows) and by what they were taken for (columns), with the share of each row."""
    matrix = metrics.confusion(predictions)
    names = [class_name(number) for number in range(len(matrix))]
    axes = new_axes()
    rows = [[count / max(1, sum(row)) for count in row] for row in matrix]
    axes.imshow(rows, cmap="Blues", vmin=0, vmax=1)
    for row, counts in enumerate(matrix):
        for column, count in enumerate(counts):
            share = rows[row][column]
            colour = "white" if share > 0.5 else "black"
            text = f"{count}\n{share:.1%} of the row"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=12)
    axes.set_xticks(range(len(names)), [f"taken for {name}" for name in names])
    axes.set_yticks(range(len(names)), names)
    axes.set_title(f"Confusion matrix of {sum(map(sum, matrix))} images")
    for side in axes.spines.values():
        side.set_visible(False)
    return axes


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
    axes.axvline(threshold, color=_LINE, linestyle=":", linewidth=1.4, label=f"threshold {threshold:g}")
    axes.set_xlabel("threshold (confidence to exceed)")
    axes.set_ylabel("share (0 to 1)")
    axes.set_ylim(min([*coverage, 0.8]) - 0.05, 1.02)
    axes.set_title("What each threshold lets pass, and how right that is")
    finish(axes)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=4, frameon=False)
    return axes
