"""Data Capture's files, and what they say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from harness.commands.options import Commands, bar, clear_errors, targeted


@click.group(cls=Commands)
def capture() -> None:
    """Read Data Capture's files, of an endpoint, an s3:// URI or a folder."""


def _capture_options(*, answers: bool) -> Callable[[Callable[..., None]], Callable[..., None]]:
    options = [
        click.argument("location"),
        click.option("--target", help="Ask AWS at this target.  [default: the emulator that runs for this folder]"),
        click.option("--since", help="Take records from this time on: 2026-01-31T13:00 (UTC), or 30m, 2h, 7d ago."),
        click.option("--until", help="Take records before this time."),
        click.option(
            "--variant", "variants", multiple=True, help="Take records of this production variant. Can be repeated."
        ),
    ]
    if answers:
        options += [
            click.option(
                "--class",
                "classes",
                multiple=True,
                help="Take predictions of this class, a name or a number. Can be repeated.",
            ),
            click.option(
                "--min-confidence", type=click.FloatRange(0, 1), help="Take predictions of this confidence or more."
            ),
            click.option(
                "--max-confidence", type=click.FloatRange(0, 1), help="Take predictions of this confidence or less."
            ),
        ]

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


@capture.command("list")
@_capture_options(answers=False)
@click.option("--files", "each", is_flag=True, help="List each file, not each hour.")
def capture_list(location: str, target: str | None, each: bool, **given: Any) -> None:
    """List the capture files of LOCATION, by hour and variant."""
    from rich.console import Console

    from harness.capture.commands import list_captures, opened, selection_of

    with clear_errors(), opened(location, targeted(target)) as (place, _):
        list_captures(place, selection_of(**given), Console(highlight=False), each=each)


@capture.command("download")
@_capture_options(answers=False)
@click.argument("folder", type=click.Path(file_okay=False))
def capture_download(location: str, target: str | None, folder: str, **given: Any) -> None:
    """Bring the capture files of LOCATION to FOLDER, those that are not there yet."""
    from harness.capture.commands import megabytes, opened, plural, selection_of
    from harness.capture.transfer import download

    with clear_errors(), opened(location, targeted(target)) as (place, _), bar("Downloading") as update:
        done = download(place, Path(folder), selection_of(**given), progress=update)
    click.echo(
        f"downloaded {plural(done.files, 'file')} ({megabytes(done.bytes)}) to {folder}, {done.present} were there"
    )


@capture.command("tail")
@_capture_options(answers=True)
@click.option("-f", "--follow", is_flag=True, help="Go on with what appears, until Ctrl-C.")
@click.option(
    "-n", "--lines", type=click.IntRange(0), default=10, show_default=True, help="Begin with so many records."
)
@click.option(
    "--interval", type=click.FloatRange(0.1), default=1.0, show_default=True, help="Look again after so many seconds."
)
def capture_tail(location: str, target: str | None, follow: bool, lines: int, interval: float, **given: Any) -> None:
    """Show the latest records of LOCATION, by default of the last 24 hours; with --follow those to come as well."""
    from rich.console import Console

    from harness.capture.commands import opened, print_tail, selection_of

    if given["since"] is None and given["until"] is None:
        given["since"] = "24h"
    settings = targeted(target)
    with clear_errors(), opened(location, settings) as (place, _):
        print_tail(
            place,
            selection_of(**given),
            Console(highlight=False),
            Console(stderr=True, highlight=False),
            lines=lines,
            following=follow,
            threshold=settings.threshold,
            interval=interval,
        )


