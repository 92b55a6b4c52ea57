"""How a job trains: what AWS's hyperparameters ask for, as the parts that the training loop puts together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.optim import SGD, Adam, Optimizer, RMSprop

from harness.algorithms.image_classification.augment import augmentation
from harness.algorithms.image_classification.dataset import Crop, ImageDataset
from harness.algorithms.image_classification.hyperparameters import Hyperparameters
from harness.algorithms.image_classification.torch_graph import SymbolModule

Loss = Callable[[Tensor, Tensor], Tensor]
Vary = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Plan:
    """The parts of one job's training.

    Attributes:
        epochs: passes over the training images.
        batch: images a step.
        steps: steps an epoch.
        crop: brings an image to the network's size, with or without chance.
        vary: further variation of a whole batch of pixels (float32), on the device.
        loss: from logits and targets, both batch x classes.
        optimizer: made for a network.
        rate: learning rate of a step, counted from 0.
        average: share of the running average of the weights that a step keeps; 0 trains without one.
    """

    epochs: int
    batch: int
    steps: int
    crop: Crop
    vary: Vary
    loss: Loss
    optimizer: Callable[[SymbolModule], Optimizer]
    rate: Callable[[int], float]
    average: float = 0.0


def aws_plan(hyperparameters: Hyperparameters, train: ImageDataset, random: np.random.Generator) -> Plan:
    """Plan the training as the hyperparameters say, and as MXNet does what they leave open.

    Args:
        hyperparameters: the job's, checked; ``num_training_samples`` and ``mini_batch_size`` give the steps of an
            epoch.
        train: the images of the ``train`` channel, for the weights of the classes.
        random: draws crops and augmentation; its seed makes a training repeatable.
    """
    chosen = hyperparameters
    steps = max(1, chosen.num_training_samples // chosen.mini_batch_size)
    return Plan(
        epochs=chosen.epochs,
        batch=chosen.mini_batch_size,
        steps=steps,
        crop=augmentation(chosen.augmentation_type, random),
        vary=lambda pixels: pixels,
        loss=class_loss(chosen, train),
        optimizer=lambda module: _optimizer(chosen, module),
        rate=lambda step: _stepped_rate(chosen, step // steps),
    )


def class_loss(hyperparameters: Hyperparameters, train: ImageDataset, smoothing: float = 0.0) -> Loss:
    """Cross-entropy: over all classes, or with ``multi_label`` for each class by itself.

    Args:
        hyperparameters: the job's, for ``multi_label`` and ``use_weighted_loss``.
        train: the training images, for the weights of the classes.
        smoothing: share of each target that is spread over all classes.
    """
    if not hyperparameters.multi_label:
        return lambda logits, targets: functional.cross_entropy(logits, targets, label_smoothing=smoothing)
    weight: Tensor | None = None
    if hyperparameters.use_weighted_loss:
        positive = train.targets.sum(0)
        weight = torch.from_numpy((len(train) - positive + 1) / (positive + 1))
    return lambda logits, targets: functional.binary_cross_entropy_with_logits(
        logits,
        targets * (1 - smoothing) + smoothing / 2,
        pos_weight=weight.to(logits.device) if weight is not None else None,
    )


def parameter_groups(module: SymbolModule, weight_decay: float, gamma: bool = True) -> list[dict[str, object]]:
    """Return the trained parameters in two groups for a torch optimizer: those that decay, and the rest.

    Args:
        module: the network; parameters that are not trained (``requires_grad`` false) are left out.
        weight_decay: the factor of the first group; the second has 0.
        gamma: whether batch norms' scales decay with the weights, as MXNet has it.
    """
    decaying: list[Tensor] = []
    rest: list[Tensor] = []
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            decays = name.endswith("_weight") or (gamma and name.endswith("_gamma"))
            (decaying if decays else rest).append(parameter)
    return [{"params": decaying, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]


def _optimizer(chosen: Hyperparameters, module: SymbolModule) -> Optimizer:
    # AWS's weight_decay and momentum are for sgd and nag alone.
    if chosen.optimizer in ("sgd", "nag"):
        groups = parameter_groups(module, chosen.weight_decay)
        nesterov = chosen.optimizer == "nag" and chosen.momentum > 0
        return SGD(groups, chosen.learning_rate, chosen.momentum, nesterov=nesterov)
    groups = parameter_groups(module, 0.0)
    if chosen.optimizer == "adam":
        betas = (min(chosen.beta_1, 1 - 1e-9), min(chosen.beta_2, 1 - 1e-9))
        return Adam(groups, chosen.learning_rate, betas, chosen.eps)
    return RMSprop(groups, chosen.learning_rate, chosen.gamma, chosen.eps)


def _stepped_rate(chosen: Hyperparameters, epoch: int) -> float:
    passed = sum(1 for step in chosen.lr_scheduler_step or () if epoch >= step)
    return chosen.learning_rate * float(chosen.lr_scheduler_factor**passed)
