"""Serve a model with a user's functions as AWS's inference toolkit does: model_fn, input_fn, predict_fn, output_fn.

https://github.com/aws/sagemaker-inference-toolkit, https://sagemaker.readthedocs.io/en/stable/frameworks/sklearn/
"""

from __future__ import annotations

import importlib
import io
import json
import os
import subprocess
import sys
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

BASE = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
MODEL = BASE / "model"
JSON, CSV, NPY = "application/json", "text/csv", "application/x-npy"
_MOST_BODY = 100 << 20


class Unsupported(Exception):
    """A content type that cannot be read (415) or written (406)."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def decode(body: bytes, content_type: str) -> Any:
    """An array out of a request's body."""
    import numpy

    kind = content_type.partition(";")[0].strip().lower()
    if kind == JSON:
        return numpy.array(json.loads(body))
    if kind == CSV:
        return numpy.genfromtxt(io.StringIO(body.decode("utf-8")), dtype=numpy.float32, delimiter=",", ndmin=2)
    if kind == NPY:
        return numpy.load(io.BytesIO(body), allow_pickle=False)
    raise Unsupported(415, f"Content type {content_type} is not supported by this framework.")


def encode(prediction: Any, accept: str) -> bytes:
    """A response's body out of a prediction."""
    import numpy

    kind = accept.partition(";")[0].strip().lower()
    if kind == JSON:
        return json.dumps(prediction.tolist() if hasattr(prediction, "tolist") else prediction).encode()
    if kind == CSV:
        out = io.StringIO()
        numpy.savetxt(out, numpy.asarray(prediction), delimiter=",", fmt="%s")
        return out.getvalue().encode()
    if kind == NPY:
        packed = io.BytesIO()
        numpy.save(packed, numpy.asarray(prediction))
        return packed.getvalue()
    raise Unsupported(406, f"Accept {accept} is not supported by this framework.")


class Model:
    """The user's functions, with the toolkit's in place of those that are not given."""

    def __init__(self) -> None:
        code = BASE / "code"
        if not code.is_dir():
            code = MODEL / "code"
        program = os.environ.get("SAGEMAKER_PROGRAM") or "inference.py"
        sys.path.insert(0, str(code))
        if (code / "requirements.txt").is_file():
            command = [sys.executable, "-m", "pip", "install", "-r", str(code / "requirements.txt")]
            subprocess.run(command, check=True)
        self._user = importlib.import_module(Path(program).stem)
        if not hasattr(self._user, "model_fn"):
            raise NotImplementedError(
                "Please provide a model_fn implementation. See documentation for model_fn at "
                "https://github.com/aws/sagemaker-python-sdk"
            )
        self._model = self._user.model_fn(str(MODEL))

    def answer(self, body: bytes, content_type: str, accept: str) -> tuple[bytes, str]:
        """Answer an invocation by the user's ``input_fn``, ``predict_fn`` and ``output_fn``, or ``transform_fn``.

        Args:
            body: the request's, as it came.
            content_type: of the request; text is decoded for the user's functions.
            accept: the content type that the caller asks for; what ``output_fn`` returns beside its body counts more.

        Returns:
            body and content type of the answer.
        """
        user = self._user
        if hasattr(user, "transform_fn"):
            answered = user.transform_fn(self._model, _as_text(body, content_type), content_type, accept)
        else:
            read = getattr(user, "input_fn", None)
            data = read(_as_text(body, content_type), content_type) if read else decode(body, content_type)
            predict = getattr(user, "predict_fn", None)
            prediction = predict(data, self._model) if predict else self._model.predict(data)
            write = getattr(user, "output_fn", encode)
            answered = write(prediction, accept)
        if isinstance(answered, tuple):
            answered, accept = answered
        return (answered if isinstance(answered, bytes) else str(answered).encode()), accept


def _as_text(body: bytes, content_type: str) -> bytes | str:
    # The toolkit hands texts over as text.
    kind = content_type.partition(";")[0].strip().lower()
    return body.decode("utf-8") if kind == JSON or kind.startswith("text/") else body


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    model: Model

    def do_GET(self) -> None:
        self._send(200 if self.path == "/ping" else 404, b"", JSON)

    def do_POST(self) -> None:
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), _MOST_BODY))
        accept = self.headers.get("Accept") or "*/*"
        if accept == "*/*":
            accept = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", JSON)
        try:
            answered, kind = self.model.answer(body, self.headers.get("Content-Type") or JSON, accept)
        except Unsupported as error:
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
        pass


def main() -> None:
    scripts = [BASE / "code", MODEL / "code"]
    if os.environ.get("SM_BUILT_IN") and not any(folder.is_dir() for folder in scripts):
        os.execv(sys.executable, [sys.executable, os.environ["SM_BUILT_IN"], "serve"])
    sys.path.pop(0)  # this file's own folder: a user's module may have the name of one in it
    Handler.model = Model()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(f"Listening on http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
