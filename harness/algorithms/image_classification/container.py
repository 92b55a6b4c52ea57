"""The SageMaker container contract: where a training or serving program finds its input and leaves its output.

https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-running-container.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from harness.algorithms.image_classification.errors import CustomerError

OPT_ML = PurePosixPath("/opt/ml")
_CONFIG_LIMIT = 4 * 1024 * 1024


@dataclass(frozen=True)
class Container:
    """The folders of one job or endpoint.

    Attributes:
        root: the folder that stands in for ``/opt/ml``.
    """

    root: Path

    @property
    def model(self) -> Path:
        """Return the folder that becomes ``model.tar.gz``."""
        return self.root / "model"

    @property
    def failure(self) -> Path:
        """The file whose text becomes the job's ``FailureReason``."""
        return self.root / "output" / "failure"

    def channel(self, name: str) -> Path:
        """Return the folder of input channel *name*, whether it was given or not."""
        return self.root / "input" / "data" / name

    def shown(self, path: Path) -> str:
        """*path* as the container sees it, ``/opt/ml/...``: the log reads the same wherever the root lies."""
        return str(OPT_ML / path.relative_to(self.root).as_posix())

    def hyperparameters(self) -> dict[str, Any]:
        """``hyperparameters.json``: what the call gave, as strings; empty where the file is absent."""
        return self._config("hyperparameters.json")

    def channels(self) -> dict[str, dict[str, Any]]:
        """``inputdataconfig.json``: the channels by name with ``ContentType``, ``TrainingInputMode`` and the rest.

        Without that file the folders under ``input/data`` are taken for the channels.
        """
        config = self._config("inputdataconfig.json")
        if not config:
            folder = self.root / "input" / "data"
            names = sorted(entry.name for entry in folder.iterdir() if entry.is_dir()) if folder.is_dir() else []
            return {name: {} for name in names}
        return {name: value if isinstance(value, dict) else {} for name, value in config.items()}

    def write_failure(self, reason: str) -> None:
        """Leave *reason* for SageMaker, which shows at most 1,024 characters of it."""
        self.failure.parent.mkdir(parents=True, exist_ok=True)
        partial = self.failure.with_name(".failure.partial")
        partial.write_text(reason, encoding="utf-8")
        partial.replace(self.failure)

    def _config(self, name: str) -> dict[str, Any]:
        path = self.root / "input" / "config" / name
        try:
            with path.open("rb") as file:
                data = file.read(_CONFIG_LIMIT + 1)
        except FileNotFoundError:
            return {}
        if len(data) > _CONFIG_LIMIT:
            raise CustomerError(f"{self.shown(path)} is larger than {_CONFIG_LIMIT} bytes.")
        try:
            value = json.loads(data)
        except (ValueError, RecursionError):
            raise CustomerError(f"{self.shown(path)} is not JSON.") from None
        if not isinstance(value, dict):
            raise CustomerError(f"{self.shown(path)} is not a JSON object.")
        return value
