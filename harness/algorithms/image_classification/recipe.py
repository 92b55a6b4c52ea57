"""The local recipe, ``fast``: a small ResNet trained well in two minutes on two CPU cores.

It is chosen beside the hyperparameters, so that the very same call stays valid on AWS, and takes the place of those
that say how to train: ``num_layers``, ``epochs``, ``mini_batch_size``, the optimizer's, the learning rate's and
``augmentation_type``. What the task is (classes, image shape, labels) and when to store the model stay as given.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional
from torch.optim import SGD

from harness.algorithms.image_classification.dataset import ImageDataset, centre_crop
from harness.algorithms.image_classification.hyperparameters import Hyperparameters
from harness.algorithms.image_classification.network import FAST_LAYOUT
from harness.algorithms.image_classification.plan import Plan, class_loss, parameter_groups
from harness.algorithms.image_classification.torch_graph import SymbolModule

FAST = "fast"
_BATCH = 64
_IMAGES_SEEN = 100_000
_MIN_EPOCHS, _MAX_EPOCHS = 5, 100
_RATE = 0.1
_WARM_UP = 0.2
_MOMENTUM = 0.9
_WEIGHT_DECAY = 5e-4
_SMOOTHING = 0.1
_AVERAGE = 0.99
_BRANCH = 0.25
_PAD = 1 / 8
_CUT_OUT = 3 / 8
_MID_GREY = 120.0


def fast_plan(hyperparameters: Hyperparameters, train: ImageDataset, seed: int) -> Plan:
    """Plan one cycle of Nesterov SGD over flipped, shifted and partly covered images, and the weights' running average.

    Args:
        hyperparameters: the job's; only those of the loss count, as the recipe has its own rate, batch and epochs.
        train: the images of the ``train`` channel; their number decides on epochs and steps.
        seed: of what is drawn when images are varied.
    """
    batch = min(_BATCH, len(train))
    steps = max(1, len(train) // batch)
    epochs = max(_MIN_EPOCHS, min(_MAX_EPOCHS, _IMAGES_SEEN // len(train)))
    generator = torch.Generator().manual_seed(seed)
    return Plan(
        epochs=epochs,
        batch=batch,
        steps=steps,
        crop=centre_crop,
        vary=lambda pixels: _cut_out(_shift_and_flip(pixels, generator), generator),
        loss=class_loss(hyperparameters, train, _SMOOTHING),
        optimizer=lambda module: SGD(
            parameter_groups(module, _WEIGHT_DECAY, gamma=False), _RATE, _MOMENTUM, nesterov=True
        ),
        rate=lambda step: one_cycle(step / (epochs * steps)),
        average=_AVERAGE,
    )


def quieten(module: SymbolModule) -> None:
    """Make each unit's own branch small beside its shortcut: what is nearly linear sets out better."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name.endswith("_conv2_weight"):
                parameter.mul_(_BRANCH)


def one_cycle(progress: float) -> float:
    """Return the learning rate at *progress* (0 to 1): up in a line, then down along a cosine."""
    if progress < _WARM_UP:
        return _RATE * max(progress / _WARM_UP, 1e-4)
    return _RATE * max(0.5 * (1 + math.cos(math.pi * (progress - _WARM_UP) / (1 - _WARM_UP))), 1e-4)


def describe() -> str:
    """Return the recipe in one line, for the log."""
    return (
        f"ResNet of {2 + 2 * sum(FAST_LAYOUT.units)} layers, widths {','.join(map(str, FAST_LAYOUT.widths))}; up to "
        f"{_MAX_EPOCHS} epochs in batches of {_BATCH}; Nesterov SGD, one cycle to {_RATE:g}, weight decay "
        f"{_WEIGHT_DECAY:g}; label smoothing {_SMOOTHING:g}; flips, shifts, cut-out; averaged weights"
    )


def _shift_and_flip(pixels: Tensor, generator: torch.Generator) -> Tensor:
    count, _, height, width = pixels.shape
    pad = max(1, round(min(height, width) * _PAD))
    padded = functional.pad(pixels, (pad,) * 4, mode="reflect")
    down = torch.randint(2 * pad + 1, (count, 1), generator=generator)
    right = torch.randint(2 * pad + 1, (count, 1), generator=generator)
    flip = torch.rand(count, 1, generator=generator) < 0.5
    rows = down + torch.arange(height)
    columns = right + torch.where(flip, width - 1 - torch.arange(width), torch.arange(width))
    image = torch.arange(count)[:, None, None]
    device = pixels.device
    # Indexed with the channels last, where a pixel is one stretch of memory.
    taken = padded.permute(0, 2, 3, 1)[image.to(device), rows[:, :, None].to(device), columns[:, None, :].to(device)]
    return taken.permute(0, 3, 1, 2)


def _cut_out(pixels: Tensor, generator: torch.Generator) -> Tensor:
    count, _, height, width = pixels.shape
    half = max(1, round(min(height, width) * _CUT_OUT / 2))
    rows = (torch.arange(height) - torch.randint(height, (count, 1), generator=generator)).abs() < half
    columns = (torch.arange(width) - torch.randint(width, (count, 1), generator=generator)).abs() < half
    covered = (rows[:, None, :, None] & columns[:, None, None, :]).to(pixels.device)
    return pixels.masked_fill(covered, _MID_GREY)
