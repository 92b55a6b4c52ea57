"""The training loop: epochs over the training images, validation after each, and the best epoch kept."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from harness.algorithms.image_classification.averaging import AveragedModule
from harness.algorithms.image_classification.dataset import ImageDataset, centre_crop
from harness.algorithms.image_classification.errors import CustomerError
from harness.algorithms.image_classification.hyperparameters import Hyperparameters
from harness.algorithms.image_classification.logs import TAB
from harness.algorithms.image_classification.metrics import Metrics
from harness.algorithms.image_classification.plan import Plan
from harness.algorithms.image_classification.progress import SPEED_EVERY, Progress
from harness.algorithms.image_classification.torch_graph import SymbolModule
from harness.algorithms.image_classification.validation import counted_images, over_all

Save = Callable[[SymbolModule, int], str]
"""Stores a network after so many epochs, and tells the path for the log."""


class _Stopped(Exception):
    """The job was asked to stop."""


@dataclass
class Trainer:
    """One training job.

    Attributes:
        plan: how to train.
        module: the network, on its device.
        train: training images.
        validation: images that choose the best epoch.
        hyperparameters: when to store, report and stop.
        save: stores the network.
        stop: whether the job was asked to stop; asked before every step.
        best: validation accuracy of the epoch that is stored; below 0 while there is none.
    """

    plan: Plan
    module: SymbolModule
    train: ImageDataset
    validation: ImageDataset
    hyperparameters: Hyperparameters
    save: Save
    logger: logging.Logger
    stop: Callable[[], bool]
    random: np.random.Generator
    best: float = -1.0
    _waiting: int = 0
    _reference: float = field(default=0.0)

    def run(self) -> None:
        """Train all epochs, or until asked to stop, or until early stopping says so.

        Raises:
            CustomerError: training diverged, so that there is nothing to store.
        """
        self._device = next(self.module.parameters()).device
        self._precise = self.hyperparameters.precision_dtype == "float32"
        self._optimizer = self.plan.optimizer(self.module)
        self._average = AveragedModule(self.module, self.plan.average)
        self._progress = Progress(self.plan.epochs * self.plan.steps)
        self._counted = counted_images(len(self.validation), self.hyperparameters.mini_batch_size)
        self._order = _endless_order(len(self.train), self.random)
        epoch = -1
        try:
            for epoch in range(self.plan.epochs):
                self._train_epoch(epoch)
                if self._finish_epoch(epoch):
                    break
        except _Stopped:
            self.logger.info("Received SIGTERM: stopping in epoch %d", epoch)
            if self.best < 0 and self._has_numbers():
                self._store(epoch)
        if self.best < 0 and self.hyperparameters.checkpoint_frequency is None and not self.stop():
            raise CustomerError("The loss is not a number: training diverged. Try a smaller learning_rate.")

    def answers(self, dataset: ImageDataset) -> tuple[Tensor, Tensor]:
        """Return the averaged network's logits and the targets of all of *dataset*, both images x classes."""
        module = self._average.module
        module.eval()
        logits, targets = [], []
        with torch.inference_mode():
            for start in range(0, len(dataset), self.plan.batch):
                indices = np.arange(start, min(start + self.plan.batch, len(dataset)))
                logits.append(self._logits(module, self._to_device(dataset.batch(indices, centre_crop))))
                targets.append(self._targets(dataset, indices))
        return torch.cat(logits), torch.cat(targets)

    def accuracy(self, logits: Tensor, targets: Tensor) -> list[float]:
        """Return the metrics of *logits*."""
        metrics = self._metrics()
        metrics.update(logits, targets)
        return metrics.values()

    def _train_epoch(self, epoch: int) -> None:
        start = time.monotonic()
        metrics = self._metrics()
        self.module.train()
        self._progress.speed(self.plan.batch)
        for step in range(self.plan.steps):
            if self.stop():
                raise _Stopped
            self._train_step(epoch * self.plan.steps + step, metrics)
            self._progress.step()
            if step and step % SPEED_EVERY == 0:
                speed = f"Speed: {self._progress.speed(self.plan.batch):.3f} samples/sec"
                values = [f"{name}={value:.6f}" for name, value in zip(metrics.names, metrics.values(), strict=True)]
                self.logger.info("Epoch[%d] Batch [%d]%s%s", epoch, step, TAB, TAB.join([speed, *values]))
            if self._progress.is_due():
                self.logger.info("Epoch[%d] Estimated remaining time: %s", epoch, self._progress.remaining())
        for name, value in zip(metrics.names, metrics.values(), strict=True):
            self.logger.info("Epoch[%d] Train-%s=%f", epoch, name, value)
        self.logger.info("Epoch[%d] Time cost=%.3f", epoch, time.monotonic() - start)

    def _train_step(self, number: int, metrics: Metrics) -> None:
        indices = np.fromiter((next(self._order) for _ in range(self.plan.batch)), np.int64, self.plan.batch)
        pixels = self.plan.vary(self._to_device(self.train.batch(indices, self.plan.crop)))
        targets = self._targets(self.train, indices)
        for group in self._optimizer.param_groups:
            group["lr"] = self.plan.rate(number)
        logits = self._logits(self.module, pixels.contiguous(memory_format=torch.channels_last))
        loss = self.plan.loss(logits, targets)
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()
        self._average.update()
        metrics.update(logits, targets)

    def _finish_epoch(self, epoch: int) -> bool:
        """Validate and store; whether early stopping ends the job here."""
        logits, targets = self.answers(self.validation)
        counted = torch.from_numpy(next(self._counted)).to(logits.device)
        values = self.accuracy(logits[counted], targets[counted])
        for name, value in zip(self._metrics().names, values, strict=True):
            self.logger.info("Epoch[%d] Validation-%s=%f", epoch, name, value)
        if len(counted) != len(targets):
            self.logger.info(over_all(epoch, len(targets), self.accuracy(logits, targets)[0]))
        if self._has_numbers():
            if self.hyperparameters.checkpoint_frequency is not None:
                if (epoch + 1) % self.hyperparameters.checkpoint_frequency == 0:
                    self._store(epoch)
                self.best = max(self.best, values[0])
            elif values[0] > self.best:
                self.best = values[0]
                self.logger.info("Storing the best model with validation accuracy: %f", values[0])
                self._store(epoch)
        if epoch == 0 or self._progress.is_due():
            self.logger.info("Epoch[%d] Estimated remaining time: %s", epoch, self._progress.remaining())
            self._progress.told()
        return self._stops_early(epoch, values[0])

    def _stops_early(self, epoch: int, accuracy: float) -> bool:
        chosen = self.hyperparameters
        if not chosen.early_stopping:
            return False
        # AWS: an improvement below the tolerance, relative to the best so far, counts as none.
        if self._reference == 0 or (accuracy - self._reference) / self._reference > chosen.early_stopping_tolerance:
            self._reference, self._waiting = accuracy, 0
            return False
        self._waiting += 1
        if epoch + 1 >= chosen.early_stopping_min_epochs and self._waiting >= chosen.early_stopping_patience:
            self.logger.info("Early stopping: no improvement of the validation accuracy in %d epochs", self._waiting)
            return True
        return False

    def _store(self, epoch: int) -> None:
        self.logger.info('Saved checkpoint to "%s"', self.save(self._average.module, epoch + 1))

    def _has_numbers(self) -> bool:
        return all(bool(torch.isfinite(values).all()) for values in self._average.module.state_dict().values())

    def _metrics(self) -> Metrics:
        return Metrics(self.hyperparameters.top_k, bool(self.hyperparameters.multi_label))

    def _logits(self, module: SymbolModule, pixels: Tensor) -> Tensor:
        if self._precise:
            logits: Tensor = module(pixels)
            return logits
        with torch.autocast(self._device.type, torch.bfloat16):
            logits = module(pixels).float()
        return logits

    def _to_device(self, batch: npt.NDArray[np.uint8]) -> Tensor:
        return torch.from_numpy(batch).to(self._device).float()

    def _targets(self, dataset: ImageDataset, indices: npt.NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(dataset.targets[indices]).to(self._device)


def _endless_order(count: int, random: np.random.Generator) -> Iterator[int]:
    # What an epoch leaves over comes first in the next, as in AWS's algorithm.
    while True:
        yield from map(int, random.permutation(count))
