"""One self-contained HTML page about an evaluation, in the manner of :mod:`harness.capture.report`."""

from __future__ import annotations

import html
from collections.abc import Callable
from datetime import datetime
from typing import Any

from harness.evaluation import metrics, plots
from harness.evaluation.compare import SIGNIFICANT, Comparison
from harness.evaluation.files import summary
from harness.evaluation.model import Evaluation, Prediction
from harness.reporting import page as pages
from harness.reporting.images import digest_of, read_image
from harness.reporting.labels import class_name
from harness.reporting.reliability import reliability
from harness.reporting.verdict import (
    ACCURACY_RULE,
    CALIBRATION_RULE,
    Finding,
    Verdict,
    accuracy_finding,
    calibration_finding,
    judge,
)
from harness.reporting.words import count, limit, percent, probability, share

_SWEEP = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99)
_MOST_FAILURES = 50
_SHEET_MOST, _LOOKED_AT = 32, 400
_RULE = (
    "fail where the batch did not succeed, or more images broke than were fixed and that is no chance; "
    f"{ACCURACY_RULE}; {CALIBRATION_RULE}; watch where images failed or nothing is labelled"
)


def page(
    evaluation: Evaluation,
    comparison: Comparison | None,
    image_of: Callable[[Prediction], bytes | None],
    made: datetime,
) -> str:
    """Return the page; nothing in it is fetched from anywhere.

    Args:
        evaluation: what it is about.
        comparison: with an earlier one, if there is any.
        image_of: the image of a prediction, PNG or JPEG; None where it cannot be had.
        made: date of the page.
    """
    numbers, labelled = summary(evaluation), evaluation.labelled
    title = f"Evaluation of {count(len(evaluation.predictions), 'image')}"
    parts = [pages.begin(title, made, evaluation.source, verdict(evaluation, comparison)), _totals(numbers)]
    parts.append(pages.notes("Not everything here was real:", evaluation.stubs))
    unknown = len(evaluation.answered) - len(labelled)
    if unknown:
        words = f"{count(unknown, 'image')} without a label: they count for confidence, not for accuracy."
        parts.append(f'<p class="note">{words}</p>')
    if comparison is not None:
        parts.append(_comparison(comparison))
    if labelled:
        parts += [
            "<h2>Which threshold?</h2>",
            _sweep_table(evaluation),
            pages.figure(
                "Share of images that pass each threshold, and accuracy of those, with Wilson's 95 % interval.",
                plots.threshold_sweep(labelled, evaluation.threshold),
            ),
            "<h2>What is taken for what</h2>",
            _confusion(numbers["confusion"]),
            "<h2>Is it as sure as it should be?</h2>",
            pages.figure(
                "Accuracy by confidence. Where points lie below the line, the model is surer than it is right.",
                reliability(metrics.calibration_of(labelled, evaluation.threshold)),
            ),
        ]
    tiles = _least_sure(evaluation, image_of)
    if tiles:
        parts += [
            "<h2>The least confident images</h2>",
            "<p>Least confident first, each image once; a frame and a cross mark a wrong prediction.</p>",
            pages.gallery(tiles),
        ]
    facts = [(str(name), _fact(value)) for name, value in evaluation.facts.items()]
    parts += [_failures(evaluation), "<h2>How it was run</h2>", pages.facts(facts), pages.end()]
    return "\n".join(parts)


def verdict(evaluation: Evaluation, comparison: Comparison | None = None) -> Verdict:
    """Whether the model may be relied on above its threshold, and whether the batch went well."""
    findings = []
    status = str(evaluation.facts.get("Status", "SUCCEEDED"))
    if not status.startswith("SUCCEEDED"):
        findings.append(Finding("fail", f"The batch {status}."))
    failed = sum(prediction.status == "failed" for prediction in evaluation.predictions)
    if failed:
        findings.append(Finding("watch", f"{share(failed, len(evaluation.predictions))} images failed."))
    labelled = evaluation.labelled
    if labelled:
        sure = [p for p in labelled if p.confidence is not None and p.confidence > evaluation.threshold]
        findings.append(accuracy_finding(sum(bool(p.correct) for p in sure), len(sure), evaluation.threshold))
        findings.append(calibration_finding(metrics.calibration_of(labelled).error))
    else:
        findings.append(Finding("watch", "Accuracy is not known: no image has a label."))
    if comparison is not None:
        worse = comparison.broken > comparison.fixed and comparison.p_value < SIGNIFICANT
        findings.append(Finding("fail" if worse else "pass", comparison.verdict))
    if evaluation.stubs:
        findings.append(Finding("watch", evaluation.stubs[0]))
    return judge(findings, _RULE)


