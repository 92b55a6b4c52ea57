"""Fixtures for a project of one's own, named in ``[tool.harness]`` of its ``pyproject.toml``."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import boto3

    from harness.project.configuration import Configuration
    from harness.settings import Settings
    from harness.targets.target import Target
    from harness.testing.events import Events
    from harness.testing.stack import Execution, StackUnderTest


@pytest.fixture(scope="session")
def stack(
    target: Target,
    harness_settings: Settings,
    pytestconfig: pytest.Config,
    tmp_path_factory: pytest.TempPathFactory,
    tell: Callable[[str], None],
) -> Iterator[StackUnderTest]:
    """Deploy the project's stack: ``stack["LogicalId"]`` has names and ARNs, ``stack.outputs`` the outputs.

    Args:
        target: where it is deployed.
        harness_settings: of this run; on AWS, what the money guard may spend.
        pytestconfig: pytest's, for the folder that holds the project.
        tmp_path_factory: pytest's; Terraform's state lies there.
        tell: prints a line at once, through pytest's capture.

    Yields:
        the stack. On AWS it is removed at the end; an emulator's ends with the emulator.
    """
    import boto3

    from harness.cloud.guard import MoneyGuard
    from harness.project.configuration import read_configuration
    from harness.project.plan import deploy_project, destroy_project, plan_project
    from harness.project.stack import StackFailure
    from harness.project.template import TemplateError
    from harness.testing.stack import StackUnderTest

    session = boto3.Session()
    try:
        configuration = read_configuration(pytestconfig.rootpath)
        if configuration.is_terraform:
            yield _terraform(configuration, pytestconfig, tmp_path_factory, target, session)
            return
        plan = plan_project(configuration, session, is_local=target.is_local)
        if not target.is_local:
            _require_consent(target, harness_settings, plan.by_the_hour())
            MoneyGuard(session, harness_settings, session.region_name)
        deployed = deploy_project(plan, session, is_local=target.is_local)
    except (TemplateError, StackFailure) as error:
        pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)  # once, not once a test
    account = session.client("sts").get_caller_identity()["Account"]
    for note in (note for item in deployed for note in item.notes):
        tell(note)
    gc.freeze()  # models and clients stay: neither a test's collections nor pytest's last ones need walk them
    try:
        yield StackUnderTest(_merged(deployed), session, account, _flush(target))
    finally:
        if not target.is_local:
            destroy_project([item.name for item in deployed], session, tell)


def _terraform(
    configuration: Configuration,
    pytestconfig: pytest.Config,
    scratch: pytest.TempPathFactory,
    target: Target,
    session: boto3.Session,
) -> StackUnderTest:
    from harness.project.template import TemplateError
    from harness.project.terraform import apply
    from harness.testing.stack import StackUnderTest

    if not target.is_local:
        raise TemplateError("a project of Terraform's is not priced here: apply it to AWS with Terraform yourself")
    deployed = apply(
        pytestconfig.rootpath,
        configuration.template,
        scratch.mktemp("terraform"),
        configuration.parameters,
        configuration.stack,
    )
    account = session.client("sts").get_caller_identity()["Account"]
    return StackUnderTest(deployed, session, account, _flush(target))


@pytest.fixture
def run(stack: StackUnderTest) -> Callable[..., Execution]:
    """``run("Machine", {"name": "world"})``: an execution that has ended."""
    return stack.start


@pytest.fixture
def fresh(stack: StackUnderTest) -> Iterator[None]:
    """Put back after the test what the stack's buckets, tables, queues and parameters held before it."""
    from harness.testing.fresh import fresh_stack

    with fresh_stack(stack):
        yield


@pytest.fixture
def events(stack: StackUnderTest) -> Events:
    """``events.put(...)`` puts an event, ``events.caused("Machine")`` gives the execution that it has started."""
    from harness.testing.events import Events

    return Events(stack)


def pytest_assertrepr_compare(config: pytest.Config, op: str, left: object, right: object) -> list[str] | None:
    """Explain a failed comparison of a status or an error by what the execution did.

    Args:
        config: pytest's.
        op: the operator, e.g. ``==``.
        left: one side.
        right: the other.

    Returns:
        lines for pytest to print; None where no execution is compared.
    """
    from harness.testing.stack import Told

    for told, other in ((left, right), (right, left)):
        if isinstance(told, Told):
            return [f"{str(told)!r} {op} {str(other)!r}", *told.execution.explanation()]
    return None


def _flush(target: Target) -> Callable[[], None]:
    from harness.testing.control import ControlApi

    if target.control_url is None:
        return lambda: None
    return ControlApi(target.control_url, target.control_token).flush


def _merged(deployed: list[Any]) -> Any:
    """Several stacks of an application as one, under the first one's name."""
    from dataclasses import replace

    first, *others = deployed
    resources = {key: value for item in (*others, first) for key, value in item.resources.items()}
    outputs = {key: value for item in (*others, first) for key, value in item.outputs.items()}
    return replace(first, resources=resources, outputs=outputs)


def _require_consent(target: Target, settings: Settings, by_the_hour: list[str]) -> None:
    from harness.cloud.consent import ConsentError, require_consent
    from harness.cloud.estimate import Estimate

    try:
        if by_the_hour:
            raise ConsentError(f"{', '.join(by_the_hour)} cost money by the hour: nothing was made")
        require_consent(target, settings, Estimate(()))
    except ConsentError as error:
        pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)
