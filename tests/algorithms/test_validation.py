"""Which images the validation accuracy counts, held against AWS's logs."""

import re
from itertools import islice
from pathlib import Path

import pytest

from harness.algorithms.image_classification.validation import counted_images

LOGS = Path(__file__).parents[2].parent / "shared/data/aws-truth/training-logs"


def test_whole_batches_count_and_the_rest_comes_first_in_the_next_epoch():
    epochs = list(islice(counted_images(200, 32), 5))
    assert [len(epoch) for epoch in epochs] == [192, 192, 192, 224, 192]
    assert list(epochs[1][:9]) == [192, 193, 194, 195, 196, 197, 198, 199, 0]


def test_fewer_images_than_a_batch_count_all():
    assert [len(epoch) for epoch in islice(counted_images(20, 32), 2)] == [20, 20]


def test_every_accuracy_that_aws_logged_is_a_share_of_whole_batches():
    logs = sorted(LOGS.glob("*.log")) if LOGS.is_dir() else []
    if not logs:
        pytest.skip(f"AWS's logs are not at {LOGS}")
    for log in logs:
        logged = [float(value) for value in re.findall(r"Validation-accuracy=([0-9.]+)", log.read_text())]
        for value, counted in zip(logged, counted_images(200, 32), strict=False):
            assert round(value * len(counted)) / len(counted) == pytest.approx(value, abs=1e-6)
