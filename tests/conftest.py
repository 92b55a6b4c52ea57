"""Fixtures of all tests: SageMaker's answers are checked, and the acceptance script runs beside all else."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest

from harness.workflow.dataset.archive import read_archive
from harness.workflow.dataset.synthesize import synthesize
from harness.workflow.dataset.transform import transform
from tests.service_model import problems, unknown_members

BESIDE = {"acceptance", "beside"}
"""Fixtures of what takes long and mostly waits."""
_CHECKED = ("sagemaker", "sagemaker-runtime")


@pytest.fixture(scope="session")
def target(target):
    """The session's target, with each answer that boto3's default session gets from SageMaker checked as it comes."""
    boto3.setup_default_session()
    for service in _CHECKED:
        boto3.DEFAULT_SESSION.events.register(f"after-call.{service}", _check)
    return target


def _check(http_response, parsed, model, **_):
    if http_response.status_code >= 300:
        return
    service = model.service_model.service_name
    found = problems(service, model.name, {**parsed, "Body": b""} if "Body" in parsed else parsed)
    if service == "sagemaker" and http_response.content:
        found += unknown_members(service, model.name, json.loads(http_response.content))
    assert not found, found


def pytest_configure(config):
    config.addinivalue_line("markers", "beside(function): begin function(folder) with the session")


def pytest_collection_modifyitems(config, items):
    # What takes long and mostly waits runs beside all else, and is looked at last.
    last = [item for item in items if BESIDE & set(getattr(item, "fixturenames", ()))]
    items[:] = [item for item in items if item not in last] + last


def pytest_xdist_make_scheduler(config, log):
    """With ``-n 2``, a module's tests go to one worker: they share what it has deployed."""
    from xdist.scheduler import LoadFileScheduling

    return LoadFileScheduling(config, log)


@pytest.fixture(scope="session", autouse=True)
def _start_early(request):
    if hasattr(request.config, "workerinput"):
        return  # each worker would start it; the one that is given these tests does
    if any("acceptance" in getattr(item, "fixturenames", ()) for item in request.session.items):
        request.getfixturevalue("acceptance_process")
    request.getfixturevalue("_begun")


@pytest.fixture(scope="session")
def _begun(request, tmp_path_factory):
    """What the tests marked ``beside`` wait for, under way: one after the other, on a thread of their own."""
    functions = [mark.args[0] for item in request.session.items for mark in item.iter_markers("beside")]
    with ThreadPoolExecutor(1) as pool:
        yield {
            function: pool.submit(function, tmp_path_factory.mktemp(function.__name__.strip("_")))
            for function in dict.fromkeys(functions)
        }
        pool.shutdown(cancel_futures=True)


@pytest.fixture
def beside(request, _begun):
    """What the function of the test's ``beside`` mark gives, or raises."""
    return _begun[request.node.get_closest_marker("beside").args[0]].result()


@dataclass
class Run:
    """A finished run of a script."""

    code: int
    output: str
    folder: Path


def harness(*arguments):
    """The command line of the ``harness`` command."""
    return [str(Path(sys.executable).with_name("harness")), *map(str, arguments)]


@pytest.fixture(scope="session")
def drawings(tmp_path_factory):
    """A small data set of drawings, in the folder layout that the dataset commands write."""
    folder = tmp_path_factory.mktemp("drawings")
    archive = synthesize(folder / "archive.tar.gz", seed=1, train_per_class=30, test_per_class=10)
    transform(read_archive(archive), folder / "data")
    return folder / "data"


@pytest.fixture(scope="session")
def acceptance_process(root, drawings, tmp_path_factory):
    """The acceptance script, started."""
    folder = tmp_path_factory.mktemp("acceptance")
    process = subprocess.Popen(
        harness("run", root / "examples" / "train_deploy_predict.py", drawings),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    yield process, folder
    process.kill()
    process.wait()


@pytest.fixture(scope="session")
def acceptance(acceptance_process):
    """The acceptance script, run to its end."""
    process, folder = acceptance_process
    output, _ = process.communicate(timeout=300)
    return Run(process.returncode, output, folder)
