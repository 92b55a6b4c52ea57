"""What an evaluation is made of: the images' predictions, and all that a report says about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

FORMAT = 1
"""Of the JSON file."""


@dataclass(frozen=True)
class Prediction:
    """What came of one image.

    Attributes:
        key: of the image in the bucket.
        status: ``sure``; ``unsure``, when the confidence does not exceed the threshold; ``failed``.
        label: class number that the image has; None where nobody said.
        probabilities: by class number; empty where there is no answer.
        error: name of the error of one that failed.
        cause: of that error.
    """

    key: str
    status: str
    label: int | None = None
    probabilities: tuple[float, ...] = ()
    error: str = ""
    cause: str = ""

    @property
    def name(self) -> str:
        """Name of the image's file, by which images of two evaluations are told to be the same."""
        return self.key.rpartition("/")[2]

    @property
    def confidence(self) -> float | None:
        """Largest probability."""
        return max(self.probabilities) if self.probabilities else None

    @property
    def predicted(self) -> int | None:
        """Class number of the largest probability."""
        return self.probabilities.index(max(self.probabilities)) if self.probabilities else None

    @property
    def correct(self) -> bool | None:
        """Whether the prediction is the label; None where one of them is not known."""
        if self.label is None or self.predicted is None:
            return None
        return self.predicted == self.label


@dataclass(frozen=True)
class Evaluation:
    """A finished evaluation.

    Attributes:
        source: what was evaluated, ``s3://...``.
        predictions: in the order of their keys.
        facts: what was run and how: target, endpoint, threshold, execution, Map Run, seconds...
        stubs: what was not real, a sentence each.
    """

    source: str
    threshold: float
    predictions: tuple[Prediction, ...]
    facts: dict[str, Any] = field(default_factory=dict)
    stubs: tuple[str, ...] = ()

    @property
    def answered(self) -> list[Prediction]:
        """The images that the model answered for."""
        return [prediction for prediction in self.predictions if prediction.probabilities]

    @property
    def labelled(self) -> list[Prediction]:
        """Those of which the label is known as well."""
        return [prediction for prediction in self.answered if prediction.label is not None]
