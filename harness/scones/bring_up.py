"""``harness deploy`` and ``harness destroy``: the workflow on a target that stays, ready for executions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.project.rehearsal import Rehearsal, Request, lines_of
from harness.project.stack import preview
from harness.scones.demo import DemoOptions, execute, load_images, prepare_dataset, stub_notes, summarize
from harness.scones.endpoint import is_stub
from harness.scones.workflow import SconesPlan, deploy_scones, destroy_scones, find_made, plan_scones
from harness.settings import Settings
from harness.targets.address import dashboard_of

if TYPE_CHECKING:
    import boto3
    from rich.console import Console

    from harness.targets.target import Target


@dataclass(frozen=True)
class BringUpOptions:
    """What to deploy, and how to show that it works."""

    demo: DemoOptions
    """Images, model, and how many executions to run; its output folder is not written to."""
    live: Path | None = None
    """Folder whose functions run as they are edited, where the target's emulator has it as its ``--live``."""
    page: str | None = None
    """Address of a page that shows the executions, to be printed; the emulator's dashboard when None."""
    dry_run: bool = False
    """Print what there is to be and the requests that would change something; make nothing."""


def bring_up(options: BringUpOptions, settings: Settings, target: Target, console: Console) -> int:
    """Deploy to *target*, load images, run some executions, leave all of it there.

    What is there already as it should be stays, so that a second run heals what a restart lost.

    Args:
        options: images, model, executions, and the folder that functions run live from.
        settings: names, threshold, cache.
        target: where to deploy.
        console: where progress is printed.

    Returns:
        How many executions ended in a way that was not designed: neither SUCCEEDED nor short of confidence.
    """
    from harness.project.session import SharedClients

    def step(line: str) -> None:
        console.print(f"  {line}", soft_wrap=True)

    session = SharedClients()
    plan = plan_scones(session, settings, options.demo.root, options.demo.model, options.live)
    if options.dry_run:
        for line in (*plan.lines(), "requests that would change something, in this order:"):
            step(line)
        for line in lines_of(rehearse_scones(plan, session)):
            step(f"  {line}")
        return 0
    console.rule("Images", align="left")
    dataset, kind = prepare_dataset(options.demo, settings, console)
    console.rule(f"Deploy to the {target.name} target", align="left")
    scones = deploy_scones(plan, session, step)
    load_images(scones, dataset, console)
    stubs = stub_notes(kind, stub=is_stub(scones.endpoint, session))
    rows = []
    if options.demo.executions:
        console.rule(f"{options.demo.executions} executions", align="left")
        rows = execute(options.demo, scones, dataset, console)
    summarize(rows, stubs, console, None)
    page = options.page or dashboard_of(target)
    if page:
        console.print(f"Open [bold]{page}[/bold] in a browser.", soft_wrap=True)
    return sum(not row.result.succeeded and row.result.error != "ThresholdConfidenceNotMet" for row in rows)


def rehearse_scones(plan: SconesPlan, session: boto3.Session) -> list[Request]:
    """Return what :func:`~harness.scones.workflow.deploy_scones` would send to change something, in its order.

    Args:
        plan: what is to be deployed.
        session: leads to the target.

    Raises:
        harness.project.stack.StackFailure: CloudFormation refuses the template.
    """
    rehearsal = Rehearsal({plan.stack.name: preview(plan.stack, session)}, region_name=session.region_name)
    deploy_scones(plan, rehearsal)
    return rehearsal.requests


def take_down(settings: Settings, root: Path, console: Console, *, dry_run: bool = False) -> None:
    """Remove what :func:`bring_up` has made.

    Args:
        settings: as the workflow was deployed with.
        root: the folder of ``template.yaml``.
        console: where each thing removed is printed.
        dry_run: print what would go, and leave it.

    Raises:
        harness.scones.workflow.CleanupError: something is still there.
    """
    from harness.project.session import SharedClients

    session = SharedClients()
    plan = plan_scones(session, settings, root)
    if dry_run:
        for item in find_made(plan, session):
            console.print(f"  would delete {item}", soft_wrap=True)
        return
    destroy_scones(plan, session, lambda line: console.print(f"  {line}"))
