"""Names and numbers that every part agrees on, and the only reader of ``HARNESS_*`` variables.

Each field of :class:`Settings` can be set by the environment variable ``HARNESS_<FIELD>`` in capitals:
``HARNESS_THRESHOLD=0.8``, ``HARNESS_PORT=0``, ``HARNESS_REGION=eu-west-1``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path

RECIPES = ("auto", "aws", "fast", "linear")


class SettingsError(ValueError):
    """A ``HARNESS_*`` variable holds a value that cannot be used."""


@dataclass(frozen=True)
class Settings:
    """What a run is called, where it happens and which limit it applies."""

    target: str = "embedded"
    """Where AWS answers: ``embedded``, ``compose`` or ``aws``."""
    host: str = "127.0.0.1"
    """Address the emulator listens on. Loopback unless asked otherwise."""
    port: int = 4566
    """Port the emulator listens on; 0 picks a free one."""
    region: str = "us-east-1"
    account_id: str = "123456789012"
    """Account the local targets answer for: the placeholder of AWS's own documentation."""
    threshold: float = 0.93
    """Confidence, between 0 and 1, that a prediction must exceed."""
    bucket: str = "scones-unlimited"
    """Prefix of the bucket that holds images and captures; the account number is appended."""
    endpoint: str = "scones-image-classification"
    capture_prefix: str = "data_capture"
    """S3 prefix below which the endpoint's Data Capture files are written."""
    training_instance: str = "ml.p3.2xlarge"
    endpoint_instance: str = "ml.m5.xlarge"
    recipe: str = "auto"
    """How the built-in image-classification trains here: ``aws`` as the hyperparameters say, ``fast`` or ``linear`` as
    our own recipes do, ``auto``: ``fast`` where torch is installed, else ``linear``."""
    iam: str = "enforced"
    """``enforced``: functions and state machines may do what the policies of their roles allow; ``ignored``: all."""
    base_image: str = ""
    """Base of the container images that are built here, where the usual one from a registry cannot be had."""
    localstack_url: str = "http://127.0.0.1:4566"
    """Where the compose stack's LocalStack answers: S3, IAM, STS, CloudWatch Logs."""
    stepfunctions_url: str = "http://127.0.0.1:8083"
    """Where the compose stack's Step Functions Local answers."""
    lambda_url: str = "http://127.0.0.1:4574"
    """Where the compose stack's Lambda answers."""
    sagemaker_url: str = "http://127.0.0.1:4575"
    """Where the compose stack's SageMaker answers, control plane and runtime."""
    stack_patience: float = 0.0
    """Seconds to wait for a service of the compose stack that does not answer yet."""
    cache: Path = Path(".harness")
    """Folder for what can be downloaded or made again: archives, images, logs."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Settings:
        """Read the ``HARNESS_*`` variables of *environ*; fields without one keep their default.

        Raises:
            SettingsError: naming the variable, its value and what was expected.
        """
        values: dict[str, object] = {}
        for field in fields(cls):
            name = f"HARNESS_{field.name.upper()}"
            text = environ.get(name)
            if text is None or text == "":
                continue
            kind: Callable[[str], object] = type(getattr(cls, field.name))
            try:
                values[field.name] = kind(text)
            except ValueError:
                raise SettingsError(f"{name}={text!r}: expected {type(getattr(cls, field.name)).__name__}.") from None
        settings = cls(**values)  # type: ignore[arg-type]
        if not 0 <= settings.threshold <= 1:
            raise SettingsError(f"HARNESS_THRESHOLD={settings.threshold}: expected a number from 0 to 1.")
        if settings.recipe not in RECIPES:
            raise SettingsError(f"HARNESS_RECIPE={settings.recipe!r}: expected one of {', '.join(RECIPES)}.")
        if settings.iam not in ("enforced", "ignored"):
            raise SettingsError(f"HARNESS_IAM={settings.iam!r}: expected enforced or ignored.")
        if not 0 <= settings.port <= 65535:
            raise SettingsError(f"HARNESS_PORT={settings.port}: expected a port from 0 to 65535.")
        return settings


def surrounding_proxy(environ: Mapping[str, str]) -> str | None:
    """The HTTP proxy by which this machine reaches others, from the variables that every HTTP client reads."""
    return environ.get("https_proxy") or environ.get("HTTPS_PROXY") or None


def surrounding_authorities(environ: Mapping[str, str]) -> Path | None:
    """The file of certificate authorities that this machine was told to trust, where it was."""
    path = environ.get("REQUESTS_CA_BUNDLE")
    return Path(path) if path and Path(path).is_file() else None


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process, read once."""
    return Settings.from_environment(os.environ)
