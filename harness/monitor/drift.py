"""Whether what is sent to an endpoint still looks like what its model was trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.reporting.images import Features
from harness.reporting.statistics import LEVEL, energy_test, holm, two_sample_ks

if TYPE_CHECKING:
    from numpy.typing import NDArray

COMPONENTS = 16
FEWEST = 8
"""Images a side below which nothing is tested."""


@dataclass(frozen=True)
class DriftTest:
    """One measure of the images, compared."""

    measure: str
    unit: str
    method: str
    statistic: float
    p_value: float
    adjusted: float
    """The p value, adjusted by Holm's method for how many tests there are."""
    reference: float
    """Mean of the training images; NaN for the embedding."""
    captured: float

    @property
    def drifted(self) -> bool:
        """Whether the difference is more than chance would make."""
        return self.adjusted < 1 - LEVEL


@dataclass(frozen=True)
class Drift:
    """Training images beside captured ones."""

    reference: Features
    captured: Features
    reference_points: NDArray[np.float64]
    """The embeddings' first principal components, shape (images, components)."""
    captured_points: NDArray[np.float64]
    tests: tuple[DriftTest, ...]


def compare(reference: Features, captured: Features, *, seed: int = 0) -> Drift:
    """Compare captured images with those of the training set.

    Brightness and contrast by two-sample Kolmogorov-Smirnov tests; the embeddings (thumbnails, projected to the first
    16 principal components of both sides together) by the permutation test of the energy distance. P values are
    adjusted by Holm's method. Tests assume that images come independently of each other.

    Args:
        reference: features of images of the training set.
        captured: features of captured images.
        seed: of the permutations, so that the same images give the same p value.

    Raises:
        ValueError: one side has fewer than 8 images.
        RuntimeError: scipy is not installed.
    """
    if min(len(reference), len(captured)) < FEWEST:
        raise ValueError(
            f"drift needs at least {FEWEST} images a side: {len(captured)} captured, {len(reference)} others"
        )
    first, second = _projected(reference.embedding, captured.embedding)
    found = []
    for measure, unit in (("brightness", "luma, 0 to 255"), ("contrast", "RMS of luma, 0 to 127.5")):
        one, other = getattr(reference, measure), getattr(captured, measure)
        statistic, p_value = two_sample_ks(one, other)
        found.append((measure, unit, "Kolmogorov-Smirnov D", statistic, p_value, one.mean(), other.mean()))
    distance, p_value = energy_test(first, second, seed=seed)
    found.append(("embedding", "8 x 8 thumbnail", "energy distance", distance, p_value, np.nan, np.nan))
    adjusted = holm([item[4] for item in found])
    tests = tuple(
        DriftTest(measure, unit, method, statistic, p_value, better, float(mean), float(other))
        for (measure, unit, method, statistic, p_value, mean, other), better in zip(found, adjusted, strict=True)
    )
    return Drift(reference, captured, first, second, tests)


def _projected(
    reference: NDArray[np.float64], captured: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    # The components are of both sides together. Those of one side alone fit that side better than any other sample,
    # which would be taken for drift.
    both = np.concatenate([reference, captured])
    middle = both.mean(axis=0)
    _, _, axes = np.linalg.svd(both - middle, full_matrices=False)
    axes = axes[:COMPONENTS]
    # A component's sign is arbitrary: the largest weight is made positive, so that its pictures are always the same.
    signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])
    axes = axes * np.where(signs == 0, 1, signs)[:, None]
    return (reference - middle) @ axes.T, (captured - middle) @ axes.T
