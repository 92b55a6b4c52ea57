"""Fixtures of all tests, the markers of the local ones, and a check of SageMaker's answers."""

import gc
import json
import sys
import uuid
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

_CHECKED = ("sagemaker", "sagemaker-runtime")
NOT_LOCAL = ("slow", "browser", "compose", "train", "oracle", "deployers", "workflow")
"""Markers of tests that `pytest -m local` leaves out; the plugin says what a workflow's tests are."""


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


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """A test that needs nothing but the embedded target is local.

    On another target only the suite that runs on all of them is, which harness.testing's plugin marks.
    """
    if is_embedded(config):
        for item in items:
            if not any(item.get_closest_marker(name) for name in NOT_LOCAL):
                item.add_marker("local")


@pytest.fixture(scope="session", autouse=True)
def _collect_rarely():
    # What the tests' modules have loaded stays; walking it again and again took a tenth of the suite's time.
    gc.freeze()
    gc.set_threshold(20_000, 50, 50)


@pytest.fixture(scope="session")
def s3(target):
    return boto3.client("s3")


@pytest.fixture(scope="session")
def sagemaker(target):
    return boto3.client("sagemaker")


@pytest.fixture(scope="session")
def new_bucket(s3):
    """Makes a bucket and gives its name. It ends with the emulator: an endpoint may still write its captures there."""

    def make():
        name = f"bucket-{uuid.uuid4().hex[:12]}"
        s3.create_bucket(Bucket=name)
        return name

    return make


@pytest.fixture(scope="module")
def bucket(new_bucket):
    """A bucket for the tests of a module."""
    return new_bucket()


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
