"""``harness deploy``, ``destroy`` and ``sweep`` on the aws target: what is shown, asked and done."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.cloud.consent import require_consent
from harness.cloud.sweep import find_expired, sweep
from harness.cloud.watchdog import watchdog_time
from harness.project.rehearsal import lines_of
from harness.scones.aws.cleanup import destroy_cloud, find_deployment
from harness.scones.aws.deployment import deploy_cloud, plan_actions, rehearse
from harness.scones.aws.plan import CloudPlan, check_quotas, plan_offered, price
from harness.scones.workflow import CleanupError
from harness.settings import Settings

if TYPE_CHECKING:
    import boto3
    from rich.console import Console

    from harness.scones.dataset.transform import Dataset
    from harness.scones.workflow import Scones
    from harness.targets.target import Target


def bring_up_on_aws(
    target: Target,
    settings: Settings,
    root: Path,
    dataset: Dataset | None,
    console: Console,
    *,
    dry_run: bool = False,
) -> Scones | None:
    """Show what there is to do and what it costs, have it agreed to, and do it.

    Nothing is made before the price is agreed to. A second run does what is left of it.

    Args:
        target: the account and region.
        settings: instance types, hours, and the cost that was agreed to beforehand.
        root: the folder of ``template.yaml``.
        dataset: images to load, and to train on; None: there are none.
        console: where the price is shown and progress is printed.
        dry_run: show what there is to do, with the requests that change something in their order, and its price, and
            stop there.

    Returns:
        The workflow; None after a dry run.

    Raises:
        harness.cloud.consent.ConsentError: the price was not agreed to.
        harness.cloud.quotas.QuotaError: the account may not have what is needed.
        harness.project.stack.StackFailure: the stack could not be made.
        harness.scones.training.TrainingError: there is no model.
    """
    from harness.project.session import SharedClients

    def say(line: str) -> None:
        console.print(f"  {line}", soft_wrap=True)

    session = SharedClients()
    say(describe_target(target))
    plan, settings, successor = plan_offered(target, session, settings, root, dataset, settings.model or None)
    if successor is not None:
        say(str(successor))
    actions = plan_actions(plan, session, say, say)
    if not actions:
        say(f"nothing to do: all of it is there, until {_end(plan, session)}")
    requests = rehearse(plan, actions) if dry_run and actions else {}
    for action in actions:
        say(f"{'would ' if dry_run else 'to do: '}{action.text}")
        for line in lines_of(requests.get(action.text, ())):
            say(f"      {line}")
    if actions:
        estimate = price(plan, session, settings)
        estimate.show(console)
        for line in check_quotas(plan, session, settings):
            say(line)
        if dry_run:
            return None
        require_consent(target, settings, estimate, successor=successor)
    if dry_run:
        return None
    scones = deploy_cloud(plan, session, say, say)
    say(f"deployed until {_end(plan, session)}; remove it with `harness destroy --target aws`")
    return scones


def _end(plan: CloudPlan, session: boto3.Session) -> str:
    return f"{watchdog_time(session, plan.endpoint) or plan.tags.expiry:%Y-%m-%d %H:%M:%S} UTC"


def take_down_on_aws(target: Target, settings: Settings, console: Console, *, dry_run: bool = False) -> None:
    """Remove all that deployments of the workflow have left, the endpoint first.

    Args:
        target: the account and region.
        settings: with the names of bucket and endpoint.
        console: where each thing removed is printed.
        dry_run: print what would go, and leave it.

    Raises:
        CleanupError: something is still there.
    """
    from harness.project.session import SharedClients

    def say(line: str) -> None:
        console.print(f"  {line}", soft_wrap=True)

    session = SharedClients()
    say(describe_target(target))
    if dry_run:
        found = find_deployment(target, session, settings)
        for item in found:
            say(f"would delete {item}")
        if not found:
            say("nothing to delete")
        return
    destroy_cloud(target, session, settings, say)
    say("all of it is gone")


def sweep_aws(target: Target, console: Console, *, dry_run: bool = False) -> None:
    """Remove what is past its expiry, whatever made it.

    Args:
        target: the account and region.
        console: where each thing removed is printed.
        dry_run: print what would go, and leave it.

    Raises:
        CleanupError: something could not be removed.
    """
    from harness.project.session import SharedClients

    def say(line: str) -> None:
        console.print(f"  {line}", soft_wrap=True)

    session = SharedClients()
    say(describe_target(target))
    found = find_expired(session)
    if not found:
        say("nothing has expired")
    if dry_run:
        for item in found:
            say(f"would delete {item}")
        return
    if failed := sweep(session, say):
        raise CleanupError(f"not removed: {'; '.join(failed)}")


def describe_target(target: Target) -> str:
    """Return the account, the region, and as whom: what every command on AWS says first."""
    stand_in = " (an emulator stands in for AWS: HARNESS_AWS_STAND_IN)" if target.stand_in else ""
    return f"account {target.account_id}, {target.region}, as {target.caller}{stand_in}"
