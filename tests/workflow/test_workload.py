"""The reference workload away from this repository: out of the wheel, and as the beginning of a project."""

import subprocess
import sys
import zipfile

import pytest

from tests.emulator.test_state import OUTSIDE

pytestmark = pytest.mark.slow


def call(*command, cwd, **variables):
    done = subprocess.run(
        command, cwd=cwd, env=OUTSIDE | variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_the_demo_runs_out_of_the_wheel_in_an_empty_folder(tmp_path, root):
    call(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), ".", cwd=root)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        wheel.extractall(tmp_path / "site")
    (tmp_path / "empty").mkdir()
    command = [sys.executable, "-m", "harness", "demo", "--executions", "4"]
    said = call(*command, cwd=tmp_path / "empty", PYTHONPATH=str(tmp_path / "site"))
    assert "4 executions: 2 succeeded, 2 failed" in said and "stub" not in said
    assert (tmp_path / "empty" / "demo-output" / "report.html").exists()


def test_a_project_that_begins_with_it_passes_its_tests(tmp_path):
    said = call(sys.executable, "-m", "harness", "init", "--scones", cwd=tmp_path)
    assert "wrote template.yaml" in said
    said = call(sys.executable, "-m", "pytest", "-q", "-m", "local", "-p", "no:cacheprovider", cwd=tmp_path)
    assert "3 passed" in said
    again = subprocess.run([sys.executable, "-m", "harness", "init", "--scones"], cwd=tmp_path, capture_output=True)
    assert again.returncode != 0 and b"there is a template" in again.stderr
