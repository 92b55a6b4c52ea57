"""The models of a multi-model container: loaded, asked and unloaded by the container's own API.

https://docs.aws.amazon.com/sagemaker/latest/dg/build-multi-model-build-container.html
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Callable
from typing import Any

from harness.emulator.limits import ENDPOINT_SECONDS
from harness.emulator.sagemaker.container_program import labels_of
from harness.emulator.sagemaker.model_data import fetch_model
from harness.emulator.sagemaker.model_server import (
    ModelAnswer,
    ModelRequest,
    ModelTimeout,
    ModelUnreachable,
    NoRoom,
    Streamed,
)
from harness.emulator.sagemaker.process_server import ProcessServer
from harness.emulator.sagemaker.program import ProgramError

MULTI_MODEL = {"SAGEMAKER_MULTI_MODEL": "true"}
"""Variables by which a container knows that it is to serve many models."""
_LABEL = "com.amazonaws.sagemaker.capabilities.multi-models"
_ALREADY_LOADED, _NO_ROOM = 409, 507


def lacks_label(image: str) -> str | None:
    """AWS's words for an image that does not say that it serves many models; None for others, or where none is known.

    Args:
        image: its URI.
    """
    labels = labels_of(image)
    if labels is None or labels.get(_LABEL) == "true":
        return None
    return f"Your Ecr Image {image} does not contain required {_LABEL}=true Docker label(s)."


class ContainerOfModels:
    """The one container behind a variant; makes a server for each of its models.

    Args:
        image: of the container.
        make: makes its server, not started.
        s3: boto3 client, as the model's role.
        prefix: where the models are, ``s3://bucket/prefix/``.
    """

    def __init__(self, image: str, make: Callable[[], ProcessServer], s3: Any, prefix: str) -> None:
        self._image = image
        self._make = make
        self._s3 = s3
        self._prefix = prefix.rstrip("/") + "/"
        self._server: ProcessServer | None = None

    def start(self) -> None:
        """Start the container.

        Raises:
            RuntimeError: it does not come up, or is none for many models.
        """
        words = lacks_label(self._image)
        if words is not None:
            raise ProgramError(words)
        self._server = self._make()
        self._server.start()

    def model(self, uri: str) -> ModelInContainer:
        """Return the server of the model at an address, not started."""
        assert self._server is not None
        return ModelInContainer(self._server, self._s3, uri, uri.removeprefix(self._prefix))

    def close(self) -> None:
        """End the container."""
        if self._server is not None:
            self._server.close()


class ModelInContainer:
    """One model of a container.

    Args:
        container: its server.
        s3: boto3 client, as the model's role.
        uri: of the model's archive.
        target: as callers name it.
    """

    is_stub = False
    stub = None

    def __init__(self, container: ProcessServer, s3: Any, uri: str, target: str) -> None:
        self._container = container
        self._s3 = s3
        self._uri = uri
        self._headers = {"X-Amzn-SageMaker-Target-Model": target}
        self._name = hashlib.sha256(uri.encode()).hexdigest()[:32]
        self._folder = container.root / "models" / self._name
        self._loaded_at = -1
        self._refused: ModelAnswer | None = None

    def start(self) -> None:
        """Fetch the model, and have the container load it.

        Raises:
            ModelDataError: it cannot be had.
            NoRoom: the container has no memory for it.
        """
        fetch_model(self._s3, self._uri, self._folder / "model")
        self._load()

    def invoke(self, request: ModelRequest) -> ModelAnswer:
        """Pass a request on; a container that was started anew meanwhile loads the model again.

        Args:
            request: as the container gets it; where it could not load the model, what it said of that is the answer.
        """
        if self._loaded_at != self._container.restarts:
            self._load()
        if self._refused is not None:
            return self._refused
        return self._container.ask("POST", f"/models/{self._name}/invoke", request, self._headers)

    def stream(self, request: ModelRequest) -> Streamed:
        """Not come to: a request for a stream cannot name a model."""
        raise NotImplementedError

    def close(self) -> None:
        """Have the container unload the model."""
        with contextlib.suppress(ModelTimeout, ModelUnreachable):
            self._say("DELETE", f"/models/{self._name}", b"")
        shutil.rmtree(self._folder, ignore_errors=True)

    def _load(self) -> None:
        restarts = self._container.restarts
        given = {"model_name": self._name, "url": f"/opt/ml/models/{self._name}/model"}
        answer = self._say("POST", "/models", json.dumps(given).encode())
        if answer.status == _NO_ROOM:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise NoRoom
        self._refused = None if answer.status in (200, _ALREADY_LOADED) else answer
        self._loaded_at = restarts

    def _say(self, method: str, path: str, body: bytes) -> ModelAnswer:
        asked = ModelRequest(body, "application/json", "application/json", seconds=ENDPOINT_SECONDS.most)
        return self._container.ask(method, path, asked, self._headers)
