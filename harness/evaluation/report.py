"""One self-contained HTML page about an evaluation, in the manner of :mod:`harness.capture.report`."""

from __future__ import annotations

import html
from collections.abc import Callable
from datetime import datetime
from typing import Any

from harness.evaluation import metrics, plots
from harness.evaluation.compare import Comparison
from harness.evaluation.files import summary
from harness.evaluation.model import Evaluation, Prediction
from harness.reporting import page as pages
from harness.reporting.contact_sheet import Tile, contact_sheet
from harness.reporting.images import read_image
from harness.reporting.labels import class_name
from harness.reporting.reliability import reliability

_MORE = """
.up { color: var(--good); } .down { color: var(--bad); }
tr.now td, tr.now th { background: var(--soft); font-weight: 600; }
.totals { gap: .7rem; } .totals li { min-width: 0; padding: .5rem .8rem; } .totals b { font-size: 1.5rem; }
"""
_SWEEP = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99)
_MOST_FAILURES = 50
_SHEET_COLUMNS, _SHEET_MOST = 8, 32


def page(
    evaluation: Evaluation,
    comparison: Comparison | None,
    image_of: Callable[[Prediction], bytes | None],
    made: datetime,
) -> str:
    """The page; nothing in it is fetched from anywhere.

    Args:
        evaluation: what it is about.
        comparison: with an earlier one, if there is any.
        image_of: the image of a prediction, PNG or JPEG; None where it cannot be had.
        made: date of the page.
    """
    numbers, labelled = summary(evaluation), evaluation.labelled
    parts = [
        pages.begin(f"Evaluation of {len(evaluation.predictions)} images", _MORE),
        f"<p>{html.escape(evaluation.source)}, {made:%Y-%m-%d at %H:%M} UTC.</p>",
        _totals(numbers),
    ]
    parts.append(pages.notes("Not everything here was real:", evaluation.stubs))
    unknown = len(evaluation.answered) - len(labelled)
    if unknown:
        parts.append(
            f'<p class="note">{unknown} images have no label: they count for confidence, not for accuracy.</p>'
        )
    if comparison is not None:
        parts.append(_comparison(comparison))
    if labelled:
        parts += ["<h2>Which threshold?</h2>", _sweep_table(evaluation)]
        parts.append(
            _figure(
                plots.threshold_sweep(labelled, evaluation.threshold),
                "Share of images that pass each threshold, and accuracy of those, with Wilson's 95 % interval.",
            )
        )
        parts += ["<h2>What is taken for what</h2>", _figure(plots.confusion_matrix(labelled), "Confusion matrix.")]
        parts += [
            "<h2>Is it as sure as it should be?</h2>",
            _figure(
                reliability(metrics.calibration_of(labelled)),
                "Accuracy by confidence. Where points lie below the line, the model is surer than it is right.",
            ),
        ]
    tiles = _least_sure(evaluation, image_of)
    if tiles:
        parts += [
            "<h2>The least confident images</h2>",
            _figure(
                contact_sheet(tiles, columns=_SHEET_COLUMNS),
                "Least confident first, each with its confidence; a thick frame marks a wrong prediction.",
            ),
        ]
    facts = [(str(name), _fact(value)) for name, value in evaluation.facts.items()]
    parts += [_failures(evaluation), "<h2>How it was run</h2>", pages.facts(facts), pages.end()]
    return "\n".join(parts)


def _least_sure(evaluation: Evaluation, image_of: Callable[[Prediction], bytes | None]) -> list[Tile]:
    """The images that the model was least sure of, least first, as far as they can be had."""
    order = sorted(evaluation.answered, key=lambda prediction: (prediction.confidence or 0.0, prediction.key))
    tiles = []
    for prediction in order[:_SHEET_MOST]:
        data = image_of(prediction)
        if data is not None:
            wrong = prediction.correct is False
            truly = f"\ntruly {class_name(prediction.label)}" if wrong else ""
            caption = f"{class_name(prediction.predicted)} {prediction.confidence:.3f}{truly}"
            tiles.append(Tile(read_image(data), caption, wrong))
    return tiles


