"""The algorithm's hyperparameters: AWS's names, defaults and ranges in one table, and AWS's words for a wrong one.

https://docs.aws.amazon.com/sagemaker/latest/dg/IC-Hyperparameter.html
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from harness.algorithms.image_classification.errors import CustomerError

IMAGENET_DEPTHS = (18, 34, 50, 101, 152, 200)
CIFAR_DEPTHS = (20, 32, 44, 56, 110)


class _Invalid(ValueError):
    """A value that its kind does not allow; the message ends what AWS says of it."""


@dataclass(frozen=True)
class _Number:
    """An integer or a float, given as itself or as text."""

    minimum: float | None = None
    maximum: float | None = None
    integer: bool = True

    def parse(self, value: object) -> int | float:
        pattern = r"^-?[0-9]+$" if self.integer else r"^-?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$"
        number: int | float | None = None
        if isinstance(value, str) and re.fullmatch(pattern, value.strip()) and len(value) < 64:
            number = int(value) if self.integer else float(value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            number = int(value) if self.integer and value == int(value) else None if self.integer else float(value)
        low, high = self.minimum, self.maximum
        bad = number is None or not math.isfinite(number)
        if bad or (low is not None and number < low) or (high is not None and number > high):  # type: ignore[operator]
            kind = "an integer" if self.integer else "a number"
            if low is not None and high is not None:
                kind += f" between {low:g} and {high:g}"
            elif low is not None:
                # AWS's schema says "greater than" of an inclusive minimum.
                kind += f" greater than {low:g}"
            raise _Invalid(f"expects one of the following: a string which matches the pattern '{pattern}'; or {kind}")
        assert number is not None
        return number


@dataclass(frozen=True)
class _Choice:
    """One of a few words or numbers."""

    values: tuple[str, ...]
    as_number: bool = False

    def parse(self, value: object) -> Any:
        text = str(value).strip()
        if text not in self.values:
            raise _Invalid(f"accepts one of the following: {', '.join(repr(value) for value in self.values)}")
        return int(text) if self.as_number else text


@dataclass(frozen=True)
class _Flag:
    """``True`` or ``False``."""

    def parse(self, value: object) -> bool:
        text = str(value).strip()
        if text.lower() not in ("true", "false"):
            raise _Invalid("accepts one of the following: 'True', 'False'")
        return text.lower() == "true"


@dataclass(frozen=True)
class _Integers:
    """Integers parted by commas."""

    pattern: str

    def parse(self, value: object) -> tuple[int, ...]:
        text = str(value).strip()
        if len(text) > 4096 or not re.fullmatch(self.pattern, text):
            raise _Invalid(f"expects a string which matches the pattern '{self.pattern}'")
        return tuple(int(part) for part in text.split(",") if part.strip())


_UNIT = _Number(0, 1, integer=False)
_POSITIVE = _Number(1)
_BIT = _Choice(("0", "1"), as_number=True)


def _spec(kind: object, default: Any = None, **options: Any) -> Any:
    return field(default=default, metadata={"kind": kind, **options})


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """One job's hyperparameters, checked. ``None`` is AWS's "no default value"."""

    num_classes: int = _spec(_POSITIVE, required=True)
    num_training_samples: int = _spec(_POSITIVE, required=True)
    augmentation_type: str | None = _spec(_Choice(("crop", "crop_color", "crop_color_transform")))
    beta_1: float = _spec(_UNIT, 0.9)
    beta_2: float = _spec(_UNIT, 0.999)
    checkpoint_frequency: int | None = _spec(_POSITIVE)
    early_stopping: bool = _spec(_Flag(), False)
    early_stopping_min_epochs: int = _spec(_POSITIVE, 10)
    early_stopping_patience: int = _spec(_POSITIVE, 5)
    early_stopping_tolerance: float = _spec(_UNIT, 0.0)
    epochs: int = _spec(_POSITIVE, 30)
    eps: float = _spec(_UNIT, 1e-8)
    gamma: float = _spec(_UNIT, 0.9)
    image_shape: tuple[int, ...] = _spec(
        _Integers(r"^\s*[1-9][0-9]{0,4}\s*(,\s*[1-9][0-9]{0,4}\s*){2}$"), (3, 224, 224)
    )
    kv_store: str | None = _spec(_Choice(("dist_sync", "dist_async")))
    learning_rate: float = _spec(_UNIT, 0.1)
    lr_scheduler_factor: float = _spec(_UNIT, 0.1)
    lr_scheduler_step: tuple[int, ...] | None = _spec(_Integers(r"^\s*[0-9]{1,9}\s*(,\s*[0-9]{1,9}\s*)*,?\s*$"))
    mini_batch_size: int = _spec(_POSITIVE, 32)
    momentum: float = _spec(_UNIT, 0.9)
    multi_label: int = _spec(_BIT, 0)
    num_layers: int = _spec(
        _Choice(tuple(str(depth) for depth in (*IMAGENET_DEPTHS, *CIFAR_DEPTHS)), as_number=True), 152
    )
    optimizer: str = _spec(_Choice(("sgd", "adam", "rmsprop", "nag")), "sgd")
    precision_dtype: str = _spec(_Choice(("float32", "float16")), "float32")
    resize: int | None = _spec(_POSITIVE)
    top_k: int | None = _spec(_Number(2))
    use_pretrained_model: int = _spec(_BIT, 0)
    use_weighted_loss: int = _spec(_BIT, 0)
    weight_decay: float = _spec(_UNIT, 0.0001)

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> Hyperparameters:
        """Check what ``hyperparameters.json`` holds.

        Raises:
            CustomerError: in AWS's words: an unknown name, a required one missing, or a value that is not allowed.
        """
        specs = {spec.name: spec for spec in fields(cls)}
        if unknown := [name for name in given if name not in specs]:
            names = ", ".join(repr(name) for name in unknown)
            verb = "was" if len(unknown) == 1 else "were"
            raise CustomerError(f"Additional hyperparameters are not allowed ({names} {verb} unexpected)", _CAUSE)
        required = [name for name, spec in specs.items() if spec.metadata.get("required")]
        if missing := [name for name in required if name not in given]:
            names = ", ".join(repr(name) for name in missing)
            raise CustomerError(f"No value(s) were specified for {names} which are required hyperparameter(s)", _CAUSE)
        values: dict[str, Any] = {}
        for name, value in given.items():
            try:
                values[name] = specs[name].metadata["kind"].parse(value)
            except _Invalid as problem:
                text = f"The value '{value}' is not valid for the '{name}' hyperparameter which {problem}"
                raise CustomerError(text, _CAUSE) from None
        hyperparameters = cls(**values)
        hyperparameters._check_together()
        return hyperparameters

    def _check_together(self) -> None:
        if self.image_shape[0] not in (1, 3):
            raise CustomerError(f"image_shape {self.shape_text}: the number of channels must be 1 or 3.")
        if self.checkpoint_frequency is not None and self.checkpoint_frequency > self.epochs:
            raise CustomerError(
                f"checkpoint_frequency ({self.checkpoint_frequency}) must be no greater than epochs ({self.epochs})."
            )
        if self.top_k is not None and self.top_k > self.num_classes:
            raise CustomerError(f"top_k ({self.top_k}) must be no greater than num_classes ({self.num_classes}).")
        if self.use_pretrained_model and self.num_layers not in IMAGENET_DEPTHS:
            depths = ", ".join(map(str, IMAGENET_DEPTHS))
            raise CustomerError(f"use_pretrained_model: num_layers ({self.num_layers}) must be one of {depths}.")
        if self.resize is not None and self.resize < max(self.image_shape[1:]):
            raise CustomerError(
                f"resize ({self.resize}) must not be smaller than the sides of image_shape ({self.shape_text})."
            )

    @property
    def shape_text(self) -> str:
        """``image_shape`` as AWS writes it: ``3,32,32``."""
        return ",".join(map(str, self.image_shape))


_CAUSE = "ValidationError"

DEFAULT_CONFIGURATION: Mapping[str, object] = {
    "use_pretrained_model": 0,
    "num_layers": 152,
    "epochs": 30,
    "learning_rate": 0.1,
    "lr_scheduler_factor": 0.1,
    "optimizer": "sgd",
    "momentum": 0,
    "weight_decay": 0.0001,
    "beta_1": 0.9,
    "beta_2": 0.999,
    "eps": 1e-08,
    "gamma": 0.9,
    "mini_batch_size": 32,
    "image_shape": "3,224,224",
    "precision_dtype": "float32",
}
"""What AWS's log shows as its default configuration. Its momentum of 0 is not what training then uses: 0.9."""
