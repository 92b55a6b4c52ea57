"""``harness demo``: the whole workflow on this machine, from images to plots, told as it happens."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from harness.capture.records import CaptureRecord, await_s3, to_frame
from harness.project.executions import ExecutionResult, history, inferences_of, run_all
from harness.reporting.labels import class_name, label_from_name
from harness.reporting.progress import counting, progress_bar
from harness.reporting.words import limit as limit_text
from harness.reporting.words import probability
from harness.scones.dataset.transform import CLASS_NAMES, Dataset
from harness.scones.workflow import Scones, deployed
from harness.settings import Settings, get_settings

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

SYNTHETIC = "synthetic"
CIFAR_100 = "cifar100"
STUB = "stub"
MOST_LISTED = 40
"""Executions that a terminal is shown one by one; of more, the counts."""
SHIPPED_MODEL = Path("fixtures/model/model.tar.gz")


@dataclass(frozen=True)
class DemoOptions:
    """What to demonstrate."""

    root: Path
    """Folder with ``template.yaml``."""
    output: Path
    """Folder for plots and report."""
    data: Path | None = None
    """A data set that is there already."""
    source: str = SYNTHETIC
    """``synthetic``, ``cifar100``, or the URL or path of an archive."""
    executions: int = 20
    seed: int = 0
    model: Path | None = None
    """The ``model.tar.gz`` that the endpoint serves, None for a stub."""


@dataclass(frozen=True)
class DemoRow:
    """One execution, with what the endpoint said."""

    image: str
    predicted: str
    confidence: float | None
    result: ExecutionResult


@dataclass(frozen=True)
class DemoResult:
    """What a demo left behind."""

    rows: list[DemoRow]
    records: list[CaptureRecord]
    report: Path
    plots: list[Path]


def run_demo(options: DemoOptions, settings: Settings, console: Console) -> DemoResult:
    """Run the demo, leaving plots and a report in the output folder and nothing else anywhere.

    Args:
        options: of ``harness demo``.
        settings: names, threshold, cache.
        console: where progress is printed.

    Raises:
        harness.scones.dataset.transform.DatasetError: the data set cannot be used.
        harness.scones.dataset.download.DownloadError: the archive cannot be had.
    """
    from harness.project.session import SharedClients
    from harness.scones.endpoint import is_stub
    from harness.targets import open_target
    from harness.testing.control import write_out

    if settings.target == "aws":
        raise ValueError("the demo is for this machine: on AWS, `harness deploy --target aws --executions 20`.")

    def step(line: str) -> None:
        console.print(f"  {line}")

    opened = open_target(settings)  # one that there is not is refused before anything is made
    console.rule("1  Images", align="left")
    dataset, kind = prepare_dataset(options, settings, console)
    with opened as target:
        session = SharedClients()
        console.rule(f"2  Deploy to the {target.name} target", align="left")
        with deployed(session, settings, options.root, step, options.model) as scones:
            load_images(scones, dataset, console)
            stubs = stub_notes(kind, stub=is_stub(scones.endpoint, session))
            console.rule(f"3  {options.executions:,} executions", align="left")
            rows = execute(options, scones, dataset, console)
            console.rule("4  What the endpoint captured", align="left")
            write_out(target)
            records = await_s3(session.client("s3"), scones.capture_uri, len(rows))
            step(f"{len(records)} capture records in {len({record.source for record in records})} files")
            result = _write(options, settings, rows, records, dataset, stubs, scones, target.name)
            for path in (result.report, *result.plots):
                step(f"wrote {path}")
            console.rule("5  Clean up", align="left")
        step("all of it is gone")
    summarize(result.rows, stubs, console, result.report)
    return result


def choose_model(named: str | None, root: Path) -> Path | None:
    """Return the model that the endpoint is to serve, None for a stub.

    Args:
        named: a path, ``stub``, or None for the model that ships with the project, if it can be served here.
        root: the project's folder.

    Raises:
        ValueError: there is no such file.
    """
    if named == STUB:
        return None
    if named is None:
        shipped = root / SHIPPED_MODEL
        return shipped if shipped.is_file() and find_spec("onnxruntime") is not None else None
    if not Path(named).is_file():
        raise ValueError(f"there is no model {named}")
    return Path(named)


def prepare_dataset(options: DemoOptions, settings: Settings, console: Console) -> tuple[Dataset, str]:
    """Return the data set to work with, and in words where it comes from.

    Args:
        options: a folder of images, or a source, and the seed that images are drawn with.
        settings: with the cache that archives are kept in.
        console: where progress is printed.
    """
    from harness.scones.dataset.archive import read_archive
    from harness.scones.dataset.download import CIFAR_100_URL, extract
    from harness.scones.dataset.synthesize import synthesize
    from harness.scones.dataset.transform import from_folder, transform

    if options.data is not None:
        dataset, kind = from_folder(options.data), f"real images from {options.data}"
    else:
        if options.source == SYNTHETIC:
            with progress_bar(console, "Drawing bicycles and motorcycles") as update:
                archive = synthesize(
                    settings.cache / "synthetic.tar.gz",
                    seed=options.seed,
                    train_per_class=100,
                    test_per_class=50,
                    progress=update,
                )
            folder, kind = settings.cache / "synthetic", "images that were drawn, not photographed"
        else:
            with progress_bar(console, "Fetching the archive") as update:
                archive = extract(
                    CIFAR_100_URL if options.source == CIFAR_100 else options.source,
                    settings.cache / "cifar-100-python.tar.gz",
                    progress=update,
                )
            folder, kind = settings.cache / "cifar100", f"real images from {options.source}"
        dataset = transform(read_archive(archive), folder)
    console.print(f"  {len(dataset.train)} training and {len(dataset.test)} test images: {kind}")
    return dataset, kind


def load_images(scones: Scones, dataset: Dataset, console: Console) -> None:
    """Load the data set to the workflow's bucket, with progress.

    Args:
        scones: the workflow.
        dataset: the images and manifests.
        console: where progress is printed.
    """
    from harness.scones.dataset.load import load

    with progress_bar(console, "Loading images to S3") as update:
        report = load(dataset, scones.session.client("s3"), scones.bucket, progress=update)
    console.print(f"  loaded {report.uploaded} files to s3://{scones.bucket}, {report.unchanged} were there")


def execute(options: DemoOptions, scones: Scones, dataset: Dataset, console: Console) -> list[DemoRow]:
    """Run the executions, showing each as it ends.

    Args:
        options: how many executions, and the seed that chooses images.
        scones: the workflow.
        dataset: of which the test images are sent.
        console: where each execution is shown as it ends.

    Returns:
        an execution each, in the order in which they ended.
    """
    names = list(dataset.test["filename"])
    random.Random(options.seed).shuffle(names)
    names = [names[number % len(names)] for number in range(options.executions)]
    states = scones.session.client("stepfunctions")
    events = (scones.event(f"test/{name}") for name in names)
    rows: list[DemoRow] = []
    with counting(console, options.executions, "executions") as ended:
        for result in run_all(states, scones.state_machine_arn, events, concurrency=2):
            row = _row(result, states)
            rows.append(row)
            ended(None if result.succeeded else f"{row.image}  {result.error or result.status}")
    if len(rows) <= MOST_LISTED:
        console.print(_table(rows, console.width, get_settings().threshold))
    return rows


def _row(result: ExecutionResult, states: object) -> DemoRow:
    probabilities: list[float] = []
    for text in inferences_of(history(states, result.arn)):
        probabilities = json.loads(text)
    confidence = max(probabilities) if probabilities else None
    predicted = "" if confidence is None else CLASS_NAMES[probabilities.index(confidence)]
    return DemoRow(result.input["s3_key"].rpartition("/")[2], predicted, confidence, result)


def _table(rows: list[DemoRow], width: int, threshold: float) -> Table:
    from rich.table import Table

    wide = width >= 105
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("image", no_wrap=True)
    table.add_column("predicted")
    table.add_column("confidence", justify="right")
    table.add_column("status")
    if wide:
        table.add_column("error")
    table.add_column("duration", justify="right", no_wrap=True)
    for row in rows:
        style = "green" if row.result.succeeded else "red"
        confidence = "" if row.confidence is None else probability(row.confidence, threshold)
        cells = [row.image, row.predicted, confidence, f"[{style}]{row.result.status}[/{style}]"]
        if wide:
            cells.append(row.result.error or "")
        table.add_row(*cells, f"{row.result.duration * 1000:.0f} ms")
    return table


def _write(
    options: DemoOptions,
    settings: Settings,
    rows: list[DemoRow],
    records: list[CaptureRecord],
    dataset: Dataset,
    stubs: list[str],
    scones: Scones,
    target: str,
) -> DemoResult:
    from harness.capture import plots
    from harness.capture.report import ReportRow, write_report
    from harness.reporting.charts import save

    limit = settings.threshold
    frame = to_frame(records, limit)
    scatter = plots.confidence_over_time(frame, threshold=limit)
    bars = plots.predictions_by_class(frame, threshold=limit)
    written = [
        save(scatter, options.output / "confidence_over_time.png"),
        save(bars, options.output / "predictions_by_class.png"),
    ]
    report = write_report(
        options.output / "report.html",
        title="Scones Unlimited: image classification",
        rows=[
            ReportRow(
                image=row.image,
                thumbnail=(dataset.folder / "test" / row.image).read_bytes(),
                predicted=row.predicted,
                confidence=row.confidence,
                status=row.result.status,
                error=row.result.error or "",
                seconds=row.result.duration,
                truly=class_name(label_from_name(row.image)),
            )
            for row in rows
        ],
        plots=[
            (
                f"Confidence of each captured prediction over time; the line is the threshold, {limit_text(limit)}.",
                scatter,
            ),
            ("How many predictions fell to each class, above the threshold and not.", bars),
        ],
        facts=[
            ("Target", target),
            ("State machine", scones.state_machine_arn),
            ("Endpoint", scones.endpoint),
            ("Threshold", f"{limit_text(limit)}, to be exceeded"),
            ("Captures", scones.capture_uri),
            ("Seed", str(options.seed)),
        ],
        stubs=stubs,
        threshold=limit,
        made=datetime.now(UTC),
    )
    return DemoResult(rows, records, report, written)


def stub_notes(kind: str, *, stub: bool) -> list[str]:
    """Return what was not real, in words."""
    found = []
    if stub:
        found.append(
            "The endpoint was a stub: no model was trained, and its probabilities follow from the bytes of the image, "
            "not from what it shows."
        )
    if "drawn" in kind:
        found.append("The images were drawn by the harness; they are not CIFAR-100's photographs.")
    return found


def summarize(rows: list[DemoRow], stubs: list[str], console: Console, report: Path | None) -> None:
    """Print how the executions ended and what was not real.

    Args:
        rows: an execution each.
        stubs: in words, what was not real.
        console: where to print.
        report: path of the report; None where there is none.
    """
    succeeded = sum(row.result.succeeded for row in rows)
    errors = Counter(row.result.error or row.result.status for row in rows if not row.result.succeeded)
    console.rule()
    if rows:
        console.print(
            f"[bold]{len(rows):,} executions: {succeeded:,} succeeded, {len(rows) - succeeded:,} failed.[/bold]"
        )
    for error, count in errors.items():
        console.print(f"  {count} failed with {error}")
    if report is not None:
        console.print(f"Open [bold]{report}[/bold] in a browser.")
    if stubs:
        console.print("[bold yellow]Not everything was real:[/bold yellow]")
        for stub in stubs:
            console.print(f"  - {stub}")
