"""``harness deploy`` and ``harness destroy``: the workflow on a target that stays, ready for executions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.reporting.address import dashboard_of
from harness.scones.demo import DemoOptions, execute, load_images, prepare_dataset, stub_notes, summarize
from harness.scones.endpoint import is_stub
from harness.scones.workflow import deploy_scones, destroy_scones, plan_scones
from harness.settings import Settings

if TYPE_CHECKING:
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
    import boto3

    def step(line: str) -> None:
        console.print(f"  {line}")

    session = boto3.Session()
    console.rule("Images", align="left")
    dataset, kind = prepare_dataset(options.demo, settings, console)
    console.rule(f"Deploy to the {target.name} target", align="left")
    plan = plan_scones(session, settings, options.demo.root, options.demo.model)
    scones = deploy_scones(plan, session, step, options.live)
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


def take_down(settings: Settings, root: Path, console: Console) -> None:
    """Remove what :func:`bring_up` has made.

    Args:
        settings: as the workflow was deployed with.
        root: the folder of ``template.yaml``.
        console: where each thing removed is printed.

    Raises:
        harness.scones.workflow.CleanupError: something is still there.
    """
    import boto3

    session = boto3.Session()
    destroy_scones(plan_scones(session, settings, root), session, lambda line: console.print(f"  {line}"))
