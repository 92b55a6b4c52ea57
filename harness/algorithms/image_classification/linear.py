"""The local recipe ``linear``: one linear layer on the pixels, trained in seconds with NumPy alone.

It is what runs where torch is not installed: a real training job with a real model, and as weak as a linear model is on
photographs. The log says so. Its artifact has the form of every other: AWS's container would serve it.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from harness.algorithms.image_classification.dataset import ImageDataset, centre_crop
from harness.algorithms.image_classification.hyperparameters import Hyperparameters
from harness.algorithms.image_classification.logs import TAB
from harness.algorithms.image_classification.progress import SPEED_EVERY, Progress
from harness.algorithms.image_classification.symbol import Symbol
from harness.algorithms.image_classification.validation import counted_images, over_all

LINEAR = "linear"
Floats = npt.NDArray[np.float32]
Save = Callable[[dict[str, Floats], int], str]
"""Stores weights after so many epochs, and tells the path for the log."""

_BATCH = 32
_RATE = 0.002
_MOMENTUM = 0.9
_WEIGHT_DECAY = 0.05


def describe() -> str:
    """Return the recipe in one line, for the log."""
    return (
        f"one linear layer on the pixels, NumPy alone; batches of {_BATCH}; SGD at "
        f"{_RATE:g}, weight decay {_WEIGHT_DECAY:g}; flips"
    )


def build_linear_symbol(num_classes: int, multi_label: bool) -> Symbol:
    """Return the network: normalized pixels, flattened, into one fully connected layer."""
    symbol = Symbol()
    body = symbol.add("_copy", "id", [symbol.variable("data")])
    norm = ("gamma", "beta", "moving_mean", "moving_var")
    body = symbol.add("BatchNorm", "bn_data", [body], norm, eps=2e-05, fix_gamma=True, momentum=0.9)
    body = symbol.add("Flatten", "flatten0", [body])
    body = symbol.add("FullyConnected", "fc", [body], ("weight", "bias"), num_hidden=num_classes)
    output = "LogisticRegressionOutput" if multi_label else "SoftmaxOutput"
    symbol.add(output, "softmax", [body, symbol.variable("softmax_label")])
    return symbol


def train_linear(
    hyperparameters: Hyperparameters,
    train: ImageDataset,
    validation: ImageDataset,
    save: Save,
    logger: logging.Logger,
    stop: Callable[[], bool],
    random: np.random.Generator,
) -> None:
    """Train all epochs, or until *stop* says so, storing the best by validation accuracy.

    Args:
        hyperparameters: how many epochs, and whether an image may have several labels.
        train: training images.
        validation: images that choose the best epoch.
        save: stores weights.
        logger: the job's log.
        stop: whether the job was asked to stop; asked before every step.
        random: of order and flips.
    """
    pixels = train.batch(np.arange(len(train)), centre_crop).astype(np.float32)
    mean = pixels.mean((0, 2, 3), keepdims=True)
    variance = pixels.var((0, 2, 3), keepdims=True)
    scale = np.sqrt(variance + 2e-05)
    pixels = (pixels - mean) / scale
    held = validation.batch(np.arange(len(validation)), centre_crop).astype(np.float32)
    held = ((held - mean) / scale).reshape(len(validation), -1)
    multi_label = bool(hyperparameters.multi_label)
    weight = np.zeros((train.targets.shape[1], pixels[0].size), np.float32)
    bias = np.zeros(len(weight), np.float32)
    speed, bias_speed = np.zeros_like(weight), np.zeros_like(bias)
    epochs, batch = hyperparameters.epochs, min(_BATCH, len(train))
    steps = len(train) // batch
    progress = Progress(epochs * steps)
    counted = counted_images(len(validation), hyperparameters.mini_batch_size)
    best = -1.0
    logger.info("Setting number of threads: %d", os.cpu_count() or 1)  # as many as NumPy's own library takes
    for epoch in range(epochs):
        began, right = time.monotonic(), 0.0
        order = random.permutation(len(train))
        progress.speed(batch)
        for step in range(steps):
            if stop():
                logger.info("Received SIGTERM: stopping in epoch %d", epoch)
                if best < 0:
                    _store(save, weight, bias, mean, variance, epoch, logger)
                return
            chosen = order[step * batch :][:batch]
            images = pixels[chosen]
            flipped = random.random(batch) < 0.5
            images[flipped] = images[flipped, :, :, ::-1]
            flat, targets = images.reshape(batch, -1), train.targets[chosen]
            output = _probabilities(flat @ weight.T + bias, multi_label)
            right += _right(output, targets, multi_label)
            slope = (output - targets) / batch
            speed = _MOMENTUM * speed - _RATE * (slope.T @ flat + _WEIGHT_DECAY * weight)
            bias_speed = _MOMENTUM * bias_speed - _RATE * slope.sum(0)
            weight, bias = weight + speed, bias + bias_speed
            progress.step()
            if step and step % SPEED_EVERY == 0:
                share = right / ((step + 1) * batch)
                rate = f"Speed: {progress.speed(batch):.3f} samples/sec"
                logger.info("Epoch[%d] Batch [%d]%s%s%saccuracy=%f", epoch, step, TAB, rate, TAB, share)
        logger.info("Epoch[%d] Train-accuracy=%f", epoch, right / max(1, steps * batch))
        logger.info("Epoch[%d] Time cost=%.3f", epoch, time.monotonic() - began)
        if progress.is_due():
            logger.info("Epoch[%d] Estimated remaining time: %s", epoch, progress.remaining())
        answer = _probabilities(held @ weight.T + bias, multi_label)
        chosen = next(counted)
        accuracy = _right(answer[chosen], validation.targets[chosen], multi_label) / len(chosen)
        logger.info("Epoch[%d] Validation-accuracy=%f", epoch, accuracy)
        if len(chosen) != len(validation):
            share = _right(answer, validation.targets, multi_label) / len(validation)
            logger.info(over_all(epoch, len(validation), share))
        if accuracy > best:
            best = accuracy
            logger.info("Storing the best model with validation accuracy: %f", accuracy)
            _store(save, weight, bias, mean, variance, epoch + 1, logger)


def _store(
    save: Save, weight: Floats, bias: Floats, mean: Floats, variance: Floats, epoch: int, logger: logging.Logger
) -> None:
    channels = mean.size
    weights = {
        "bn_data_gamma": np.ones(channels, np.float32),
        "bn_data_beta": np.zeros(channels, np.float32),
        "bn_data_moving_mean": mean.reshape(-1),
        "bn_data_moving_var": variance.reshape(-1),
        "fc_weight": weight,
        "fc_bias": bias,
    }
    logger.info('Saved checkpoint to "%s"', save(weights, epoch))


def _probabilities(logits: Floats, multi_label: bool) -> Floats:
    if multi_label:
        each: Floats = (1 / (1 + np.exp(-logits))).astype(np.float32)
        return each
    powers = np.exp(logits - logits.max(1, keepdims=True))
    shares: Floats = (powers / powers.sum(1, keepdims=True)).astype(np.float32)
    return shares


def _right(output: Floats, targets: Floats, multi_label: bool) -> float:
    if multi_label:
        return float(((output > 0.5) == (targets > 0.5)).mean(1).sum())
    return float((output.argmax(1) == targets.argmax(1)).sum())
