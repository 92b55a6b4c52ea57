"""Two evaluations of the same images: what changed, image by image, and whether it may be chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.evaluation.model import Evaluation, Prediction

SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Change:
    """An image that came out differently."""

    name: str
    before: Prediction
    after: Prediction

    @property
    def kind(self) -> str:
        """``fixed`` or ``broken``, or else what it is now: ``sure``, ``unsure``, ``failed``, ``answered``."""
        if self.before.correct is not None and self.after.correct is not None:
            if self.before.correct != self.after.correct:
                return "fixed" if self.after.correct else "broken"
        elif self.before.correct is None and self.after.correct is not None:
            return "answered"
        return self.after.status


@dataclass(frozen=True)
class Comparison:
    """What changed between two evaluations.

    Attributes:
        common: how many images both have an answer and a label for.
        only_before: images that are not in the later one, by name.
        only_after: nor in the earlier one.
        fixed: how many were wrong and are right.
        broken: how many were right and are wrong.
        p_value: of McNemar's exact test; 1 where nothing changed.
        changes: the images that came out differently.
    """

    before: str
    common: int
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]
    fixed: int
    broken: int
    p_value: float
    changes: tuple[Change, ...]

    @property
    def verdict(self) -> str:
        """In words."""
        if self.fixed == self.broken == 0:
            return "No prediction changed from right to wrong or back."
        better = "better" if self.fixed > self.broken else "worse" if self.broken > self.fixed else "neither"
        if better == "neither":
            return f"{self.fixed} images were fixed and as many broke: neither model is better."
        chance = (
            f"a difference that large would be rare by chance (p = {self.p_value:.3g})"
            if self.p_value < SIGNIFICANT
            else f"that may well be chance (p = {self.p_value:.3g})"
        )
        return f"{self.fixed} images were fixed and {self.broken} broke, which looks {better}; {chance}."


def compare(before: Evaluation, after: Evaluation) -> Comparison:
    """Hold *after* against *before*; images are the same where their files' names are.

    Raises:
        ValueError: they have no image in common.
    """
    old, new = _by_name(before.predictions), _by_name(after.predictions)
    names = sorted(old.keys() & new.keys())
    if not names:
        raise ValueError("the two evaluations have no image in common: their files' names are all different")
    both = [name for name in names if old[name].correct is not None and new[name].correct is not None]
    fixed = sum(not old[name].correct and bool(new[name].correct) for name in both)
    broken = sum(bool(old[name].correct) and not new[name].correct for name in both)
    changes = [
        Change(name, old[name], new[name])
        for name in names
        if (old[name].status, old[name].predicted) != (new[name].status, new[name].predicted)
    ]
    order = ("broken", "fixed", "failed", "unsure", "sure", "answered")
    changes.sort(key=lambda change: (order.index(change.kind), change.name))
    return Comparison(
        before.source,
        len(both),
        tuple(sorted(old.keys() - new.keys())),
        tuple(sorted(new.keys() - old.keys())),
        fixed,
        broken,
        mcnemar(fixed, broken),
        tuple(changes),
    )


def mcnemar(one: int, other: int) -> float:
    """Return the two-sided exact p-value of McNemar's test: of images that differ, each way is as likely as the other.

    Q. McNemar, Note on the sampling error of the difference between correlated proportions or percentages,
    Psychometrika 12 (1947). The exact form is the sign test: a binomial with p = 1/2 over those that differ.

    Args:
        one: how many differ one way.
        other: and the other way.
    """
    total, least = one + other, min(one, other)
    tail = sum(math.comb(total, number) for number in range(least + 1))
    return min(1.0, float(2 * tail / 2**total))


def _by_name(predictions: Sequence[Prediction]) -> dict[str, Prediction]:
    return {prediction.name: prediction for prediction in predictions}
