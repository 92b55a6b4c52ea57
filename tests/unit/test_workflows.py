"""What .github and .ci run is there, and does what it says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from harness.project.scaffold import scaffold

ROOT = Path(__file__).parents[2]


def read(name):
    return yaml.safe_load((ROOT / ".github" / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize(("schema", "files"), [("workflows", "workflows/*.yml"), ("actions", "actions/*/action.yml")])
def test_github_would_read_them(schema, files):
    """The form that GitHub asks for, by the schemas that check-jsonschema brings."""
    pytest.importorskip("check_jsonschema")
    found = sorted((ROOT / ".github").glob(files))
    assert found
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.github-{schema}", *found]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_job_lasts_as_long_as_its_steps_may():
    bounds = [int(minutes) for minutes in re.findall(r"^\s*bounded (\d+) ", (ROOT / ".ci/run").read_text(), re.M)]
    job = read("workflows/ci.yml")["jobs"]["all"]
    assert sum(bounds) < job["timeout-minutes"]


def test_what_ci_runs_is_there():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    text = "\n".join(path.read_text() for path in (ROOT / ".ci/run", ROOT / ".github/workflows/ci.yml"))
    assert set(re.findall(r"\bmake ([a-z-]+)", text)) <= targets
    assert all((ROOT / name).is_file() for name in re.findall(r"\.ci/[a-z-]+", text))


def test_the_action_leaves_what_it_uploads(tmp_path):
    steps = read("actions/test/action.yml")["runs"]["steps"]
    (command,) = [step["run"] for step in steps if "pytest -m local" in step.get("run", "")]
    (uploaded,) = [step["with"]["path"] for step in steps if "upload-artifact" in step.get("uses", "")]
    assert len(list(scaffold(tmp_path))) > 3
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "HARNESS_", "PYTEST_"))}
    shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", command]
    done = subprocess.run(
        shell,
        cwd=tmp_path,
        env={**kept, "PATH": path, "ARGUMENTS": "-q -p no:cacheprovider"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout
    assert {"coverage.html", "junit.xml", "pytest.txt"} <= {each.name for each in (tmp_path / uploaded).iterdir()}


def test_the_action_installs_what_it_is_part_of():
    steps = read("actions/test/action.yml")["runs"]["steps"]
    (command,) = [step["run"] for step in steps if "pip install" in step.get("run", "")]
    folder = re.search(r"\$GITHUB_ACTION_PATH/([./]+)\}", command)[1]
    assert (ROOT / ".github/actions/test" / folder / "pyproject.toml").is_file()
