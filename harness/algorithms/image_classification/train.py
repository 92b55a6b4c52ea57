"""The ``train`` program: from ``/opt/ml/input`` to an artifact in ``/opt/ml/model``."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.algorithms.image_classification.artifact import (
    TAR_FILE,
    Artifact,
    load_artifact,
    save_artifact,
)
from harness.algorithms.image_classification.container import Container
from harness.algorithms.image_classification.errors import CustomerError, failure_reason, log_line
from harness.algorithms.image_classification.hyperparameters import DEFAULT_CONFIGURATION, Hyperparameters
from harness.algorithms.image_classification.logs import set_up_log
from harness.algorithms.image_classification.network import FAST_LAYOUT, build_symbol, layout_for
from harness.algorithms.image_classification.symbol import Symbol

if TYPE_CHECKING:
    from harness.algorithms.image_classification.samples import Sample
    from harness.algorithms.image_classification.torch_graph import SymbolModule

AUTO = "auto"
AWS = "aws"
FAST = "fast"
LINEAR = "linear"
RECIPES = (AUTO, AWS, FAST, LINEAR)
_SET_ASIDE = frozenset(
    {
        "augmentation_type", "beta_1", "beta_2", "epochs", "eps", "gamma", "learning_rate", "lr_scheduler_factor",
        "lr_scheduler_step", "mini_batch_size", "momentum", "num_layers", "optimizer", "weight_decay",
    }
)  # fmt: skip
"""Hyperparameters that a local recipe takes the place of."""


def run_training(root: Path, recipe: str = AWS, seed: int = 0) -> int:
    """Run one training job.

    Args:
        root: the folder that stands in for ``/opt/ml``.
        recipe: ``aws`` trains as the hyperparameters say, ``fast`` and ``linear`` as those local recipes do; ``auto``
            is ``fast`` where torch is installed, else ``linear``.
        seed: of everything random; the same seed, data and machine give the same model.

    Returns:
        the program's exit code: 0, or with the reason in ``output/failure`` 2 for the customer's errors, 1 for others.
    """
    container = Container(root)
    print("Docker entrypoint called with argument(s): train", flush=True)
    logger = set_up_log()
    try:
        _train(container, _chosen(recipe), seed, logger)
    except Exception as error:
        if not isinstance(error, CustomerError):
            logger.exception(log_line(error))
        else:
            logger.error(log_line(error))
        container.write_failure(failure_reason(error))
        return 2 if isinstance(error, CustomerError) else 1
    return 0


def _chosen(recipe: str) -> str:
    if recipe == AUTO:
        return FAST if _has_torch() else LINEAR
    return recipe


def _has_torch() -> bool:
    return find_spec("torch") is not None


def _train(container: Container, recipe: str, seed: int, logger: logging.Logger) -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    given = container.hyperparameters()
    logger.info("Reading default configuration from %s: %s", __package__, dict(DEFAULT_CONFIGURATION))
    logger.info("Merging with provided configuration from /opt/ml/input/config/hyperparameters.json: %s", given)
    logger.info("Final configuration: %s", dict(DEFAULT_CONFIGURATION) | given)
    hyperparameters = Hyperparameters.parse(given)
    samples = _read_samples(container, hyperparameters, logger)
    parent = _parent_model(container, hyperparameters, recipe, logger)
    _log_parameters(hyperparameters, logger)
    if recipe != AWS:
        _log_recipe(recipe, given, logger)
    if recipe == LINEAR:
        _fit_linear(container, hyperparameters, samples, parent, seed, logger, stop)
        return
    if not _has_torch():
        raise CustomerError(
            f"The recipe '{recipe}' needs torch: pip install 'aws-ml-harness[train]'. The recipe 'linear' does not."
        )
    _fit(container, hyperparameters, samples, parent, recipe, seed, logger, stop)


def _read_samples(
    container: Container, hyperparameters: Hyperparameters, logger: logging.Logger
) -> dict[str, list[Sample]]:
    from harness.algorithms.image_classification.samples import read_channel

    channels = container.channels()
    for name in ("train", "validation"):
        if name not in channels:
            raise CustomerError(
                "Unable to initialize the algorithm. Failed to validate input data configuration. "
                f"(caused by ValidationError)\n\nCaused by: '{name}' is a required property"
            )
    samples = {
        name: read_channel(container, name, hyperparameters.num_classes, bool(hyperparameters.multi_label), logger)
        for name in ("train", "validation")
    }
    if len(samples["train"]) < hyperparameters.mini_batch_size:
        raise CustomerError("The number of input images must be bigger or equal to the mini_batch_size.")
    if not samples["validation"]:
        raise CustomerError("The validation channel holds no images.")
    return samples


def _parent_model(
    container: Container, hyperparameters: Hyperparameters, recipe: str, logger: logging.Logger
) -> Artifact | None:
    """Return the model to go on from: the ``model`` channel's, where one is given."""
    logger.info("use_pretrained_model: %d", hyperparameters.use_pretrained_model)
    logger.info("multi_label: %d", hyperparameters.multi_label)
    if "model" not in container.channels():
        if hyperparameters.use_pretrained_model:
            missing = (
                "use_pretrained_model=1 needs the ImageNet weights that ship inside AWS's container; they are not "
                "available here."
            )
            if recipe == AWS:
                raise CustomerError(f"{missing} Seed the job with a trained model through the 'model' channel instead.")
            logger.info(f"{missing} The recipe '{recipe}' goes on with weights of its own.")
        logger.info("Performing random weight initialization")
        return None
    folder = container.channel("model")
    packed = folder / TAR_FILE
    parent = load_artifact(packed if packed.is_file() else folder)
    logger.info("Using the model in %s for initializing weights.", container.shown(folder))
    if parent.input_shape != hyperparameters.image_shape or parent.num_classes != hyperparameters.num_classes:
        raise CustomerError(
            f"The model in the 'model' channel was trained with image_shape "
            f"{','.join(map(str, parent.input_shape))} and num_classes {parent.num_classes}; this job has "
            f"{hyperparameters.shape_text} and {hyperparameters.num_classes}. They must be the same."
        )
    if recipe == AWS and parent.symbol.to_json() != _aws_symbol(hyperparameters).to_json():
        raise CustomerError(
            f"The model in the 'model' channel is not the network of num_layers {hyperparameters.num_layers}. "
            "The settings of both must be the same."
        )
    return parent


