"""The small trained model in fixtures/: what it is, and how good."""

import numpy as np
import pytest

from harness.algorithms.image_classification.artifact import load_artifact
from harness.scones.dataset.archive import read_archive
from harness.scones.dataset.synthesize import synthesize
from harness.scones.dataset.transform import from_folder, transform


@pytest.fixture(scope="module")
def classifier(root):
    from harness.algorithms.image_classification.classifier import Classifier

    return Classifier(load_artifact(root / "fixtures" / "model" / "model.tar.gz"))


def right(classifier, dataset):
    """Whether each test image gets its own class, and how sure of it the model is."""
    answers = [classifier.classify((dataset.folder / "test" / name).read_bytes()) for name in dataset.test["filename"]]
    labels = dataset.test["class"].to_numpy()
    return np.argmax(answers, axis=1) == labels, np.max(answers, axis=1)


def test_it_is_small(root):
    assert (root / "fixtures" / "model" / "model.tar.gz").stat().st_size < 2 * 1024 * 1024


def test_it_knows_the_real_test_images(classifier, real_data):
    hits, sure = right(classifier, from_folder(real_data / "cifar-vehicles"))
    assert len(hits) == 200
    assert hits.mean() >= 0.93
    assert hits[sure > 0.93].mean() > hits.mean()  # what it is sure of, it is right about more often


def test_drawings_pass_and_fail_the_threshold(classifier, tmp_path):
    """What the demo shows: a workflow that ends both ways."""
    archive = synthesize(tmp_path / "archive.tar.gz", seed=0, train_per_class=1, test_per_class=50)
    _, sure = right(classifier, transform(read_archive(archive), tmp_path / "data"))
    assert 0.1 < (sure > 0.93).mean() < 0.9
