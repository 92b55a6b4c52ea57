"""AWS's built-in XGBoost: trains on CSV, libsvm or parquet without a script, and serves what it has made.

https://docs.aws.amazon.com/sagemaker/latest/dg/xgboost.html
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path
from typing import Any

BASE = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
MODEL = BASE / "model" / "xgboost-model"
CSV, LIBSVM, PARQUET = "text/csv", "text/libsvm", "application/x-parquet"
_KINDS = {
    CSV: CSV,
    "csv": CSV,
    LIBSVM: LIBSVM,
    "text/x-libsvm": LIBSVM,
    "libsvm": LIBSVM,
    PARQUET: PARQUET,
    "parquet": PARQUET,
}
_OURS = ("num_round", "early_stopping_rounds", "csv_weights", "save_model_on_termination", "deterministic_histogram")


class UserError(Exception):
    """The user is at fault; the message is the job's failure reason."""


def say(message: str) -> None:
    """Write a line as AWS's container does, which parsers of logs look for.

    Args:
        message: what is behind the time.
    """
    print(f"[{datetime.now():%Y-%m-%d:%H:%M:%S}:INFO] {message}", flush=True)


def say_start(given: Mapping[str, str]) -> None:
    """Write the container's first lines.

    Args:
        given: the hyperparameters, as they came.
    """
    say("Imported framework sagemaker_xgboost_container.training")
    for name, value in given.items():
        try:
            json.loads(value)
        except ValueError:
            say(f"Failed to parse hyperparameter {name} value {value} to Json.\nReturning the value itself")
    if not list(Path("/dev").glob("nvidia[0-9]*")):
        say("No GPUs detected (normal if no gpus installed)")
    say("Running XGBoost Sagemaker in algorithm mode")


def kind_of(content_type: str) -> str:
    """Which of the forms a content type is; without one, libsvm."""
    kind = (content_type or LIBSVM).partition(";")[0].strip().lower()
    if kind not in _KINDS:
        raise UserError(f"{content_type} is not an accepted ContentType: {', '.join(sorted(set(_KINDS.values())))}.")
    return _KINDS[kind]


def numbers(text: str) -> Any:
    """Return the rows of CSV text; what is empty is missing."""
    import numpy

    found = numpy.genfromtxt(StringIO(text), delimiter=",", dtype=numpy.float32, ndmin=2)
    return found


def matrix(channel: str, content_type: str, weighted: bool) -> Any:
    """Read a channel's rows as an ``xgboost.DMatrix``.

    Args:
        channel: name of the channel; all files in it are read, sorted by path, except those that begin with ``.`` or
            ``_``.
        content_type: CSV, LIBSVM or Parquet, as AWS's XGBoost names them; CSV and Parquet have the label in the first
            column.
        weighted: whether the second column is the row's weight (``csv_weights``).

    Raises:
        UserError: the channel is empty, or a label is no number.
    """
    import numpy
    import xgboost

    folder = BASE / "input" / "data" / channel
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith((".", "_")))
    if not files:
        raise UserError(f"No data in the channel {channel}.")
    kind = kind_of(content_type)
    if kind == CSV:
        say("Determined delimiter of CSV input is ','")
    say(f"files path: /opt/ml/input/data/{channel}")
    if kind == LIBSVM:
        return libsvm("".join(path.read_text().rstrip("\n") + "\n" for path in files))
    if kind == PARQUET:
        rows = numpy.concatenate([parquet(path).to_numpy(numpy.float32) for path in files])
    else:
        rows = numpy.concatenate([numbers(path.read_text()) for path in files])
    if numpy.isnan(rows[:, 0]).any():
        raise UserError(
            f"The labels in the channel {channel} are not all numbers. CSV has no header, and labels first."
        )
    if weighted:
        return xgboost.DMatrix(rows[:, 2:], label=rows[:, 0], weight=rows[:, 1])
    return xgboost.DMatrix(rows[:, 1:], label=rows[:, 0])


def parquet(path: Path) -> Any:
    """Return the rows of a parquet file, as a pandas frame."""
    try:
        import pandas

        return pandas.read_parquet(path)
    except ImportError:  # pandas has no reader of its own
        pass
    try:
        import duckdb

        return duckdb.read_parquet(str(path)).df()
    except ImportError:
        raise UserError("parquet is read by pyarrow, which AWS's container has and this environment has not.") from None


def libsvm(text: str) -> Any:
    """Rows in libsvm's form."""
    import xgboost

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rows.libsvm")
        path.write_text(text)
        return xgboost.DMatrix(f"{path}?format=libsvm")


