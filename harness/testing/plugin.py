"""The pytest plugin: a session's target, and the marker that says on which a test runs.

Installed with the package, so a project's tests have these fixtures without further ado:

``target``
    The session's :class:`~harness.targets.target.Target`: boto3 is led there for as long as the tests run.
``control``
    The emulator's own API, for flushing and for scripting stub endpoints; skips where there is none.

``clock``
    Virtual time for Step Functions while the test runs: retries, waits and time-outs take no time, and the history
    shows the intervals that they would have taken. On a target without an emulator, the time that passes is real.

``faults``
    Faults on demand: ``faults.add(function="classifyImageData", error="TooManyRequestsException", times=2)``. They end
    with the test, and its report tells what they struck.

``mocks``
    States that answer what a test says: ``mocks.answer("Classify", {"Payload": ...})``, or fail as it says.

``harness_settings``
    The session's :class:`~harness.settings.Settings`, with the options of the command line.

``tell``
    Prints a line to the terminal at once, through pytest's capture: for waits that take minutes on AWS.

A test marked ``workflow`` runs on any target and gets the marker of the one in use: ``local`` on the targets that stay
on this machine, ``aws`` on a real account. ``pytest -m local`` and ``pytest -m aws`` therefore run the same tests, and
``pytest -m "aws and not slow"`` those that a project has not marked slow. On AWS nothing billable is made before its
price is agreed to: by ``--yes --max-cost USD --account ID``.
"""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from harness.testing.asl_plugin import begin, collect

if TYPE_CHECKING:
    from harness.settings import Settings
    from harness.targets.target import Target
    from harness.testing.clock import TestClock
    from harness.testing.control import ControlApi
    from harness.testing.faults import FaultControl
    from harness.testing.mocks import Mocks

_MOST_STRIKES = 30
"""Strikes of faults that a test's report shows, the last ones."""
LOCAL_TARGETS = ("embedded", "compose")
_MARKERS = {
    "local": "runs on the embedded target: no network, no Docker, no account",
    "compose": "needs a real Docker engine",
    "aws": "runs against a real AWS account",
}
pytest_plugins = ("harness.testing.project_plugin",)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that choose a target, and what AWS may cost."""
    group = parser.getgroup("harness", "AWS emulation")
    group.addoption("--target", metavar="NAME", help="where AWS answers: embedded (default), compose or aws")
    group.addoption("--account", metavar="ID", help="on aws: the account that is meant")
    group.addoption("--yes", action="store_true", help="on aws: agree to the price; needs --max-cost and --account")
    group.addoption("--max-cost", type=float, metavar="USD", help="on aws: what the run may cost at most")
    group.addoption("--model", metavar="MODEL", help="on aws: serve this model.tar.gz, s3://... or a file; train none")


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers."""
    for name, meaning in _MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")
    config.addinivalue_line("markers", "workflow: runs on every target, under the marker of the one in use")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give tests marked ``workflow`` the marker of the target in use."""
    workflow = [item for item in items if item.get_closest_marker("workflow")]
    if not workflow:
        return
    marker = pytest.mark.local if _target_name(config) in LOCAL_TARGETS else pytest.mark.aws
    for item in workflow:
        item.add_marker(marker)


@pytest.fixture(scope="session")
def harness_settings(pytestconfig: pytest.Config) -> Settings:
    """Return the settings, with the options of the command line."""
    from dataclasses import replace

    from harness.settings import get_settings

    options = {
        "aws_account": pytestconfig.getoption("--account"),
        "consent": "yes" if pytestconfig.getoption("--yes") else None,
        "max_cost": pytestconfig.getoption("--max-cost"),
        "model": pytestconfig.getoption("--model"),
    }
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    settings = get_settings()
    return replace(settings, target=_target_name(pytestconfig), pace=settings.pace or "quick", **given)


@pytest.fixture(scope="session")
def tell(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Return what prints a line at once, through pytest's capture."""

    def print_line(line: str) -> None:
        capture = pytestconfig.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled() if capture is not None else contextlib.nullcontext():
            print(f"\n{line}", end="", flush=True)

    return print_line


