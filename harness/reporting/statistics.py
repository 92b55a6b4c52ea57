"""The statistics that the monitor states, each with its source."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEVEL = 0.95
"""Of all confidence intervals; tests call significant what is below one minus this."""
PERMUTATIONS = 999
LARGEST_SAMPLE = 500
"""Points of each side that the permutation test takes: its memory grows with the square."""


def wilson(successes: Any, total: Any, level: float = LEVEL) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Score interval of a share, which holds near 0 and 1 and for few observations.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927), 209-212.

    Args:
        successes: counts, a number or an array.
        total: of how many; where it is 0, the interval is 0 to 1.
        level: that a share as often lies within.

    Returns:
        Lower and upper ends, 0 to 1.
    """
    count, n = np.asarray(successes, dtype=float), np.asarray(total, dtype=float)
    z = NormalDist().inv_cdf(0.5 + level / 2)
    safe = np.maximum(n, 1)
    share = count / safe
    middle = (share + z**2 / (2 * safe)) / (1 + z**2 / safe)
    half = z / (1 + z**2 / safe) * np.sqrt(share * (1 - share) / safe + z**2 / (4 * safe**2))
    # At the ends the formula gives them but for rounding.
    low = np.where((n > 0) & (count > 0), np.clip(middle - half, 0, 1), 0.0)
    high = np.where((n > 0) & (count < n), np.clip(middle + half, 0, 1), 1.0)
    return low, high


@dataclass(frozen=True)
class Calibration:
    """Confidence and accuracy, bin by bin; only bins that hold predictions."""

    edges: NDArray[np.float64]
    """Of all bins, from 0 to 1."""
    confidence: NDArray[np.float64]
    """Mean in each bin."""
    accuracy: NDArray[np.float64]
    count: NDArray[np.int64]
    correct: NDArray[np.int64]
    error: float
    """Expected calibration error: the mean distance between the two, weighted by count."""

    def rows(self) -> list[dict[str, float | int]]:
        """Return a line for each bin with predictions: ``low``, ``high``, ``count``, ``confidence``, ``accuracy``."""
        numbers = np.clip(np.searchsorted(self.edges, np.round(self.confidence, 9)) - 1, 0, len(self.edges) - 2)
        return [
            {
                "low": round(float(self.edges[number]), 9),
                "high": round(float(self.edges[number + 1]), 9),
                "count": int(count),
                "confidence": float(confidence),
                "accuracy": float(accuracy),
            }
            for number, count, confidence, accuracy in zip(
                numbers, self.count, self.confidence, self.accuracy, strict=True
            )
        ]


def calibration(
    confidence: NDArray[np.float64], correct: NDArray[np.bool_], bins: int = 10, threshold: float | None = None
) -> Calibration:
    """Compute the reliability diagram and the expected calibration error of the likeliest class.

    The error is that of bins of one width. In the diagram, the bin in which a threshold lies is two, so that none holds
    predictions of both sides.

    M. P. Naeini, G. F. Cooper, M. Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", AAAI
    2015; C. Guo et al., "On calibration of modern neural networks", ICML 2017.

    Args:
        confidence: probability of the predicted class, of shape (predictions,).
        correct: whether each prediction was right, of the same shape.
        bins: of one width between 0 and 1.
        threshold: a confidence at which the diagram's bin is cut in two; None: it is not.
    """
    edges = np.linspace(0, 1, bins + 1)
    found = _binned(edges, confidence, correct)
    if threshold is None or not 0 < threshold < 1:
        return found
    beside = np.unique(np.round(np.append(edges, threshold), 9))
    return replace(_binned(beside, confidence, correct), error=found.error)


def _binned(edges: NDArray[np.float64], confidence: NDArray[np.float64], correct: NDArray[np.bool_]) -> Calibration:
    bins = len(edges) - 1
    # Bins are open below and closed above, as in Guo et al.; 0 goes to the first.
    number = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    count = np.bincount(number, minlength=bins)
    held = count > 0
    mean = np.bincount(number, weights=confidence, minlength=bins)[held] / count[held]
    right = np.bincount(number, weights=correct, minlength=bins)[held]
    accuracy = right / count[held]
    error = float(np.sum(count[held] * np.abs(accuracy - mean)) / max(1, len(confidence)))
    return Calibration(edges, mean, accuracy, count[held], right.astype(np.int64), error)


def two_sample_ks(first: NDArray[np.float64], second: NDArray[np.float64]) -> tuple[float, float]:
    """Two-sample Kolmogorov-Smirnov test: largest distance of the two distribution functions, and its p value.

    Raises:
        RuntimeError: scipy is not installed.
    """
    result = import_stats().ks_2samp(first, second, method="asymp")
    return float(result.statistic), float(result.pvalue)


def energy_test(
    first: NDArray[np.float64], second: NDArray[np.float64], *, seed: int = 0, permutations: int = PERMUTATIONS
) -> tuple[float, float]:
    """Energy distance between two samples of points, and the p value of its permutation test.

    G. J. Székely, M. L. Rizzo, "Energy statistics: a class of statistics based on distances", J. Stat. Plan. Inference
    143 (2013), 1249-1272. The p value counts the observed arrangement among the permutations: B. Phipson, G. K. Smyth,
    "Permutation p-values should never be zero", Stat. Appl. Genet. Mol. Biol. 9 (2010).

    Args:
        first: points, shape (n, dimensions); more than :data:`LARGEST_SAMPLE` are sampled.
        second: points, shape (m, dimensions).
        seed: of the sampling and the permutations.
        permutations: how many.

    Returns:
        The distance, in the points' own unit, and the p value, at least 1 / (permutations + 1).
    """
    generator = np.random.default_rng(seed)
    sides = [
        side if len(side) <= LARGEST_SAMPLE else side[generator.choice(len(side), LARGEST_SAMPLE, replace=False)]
        for side in (first, second)
    ]
    n, m = len(sides[0]), len(sides[1])
    points = np.concatenate(sides)
    squares = np.sum(points**2, axis=1)
    distances = np.sqrt(np.maximum(squares[:, None] + squares[None, :] - 2 * points @ points.T, 0))
    np.fill_diagonal(distances, 0)
    total = float(distances.sum())
    marks = np.zeros((permutations + 1, n + m))
    marks[0, :n] = 1
    for row in marks[1:]:
        row[generator.permutation(n + m)[:n]] = 1
    of_marked = marks @ distances
    within_first = np.sum(of_marked * marks, axis=1)
    between = of_marked.sum(axis=1) - within_first
    within_second = total - within_first - 2 * between
    values = 2 * between / (n * m) - within_first / n**2 - within_second / m**2
    # Equal arrangements may differ in the last bits.
    extreme = np.sum(values[1:] >= values[0] - 1e-9 * max(abs(values[0]), 1e-12))
    return float(np.sqrt(max(values[0], 0))), float((extreme + 1) / (permutations + 1))


def holm(p_values: list[float]) -> list[float]:
    """P values adjusted for there being several tests, so that one false alarm among all is as rare as in one test.

    S. Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Stat. 6 (1979), 65-70.
    """
    order = sorted(range(len(p_values)), key=lambda number: p_values[number])
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, number in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[number]))
        adjusted[number] = highest
    return adjusted


def import_stats() -> Any:
    """scipy's statistics.

    Raises:
        RuntimeError: scipy is not installed.
    """
    try:
        from scipy import stats
    except ImportError:
        raise RuntimeError("the test for drift needs scipy: pip install 'aws-ml-harness[captures]'") from None
    return stats