def train() -> None:
    """Train, and leave the model where AWS's container leaves it."""
    import xgboost

    config = BASE / "input" / "config"
    texts = json.loads((config / "hyperparameters.json").read_text())
    say_start(texts)
    given = {name: _plain(value) for name, value in texts.items()}
    channels = json.loads((config / "inputdataconfig.json").read_text())
    if "num_round" not in given:
        raise UserError("Missing required hyperparameter: num_round")
    if "_kfold" in given:
        raise UserError("not emulated: k-fold cross validation. Leave out _kfold.")
    if "train" not in channels:
        raise UserError("Missing required channel: train")
    weighted = str(given.get("csv_weights", "0")) == "1"
    found = {
        name: matrix(name, channels[name].get("ContentType", ""), weighted)
        for name in ("train", "validation")
        if name in channels
    }
    say("Single node training.")
    say(f"Train matrix has {found['train'].num_row()} rows and {found['train'].num_col()} columns")
    if "validation" in found:
        say(f"Validation matrix has {found['validation'].num_row()} rows")
    parameters = {name: value for name, value in given.items() if name not in _OURS and not name.startswith("_")}
    parameters.setdefault("base_score", 0.5)  # as AWS's container has it; XGBoost estimates one since 2.0
    if str(parameters.get("tree_method")) == "gpu_hist":
        parameters["tree_method"] = "hist"
    if "eval_metric" in parameters:
        parameters["eval_metric"] = [metric.strip() for metric in str(parameters["eval_metric"]).strip("[]").split(",")]
    stopping = given.get("early_stopping_rounds")

    class Tell(xgboost.callback.TrainingCallback):  # type: ignore[misc]
        """Writes each round's metrics as AWS's log has them: #011 is a tab."""

        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            values = [f"{of}-{what}:{log[-1]:.5f}" for of, logs in evals_log.items() for what, log in logs.items()]
            print(f"[{epoch}]#011" + "#011".join(values), flush=True)
            return False

    try:
        model = xgboost.train(
            parameters,
            found["train"],
            num_boost_round=int(given["num_round"]),
            evals=[(rows, name) for name, rows in found.items()],
            early_stopping_rounds=int(stopping) if stopping else None,
            verbose_eval=False,
            callbacks=[Tell()],
        )
    except (xgboost.core.XGBoostError, ValueError) as error:
        raise UserError(str(error).strip().splitlines()[0]) from None
    MODEL.write_bytes(artifact(bytes(model.save_raw("json"))))


def artifact(raw: bytes) -> bytes:
    """Return the model as the XGBoost of AWS's containers reads it too.

    Since 3.1 ``base_score`` is a vector, which 1.7 reads as another number: its predictions would be others.
    """
    document = json.loads(raw)
    parameters = document["learner"]["learner_model_param"]
    values = str(parameters["base_score"]).strip("[]").split(",")
    if len(set(values)) == 1:
        parameters["base_score"] = values[0]
    return json.dumps(document, separators=(",", ":")).encode()


def _plain(value: str) -> Any:
    # The SDK sends texts as JSON, or as they are.
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value


def encode(predictions: Any, accept: str) -> tuple[str, str]:
    """Predictions as AWS's container writes them."""
    kind = accept.partition(";")[0].strip().lower()
    values = predictions.tolist()
    if kind == "application/json":
        return json.dumps({"predictions": [{"score": value} for value in values]}), kind
    if kind == "application/jsonlines":
        return "".join(json.dumps({"score": value}) + "\n" for value in values), kind
    if os.environ.get("SAGEMAKER_BATCH"):
        return "".join(f"{value}\n" for value in values), CSV
    return ",".join(map(str, values)), CSV


class Handler(BaseHTTPRequestHandler):
    """SageMaker's two paths: ``GET /ping`` and ``POST /invocations``."""

    protocol_version = "HTTP/1.1"
    booster: Any = None

    def do_GET(self) -> None:
        """Answer ``/ping``."""
        self._send(200 if self.path == "/ping" else 404, "", CSV)

    def do_POST(self) -> None:
        """Answer an invocation with predictions."""
        import xgboost

        text = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode("utf-8", "replace")
        try:
            kind = kind_of(self.headers.get("Content-Type") or CSV)
        except UserError as error:
            self._send(415, str(error), "text/plain")
            return
        if kind == PARQUET:
            self._send(415, "parquet is for training alone", "text/plain")
            return
        try:
            rows = xgboost.DMatrix(numbers(text)) if kind == CSV else libsvm(text)
            answer, kind = encode(
                self.booster.predict(rows, validate_features=False), self.headers.get("Accept") or CSV
            )
        except Exception as error:
            self._send(400, f"Unable to evaluate payload provided: {error}", "text/plain")
            return
        self._send(200, answer, kind)

    def _send(self, status: int, text: str, kind: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Log nothing: SageMaker's containers show no line for each request."""
        pass


def serve() -> None:
    """Serve the model that training has left."""
    import xgboost

    Handler.booster = xgboost.Booster()
    Handler.booster.load_model(bytearray(MODEL.read_bytes()))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(f"Listening on http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


def main() -> int:
    """Train, or serve what training has left; return the exit code."""
    if sys.argv[1:] == ["serve"]:
        serve()
        return 0
    try:
        train()
    except UserError as error:
        print(error, flush=True)
        (BASE / "output" / "failure").write_text(f"ClientError: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
