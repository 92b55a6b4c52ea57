"""Fixtures of all tests: SageMaker's answers are checked, and the acceptance script runs beside all else."""

import gc
import json
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import boto3
import hypothesis
import pytest

from harness.scones.dataset.archive import read_archive
from harness.scones.dataset.synthesize import synthesize
from harness.scones.dataset.transform import transform
from harness.settings import get_settings
from tests.service_model import problems, unknown_members
from tests.validated import ValidatedSession

# At the desk a few examples do; CI asks for hypothesis's own number with --hypothesis-profile default.
# How long an example takes says more about what else the machine does.
calm = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
hypothesis.settings.register_profile("few", max_examples=25, **calm)
hypothesis.settings.register_profile("many", max_examples=100, **calm)
hypothesis.settings.load_profile("few")

_UNDER_WAY = pytest.StashKey[Future]()
_CHECKED = ("sagemaker", "sagemaker-runtime")


@pytest.fixture(scope="session")
def target(target):
    """The session's target, with each answer that boto3's default session gets from SageMaker checked as it comes.

    On the aws target, every request of every session is held against the service models before it is sent.
    """
    with pytest.MonkeyPatch.context() as patched:
        if target.name == "aws":
            patched.setattr(boto3, "Session", ValidatedSession)
        boto3.setup_default_session()
        yield _checked(target)


def _checked(target):
    for service in _CHECKED:
        boto3.DEFAULT_SESSION.events.register(f"after-call.{service}", _check)
    return target


def _check(http_response, parsed, model, **_):
    if http_response.status_code >= 300:
        return
    service = model.service_model.service_name
    body: object = {} if model.has_event_stream_output else b""
    found = problems(service, model.name, {**parsed, "Body": body} if "Body" in parsed else parsed)
    if service == "sagemaker" and http_response.content:
        found += unknown_members(service, model.name, json.loads(http_response.content))
    assert not found, found


def is_embedded(config):
    """Whether the session's target is the embedded one."""
    return (config.getoption("--target") or get_settings().target) == "embedded"


def pytest_configure(config):
    if hasattr(config.option, "mpl"):
        config.option.mpl = True  # pictures are compared, not only drawn
    config.addinivalue_line("markers", "processes: works in processes of its own, and so runs beside other tests")


def pytest_collection_modifyitems(config, items):
    # On another target than the embedded one, the suite that runs on all of them is what is local.
    if config.getoption("markexpr") == "local" and not is_embedded(config):
        others = [item for item in items if item.get_closest_marker("workflow") is None]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in others]
    # What takes long is not among the local tests, though it needs no more than they do.
    if config.getoption("markexpr") == "local":
        long = [item for item in items if item.get_closest_marker("long") is not None]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]
    # What takes long and mostly waits runs beside all else, and is looked at last; a worker of xdist begins with it.
    last = [item for item in items if "acceptance" in getattr(item, "fixturenames", ()) or _goes_beside(item)]
    others = [item for item in items if item not in last]
    items[:] = last + others if hasattr(config, "workerinput") else others + last


def pytest_xdist_make_scheduler(config, log):
    """With ``-n 2``, a module's tests go to one worker: they share what it has deployed."""
    from xdist.scheduler import LoadFileScheduling

    return LoadFileScheduling(config, log)


@pytest.fixture(scope="session", autouse=True)
def _start_early(request):
    # What the tests' modules have loaded stays; walking it again and again took a tenth of the suite's time.
    gc.freeze()
    gc.set_threshold(20_000, 50, 50)
    if hasattr(request.config, "workerinput"):
        return  # each worker would start them; the one that is given these tests does
    if any("acceptance" in getattr(item, "fixturenames", ()) for item in request.session.items):
        request.getfixturevalue("acceptance_process")
    request.getfixturevalue("_under_way")


@pytest.fixture(scope="session")
def _under_way(request, tmp_path_factory):
    """The tests that run beside the others, one after the other, on a thread of their own."""
    with ThreadPoolExecutor(2) as pool:
        for item in filter(_goes_beside, request.session.items):
            arguments = dict(item.callspec.params) if hasattr(item, "callspec") else {}
            if "tmp_path" in item.fixturenames:
                arguments["tmp_path"] = tmp_path_factory.mktemp("beside")
            item.stash[_UNDER_WAY] = pool.submit(item.obj, **arguments)
        yield
        pool.shutdown(cancel_futures=True)


def _goes_beside(item):
    """A test that is marked so and needs nothing of this process but a folder."""
    if item.get_closest_marker("processes") is None:
        return False
    parameters = set(item.callspec.params) if hasattr(item, "callspec") else set()
    return set(item._fixtureinfo.argnames) <= {"tmp_path"} | parameters


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """The outcome of a test that ran beside the others is told at its turn."""
    under_way = pyfuncitem.stash.get(_UNDER_WAY, None)
    if under_way is None:
        return None
    under_way.result()
    return True


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