def _fact(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {part}" for name, part in value.items())
    return str(value)


def _totals(numbers: dict[str, Any]) -> str:
    def share(value: float | None) -> str:
        return "n/a" if value is None else f"{value:.1%}"

    calibration = numbers["expectedCalibrationError"]
    cells = [
        (str(numbers["images"]), "images"),
        (share(numbers["accuracy"]), "accuracy"),
        (share(numbers["shareUnderThreshold"]), f"not above {numbers['threshold']:g}"),
        (share(numbers["accuracyAboveThreshold"]), f"accuracy above {numbers['threshold']:g}"),
        ("n/a" if calibration is None else f"{calibration:.3f}", "calibration error"),
        (str(numbers["failed"]), "failed"),
    ]
    return '<ul class="totals">' + "".join(f"<li><b>{value}</b> {name}</li>" for value, name in cells) + "</ul>"


def _sweep_table(evaluation: Evaluation) -> str:
    thresholds = sorted({*_SWEEP, evaluation.threshold})
    lines = [
        '<div class="wide"><table><thead><tr><th scope="col" class="number">Threshold</th>'
        '<th scope="col" class="number">Images that pass</th><th scope="col" class="number">Share</th>'
        '<th scope="col" class="number">Accuracy of these</th><th scope="col" class="number">95 % interval</th>'
        '<th scope="col" class="number">Wrong ones that pass</th></tr></thead><tbody>'
    ]
    for step in metrics.sweep(evaluation.labelled, thresholds):
        now = ' class="now"' if step.threshold == evaluation.threshold else ""
        accuracy = "" if step.accuracy is None else f"{step.accuracy:.1%}"
        interval = "" if step.low is None or step.high is None else f"{step.low:.1%} to {step.high:.1%}"
        cells = [f"{step.threshold:g}", step.passed, f"{step.coverage:.1%}", accuracy, interval, step.errors]
        lines.append(f"<tr{now}>" + "".join(f'<td class="number">{cell}</td>' for cell in cells) + "</tr>")
    return "\n".join([*lines, "</tbody></table></div>"])


def _comparison(comparison: Comparison) -> str:
    lines = [
        "<h2>What changed</h2>",
        f"<p>Against {html.escape(comparison.before)}, {comparison.common} images in common: "
        f'<b class="up">{comparison.fixed} fixed</b>, <b class="down">{comparison.broken} broken</b>.</p>',
        f"<p>{html.escape(comparison.verdict)} McNemar's exact test, two-sided.</p>",
    ]
    if comparison.only_before or comparison.only_after:
        lines.append(
            f"<p>{len(comparison.only_before)} images were only in the earlier evaluation, "
            f"{len(comparison.only_after)} are only in this one.</p>"
        )
    if comparison.changes:
        lines.append(
            '<div class="wide"><table><thead><tr><th scope="col">Image</th><th scope="col">Change</th>'
            '<th scope="col">Label</th><th scope="col">Before</th><th scope="col">Now</th></tr></thead><tbody>'
        )
        for change in comparison.changes:
            style = {"fixed": "up", "broken": "down"}.get(change.kind, "")
            lines.append(
                f'<tr><td>{html.escape(change.name)}</td><td class="{style}">{change.kind}</td>'
                f"<td>{class_name(change.after.label)}</td><td>{_shown(change.before)}</td>"
                f"<td>{_shown(change.after)}</td></tr>"
            )
        lines.append("</tbody></table></div>")
    return "\n".join(lines)


def _shown(prediction: Prediction) -> str:
    if prediction.confidence is None:
        return html.escape(prediction.error or prediction.status)
    unsure = ", unsure" if prediction.status == "unsure" else ""
    return f"{class_name(prediction.predicted)} {prediction.confidence:.3f}{unsure}"


def _failures(evaluation: Evaluation) -> str:
    failed = [prediction for prediction in evaluation.predictions if prediction.status == "failed"]
    if not failed:
        return ""
    lines = [
        f"<h2>{len(failed)} images failed</h2>",
        '<div class="wide"><table><thead><tr><th scope="col">Image</th><th scope="col">Error</th>'
        '<th scope="col">Cause</th></tr></thead><tbody>',
    ]
    lines += [
        f"<tr><td>{html.escape(p.key)}</td><td>{html.escape(p.error)}</td><td>{html.escape(p.cause[:300])}</td></tr>"
        for p in failed[:_MOST_FAILURES]
    ]
    lines.append("</tbody></table></div>")
    if len(failed) > _MOST_FAILURES:
        lines.append(f"<p>And {len(failed) - _MOST_FAILURES} more, in the CSV file.</p>")
    return "\n".join(lines)


def _figure(axes: Any, description: str) -> str:
    return pages.figure(description, pages.png(axes))