def _aws_symbol(hyperparameters: Hyperparameters) -> Symbol:
    return build_symbol(
        layout_for(hyperparameters.num_layers),
        hyperparameters.image_shape[1],
        hyperparameters.num_classes,
        bool(hyperparameters.multi_label),
    )


def _log_parameters(hyperparameters: Hyperparameters, logger: logging.Logger) -> None:
    chosen = hyperparameters
    lines: list[tuple[str, object]] = [
        ("num_layers", chosen.num_layers),
        ("data type", f"<class 'numpy.{chosen.precision_dtype}'>"),
        ("epochs", chosen.epochs),
        ("image resize size", chosen.resize),
        ("optimizer", chosen.optimizer),
        ("momentum", chosen.momentum if chosen.optimizer in ("sgd", "nag") else None),
        ("weight_decay", chosen.weight_decay if chosen.optimizer in ("sgd", "nag") else None),
        ("beta_1", chosen.beta_1 if chosen.optimizer == "adam" else None),
        ("beta_2", chosen.beta_2 if chosen.optimizer == "adam" else None),
        ("gamma", chosen.gamma if chosen.optimizer == "rmsprop" else None),
        ("eps", chosen.eps if chosen.optimizer in ("adam", "rmsprop") else None),
        ("learning_rate", chosen.learning_rate),
        ("lr_scheduler_step", ",".join(map(str, chosen.lr_scheduler_step)) if chosen.lr_scheduler_step else None),
        ("lr_scheduler_factor", chosen.lr_scheduler_factor if chosen.lr_scheduler_step else None),
        ("num_training_samples", chosen.num_training_samples),
        ("mini_batch_size", chosen.mini_batch_size),
        ("image_shape", chosen.shape_text),
        ("num_classes", chosen.num_classes),
    ]
    logger.info("---- Parameters ----")
    for name, value in lines:
        if value is not None:
            logger.info("%s: %s", name, value)
    logger.info("augmentation_type: %s", chosen.augmentation_type)
    logger.info("kv_store: %s", chosen.kv_store or "device")
    if chosen.top_k:
        logger.info("top_k: %d", chosen.top_k)
    if chosen.early_stopping:
        logger.info(
            "early_stopping: patience %d, tolerance %g, after epoch %d",
            chosen.early_stopping_patience,
            chosen.early_stopping_tolerance,
            chosen.early_stopping_min_epochs,
        )
    if chosen.checkpoint_frequency is None:
        logger.info("checkpoint_frequency not set, will store the best model")
    else:
        logger.info("checkpoint_frequency: %d", chosen.checkpoint_frequency)
    logger.info("--------------------")


