"""The SageMaker SDK's own way with scikit-learn, unmodified: processing, training, transform, endpoint."""

import re
import subprocess

import pytest

from tests.conftest import harness

pytest.importorskip("sklearn")
pytest.importorskip("sagemaker")
pytestmark = pytest.mark.slow


def test_the_iris_example_runs(root, tmp_path):
    command = harness("run", root / "examples" / "sklearn_iris" / "run.py")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "predicted [0.0, 1.0, 2.0]" in done.stdout
    assert float(re.search(r"accuracy ([0-9.]+)", done.stdout)[1]) > 0.9


def test_the_pipeline_example_runs(root, tmp_path):
    command = harness("run", root / "examples" / "sklearn_iris" / "pipeline.py")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    told = [line for line in done.stdout.splitlines() if line.startswith(("Succeeded", "Failed", "waited"))]
    assert told == [
        'Succeeded {"Enough": "Succeeded", "Make-CreateModel": "Succeeded", "Prepare": "Succeeded", '
        '"Train": "Succeeded"}',
        "waited: WaiterError",
        'Failed {"Enough": "Succeeded", "Prepare": "Succeeded", "TooFew": "Failed"}',
    ]
