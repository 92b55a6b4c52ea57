"""An evaluation as files: JSON, which a later one is held against and which a resume goes on from, and CSV."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from harness.evaluation import metrics
from harness.evaluation.compare import Comparison
from harness.evaluation.model import FORMAT, Evaluation, Prediction
from harness.reporting.labels import class_name
from harness.scones.dataset import CLASS_NAMES

_MEMBERS = ("key", "status", "label", "probabilities", "error", "cause")


def summary(evaluation: Evaluation) -> dict[str, Any]:
    """Return the numbers of an evaluation."""
    predictions = evaluation.predictions
    answered, labelled = evaluation.answered, evaluation.labelled
    below = [p for p in answered if (p.confidence or 0) <= evaluation.threshold]
    above = [p for p in labelled if (p.confidence or 0) > evaluation.threshold]
    return {
        "images": len(predictions),
        "answered": len(answered),
        "failed": sum(prediction.status == "failed" for prediction in predictions),
        "labelled": len(labelled),
        "accuracy": metrics.accuracy(labelled),
        "threshold": evaluation.threshold,
        "underThreshold": len(below),
        "shareUnderThreshold": len(below) / len(answered) if answered else None,
        "accuracyAboveThreshold": metrics.accuracy(above),
        "labelledAboveThreshold": len(above),
        "confusion": metrics.confusion(labelled),
        "expectedCalibrationError": metrics.calibration_of(labelled).error if labelled else None,
    }


def to_json(evaluation: Evaluation, comparison: Comparison | None = None) -> str:
    """Return the JSON file's text."""
    document: dict[str, Any] = {
        "format": FORMAT,
        "source": evaluation.source,
        "classes": list(CLASS_NAMES),
        "facts": evaluation.facts,
        "notReal": list(evaluation.stubs),
        "summary": summary(evaluation),
        "sweep": [vars(step) for step in metrics.sweep(evaluation.labelled)],
        "reliability": metrics.calibration_of(evaluation.labelled).rows(),
    }
    if comparison is not None:
        document["comparison"] = {
            "against": comparison.before,
            "common": comparison.common,
            "fixed": comparison.fixed,
            "broken": comparison.broken,
            "pValue": comparison.p_value,
            "verdict": comparison.verdict,
            "changes": [{"name": change.name, "kind": change.kind} for change in comparison.changes],
        }
    document["predictions"] = [
        {name: getattr(prediction, name) for name in _MEMBERS} for prediction in evaluation.predictions
    ]
    return json.dumps(document, indent=1) + "\n"


def read_json(path: Path) -> Evaluation:
    """Return an evaluation that was written before.

    Raises:
        ValueError: naming the file, which is none.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["format"] != FORMAT:
            raise ValueError(f"format {document['format']}, not {FORMAT}")
        predictions = tuple(
            Prediction(**{**entry, "probabilities": tuple(entry["probabilities"])}) for entry in document["predictions"]
        )
        return Evaluation(
            document["source"],
            document["summary"]["threshold"],
            predictions,
            document["facts"],
            tuple(document["notReal"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not the JSON of an evaluation: {error}") from None


def to_csv(evaluation: Evaluation) -> str:
    """Return a line an image."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [f"probability_{name}" for name in CLASS_NAMES]
    writer.writerow(["key", "status", "label", "predicted", "correct", "confidence", *names, "error"])
    for p in evaluation.predictions:
        probabilities = [*p.probabilities, *[""] * len(CLASS_NAMES)][: len(CLASS_NAMES)]
        correct = "" if p.correct is None else str(p.correct).lower()
        confidence = "" if p.confidence is None else p.confidence
        row = [p.key, p.status, class_name(p.label), class_name(p.predicted), correct, confidence, *probabilities]
        writer.writerow([*row, p.error])
    return text.getvalue()
