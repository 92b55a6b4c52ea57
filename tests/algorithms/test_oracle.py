"""MXNet 1.9.1 as the judge: our artifacts in MXNet, and MXNet's here, answer the same probabilities."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from harness.algorithms.image_classification.artifact import load_artifact, save_artifact
from harness.algorithms.image_classification.network import FAST_LAYOUT, layout_for

from .conftest import TINY, random_artifact

TOLERANCE = 1e-4


@pytest.fixture
def judge(oracle, tmp_path):
    def run(*arguments):
        command = [oracle, Path(__file__).parent / "mxnet_oracle.py", *map(str, arguments)]
        # MXNet's own fusion of a convolution and a sum takes the sum's other side from behind its activation.
        environment = {**os.environ, "MXNET_SUBGRAPH_BACKEND": "NONE"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr[-2000:]

    def predict(folder, epoch, pixels):
        np.save(tmp_path / "pixels.npy", pixels)
        run("predict", folder, epoch, tmp_path / "pixels.npy", tmp_path / "probabilities.npy")
        return np.load(tmp_path / "probabilities.npy")

    predict.create = lambda folder: run("create", folder)
    return predict


def served(folder, pixels):
    """What our server computes for *pixels* (images x channels x height x width)."""
    from harness.algorithms.image_classification.classifier import Classifier

    return Classifier(load_artifact(folder)).probabilities(list(pixels.transpose(0, 2, 3, 1)))


def images(count, height, width):
    return np.random.default_rng(5).integers(0, 256, (count, 3, height, width)).astype(np.uint8)


@pytest.mark.parametrize(
    ("layout", "height"),
    [
        (layout_for(20), 28),
        (layout_for(110), 32),
        (layout_for(18), 64),
        (layout_for(50), 32),
        (layout_for(152), 40),
        (FAST_LAYOUT, 32),
    ],
    ids=["cifar-20", "cifar-110", "imagenet-18", "imagenet-50", "imagenet-152", "fast"],
)
def test_our_artifacts_give_the_same_probabilities_in_mxnet(judge, tmp_path, layout, height):
    save_artifact(random_artifact(layout, height, classes=3, epoch=7), tmp_path / "model", batch=32)
    pixels = images(4, height, height)
    ours, mxnets = served(tmp_path / "model", pixels), judge(tmp_path / "model", 7, pixels)
    assert mxnets.min() > 0.001 and mxnets.std() > 1e-3  # or else any network would agree
    np.testing.assert_allclose(ours, mxnets, atol=TOLERANCE)


def test_multi_label_artifacts_do_too(judge, tmp_path):
    save_artifact(random_artifact(TINY, 16, classes=3, multi_label=True), tmp_path / "model", batch=32)
    pixels = images(4, 16, 16)
    np.testing.assert_allclose(served(tmp_path / "model", pixels), judge(tmp_path / "model", 3, pixels), atol=TOLERANCE)


def test_an_artifact_that_mxnet_made_is_served_the_same(judge, tmp_path):
    judge.create(tmp_path)
    pixels = images(3, 17, 19)
    mxnets = judge(tmp_path, 7, pixels)
    assert mxnets.shape == (3, 5)
    np.testing.assert_allclose(served(tmp_path, pixels), mxnets, atol=TOLERANCE)


def test_the_shipped_model_gives_the_same_probabilities_in_mxnet(judge, tmp_path, root):
    packed = root / "fixtures" / "model" / "model.tar.gz"
    model = load_artifact(packed)
    save_artifact(model, tmp_path / "model", batch=64)
    pixels = images(8, 32, 32)
    mxnets = judge(tmp_path / "model", model.epoch, pixels)
    np.testing.assert_allclose(served(packed, pixels), mxnets, atol=TOLERANCE)
