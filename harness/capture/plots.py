"""Plots of captures: each function draws into an axes and returns it.

Colours are the Okabe-Ito set, told apart by the colour-blind, and markers and hatches tell the same in grey.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.reporting.charts import BELOW, PASSED, THRESHOLD_LINE, finish, new_axes, time_axis
from harness.reporting.labels import CLASS_NAMES, class_name
from harness.reporting.words import limit as limit_text
from harness.settings import get_settings

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

MANY = 3000
"""Predictions from which on a plot shows their distribution by period, not each of them."""


def confidence_over_time(frame: pd.DataFrame, *, threshold: float | None = None, axes: Axes | None = None) -> Axes:
    """Scatter of each prediction's confidence over time, with the threshold as a line.

    Of more than :data:`MANY` predictions, the median of each period is drawn, and bands around it in which half and
    nine tenths of them lie.

    Args:
        frame: from :func:`harness.capture.records.to_frame`.
        threshold: confidence to exceed; the setting when None.
        axes: where to draw; a new figure when None.
    """
    limit = get_settings().threshold if threshold is None else threshold
    axes = axes or new_axes()
    known = known_answers(frame)
    above = known["confidence"] > limit
    if len(known) > MANY:
        _confidence_bands(axes, known)
    for chosen, marker, colour, label in (
        (above, "o", PASSED, "above the threshold"),
        (~above, "X", BELOW, "not above"),
    ):
        if len(known) > MANY:
            break
        axes.scatter(
            known["time"][chosen],
            known["confidence"][chosen],
            marker=marker,
            color=colour,
            s=42,
            alpha=0.85,
            edgecolors="white",
            linewidths=0.6,
            label=f"{label} ({int(chosen.sum()):,})",
        )
    axes.axhline(limit, color=THRESHOLD_LINE, linestyle="--", linewidth=1.2, label=f"threshold {limit_text(limit)}")
    axes.set_ylim(min(0.48, float(known["confidence"].min()) - 0.02) if len(known) else 0.48, 1.02)
    axes.set_ylabel("confidence (probability, 0 to 1)")
    axes.set_title(f"Confidence of {len(known):,} captured predictions")
    time_axis(axes, known["time"])
    finish(axes)
    return axes


def predictions_by_class(frame: pd.DataFrame, *, threshold: float | None = None, axes: Axes | None = None) -> Axes:
    """Bars of how many predictions fell to each class, above the threshold and not.

    Args:
        frame: from :func:`harness.capture.records.to_frame`.
        threshold: confidence to exceed; the setting when None.
        axes: where to draw; a new figure when None.
    """
    from matplotlib.ticker import MaxNLocator

    limit = get_settings().threshold if threshold is None else threshold
    axes = axes or new_axes()
    known = known_answers(frame)
    classes = sorted({*range(len(CLASS_NAMES)), *(int(number) for number in known["predicted"])})
    names = [class_name(number) for number in classes]
    above = known["confidence"] > limit
    bottom = [0] * len(classes)
    for chosen, hatch, colour, label in (
        (above, "", PASSED, "above the threshold"),
        (~above, "///", BELOW, "not above"),
    ):
        counts = [int((chosen & (known["predicted"] == number)).sum()) for number in classes]
        bars = axes.bar(
            names, counts, bottom=bottom, color=colour, hatch=hatch, edgecolor="white", width=0.6, label=label
        )
        labels = [str(count) if count else "" for count in counts]
        axes.bar_label(bars, labels, label_type="center", bbox={"facecolor": "white", "edgecolor": "none", "pad": 2})
        bottom = [low + count for low, count in zip(bottom, counts, strict=True)]
    axes.set_xlabel("predicted class")
    axes.set_ylabel("predictions (count)")
    axes.set_title(f"Predictions by class, threshold {limit_text(limit)}")
    axes.set_ylim(0, max([*bottom, 1]) * 1.2)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    finish(axes)
    return axes


def known_answers(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the lines whose output was probabilities."""
    return frame[frame["confidence"].notna()]


def is_first(known: pd.DataFrame, period: NDArray[np.int64] | None = None) -> NDArray[np.bool_]:
    """Whether a prediction is not one that a variant had already made of the same image: that tells nothing more.

    Intervals and tests take what they count to be independent.

    Args:
        known: lines with ``predicted`` and ``image``; those without an image are each its own.
        period: of each line; one image may be once in each. None: once in all.
    """
    import numpy as np

    if "image" not in known:
        return np.ones(len(known), dtype=bool)
    columns = known[[name for name in ("variant", "image", "predicted") if name in known]]
    again = (columns if period is None else columns.assign(period=period)).duplicated()
    first: NDArray[np.bool_] = (known["image"].isna() | ~again).to_numpy(dtype=bool)
    return first


def _confidence_bands(axes: Axes, known: pd.DataFrame) -> None:
    import numpy as np

    from harness.capture.periods import periods_of

    periods = periods_of(known["time"])
    shares = (0.05, 0.25, 0.5, 0.75, 0.95)
    found = (
        known["confidence"]
        .groupby(periods.number)
        .quantile(np.array(shares))
        .unstack()
        .reindex(range(len(periods.start)))
    )
    p5, p25, p50, p75, p95 = (found[share].to_numpy() for share in shares)
    middle = periods.middle
    axes.fill_between(middle, p5, p95, color=PASSED, alpha=0.18, linewidth=0, label="5th to 95th percentile")
    axes.fill_between(middle, p25, p75, color=PASSED, alpha=0.35, linewidth=0, label="25th to 75th")
    axes.plot(middle, p50, color=PASSED, marker="o", markersize=4, label=f"median of each {periods.name}")
    # A period between two empty ones has no width for a band.
    axes.vlines(middle, p5, p95, color=PASSED, linewidth=0.8)
