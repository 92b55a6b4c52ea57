"""Serve a model with a user's functions as AWS's inference toolkit does: model_fn, input_fn, predict_fn, output_fn.

https://github.com/aws/sagemaker-inference-toolkit, https://sagemaker.readthedocs.io/en/stable/frameworks/sklearn/
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from inspect import signature
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from framework_defaults import FRAMEWORKS, JSON, TEXTS, Defaults, UnsupportedFormat  # beside this file

BASE = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
MODEL = BASE / "model"
_MOST_BODY = 100 << 20
_TOGETHER = ("input_fn", "predict_fn", "output_fn")


class Model:
    """The user's functions, with the container's in place of those that are not given."""

    def __init__(self, defaults: Defaults) -> None:
        self._defaults = defaults
        code = BASE / "code"
        if not code.is_dir():
            code = MODEL / "code"
        program = os.environ.get("SAGEMAKER_PROGRAM") or "inference.py"
        sys.path.insert(0, str(code))
        if (code / "requirements.txt").is_file():
            command = [sys.executable, "-m", "pip", "install", "-r", str(code / "requirements.txt")]
            subprocess.run(command, check=True)
        self._user = importlib.import_module(Path(program).stem)
        self._transform = getattr(self._user, "transform_fn", None)
        if self._transform is not None and any(hasattr(self._user, name) for name in _TOGETHER):
            raise ValueError(
                "Cannot use transform_fn implementation in conjunction with input_fn, predict_fn, and/or output_fn "
                "implementation"
            )
        properties = {"model_dir": str(MODEL), "gpu_id": None, "batch_size": 1}
        self._context = SimpleNamespace(system_properties=properties)
        self._model = self._call("model_fn", str(MODEL))

    def answer(self, body: bytes, content_type: str, accept: str) -> tuple[bytes, str]:
        """Answer an invocation by the script's ``input_fn``, ``predict_fn`` and ``output_fn``, or ``transform_fn``.

        Args:
            body: the request's, as it came.
            content_type: of the request; JSON and CSV are decoded for the script's functions.
            accept: the content type that the caller asks for; what ``output_fn`` returns beside its body counts more.

        Returns:
            body and content type of the answer.
        """
        given = body.decode("utf-8") if content_type in TEXTS else body
        if self._transform is not None:
            answered = self._call("transform_fn", self._model, given, content_type, accept)
        else:
            data = self._call("input_fn", given, content_type)
            answered = self._call("output_fn", self._call("predict_fn", data, self._model), accept)
        if isinstance(answered, tuple):
            answered, accept = answered
        return (answered if isinstance(answered, bytes) else str(answered).encode()), accept

    def _call(self, name: str, *given: Any) -> Any:
        own: Callable[..., Any] | None = getattr(self._user, name, None)
        if own is None:
            return getattr(self._defaults, name)(*given)
        if self._defaults.takes_context and len(signature(own).parameters) == len(given) + 1:
            return own(*given, self._context)
        return own(*given)


class Handler(BaseHTTPRequestHandler):
    """SageMaker's two paths: ``GET /ping`` and ``POST /invocations``."""

    protocol_version = "HTTP/1.1"
    model: Model

    def do_GET(self) -> None:
        """Answer ``/ping``."""
        self._send(200 if self.path == "/ping" else 404, b"", JSON)

    def do_POST(self) -> None:
        """Answer an invocation."""
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), _MOST_BODY))
        accept = self.headers.get("Accept") or "*/*"
        if accept == "*/*":
            accept = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", JSON)
        try:
            answered, kind = self.model.answer(body, self.headers.get("Content-Type") or JSON, accept)
        except UnsupportedFormat as error:
            self._send(error.status, str(error).encode(), "text/plain")
        except Exception as error:
            traceback.print_exc()
            self._send(500, f"{type(error).__name__}: {error}".encode(), "text/plain")
        else:
            self._send(200, answered, kind)

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Log nothing: SageMaker's containers show no line for each request."""
        pass


def main() -> None:
    """Serve the model with the user's code, until the process is ended."""
    scripts = [BASE / "code", MODEL / "code"]
    if os.environ.get("SM_BUILT_IN") and not any(folder.is_dir() for folder in scripts):
        os.execv(sys.executable, [sys.executable, os.environ["SM_BUILT_IN"], "serve"])
    sys.path.pop(0)  # this file's own folder: a user's module may have the name of one in it
    Handler.model = Model(FRAMEWORKS[os.environ["SM_FRAMEWORK"]]())
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(f"Listening on http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
