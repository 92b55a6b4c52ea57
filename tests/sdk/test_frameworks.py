"""The SageMaker SDK's own way, unmodified: processing, training, transform, endpoints, pipelines."""

import os
import re
import subprocess

import pytest

from tests.conftest import harness

pytest.importorskip("sklearn")
pytest.importorskip("sagemaker")
QUICK = {**os.environ, "HARNESS_PACE": "quick"}
BEGINS = ("Succeeded", "Failed", "waited")


@pytest.fixture
def said(root, tmp_path):
    """What an example prints."""

    def run(example):
        command = harness("run", root / "examples" / example)
        done = subprocess.run(
            command, cwd=tmp_path, env=QUICK, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return done.stdout

    return run


@pytest.mark.slow
def test_the_iris_example_runs(said):
    told = said("sklearn_iris/run.py")
    assert "predicted [0.0, 1.0, 2.0]" in told
    assert accuracy(told) > 0.9


@pytest.mark.slow
def test_the_xgboost_example_runs(said):
    pytest.importorskip("xgboost")
    told = said("xgboost_csv/run.py")
    assert "rows 89 of 89 columns 31" in told
    assert accuracy(told) > 0.9


@pytest.mark.train
def test_the_pytorch_example_runs(said):
    told = said("pytorch_digits/run.py")
    assert accuracy(told) > 0.85
    assert int(re.search(r"right (\d+) of 20", told)[1]) > 16


def accuracy(told):
    return float(re.search(r"accuracy ([0-9.]+)", told)[1])


@pytest.mark.slow
def test_the_pipeline_example_runs(said):
    told = [line for line in said("sklearn_iris/pipeline.py").splitlines() if line.startswith(BEGINS)]
    assert told == [
        'Succeeded {"Enough": "Succeeded", "Make-CreateModel": "Succeeded", "Prepare": "Succeeded", '
        '"Train": "Succeeded"}',
        "waited: WaiterError",
        'Failed {"Enough": "Succeeded", "Prepare": "Succeeded", "TooFew": "Failed"}',
    ]