def _least_sure(evaluation: Evaluation, image_of: Callable[[Prediction], bytes | None]) -> list[pages.Tile]:
    """Return the images that the model was least sure of, least first, each once, as far as they can be had."""
    order = sorted(evaluation.answered, key=lambda prediction: (prediction.confidence or 0.0, prediction.key))
    found: dict[bytes, tuple[Prediction, bytes, int]] = {}
    for prediction in order[:_LOOKED_AT]:
        data = image_of(prediction)
        if data is None:
            continue
        digest = digest_of(data)
        first, _, times = found.get(digest, (prediction, data, 0))
        if not times and len(found) == _SHEET_MOST:
            break
        found[digest] = (first, data, times + 1)
    tiles = []
    for prediction, data, times in found.values():
        words = f"{class_name(prediction.predicted)} {probability(prediction.confidence or 0.0, evaluation.threshold)}"
        wrong = f"truly {class_name(prediction.label)}" if prediction.correct is False else ""
        tiles.append(pages.Tile(data if read_image(data) is not None else None, (words,), wrong, times))
    return tiles


def _fact(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {part}" for name, part in value.items())
    return str(value)


def _totals(numbers: dict[str, Any]) -> str:
    def shown(value: float | None) -> str:
        return "n/a" if value is None else percent(value)

    calibration, at = numbers["expectedCalibrationError"], limit(numbers["threshold"])
    answered, labelled, under = numbers["answered"], numbers["labelled"], numbers["underThreshold"]
    return pages.totals(
        [
            (f"{numbers['images']:,}", "images", f"{answered:,} answered"),
            (shown(numbers["accuracy"]), "accuracy", f"n = {labelled:,}"),
            (shown(numbers["shareUnderThreshold"]), f"not above {at}", f"{under:,} of {answered:,}"),
            (
                shown(numbers["accuracyAboveThreshold"]),
                f"accuracy above {at}",
                f"n = {numbers['labelledAboveThreshold']:,}",
            ),
            ("n/a" if calibration is None else f"{calibration:.3f}", "calibration error", f"n = {labelled:,}"),
            (f"{numbers['failed']:,}", "failed", f"of {numbers['images']:,}"),
        ]
    )


def _sweep_table(evaluation: Evaluation) -> str:
    rows = []
    total = len(evaluation.labelled)
    for step in metrics.sweep(evaluation.labelled, sorted({*_SWEEP, evaluation.threshold})):
        accuracy = "" if step.accuracy is None else percent(step.accuracy)
        interval = "" if step.low is None or step.high is None else f"{percent(step.low)} to {percent(step.high)}"
        cells = [limit(step.threshold), f"{step.passed:,} of {total:,}", percent(step.coverage), accuracy, interval]
        rows.append(("now" if step.threshold == evaluation.threshold else "", [*cells, f"{step.errors:,}"]))
    columns = ("Threshold", "Images that pass", "Share", "Accuracy of these", "95 % interval", "Wrong ones that pass")
    return pages.table(columns, rows, numbers=range(6))


def _confusion(matrix: list[list[int]]) -> str:
    names = [class_name(number) for number in range(len(matrix))]
    rows: list[tuple[str, list[str | pages.Cell]]] = []
    for row, counts in enumerate(matrix):
        cells = [
            pages.Cell(html.escape(share(each, sum(counts))), "" if column == row or not each else "bad")
            for column, each in enumerate(counts)
        ]
        rows.append(("", [f"truly {names[row]}", *cells]))
    columns = ("Image", *(f"taken for {name}" for name in names))
    return pages.table(columns, rows, numbers=range(1, len(columns)), caption=f"n = {sum(map(sum, matrix)):,}")


def _comparison(comparison: Comparison) -> str:
    lines = [
        "<h2>What changed</h2>",
        f"<p>Against {html.escape(comparison.before)}, {count(comparison.common, 'image')} in common: "
        f'<b class="good">{comparison.fixed} fixed</b>, <b class="bad">{comparison.broken} broken</b>.</p>',
        f"<p>{html.escape(comparison.verdict)} McNemar's exact test, two-sided.</p>",
    ]
    if comparison.only_before or comparison.only_after:
        lines.append(
            f"<p>{len(comparison.only_before)} images were only in the earlier evaluation, "
            f"{len(comparison.only_after)} are only in this one.</p>"
        )
    if comparison.changes:
        rows: list[tuple[str, list[str | pages.Cell]]] = []
        for change in comparison.changes:
            style = {"fixed": "good", "broken": "bad"}.get(change.kind, "")
            cells = [class_name(change.after.label), _shown(change.before), _shown(change.after)]
            rows.append(("", [change.name, pages.Cell(change.kind, style), *cells]))
        lines.append(pages.table(("Image", "Change", "Label", "Before", "Now"), rows))
    return "\n".join(lines)


def _shown(prediction: Prediction) -> str:
    if prediction.confidence is None:
        return prediction.error or prediction.status
    unsure = ", unsure" if prediction.status == "unsure" else ""
    return f"{class_name(prediction.predicted)} {prediction.confidence:.3f}{unsure}"


def _failures(evaluation: Evaluation) -> str:
    failed = [prediction for prediction in evaluation.predictions if prediction.status == "failed"]
    if not failed:
        return ""
    rows = [("", [p.key, p.error, p.cause[:300]]) for p in failed[:_MOST_FAILURES]]
    lines = [f"<h2>{count(len(failed), 'image')} failed</h2>", pages.table(("Image", "Error", "Cause"), rows)]
    if len(failed) > _MOST_FAILURES:
        lines.append(f"<p>And {len(failed) - _MOST_FAILURES} more, in the CSV file.</p>")
    return "\n".join(lines)
