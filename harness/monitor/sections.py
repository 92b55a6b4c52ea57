"""What captures say, section by section: a sentence or two with numbers, and the plots that show it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from harness.capture import plots
from harness.capture.periods import periods_of
from harness.capture.plots import is_first, known_answers
from harness.monitor import plots as monitor_plots
from harness.monitor.drift import Drift
from harness.monitor.labels import LabelledImages
from harness.monitor.observe import Observation
from harness.monitor.plots import p_text
from harness.reporting.images import read_image
from harness.reporting.labels import class_name
from harness.reporting.page import Tile
from harness.reporting.reliability import reliability
from harness.reporting.statistics import LEVEL, calibration, wilson
from harness.reporting.verdict import Finding, accuracy_finding, calibration_finding
from harness.reporting.words import count as _count
from harness.reporting.words import joined as _joined
from harness.reporting.words import limit as limit_text
from harness.reporting.words import percent as _percent
from harness.reporting.words import probability

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from harness.project.latency import StateVisit


@dataclass(frozen=True)
class Plot:
    """A plot of a section."""

    name: str
    """Of its file, without the suffix."""
    description: str
    """What it shows, for those who see it and for those who do not."""
    axes: Axes


@dataclass(frozen=True)
class Section:
    """A part of the report."""

    title: str
    words: str
    """What is seen, with numbers and units."""
    plots: tuple[Plot, ...] = field(default=())
    side_by_side: bool = False
    findings: tuple[Finding, ...] = ()
    """What it says to the verdict."""
    tiles: tuple[Tile, ...] = ()


def confidence_section(frame: pd.DataFrame, threshold: float) -> Section:
    """How confident predictions were, and how that went over time."""
    known = known_answers(frame)
    if not len(known):
        return Section("Confidence", f"None of the {len(frame):,} records has probabilities as its output.")
    below, fresh = (known["confidence"] <= threshold).to_numpy(), is_first(known)
    median = probability(float(known["confidence"].median()), threshold)
    first, last = known["time"].iloc[0], known["time"].iloc[-1]
    words = (
        f"{_count(len(known), 'prediction')} between {first:%Y-%m-%d %H:%M:%S} and {last:%Y-%m-%d %H:%M:%S} UTC: "
        f"the median confidence is {median}, and {_share_of(below, fresh)} did not exceed "
        f"the threshold of {limit_text(threshold)}."
    )
    if len(known) < len(frame):
        words += f" {_count(len(frame) - len(known), 'record')} without probabilities left out."
    return Section(
        "Confidence",
        words,
        (
            Plot(
                "confidence_over_time",
                f"Confidence of the predictions over time; the dashed line is the threshold, {limit_text(threshold)}.",
                plots.confidence_over_time(frame, threshold=threshold),
            ),
            Plot(
                "confidence_by_class",
                "How many predictions had which confidence, by predicted class.",
                monitor_plots.confidence_by_class(frame, threshold=threshold),
            ),
        ),
    )


def balance_section(frame: pd.DataFrame, threshold: float) -> Section:
    """Which classes were predicted, and how that and the share below the threshold went over time."""
    known = known_answers(frame)
    if not len(known):
        return Section("Classes and threshold over time", "There are no predictions to count.")
    predicted = known["predicted"].to_numpy(dtype=np.int64)
    often = np.bincount(predicted)
    order = [int(number) for number in np.argsort(-often, kind="stable") if often[number]]
    parts = [f"{_share_of(predicted == number, is_first(known))} as {class_name(number)}" for number in order]
    periods = periods_of(known["time"])
    first = is_first(known, periods.number)
    total = periods.count(first)
    below = periods.count(first & (known["confidence"] <= threshold).to_numpy())
    held = np.flatnonzero(total)
    shares = below[held] / total[held]
    words = f"Of {_count(len(known), 'prediction')}, {_joined(parts)}. "
    if len(held) > 1:
        low, high = int(held[shares.argmin()]), int(held[shares.argmax()])
        words += (
            f"By {periods.name}, the share not above {limit_text(threshold)} went from {_percent(shares.min())} "
            f"({_of(below, total, low)}, from {_moment(periods.start[low])}) to {_percent(shares.max())} "
            f"({_of(below, total, high)}, from {_moment(periods.start[high])})."
        )
    else:
        words += f"All of them fall into one {periods.name}."
    return Section(
        "Classes and threshold over time",
        words,
        (
            Plot(
                "share_below_over_time",
                f"Predictions not above {limit_text(threshold)}, by {periods.name}, with {_level()} intervals.",
                monitor_plots.share_below_over_time(frame, threshold=threshold),
            ),
            Plot(
                "class_balance_over_time",
                f"Share of the predicted classes, by {periods.name}, with {_level()} intervals.",
                monitor_plots.class_balance_over_time(frame),
            ),
        ),
    )


def accuracy_section(frame: pd.DataFrame, threshold: float, labels: LabelledImages | None) -> Section:
    """Tell how often predictions were right, and whether their confidence says so, where the true class is known.

    Args:
        frame: a line a record, with ``predicted``, ``confidence`` and, where *labels* were matched, ``label`` and
            ``trained``.
        threshold: confidence to exceed (0 to 1).
        labels: the labelled images; None where none were given.
    """
    title = "Accuracy and calibration"
    if labels is None:
        return Section(
            title,
            "Not known: captures hold no true classes. Give labelled images with --labels (a folder, a .lst manifest "
            "or s3://bucket/prefix); captured images are matched with them by their bytes.",
            findings=(Finding("watch", "Accuracy is not known: no labelled images were given (--labels)."),),
        )
    known = known_answers(frame)
    labelled = known[known["label"].notna()]
    source = f"the {labels.images:,} images of {labels.name}"
    if not len(labelled):
        words = f"None of {_count(len(known), 'prediction')} is of an image among {source}."
        return Section(title, words, findings=(Finding("watch", words),))
    records = len(labelled)
    labelled = labelled[is_first(labelled)]
    correct = (labelled["label"] == labelled["predicted"]).to_numpy(dtype=bool)
    confidence = labelled["confidence"].to_numpy(dtype=float)
    passed = confidence > threshold
    measured = calibration(confidence, correct, threshold=threshold)
    groups = [("all", correct)]
    groups += [("above the threshold", correct[passed]), ("not above", correct[~passed])]
    true = labelled["label"].to_numpy(dtype=np.int64)
    groups += [(f"truly {class_name(number)}", correct[true == number]) for number in sorted(set(true.tolist()))]
    counted = [(name, int(some.sum()), len(some)) for name, some in groups]
    over = float(confidence.mean()) - float(correct.mean())
    words = (
        f"{_share(int(correct.sum()), len(correct))} of the predictions whose true class is known were correct: "
        f"{_ratio(*counted[1][1:])} above the threshold, {_ratio(*counted[2][1:])} not above it. "
        f"The mean confidence is {confidence.mean():.3f}, {abs(over):.3f} "
        f"{'above' if over > 0 else 'below'} the accuracy; "
        f"the expected calibration error is {measured.error:.3f}. "
        f"True classes of {records:,} of {_count(len(known), 'prediction')} are known, by matching image bytes "
        f"(SHA-256) or inference ids with {source}."
    )
    if "trained" in labelled and labelled["trained"].any():
        fresh = correct[~labelled["trained"].to_numpy(dtype=bool)]
        words += (
            f" {int(labelled['trained'].sum()):,} of them are of images of the training set, on which a model is "
            f"better than on others; of the rest, {_ratio(int(fresh.sum()), len(fresh))} were correct."
        )
    if records > len(labelled):
        words += f" An image that was sent more than once counts once: {_count(len(labelled), 'image')}."
    if labels.ambiguous:
        words += f" {_count(labels.ambiguous, 'image')} that stand in two classes left out."
    return Section(
        title,
        words,
        (
            Plot(
                "accuracy",
                f"Share of correct predictions, with {_level()} intervals.",
                monitor_plots.accuracy_by_group(counted),
            ),
            Plot(
                "calibration",
                "How often predictions of each confidence were correct; on the dotted line, as often as they say.",
                reliability(measured),
            ),
        ),
        findings=(
            accuracy_finding(counted[1][1], counted[1][2], threshold),
            calibration_finding(measured.error),
        ),
    )


def drift_section(drift: Drift | None, why: str, images: int) -> Section:
    """Tell whether captured images look like those of the training set.

    Args:
        drift: the comparison; None where there is none.
        why: in words, why there is none.
        images: how many distinct images were captured, of which a sample may have been compared.
    """
    title = "Input drift"
    if drift is None:
        return Section(title, why)
    moved = [test.measure for test in drift.tests if test.drifted]
    verdict = (
        f"The captured images differ from the training set in {_joined(moved)}."
        if moved
        else "No difference from the training set was found."
    )
    parts = []
    for test in drift.tests:
        means = "" if math.isnan(test.reference) else f"mean {test.captured:.1f}, training {test.reference:.1f}, "
        parts.append(f"{test.measure}: {means}{test.method} {test.statistic:.3f}, p {p_text(test.adjusted)}")
    sampled = f"{len(drift.captured):,} of {images:,}" if len(drift.captured) < images else f"{images:,}"
    words = (
        f"{verdict} {sampled} distinct captured and {len(drift.reference):,} training images: {'; '.join(parts)}. "
        f"Two-sample Kolmogorov-Smirnov tests and a permutation test of the energy distance, p values adjusted by "
        f"Holm's method, significant below {1 - LEVEL:.2f}. With many images, a difference that does not matter can be "
        f"significant: look at the distances too."
    )
    return Section(
        title,
        words,
        (
            *(
                Plot(
                    f"drift_{measure}",
                    f"{measure.capitalize()} of captured and of training images, as distribution functions.",
                    monitor_plots.input_distribution(drift, measure),
                )
                for measure in ("brightness", "contrast")
            ),
            Plot(
                "drift_embedding",
                "Captured and training images on the two components along which all of them differ most.",
                monitor_plots.input_embedding(drift),
            ),
        ),
        side_by_side=True,
        findings=(Finding("watch" if moved else "pass", verdict),),
    )


def latency_section(visits: Sequence[StateVisit], executions: int, why: str) -> Section:
    """Tell how long each state of the executions took.

    Args:
        visits: a visit of a state each.
        executions: how many executions were looked at.
        why: in words, why there are no visits.
    """
    title = "Latency by state"
    if not visits:
        return Section(title, why)
    names = list(dict.fromkeys(visit.state for visit in visits))
    times = {name: np.array([visit.seconds * 1000 for visit in visits if visit.state == name]) for name in names}
    slowest = max(names, key=lambda name: float(np.median(times[name])))
    ended = [visit for visit in visits if not visit.succeeded]
    words = (
        f"In the latest {_count(executions, 'execution')}, the slowest state is {slowest}: median "
        f"{np.median(times[slowest]):,.0f} ms, 95th percentile {np.percentile(times[slowest], 95):,.0f} ms."
    )
    others = [f"{name} {np.median(times[name]):,.0f} ms" for name in names if name != slowest]
    if others:
        words += f" Medians of the others: {', '.join(others)}."
    if ended:
        where: dict[str, int] = {}
        for visit in ended:
            where[visit.state] = where.get(visit.state, 0) + 1
        words += " Executions ended in " + _joined([f"{name} {count:,} times" for name, count in where.items()]) + "."
    return Section(
        title,
        words,
        (
            Plot(
                "latency_by_state",
                "Time in each state: box from 25th to 75th percentile with the median, line from 5th to 95th, a point "
                "each time.",
                monitor_plots.latency_by_state(visits),
            ),
        ),
    )


def unsure_section(observation: Observation, threshold: float) -> Section:
    """Return the images of which the model was least sure, each once."""
    title = "Least confident images"
    if not observation.unsure:
        return Section(title, "There are no predictions to choose from.")
    tiles = []
    for item in observation.unsure:
        is_wrong = item.label is not None and item.label != item.predicted
        tiles.append(
            Tile(
                item.content if item.content is not None and read_image(item.content) is not None else None,
                (f"{class_name(item.predicted)} {probability(item.confidence, threshold)}",),
                f"truly {class_name(item.label)}" if is_wrong else "",
                observation.times_of(item),
            )
        )
    least = observation.unsure[0]
    words = (
        f"The model was least sure of {least.event_id}, captured on {least.time:%Y-%m-%d at %H:%M:%S} UTC: "
        f"{class_name(least.predicted)} with {probability(least.confidence, threshold)}."
    )
    known = [item for item in observation.unsure if item.label is not None]
    if known:
        wrong = sum(item.label != item.predicted for item in known)
        words += f" Of the {len(known)} shown whose true class is known, {wrong} were predicted wrongly."
    return Section(
        title,
        words,
        tiles=tuple(tiles),
    )


def _share_of(chosen: NDArray[np.bool_], first: NDArray[np.bool_]) -> str:
    """How many predictions were chosen; the interval is of distinct images, where some were sent more than once."""
    if first.all():
        return _share(int(chosen.sum()), len(chosen))
    count, total = int((chosen & first).sum()), int(first.sum())
    once = f"of {total:,} distinct images {count:,}, {_interval(count, total)}"
    return f"{int(chosen.sum()):,} ({_percent(chosen.mean())}; {once})"


def _level() -> str:
    return f"{100 * LEVEL:.0f} %"


def _share(count: int, total: int) -> str:
    return f"{count:,} ({_interval(count, total)})"


def _interval(count: int, total: int) -> str:
    low, high = wilson(count, total)
    return f"{_percent(count / total)}, {_level()} interval {100 * float(low):.1f} to {100 * float(high):.1f} %"


def _ratio(count: int, total: int) -> str:
    return f"{_percent(count / total)} of {total:,}" if total else "none of 0"


def _of(counts: np.ndarray, total: np.ndarray, number: int) -> str:
    return f"{counts[number]:,} of {total[number]:,}"


def _moment(time: np.datetime64) -> str:
    return f"{time.astype('datetime64[s]').item():%Y-%m-%d %H:%M:%S}"
