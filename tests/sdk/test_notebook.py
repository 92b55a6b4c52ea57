"""The example notebook, unmodified, from its first cell to its last."""

import json
import os
import subprocess

import pytest

from tests.conftest import harness

NAME = "scones_unlimited.ipynb"
ARCHIVE = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"


@pytest.mark.timeout(1000)
@pytest.mark.parametrize(
    "recipe",
    [
        pytest.param("linear", marks=pytest.mark.slow),
        pytest.param("fast", marks=pytest.mark.train),
    ],
)
def test_the_notebook_runs_to_its_last_cell(recipe, root, tmp_path):
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "HARNESS_"))}
    notebook = root / "examples" / "scones_unlimited" / NAME
    (tmp_path / NAME).write_bytes(notebook.read_bytes())
    command = harness("run", "--map", f"{ARCHIVE}=synthesized", "--set", "epochs=10", "--set", "executions=6", NAME)
    done = subprocess.run(
        command, cwd=tmp_path, env=clean | {"HARNESS_RECIPE": recipe}, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stderr[-4000:]
    executed = json.loads((tmp_path / "scones_unlimited.executed.ipynb").read_text())
    said = "".join("".join(output.get("text", "")) for cell in executed["cells"] for output in cell.get("outputs", ()))
    words = (
        "Starting - Starting the training job",
        "Pending - Preparing the instances for training",
        "Downloading - Downloading the training image",
        "Training - Training image download completed. Training in progress.",
        "Docker entrypoint called with argument(s): train",
        "Final configuration",
        "Uploading - Uploading generated training model",
        "Completed - Training job completed",
        "Training seconds: ",
        "-!",  # of deploy()
    )
    places = [said.find(text) for text in words]
    assert -1 not in places and places == sorted(places), list(zip(words, places, strict=True))
    assert "Found endpoint for" not in said  # botocore's INFO lines, which AWS's notebooks have none of
    assert "7 records in" in said  # six executions and one prediction
    assert "endpoints left: 0" in said
