"""What `pytest` with one test of one's own project costs in things that can be counted, from start to end."""

import json
import os
import subprocess
import sys

import pytest

from benchmarks.own_project import PLUGINS, write_project

COUNTS = """
import json, subprocess, sys
from collections import Counter
from botocore.client import ClientCreator
from harness.emulator.lambda_.template import RuntimeTemplate
from harness.emulator.model_files import ModelFiles

found, files = Counter(), Counter()

def counting(owner, name):
    original = getattr(owner, name)

    def counted(self, *arguments, **options):
        found[f"{owner.__name__}.{name}"] += 1
        return original(self, *arguments, **options)

    setattr(owner, name, counted)

def reading(self, path, original=ModelFiles.load_file):
    read = original(self, path)
    if read is not None:
        files[path] += 1
    return read

counting(ClientCreator, "create_client")
counting(subprocess.Popen, "__init__")
counting(RuntimeTemplate, "start")
ModelFiles.load_file = reading

import pytest

code = pytest.main(sys.argv[1:])
told = {"code": code, "counts": found, "most_read": max(files.values()), "modules": sorted(sys.modules)}
print(json.dumps(told))
"""
HEAVY = {
    "antlr4",
    "cfnlint",
    "docker",
    "jsonata",
    "matplotlib",
    "numpy",
    "pandas",
    "regex",
    "sagemaker",
    "samtranslator",
    "torch",
}


@pytest.fixture(scope="module")
def second_run(tmp_path_factory):
    """What the second run of a project's tests told: the first has kept what is made once."""
    folder = tmp_path_factory.mktemp("own")
    write_project(folder)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "HARNESS_", "PYTEST_"))}
    environment = {**kept, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", COUNTS, "-q", *PLUGINS],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        told = json.loads(done.stdout.splitlines()[-1])
        assert told["code"] == 0, done.stdout
    return told


def test_each_of_awss_models_is_read_once(second_run):
    assert second_run["most_read"] == 1


def test_clients_and_processes_are_few(second_run):
    counts = second_run["counts"]
    assert counts["ClientCreator.create_client"] <= 10
    assert counts["RuntimeTemplate.start"] == 3  # one for each function
    assert counts["Popen.__init__"] <= 4  # what they are copies of, and who looks for its Python


def test_nothing_heavy_is_imported(second_run):
    modules = second_run["modules"]
    assert HEAVY.isdisjoint(modules)
    assert len(modules) < 1500
