"""The real 200 test images, evaluated by ``harness evaluate`` on the embedded target with the model that ships."""

import json
import subprocess

import pytest

from harness.evaluation.files import read_json
from tests.conftest import harness

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.mark.parametrize("workflow", ["nested", "inline"])
def test_the_real_test_images_are_evaluated(root, real_data, tmp_path, workflow):
    pytest.importorskip("onnxruntime")
    for name in ("fixtures", "lambdas", "statemachine", "template.yaml"):
        (tmp_path / name).symlink_to(root / name)
    command = harness("evaluate", real_data / "cifar-vehicles", "--workflow", workflow, "--output", "out")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    evaluation = read_json(tmp_path / "out" / "evaluation.json")
    assert len(evaluation.predictions) == len(evaluation.labelled) == 200
    assert {prediction.status for prediction in evaluation.predictions} == {"sure", "unsure"}
    assert evaluation.stubs == ()
    numbers = json.loads((tmp_path / "out" / "evaluation.json").read_text())["summary"]
    # What docs/batch.md shows; the model is a file, so these do not change with the machine.
    assert numbers["accuracy"] == pytest.approx(0.935, abs=0.006)
    assert numbers["shareUnderThreshold"] == pytest.approx(0.395, abs=0.01)
    assert numbers["accuracyAboveThreshold"] == pytest.approx(0.983, abs=0.01)
    assert numbers["confusion"][0][0] + numbers["confusion"][1][1] == round(200 * numbers["accuracy"])
    page = (tmp_path / "out" / "evaluation.html").read_text()
    assert "The least confident images" in page and page.count("data:image/png;base64,") == 32
    assert "accuracy 93.5 % of 200 labelled" in " ".join(done.stdout.split())