@pytest.fixture(scope="session")
def target(pytestconfig: pytest.Config, harness_settings: Settings, tell: Callable[[str], None]) -> Iterator[Target]:
    """Yield the place where AWS answers for this session, with boto3 led there; what AWS is asked is recorded.

    Args:
        pytestconfig: says the target.
        harness_settings: say it, too.
        tell: prints where the recording is.
    """
    from harness.targets import open_target
    from harness.targets.target import TargetError

    if harness_settings.target == "aws" and hasattr(pytestconfig, "workerinput"):
        pytest.exit("the aws target is one deployment: run without -n", returncode=pytest.ExitCode.USAGE_ERROR)
    try:
        opened = open_target(harness_settings)
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None

    with contextlib.ExitStack() as stack:
        try:
            target = stack.enter_context(opened)
        except TargetError as error:
            pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)  # once, not once a test
        begin(pytestconfig, target.control_url)
        if not target.is_local:
            _record(stack, target, harness_settings, tell)
            _guard_money(target, harness_settings)
        yield target
        collect(pytestconfig, target.control_url)


@pytest.fixture(scope="session")
def control(target: Target) -> ControlApi:
    """Return the emulator's own API."""
    from harness.testing.control import ControlApi

    if target.control_url is None:
        pytest.skip(f"the {target.name} target has no one emulator to control: no faults on demand, no virtual time")
    return ControlApi(target.control_url, target.control_token)


@pytest.fixture
def clock(target: Target) -> Iterator[TestClock | None]:
    """Virtual time for this test; None, and real time, on a target without an emulator."""
    if target.control_url is None:
        yield None
        return
    from harness.testing.clock import virtual_time
    from harness.testing.control import ControlApi

    with virtual_time(ControlApi(target.control_url, target.control_token)) as clock:
        yield clock


@pytest.fixture
def mocks(control: ControlApi, request: pytest.FixtureRequest) -> Iterator[Mocks]:
    """Tasks that answer what this test says: ``mocks.answer("State", ...)``, ``mocks.function("Greet", ...)``."""
    from harness.testing.mocks import Mocks

    mocks = Mocks(control, lambda name: str(request.getfixturevalue("stack").named(name)))
    yield mocks
    mocks.clear()


@pytest.fixture
def faults(control: ControlApi, request: pytest.FixtureRequest) -> Iterator[FaultControl]:
    """Faults on demand, for this test."""
    from harness.testing.faults import FaultControl

    faults = FaultControl(control, _named(request))
    faults.clear()
    try:
        yield faults
    finally:
        struck = faults.log()
        faults.clear()
        lines = [" ".join(f"{name}={value}" for name, value in entry.items()) for entry in struck]
        if len(lines) > _MOST_STRIKES:
            lines = [f"... {len(lines) - _MOST_STRIKES} before these", *lines[-_MOST_STRIKES:]]
        request.node.add_report_section("teardown", "faults", "\n".join(lines) or "none struck")
        request.node.user_properties.append(("faults", len(struck)))


def _record(stack: contextlib.ExitStack, target: Target, settings: Settings, tell: Callable[[str], None]) -> None:
    """Have all that AWS is asked, and answers, written to a file: see :mod:`harness.targets.recording`."""
    from datetime import UTC, datetime
    from pathlib import Path

    from harness.targets.recording import recorded

    if Path(settings.aws_stand_in).is_file():
        return  # it is a recording already
    folder = Path(settings.recordings) if settings.recordings else settings.cache / "executions"
    path = stack.enter_context(recorded(target, folder / f"requests-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.jsonl"))
    stack.callback(tell, f"recorded requests to AWS in {path}, without secrets: HARNESS_AWS_STAND_IN={path} replays it")


def _guard_money(target: Target, settings: Settings) -> None:
    """Have what tests ask of boto3's default session priced before it is asked for."""
    import boto3

    from harness.cloud.guard import MoneyGuard

    boto3.setup_default_session()
    MoneyGuard(boto3.DEFAULT_SESSION, settings, target.region or settings.region)


def _named(request: pytest.FixtureRequest) -> Callable[[str], str] | None:
    """Names of resources by their logical ids, in a test that has a stack."""
    return request.getfixturevalue("stack").named if "stack" in request.fixturenames else None


def _target_name(config: pytest.Config) -> str:
    from harness.settings import get_settings

    chosen = config.getoption("--target")
    if chosen:
        return str(chosen)
    return "aws" if _asks_for_aws(config.getoption("markexpr")) else get_settings().target


def _asks_for_aws(expression: str) -> bool:
    """Whether an expression of ``-m`` can be true of tests marked ``aws`` only, as ``aws and not slow`` is."""

    def asks(node: ast.expr) -> bool:
        match node:
            case ast.Name(name):
                return name == "aws"
            case ast.BoolOp(ast.And(), parts):
                return any(map(asks, parts))
            case ast.BoolOp(ast.Or(), parts):
                return all(map(asks, parts))
        return False

    try:
        return asks(ast.parse(expression.strip(), mode="eval").body)
    except SyntaxError:  # pytest says what is wrong with it
        return False
