"""Plots of an evaluation, in the colours and the manner of :mod:`harness.capture.plots`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from harness.capture.plots import BELOW, PASSED, finish, new_axes
from harness.evaluation import metrics
from harness.evaluation.model import Prediction, class_name
from harness.scones.dataset import CLASS_NAMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LINE = "#000000"
_SHEET_COLUMNS = 8


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


def reliability_diagram(predictions: Sequence[Prediction]) -> Axes:
    """Accuracy by confidence: on the line, the model is as often right as it says."""
    bins = metrics.reliability(predictions)
    error = metrics.expected_calibration_error(predictions) or 0.0
    axes = new_axes()
    axes.plot([0, 1], [0, 1], color=_LINE, linestyle="--", linewidth=1.2, label="perfect calibration")
    width = 1 / metrics.BINS
    centres = [(each.low + each.high) / 2 for each in bins]
    axes.bar(centres, [each.accuracy for each in bins], width=width * 0.92, color=PASSED, alpha=0.85, label="accuracy")
    axes.scatter(
        [each.confidence for each in bins],
        [each.accuracy for each in bins],
        marker="D",
        color=BELOW,
        edgecolors="white",
        zorder=3,
        label="at the mean confidence",
    )
    for centre, each in zip(centres, bins, strict=True):
        axes.text(centre, 0.02, f"n = {each.count}", ha="center", color="white", fontsize=8, rotation=90, va="bottom")
    axes.set_xlim(max(0.0, min([each.low for each in bins], default=0.5) - width / 2), 1.01)
    axes.set_ylim(0, 1.05)
    axes.set_xlabel("confidence")
    axes.set_ylabel("accuracy")
    axes.set_title(f"Calibration: expected calibration error {error:.3f}")
    finish(axes)
    return axes


def contact_sheet(
    predictions: Sequence[Prediction], image_of: Callable[[Prediction], bytes | None], most: int = 32
) -> Axes | None:
    """The images that the model was least sure of, least first; a red frame where it was wrong."""
    import io

    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    least = sorted((p for p in predictions if p.confidence is not None), key=lambda p: (p.confidence, p.key))[:most]
    shown = [(prediction, data) for prediction in least if (data := image_of(prediction)) is not None]
    if not shown:
        return None
    columns = min(_SHEET_COLUMNS, len(shown))
    rows = math.ceil(len(shown) / columns)
    figure: Any = Figure(figsize=(1.35 * columns, 1.8 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, (prediction, data) in zip(grid.flat, shown, strict=False):
        axes.set_axis_on()
        axes.set_xticks([])
        axes.set_yticks([])
        axes.imshow(Image.open(io.BytesIO(data)).convert("RGB"), interpolation="nearest")
        wrong = prediction.correct is False
        for side in axes.spines.values():
            side.set_color(BELOW if wrong else "#999999")
            side.set_linewidth(3 if wrong else 1)
        axes.set_title(f"{prediction.confidence:.3f} {class_name(prediction.predicted)}", fontsize=8, pad=3)
        if prediction.label is not None:
            axes.set_xlabel(f"is a {CLASS_NAMES[prediction.label]}" if wrong else "right", fontsize=8, labelpad=2)
    first: Axes = grid[0][0]
    return first
