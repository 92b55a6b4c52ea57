"""Training jobs and artifacts small enough for tests, and MXNet in an environment of its own as the judge of both."""

import http.client
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.algorithms.image_classification.artifact import Artifact
from harness.algorithms.image_classification.network import Layout, build_symbol
from harness.algorithms.image_classification.operators import parameter_shapes
from tests.waiting import hear

TINY = Layout(stem=4, widths=(4, 8), units=(1, 1), first_stride=2)
PROGRAM = (sys.executable, "-m", "harness.algorithms.image_classification")
ORACLE = Path.home() / ".cache" / "aws-ml-harness" / "mxnet-1.9.1" / "bin" / "python"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    # What needs torch, or MXNet, is no part of `pytest -m local`, which installs neither.
    for item in items:
        if item.path.parent == Path(__file__).parent:
            for name, marker in (("oracle", "oracle"), ("torch", "train")):
                if name in item.fixturenames:
                    item.add_marker(marker)


@pytest.fixture(scope="session")
def oracle():
    """Python with MXNet 1.9.1, which `make oracle` sets up."""
    assert ORACLE.is_file(), "MXNet is not set up to compare with: `make oracle` makes its environment"
    return ORACLE


@pytest.fixture(scope="session")
def torch():
    """What trains models: ``pip install 'aws-ml-harness[train]'``."""
    import torch

    return torch


def random_parameters(symbol, shape, seed=0):
    """Weights of a size at which no probability is all but 0 or 1."""
    random = np.random.default_rng(seed)
    parameters = {}
    for name, size in parameter_shapes(symbol, (1, *shape)).items():
        if name.endswith("_var"):
            values = random.uniform(0.5, 2, size) * (5000 if name.startswith("bn_data") else 1)
        elif name.endswith("_gamma"):
            values = random.uniform(0.5, 1.5, size)
        elif name.endswith("_weight"):
            values = random.normal(0, 0.3 * (1 / np.prod(size[1:])) ** 0.5, size)
        else:
            values = random.normal(120 if name.startswith("bn_data") else 0, 0.1, size)
        parameters[name] = values.astype(np.float32)
    return parameters


def random_artifact(layout=TINY, height=16, classes=2, seed=0, multi_label=False, epoch=3):
    """An untrained network as an artifact."""
    symbol = build_symbol(layout, height, classes, multi_label)
    shape = (3, height, height)
    return Artifact(symbol, random_parameters(symbol, shape, seed), shape, epoch)


def png(pixels):
    """*pixels* (height x width x channels) as a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def striped(label, random, side=16):
    """An image whose stripes lie (0) or stand (1): easy to learn."""
    image = random.integers(0, 90, (side, side, 3), dtype=np.uint8)
    stripes = (np.arange(side) // 2 % 2 * 150).astype(np.uint8)
    return image + (stripes[:, None, None] if label == 0 else stripes[None, :, None])


class Job:
    """A folder that stands in for a training job's ``/opt/ml``."""

    def __init__(self, root):
        self.root = root
        self.given = {"num_classes": "2", "num_training_samples": "32", "image_shape": "3,16,16", "num_layers": "20"}
        self.given |= {"mini_batch_size": "8", "epochs": "1", "learning_rate": "0.05"}
        self.channels = {}

    def folder(self, channel):
        folder = self.root / "input" / "data" / channel
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def configure(self, **given):
        self.given |= {name: str(value) for name, value in given.items()}
        config = self.root / "input" / "config"
        config.mkdir(parents=True, exist_ok=True)
        (config / "hyperparameters.json").write_text(json.dumps(self.given))
        (config / "inputdataconfig.json").write_text(json.dumps(self.channels))
        return self

    def channel(self, name, content_type="application/x-image", **settings):
        self.channels[name] = {"ContentType": content_type, "TrainingInputMode": "File"} | settings
        return self.folder(name)

    def with_lists(self, train=32, validation=16):
        """Channels ``train``, ``train_lst`` and so on with striped images."""
        random = np.random.default_rng(0)
        for channel, count in (("train", train), ("validation", validation)):
            folder, lines = self.channel(channel), []
            for index in range(count):
                (folder / f"{index}.png").write_bytes(png(striped(index % 2, random)))
                lines.append(f"{index}\t{index % 2}\t{index}.png\n")
            (self.channel(f"{channel}_lst") / f"{channel}.lst").write_text("".join(lines))
        return self.configure()

    @property
    def model(self):
        return self.root / "model"

    @property
    def failure(self):
        return (self.root / "output" / "failure").read_text()


@pytest.fixture
def job(tmp_path):
    return Job(tmp_path / "opt-ml")


class Server:
    """A running ``serve``."""

    def __init__(self, root):
        command = [*PROGRAM, "serve", "--root", str(root), "--port", "0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.first_line = hear(self.process, r".+\n")[0]
        self.port = int(self.first_line.rpartition(":")[2]) if "Listening" in self.first_line else None

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def request(self, method, path, body=None, headers=None, connection=None):
        """Status, headers and body."""
        connection = connection or self.connect()
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()

    def invoke(self, image, content_type="image/png", **headers):
        return self.request("POST", "/invocations", image, {"Content-Type": content_type, **headers})

    def stop(self):
        self.process.terminate()
        return self.process.wait(10)


@pytest.fixture(scope="session")
def serve():
    """Starts servers over a job's root folder, and stops them at the end."""
    started = []

    def start(root):
        started.append(Server(root))
        return started[-1]

    yield start
    for server in started:
        server.process.kill()
        server.process.wait(20)
        server.process.stdout.close()
