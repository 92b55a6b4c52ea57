"""The SageMaker SDK's own way with scikit-learn, unmodified: processing, training, transform, endpoint."""

import subprocess

import pytest

from tests.conftest import harness

pytest.importorskip("sklearn")
pytest.importorskip("sagemaker")
pytestmark = [pytest.mark.local, pytest.mark.long]


def test_the_iris_example_runs(root, tmp_path):
    command = harness("run", root / "examples" / "sklearn_iris" / "run.py")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    lines = done.stdout.splitlines()
    assert "predicted [0.0, 1.0, 2.0]" in lines
    accuracy = next(line for line in lines if line.startswith("accuracy"))
    assert float(accuracy.split()[1]) > 0.9


def test_the_pipeline_example_runs(root, tmp_path):
    command = harness("run", root / "examples" / "sklearn_iris" / "pipeline.py")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert done.stdout.splitlines() == [
        'Succeeded {"Enough": "Succeeded", "Make-CreateModel": "Succeeded", "Prepare": "Succeeded", '
        '"Train": "Succeeded"}',
        "waited: WaiterError",
        'Failed {"Enough": "Succeeded", "Prepare": "Succeeded", "TooFew": "Failed"}',
    ]
