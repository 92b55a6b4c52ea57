"""What each of AWS's framework containers does in place of the functions that a script does not have.

scikit-learn: https://github.com/aws/sagemaker-scikit-learn-container; PyTorch:
https://github.com/aws/sagemaker-pytorch-inference-toolkit; XGBoost: https://github.com/aws/sagemaker-xgboost-container;
Hugging Face: https://github.com/aws/sagemaker-huggingface-inference-toolkit
"""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from pathlib import Path
from typing import Any

JSON, CSV, NPY = "application/json", "text/csv", "application/x-npy"
TEXTS = (JSON, CSV)
"""Content types whose bodies scripts get as text; those of all others are bytes."""
LIBSVM = ("text/libsvm", "text/x-libsvm")


class UnsupportedFormat(Exception):
    """A content type that cannot be read (415) or written (406)."""

    def __init__(self, status: int, content_type: str) -> None:
        super().__init__(
            f"Content type {content_type} is not supported by this framework. Please implement input_fn to to "
            "deserialize the request data or an output_fn to serialize the response."
        )
        self.status = status


class Defaults:
    """scikit-learn's, which the others change."""

    takes_context = False
    """Whether a script's functions may have one parameter more, for the context."""

    def model_fn(self, folder: str) -> Any:
        """Load the model."""
        raise NotImplementedError(
            "Please provide a model_fn implementation. See documentation for model_fn at "
            "https://github.com/aws/sagemaker-python-sdk"
        )

    def input_fn(self, body: Any, content_type: str) -> Any:
        """Return an array out of a request's body. One row of CSV is no matrix: AWS's container squeezes it, too."""
        import numpy

        if content_type == CSV:
            rows = list(csv.reader(io.StringIO(body), strict=True))
            return numpy.array(rows).squeeze().astype(numpy.float32)
        if content_type == JSON:
            return numpy.array(json.loads(body)).astype(numpy.float32)
        if content_type == NPY:
            return numpy.load(io.BytesIO(body), allow_pickle=False)
        raise UnsupportedFormat(415, content_type)

    def predict_fn(self, data: Any, model: Any) -> Any:
        """Ask the model."""
        return model.predict(data)

    def output_fn(self, prediction: Any, accept: str) -> str | bytes:
        """Return a response's body out of a prediction."""
        import numpy

        if accept == JSON:
            return json.dumps(prediction, default=_plain)
        if accept == CSV:
            rows = numpy.array(prediction)
            out = io.StringIO()
            csv.writer(out, lineterminator="\n").writerows(rows.reshape(-1, 1) if rows.ndim == 1 else rows)
            return out.getvalue()
        if accept == NPY:
            packed = io.BytesIO()
            numpy.save(packed, prediction)
            return packed.getvalue()
        raise UnsupportedFormat(406, accept)


class XGBoost(Defaults):
    """XGBoost's: a script's model is a Booster, and is asked with a DMatrix."""

    takes_context = True

    def input_fn(self, body: Any, content_type: str) -> Any:
        """Return a DMatrix out of CSV or libsvm."""
        import numpy
        import xgboost

        if content_type == CSV:
            lines = body.rstrip("\n").split("\n")
            found = csv.Sniffer().sniff(lines[0][:512]).delimiter
            delimiter = "," if found.isalnum() else found
            rows = [["nan" if value == "" else value for value in line.split(delimiter)] for line in lines]
            return xgboost.DMatrix(numpy.array(rows).astype(numpy.float64))
        if content_type in LIBSVM:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, "rows.libsvm")
                path.write_bytes(body)
                return xgboost.DMatrix(f"{path}?format=libsvm")
        raise UnsupportedFormat(415, content_type)

    def predict_fn(self, data: Any, model: Any) -> Any:
        """Ask the model, whatever its features are called."""
        return model.predict(data, validate_features=False)


class PyTorch(Defaults):
    """PyTorch's: a TorchScript model, called with a tensor."""

    takes_context = True

    def model_fn(self, folder: str) -> Any:
        """Load ``model.pt``, or the one file that is TorchScript."""
        import torch

        path = Path(folder, "model.pt")
        if not path.exists():
            found = [each.name for each in Path(folder).iterdir() if each.suffix in (".pt", ".pth")]
            if len(found) != 1:
                raise ValueError(f"Exactly one .pth or .pt file is required for PyTorch models: {found}")
            path = Path(folder, found[0])
        try:
            return torch.jit.load(str(path), map_location=_device())
        except RuntimeError as error:
            raise RuntimeError(f"Failed to load {path}. Please ensure model is saved using torchscript.") from error

    def input_fn(self, body: Any, content_type: str) -> Any:
        """Return a tensor out of a request's body, of floats where it is a text."""
        import numpy
        import torch

        if content_type == JSON:
            return torch.FloatTensor(numpy.array(json.loads(body))).to(_device())
        if content_type == CSV:
            return torch.FloatTensor(numpy.genfromtxt(io.StringIO(body), dtype=None, delimiter=",")).to(_device())
        return torch.from_numpy(super().input_fn(body, content_type)).to(_device())

    def predict_fn(self, data: Any, model: Any) -> Any:
        """Call the model in its mode for inference."""
        import torch

        with torch.no_grad():
            model = model.to(_device())
            model.eval()
            return model(data.to(_device()))

    def output_fn(self, prediction: Any, accept: str) -> str | bytes:
        """Return a response's body out of a tensor, or of what a script's predict_fn gave."""
        import numpy
        import torch

        if type(prediction) is torch.Tensor:
            prediction = prediction.detach().cpu().numpy().tolist()
        for kind in (part.partition(";")[0].strip() for part in accept.split(",")):
            if kind == CSV:
                out = io.StringIO()
                numpy.savetxt(out, prediction, delimiter=",", fmt="%s")
                return out.getvalue()
            if kind in (JSON, NPY):
                return super().output_fn(prediction, kind)
        raise UnsupportedFormat(406, accept)


class HuggingFace(Defaults):
    """Hugging Face's: a pipeline of transformers, asked with JSON."""

    takes_context = True

    def model_fn(self, folder: str) -> Any:
        """Load the pipeline for ``HF_TASK``."""
        import transformers

        task = os.environ.get("HF_TASK")
        if task is None:
            raise ValueError("not emulated: Hugging Face's container without HF_TASK and without a model_fn.")
        return transformers.pipeline(task=task, model=folder)

    def input_fn(self, body: Any, content_type: str) -> Any:
        """Return what the JSON says."""
        if content_type != JSON:
            raise UnsupportedFormat(415, content_type)
        return json.loads(body)

    def predict_fn(self, data: Any, model: Any) -> Any:
        """Call the pipeline with ``inputs`` and ``parameters``."""
        inputs = data.pop("inputs", data)
        return model(inputs, **(data.pop("parameters", None) or {}))

    def output_fn(self, prediction: Any, accept: str) -> str | bytes:
        """JSON."""
        if accept != JSON:
            raise UnsupportedFormat(406, accept)
        return json.dumps(prediction, default=_plain)


FRAMEWORKS = {"huggingface": HuggingFace, "pytorch": PyTorch, "sklearn": Defaults, "xgboost": XGBoost}


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _device() -> Any:
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