@capture.command("parse")
@_capture_options(answers=True)
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Write to this file.  [default: standard output]")
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "csv", "parquet"]),
    help="Write in this format.  [default: as OUTPUT ends]",
)
@click.option("--images", is_flag=True, help="Write the input of each record too, as it stands there.")
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    help="Fill the column `passed` by this threshold.  [default: the setting]",
)
@click.option(
    "--processes",
    type=click.IntRange(1),
    help="Read a large folder with so many processes.  [default: one a processor]",
)
def capture_parse(
    location: str,
    target: str | None,
    output: str | None,
    form: str | None,
    images: bool,
    threshold: float | None,
    processes: int | None,
    **given: Any,
) -> None:
    """Write the records of LOCATION as JSONL, CSV or Parquet, however many there are."""
    import os

    from rich.console import Console

    from harness.capture.commands import opened, parse, selection_of
    from harness.capture.export import format_of

    if output is None and form == "parquet":
        raise click.UsageError("Parquet goes to a file: name it with --output")
    settings = targeted(target)
    with clear_errors():
        chosen = format_of(Path(output), form) if output else form or "jsonl"
        with opened(location, settings) as (place, _), bar("Parsing") as update:
            parse(
                place,
                selection_of(**given),
                Path(output) if output else None,
                chosen,
                threshold=settings.threshold if threshold is None else threshold,
                images=images,
                processes=processes or os.cpu_count() or 1,
                errors=Console(stderr=True, highlight=False),
                progress=update,
            )


@capture.command("sql")
@click.argument("what", type=click.Choice(["table", "hours", "classes", "histogram", "unsure", "unreadable"]))
@_capture_options(answers=True)
@click.option("--table", default="captures", show_default=True, help="Give the table this name.")
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    help="Count what does not exceed this confidence as unsure.  [default: the setting]",
)
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="Show so many lines of `unsure`.")
@click.option("--run", is_flag=True, help="Print what DuckDB answers to the query over a folder, as CSV.")
def capture_sql(
    what: str,
    location: str,
    target: str | None,
    table: str,
    threshold: float | None,
    limit: int,
    run: bool,
    **given: Any,
) -> None:
    """Print Athena's table over the captures of LOCATION, or a query to it."""
    from rich.console import Console

    from harness.capture.commands import opened, print_sql, selection_of

    settings = targeted(target)
    with clear_errors(), opened(location, settings) as (place, endpoint):
        print_sql(
            what,
            place,
            endpoint,
            selection_of(**given),
            Console(highlight=False, markup=False, soft_wrap=True),
            table=table,
            threshold=settings.threshold if threshold is None else threshold,
            limit=limit,
            run=run,
        )


@click.command()
@_capture_options(answers=False)
@click.option("--labels", help="Take true classes from these images: a folder, a .lst manifest or s3://bucket/prefix.")
@click.option("--train", help="Compare with the images of the training: a folder or s3://bucket/prefix.")
@click.option("--state-machine", help="Time the states of this one.  [default: the workflow's]")
@click.option(
    "--executions",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="Time the states of so many of the latest executions.",
)
@click.option(
    "--unsure",
    type=click.IntRange(0, 200),
    default=24,
    show_default=True,
    help="Show so many of the least confident images.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Draw samples and permutations by this seed.")
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False),
    default="monitor-output",
    show_default=True,
    help="Write the report and its plots to this folder.",
)
def monitor(
    location: str,
    target: str | None,
    labels: str | None,
    train: str | None,
    state_machine: str | None,
    executions: int,
    unsure: int,
    seed: int,
    output: str,
    **given: Any,
) -> None:
    """Judge the captures of LOCATION (an endpoint, an s3:// URI or a folder) in a report with plots."""
    from rich.console import Console

    from harness.capture.commands import plural, selection_of
    from harness.monitor.command import MonitorOptions, run_monitor

    console = Console(highlight=False)
    with clear_errors():
        options = MonitorOptions(
            location=location,
            output=Path(output),
            selection=selection_of(**given),
            labels=labels,
            train=train,
            state_machine=state_machine,
            executions=executions,
            unsure=unsure,
            seed=seed,
        )
        written = run_monitor(options, targeted(target), console, bar)
    console.print(f"wrote {written[0]} and {plural(len(written) - 1, 'plot')}", soft_wrap=True)
