"""The accuracies that the log reports."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass
class Metrics:
    """Adds up what share of predictions was right.

    Attributes:
        top_k: also count how often the class is among the *top_k* likeliest.
        multi_label: count each class of each image, right where its probability is on the label's side of a half.
    """

    top_k: int | None = None
    multi_label: bool = False
    _seen: int = 0
    _right: int = 0
    _images: int = 0
    _right_top: int = field(default=0)

    @property
    def names(self) -> list[str]:
        """Return the names of the metrics, as the log has them."""
        return ["accuracy"] + ([f"top_k_accuracy_{self.top_k}"] if self.top_k else [])

    def update(self, logits: Tensor, targets: Tensor) -> None:
        """Count a batch; both are batch x classes. Predictions that are not numbers are wrong."""
        with torch.no_grad():
            finite = torch.isfinite(logits).all(1)
            if self.multi_label:
                right = ((logits > 0) == (targets > 0.5)) & finite[:, None]
            else:
                right = (logits.argmax(1) == targets.argmax(1)) & finite
            self._right += int(right.sum())
            self._seen += right.numel()
            self._images += len(targets)
            if self.top_k:
                likeliest = logits.topk(self.top_k, 1).indices
                self._right_top += int(((likeliest == targets.argmax(1, keepdim=True)).any(1) & finite).sum())

    def values(self) -> list[float]:
        """Shares from 0 to 1, in the order of :attr:`names`."""
        top = [self._right_top / max(1, self._images)] if self.top_k else []
        return [self._right / max(1, self._seen), *top]
