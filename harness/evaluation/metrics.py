"""Numbers of an evaluation, in plain functions of its predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.evaluation.model import Prediction
from harness.reporting.statistics import Calibration, calibration, wilson

STEPS = tuple(round(0.5 + 0.01 * step, 2) for step in range(51))
"""Thresholds of a sweep."""


@dataclass(frozen=True)
class Threshold:
    """What a threshold would do: how many images it lets pass, and how many of these are right."""

    threshold: float
    passed: int
    coverage: float
    """Share of all images that pass."""
    accuracy: float | None
    """Of those that pass; None where none does."""
    low: float | None
    high: float | None
    """Wilson's interval of the accuracy, 95 %."""
    errors: int
    """Wrong ones among those that pass."""


def accuracy(predictions: Sequence[Prediction]) -> float | None:
    """Share of right ones; None where there is none to be right."""
    known = [prediction.correct for prediction in predictions if prediction.correct is not None]
    return sum(known) / len(known) if known else None


def confusion(predictions: Sequence[Prediction], classes: int = 2) -> list[list[int]]:
    """How many images of a class (row) were taken for which (column)."""
    numbers = [number for p in predictions for number in (p.label, p.predicted) if number is not None]
    size = max(classes, 1 + max(numbers, default=0))
    matrix = [[0] * size for _ in range(size)]
    for prediction in predictions:
        if prediction.label is not None and prediction.predicted is not None:
            matrix[prediction.label][prediction.predicted] += 1
    return matrix


def sweep(predictions: Sequence[Prediction], thresholds: Sequence[float] = STEPS) -> list[Threshold]:
    """Coverage against accuracy: what each threshold would let pass.

    The accuracy of what is passed, over the share of what is passed, is the risk-coverage curve of El-Yaniv and
    Wiener, On the Foundations of Noise-free Selective Classification, JMLR 11 (2010).
    """
    known = [prediction for prediction in predictions if prediction.correct is not None]
    found = []
    for threshold in thresholds:
        passed = [p for p in known if p.confidence is not None and p.confidence > threshold]
        right = sum(bool(prediction.correct) for prediction in passed)
        low, high = map(float, wilson(right, len(passed))) if passed else (None, None)
        found.append(
            Threshold(
                threshold,
                len(passed),
                len(passed) / len(known) if known else 0.0,
                right / len(passed) if passed else None,
                low,
                high,
                len(passed) - right,
            )
        )
    return found


def calibration_of(predictions: Sequence[Prediction], threshold: float | None = None) -> Calibration:
    """Confidence beside accuracy; those without a prediction or a label are left out."""
    known = [p for p in predictions if p.confidence is not None and p.correct is not None]
    confidence = np.array([p.confidence for p in known], dtype=np.float64)
    return calibration(confidence, np.array([bool(p.correct) for p in known], dtype=np.bool_), threshold=threshold)