def _log_recipe(recipe: str, given: Mapping[str, object], logger: logging.Logger) -> None:
    if recipe == LINEAR:
        from harness.algorithms.image_classification.linear import describe
    else:
        from harness.algorithms.image_classification.recipe import describe

    logger.info("Local recipe '%s' (not AWS's training): %s", recipe, describe())
    replaced = _SET_ASIDE - {"epochs"} if recipe == LINEAR else _SET_ASIDE
    if names := sorted(replaced & given.keys()):
        logger.info("Local recipe '%s' sets aside the hyperparameters %s", recipe, ", ".join(names))


def _fit_linear(
    container: Container,
    hyperparameters: Hyperparameters,
    samples: Mapping[str, list[Sample]],
    parent: Artifact | None,
    seed: int,
    logger: logging.Logger,
    stop: threading.Event,
) -> None:
    import numpy as np

    from harness.algorithms.image_classification.dataset import ImageDataset
    from harness.algorithms.image_classification.linear import build_linear_symbol, train_linear

    if parent is not None:
        raise CustomerError("The recipe 'linear' cannot go on from a model: pip install 'aws-ml-harness[train]'.")
    shape = (hyperparameters.image_shape[0], hyperparameters.image_shape[1], hyperparameters.image_shape[2])
    train, validation = (
        ImageDataset(samples[name], shape, hyperparameters.num_classes, hyperparameters.resize)
        for name in ("train", "validation")
    )
    symbol = build_linear_symbol(hyperparameters.num_classes, bool(hyperparameters.multi_label))
    folder = _ModelFolder(container, shape, hyperparameters.mini_batch_size, keep_all=False)
    train_linear(
        hyperparameters,
        train,
        validation,
        lambda weights, epoch: folder.store(symbol, weights, epoch),
        logger,
        stop.is_set,
        np.random.default_rng(seed),
    )


def _fit(
    container: Container,
    hyperparameters: Hyperparameters,
    samples: Mapping[str, list[Sample]],
    parent: Artifact | None,
    recipe: str,
    seed: int,
    logger: logging.Logger,
    stop: threading.Event,
) -> None:
    import numpy as np
    import torch

    from harness.algorithms.image_classification.dataset import ImageDataset
    from harness.algorithms.image_classification.plan import aws_plan
    from harness.algorithms.image_classification.recipe import fast_plan, quieten
    from harness.algorithms.image_classification.torch_graph import SymbolModule
    from harness.algorithms.image_classification.training import Trainer

    shape = (hyperparameters.image_shape[0], hyperparameters.image_shape[1], hyperparameters.image_shape[2])
    datasets = {
        name: ImageDataset(listed, shape, hyperparameters.num_classes, hyperparameters.resize)
        for name, listed in samples.items()
    }
    if parent:
        symbol = parent.symbol
    elif recipe == FAST:
        symbol = build_symbol(FAST_LAYOUT, shape[1], hyperparameters.num_classes, bool(hyperparameters.multi_label))
    else:
        symbol = _aws_symbol(hyperparameters)
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    module = SymbolModule(symbol, shape)
    if parent:
        module.load(parent.parameters)
    else:
        module.initialize(torch.Generator().manual_seed(seed))
        if recipe == FAST:
            quieten(module)
    module.to(device, memory_format=torch.channels_last)
    train = datasets["train"]
    plan = fast_plan(hyperparameters, train, seed) if recipe == FAST else aws_plan(hyperparameters, train, random)
    logger.info("Setting number of threads: %d", torch.get_num_threads())
    logger.info("Training on %s with torch %s, seed %d", device, torch.__version__, seed)
    save = _ModelFolder(container, shape, plan.batch, keep_all=hyperparameters.checkpoint_frequency is not None)

    def store(trained: SymbolModule, epoch: int) -> str:
        return save.store(trained.symbol, trained.weights(), epoch)

    Trainer(plan, module, train, datasets["validation"], hyperparameters, store, logger, stop.is_set, random).run()


class _ModelFolder:
    """Stores checkpoints in ``/opt/ml/model``: all of them, or the newest alone."""

    def __init__(self, container: Container, shape: tuple[int, int, int], batch: int, keep_all: bool) -> None:
        self._container = container
        self._shape = shape
        self._batch = batch
        self._keep_all = keep_all
        self._last: Path | None = None

    def store(self, symbol: Symbol, weights: Mapping[str, Any], epoch: int) -> str:
        artifact = Artifact(symbol, weights, self._shape, epoch)
        path = save_artifact(artifact, self._container.model, self._batch)
        if self._last and not self._keep_all and self._last != path:
            self._last.unlink(missing_ok=True)
        self._last = path
        return self._container.shown(path)
