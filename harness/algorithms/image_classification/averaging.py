"""A running average of a network's weights, which validates better than the weights of any one step."""

from __future__ import annotations

import copy

import torch

from harness.algorithms.image_classification.torch_graph import SymbolModule


class AveragedModule:
    """Keeps the exponential average of a module's weights and running statistics.

    Attributes:
        module: a copy of the network that holds the average.
    """

    def __init__(self, module: SymbolModule, keep: float) -> None:
        """Copy the weights.

        Args:
            module: the network in training.
            keep: share of the average that each update keeps; less in the first steps.
        """
        self.module = module if keep == 0 else copy.deepcopy(module).eval()
        self._keep = keep
        self._steps = 0
        self._source = list(module.state_dict().values())
        self._average = list(self.module.state_dict().values())

    def update(self) -> None:
        """Take in the weights as they are after a step."""
        if self._keep == 0:
            return
        self._steps += 1
        keep = min(self._keep, (1 + self._steps) / (10 + self._steps))
        with torch.no_grad():
            torch._foreach_lerp_(self._average, self._source, 1 - keep)
