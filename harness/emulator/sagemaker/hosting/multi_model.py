"""A multi-model variant: models below a prefix of S3, each loaded when it is first asked for.

https://docs.aws.amazon.com/sagemaker/latest/dg/multi-model-endpoints.html
"""

from __future__ import annotations

import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any

from harness.emulator.door.errors import AwsError
from harness.emulator.limits import ENDPOINT_SECONDS
from harness.emulator.sagemaker.gate import Gate
from harness.emulator.sagemaker.model_data import ModelDataError, split_model_uri
from harness.emulator.sagemaker.model_server import (
    ModelAnswer,
    ModelRequest,
    ModelServer,
    ModelUnreachable,
    NoRoom,
    Streamed,
)

MOST = 8
"""Models that are loaded at once; AWS unloads by memory."""


class _Loaded:
    """A model, loaded or on its way."""

    def __init__(self) -> None:
        self.server: Future[ModelServer] = Future()
        self.gate = Gate()

    def load(self, make: Callable[[], ModelServer], unload: Callable[[], bool]) -> None:
        try:
            server = make()
            try:
                _start(server, unload)
            except BaseException:
                server.close()
                raise
            self.server.set_result(server)
        except BaseException as error:
            self.server.set_exception(error)

    def close(self) -> None:
        self.gate.close(ENDPOINT_SECONDS.most)
        if self.server.exception() is None:
            self.server.result().close()


class MultiModelServer:
    """Serves each model that is asked for with a server of its own; the ones least lately used are ended first.

    Args:
        prefix: where the models are, ``s3://bucket/prefix/``.
        s3: boto3 client.
        make: makes the server of the model at an address.
        is_stub: whether the answers are made up.
        begin: makes ready what the models need; raises a RuntimeError where no model could be served here.
        end: ends that, once all models are.
    """

    def __init__(
        self,
        prefix: str,
        s3: Any,
        make: Callable[[str], ModelServer],
        is_stub: bool,
        begin: Callable[[], object] = lambda: None,
        end: Callable[[], object] = lambda: None,
    ) -> None:
        self._prefix = prefix
        self._s3 = s3
        self._make = make
        self._begin = begin
        self._end = end
        self.is_stub = is_stub
        self.stub = None
        self._loaded: OrderedDict[str, _Loaded] = OrderedDict()
        self._lock = threading.Lock()

    def start(self) -> None:
        """Make ready what the models need; one is loaded when it is asked for."""
        self._begin()

    def invoke(self, request: ModelRequest) -> ModelAnswer:
        """Pass a request on to the model that it names.

        Raises:
            AwsError: it names none, or one that is not there, or is not loaded after a minute.
        """
        loaded = self._enter(request)
        try:
            return self._server(loaded, request.target_model or "").invoke(request)
        finally:
            loaded.gate.leave()

    def stream(self, request: ModelRequest) -> Streamed:
        """Refused: a request for a stream cannot name a model."""
        raise _missing()

    def close(self) -> None:
        """End all models."""
        with self._lock:
            loaded, self._loaded = list(self._loaded.values()), OrderedDict()
        for each in loaded:
            each.close()
        self._end()

    def _enter(self, request: ModelRequest) -> _Loaded:
        target = request.target_model
        if target is None:
            raise _missing()
        while True:
            with self._lock:
                found = self._loaded.get(target)
                if found is None:
                    found = self._loaded[target] = _Loaded()
                    threading.Thread(target=self._load, args=(target, found), name="model-load", daemon=True).start()
                self._loaded.move_to_end(target)
                entered = found.gate.enter()
                too_many = self._loaded.popitem(last=False)[1] if len(self._loaded) > MOST else None
            if too_many is not None:
                threading.Thread(target=too_many.close, name="model-unload", daemon=True).start()
            if entered:
                return found

    def _load(self, target: str, loaded: _Loaded) -> None:
        uri = f"{self._prefix.rstrip('/')}/{target.lstrip('/')}"
        bucket, key = split_model_uri(uri)
        try:
            self._s3.head_object(Bucket=bucket, Key=key)
        except self._s3.exceptions.ClientError:
            loaded.server.set_exception(_cannot_download(bucket, key))
        else:
            loaded.load(lambda: self._make(uri), lambda: self._unload(loaded))
        if loaded.server.exception() is not None:  # the next request tries again
            with self._lock:
                if self._loaded.get(target) is loaded:
                    del self._loaded[target]

    def _unload(self, wanted: _Loaded) -> bool:
        """End the model that was least lately used, not *wanted*; gives whether there is one."""
        with self._lock:
            name = next((name for name, each in self._loaded.items() if each is not wanted), None)
            found = self._loaded.pop(name) if name is not None else None
        if found is not None:
            found.close()
        return found is not None

    def _server(self, loaded: _Loaded, target: str) -> ModelServer:
        try:
            return loaded.server.result(ENDPOINT_SECONDS.most)
        except FutureTimeout:
            raise AwsError("ModelNotReadyException", f"Model {target} is not ready for inference yet.", 429) from None
        except ModelDataError as error:
            raise AwsError("ValidationError", str(error)) from None
        except RuntimeError as error:
            raise ModelUnreachable(str(error)) from None


def _start(server: ModelServer, unload: Callable[[], bool]) -> None:
    while True:
        try:
            return server.start()
        except NoRoom:
            if not unload():
                raise ModelUnreachable("the container has no memory for the model") from None


def _missing() -> AwsError:
    return AwsError("ValidationError", f"Request {uuid.uuid4()} is missing a target model header.")


def _cannot_download(bucket: str, key: str) -> AwsError:
    return AwsError(
        "ValidationError",
        f"Failed to download model data(bucket: {bucket}, key: {key}). Please ensure that there is an object located "
        "at the URL and that the role passed to CreateModel has permissions to download the model.",
    )
