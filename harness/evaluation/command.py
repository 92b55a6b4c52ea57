"""``harness evaluate``: a batch evaluation from images to report, told as it happens."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.evaluation.batch import (
    MACHINES,
    BatchOptions,
    BatchResult,
    collect,
    resume_batch,
    start_batch,
    wait_for_batch,
)
from harness.evaluation.compare import Comparison, compare
from harness.evaluation.files import read_json, summary, to_csv, to_json
from harness.evaluation.model import Evaluation, Prediction
from harness.evaluation.source import Source, find_source, read_folder, upload_folder
from harness.reporting.page import write
from harness.reporting.progress import progress_bar
from harness.reporting.verdict import show
from harness.reporting.words import limit, percent
from harness.scones.dataset import CLASS_NAMES
from harness.settings import Settings

if TYPE_CHECKING:
    from rich.console import Console

    from harness.scones.workflow import Scones

NAMES = ("evaluation.json", "evaluation.csv", "evaluation.html")


@dataclass(frozen=True)
class EvaluateOptions:
    """What to evaluate, and how.

    Attributes:
        root: folder with ``template.yaml``.
        source: ``s3://...`` or a folder; not needed to resume.
        output: folder of the report.
        model: the ``model.tar.gz`` that an endpoint made for this serves, None for a stub.
        named_model: whether *model* was asked for: an endpoint that is there already is then made to serve it.
        workflow: ``nested`` or ``inline``.
        images: where a manifest's images are, ``s3://bucket/prefix``.
        against: JSON of an earlier evaluation.
        resume: whether the one in *output* is to go on.
    """

    root: Path
    source: str
    output: Path
    model: Path | None = None
    named_model: bool = False
    workflow: str = "nested"
    batch: BatchOptions = field(default_factory=BatchOptions)
    images: str | None = None
    against: Path | None = None
    resume: bool = False


@dataclass(frozen=True)
class EvaluateResult:
    """A finished evaluation and its files."""

    evaluation: Evaluation
    batch: BatchResult
    comparison: Comparison | None
    files: tuple[Path, ...]


def run_evaluate(options: EvaluateOptions, settings: Settings, console: Console) -> EvaluateResult:
    """Evaluate on the target of *settings*, and write the report.

    A workflow that is deployed on the target is evaluated as it is: functions that run live or were edited there stay
    so. Where none is, it is deployed and stays; on the embedded target, where no emulator runs for this folder, one is
    started for the time being. Nothing is deployed before the source was found.

    Args:
        options: of ``harness evaluate``.
        settings: with the target.
        console: where progress and result are printed.

    Raises:
        ValueError: the source, the earlier evaluation or the options make no sense.
        RuntimeError: the batch failed before it had any result, or the target cannot run it.
        harness.cloud.consent.ConsentError: on AWS, its price was not agreed to.
    """
    before = read_json(options.against) if options.against else None
    earlier = _earlier(options)
    if settings.target == "aws":
        return _evaluate_on_aws(options, settings, console, before, earlier)
    with _workflow(options, settings, console) as (scones, target, source):
        return evaluate_on(scones, target, options, settings, console, before, earlier, source=source)


def _evaluate_on_aws(
    options: EvaluateOptions,
    settings: Settings,
    console: Console,
    before: Evaluation | None,
    earlier: Evaluation | None,
) -> EvaluateResult:
    """On the workflow that `harness deploy --target aws` has left there, once the price is agreed to."""
    from harness.cloud.consent import require_consent
    from harness.evaluation.money import price_batch
    from harness.project.bucket import own_buckets
    from harness.project.session import SharedClients
    from harness.scones.aws.deployment import find_scones
    from harness.targets import open_target

    with open_target(settings) as target:
        session = SharedClients()
        own_buckets(session)
        scones = find_scones(target, session, settings)

        def agree(images: int) -> None:
            estimate = price_batch(images, options.workflow, options.batch, target.region or "")
            estimate.show(console)
            require_consent(target, settings, estimate)

        if earlier is not None:
            agree(sum(prediction.status == "failed" for prediction in earlier.predictions) or 1)
        return evaluate_on(scones, target.name, options, settings, console, before, earlier, agree)


def evaluate_on(
    scones: Scones,
    target: str,
    options: EvaluateOptions,
    settings: Settings,
    console: Console,
    before: Evaluation | None = None,
    earlier: Evaluation | None = None,
    agree: Callable[[int], None] | None = None,
    *,
    source: Source | None = None,
) -> EvaluateResult:
    """As :func:`run_evaluate`, on a workflow that is deployed.

    Args:
        scones: the workflow.
        target: its name, for the report.
        options: what to evaluate.
        settings: names and threshold.
        console: where it is told.
        before: the evaluation to compare with.
        earlier: the one to go on with.
        agree: where it costs money, asks whether so many images may; raises where not.
        source: what was found already of what *options* name.
    """
    from harness.scones.endpoint import is_stub, served_model

    states, s3 = scones.session.client("stepfunctions"), scones.session.client("s3")
    if earlier is not None:
        arn = str(earlier.facts["Execution"])
        source = _source_of(earlier)
        done = sum(prediction.status != "failed" for prediction in earlier.predictions)
        if resume_batch(states, arn):
            console.print(f"  resumed {arn}: {done} of {len(earlier.predictions)} images are done already")
        else:
            console.print(f"  nothing to resume: {arn} has not failed")
    else:
        source = source or _find(options.source, options.images, s3, scones.bucket, console, agree)
        name = f"evaluation-{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:6]}"
        machine = scones.stack.resources.get(MACHINES[options.workflow])
        if machine is None:
            raise RuntimeError(f"the Step Functions of the {target} target refuses {MACHINES[options.workflow]}")
        arn = start_batch(states, machine.physical_id, source, scones.bucket, name, options.batch)
        console.print(f"  started {arn}", soft_wrap=True)
    with _live(console) as progress:
        wait_for_batch(states, arn, progress)
    batch = collect(states, s3, arn, source)
    if not batch.predictions:
        raise RuntimeError(f"the batch {batch.status}: {batch.error}: {batch.cause}")
    stubs: tuple[str, ...] = ()
    if is_stub(scones.endpoint, scones.session):
        stubs = (
            "The endpoint was a stub: its probabilities follow from the bytes of the image, not from what it shows.",
        )
    facts = {
        "Target": target,
        "Workflow": MACHINES_SAY[options.workflow if earlier is None else str(earlier.facts.get("Variant", "nested"))],
        "Variant": options.workflow if earlier is None else earlier.facts.get("Variant", "nested"),
        "Endpoint": scones.endpoint,
        "Model": served_model(scones.endpoint, scones.session),
        "Threshold": limit(settings.threshold),
        "Execution": batch.execution_arn,
        "Map Run": batch.map_run,
        "Status": batch.status + (f" ({batch.error}: {batch.cause})" if batch.error else ""),
        "Seconds": round(batch.seconds, 2),
        "Images a second": round(len(batch.predictions) / batch.seconds, 1) if batch.seconds > 0 else "",
        "Redrives": batch.redrives,
        "Items": source.items,
        "Images": source.images,
    }
    evaluation = Evaluation(source.uri, settings.threshold, batch.predictions, facts, stubs)
    comparison = compare(before, evaluation) if before is not None else None
    files = _write(evaluation, comparison, options.output, s3, source)
    _tell(evaluation, comparison, batch, files, console)
    return EvaluateResult(evaluation, batch, comparison, files)


MACHINES_SAY = {
    "nested": "each image an execution of the image workflow (states:startExecution.sync:2)",
    "inline": "each image by the workflow's functions, within the execution of its batch",
}


def _earlier(options: EvaluateOptions) -> Evaluation | None:
    if not options.resume:
        return None
    path = options.output / NAMES[0]
    if not path.is_file():
        raise ValueError(f"there is nothing to resume: {path} is not there")
    return read_json(path)


def _source_of(earlier: Evaluation) -> Source:
    labels = {prediction.key: prediction.label for prediction in earlier.predictions if prediction.label is not None}
    return Source(earlier.source, earlier.facts["Items"], earlier.facts["Images"], labels)


def _find(
    named: str, images: str | None, s3: Any, bucket: str, console: Console, agree: Callable[[int], None] | None = None
) -> Source:
    if not named.startswith("s3://"):
        if not Path(named).is_dir():
            raise ValueError(f"there is no folder {named}; name one, or s3://bucket/key")
        from harness.project.bucket import ensure_bucket

        folder = read_folder(Path(named))
        if agree is not None:
            agree(len(folder.labels))
        ensure_bucket(s3, bucket)
        with progress_bar(console, "Uploading") as update:
            source = upload_folder(s3, folder, bucket, update)
        console.print(f"  images of {named} are at s3://{bucket}/{source.images['prefix']}", soft_wrap=True)
        return source
    source = find_source(s3, named, images)
    for other in {source.items["bucket"], source.images["bucket"]} - {bucket}:
        raise ValueError(f"the workflow's roles may read s3://{bucket} and not s3://{other}: copy the images there")
    if agree is not None:
        agree(source.count(s3))
    return source


@contextlib.contextmanager
def _workflow(
    options: EvaluateOptions, settings: Settings, console: Console
) -> Iterator[tuple[Scones, str, Source | None]]:
    from harness.emulator.process.endpoint_file import find_announced
    from harness.project.session import SharedClients
    from harness.scones.workflow import deploy_scones, deployed, find_deployed, plan_scones, serve
    from harness.targets import open_standing_target, open_target

    def step(line: str) -> None:
        console.print(f"  {line}", soft_wrap=True)

    if not options.resume and not options.source.startswith("s3://") and not Path(options.source).is_dir():
        raise ValueError(f"there is no folder {options.source}; name one, or s3://bucket/key")
    stands = settings.target != "embedded" or find_announced(settings.cache) is not None
    if not stands:
        if options.source.startswith("s3://") or options.resume:
            raise RuntimeError("no emulator runs for this folder, and a new one is empty: start one with `harness up`.")
        with open_target(settings) as target:
            session = SharedClients()
            with deployed(session, settings, options.root, lambda line: None, options.model) as scones:
                yield scones, target.name, None
        return
    with open_standing_target(settings) as target:
        session = SharedClients()
        plan = plan_scones(session, settings, options.root, options.model)
        source = None
        if not options.resume:
            source = _find(options.source, options.images, session.client("s3"), plan.bucket, console)
        there = find_deployed(plan, session)
        if there is not None and options.named_model:
            serve(plan, session, step)
        yield there or deploy_scones(plan, session, step), target.name, source


@contextlib.contextmanager
def _live(console: Console) -> Iterator[Callable[[dict[str, int]], None]]:
    """Progress by the Map Run's counts; a log gets a line for each tenth."""
    said = -1
    with progress_bar(console, "Evaluating") as bar:

        def update(counts: dict[str, int]) -> None:
            nonlocal said
            done = sum(counts[name] for name in ("succeeded", "failed", "timedOut", "aborted"))
            words = f"{counts['running']} running, {counts['failed'] + counts['timedOut']} failed"
            bar(done, counts["total"] or None, words)
            tenth = 10 * done // counts["total"] if counts["total"] else 0
            if not console.is_terminal and tenth > said:
                said = tenth
                console.print(f"  {done} of {counts['total']} images, {words}")

        yield update


def _write(
    evaluation: Evaluation, comparison: Comparison | None, output: Path, s3: Any, source: Source
) -> tuple[Path, ...]:
    from harness.evaluation.report import page

    def image_of(prediction: Prediction) -> bytes | None:
        try:
            body: bytes = s3.get_object(Bucket=source.images["bucket"], Key=prediction.key)["Body"].read()
            return body
        except s3.exceptions.ClientError:
            return None  # it may have been deleted meanwhile

    texts = (
        to_json(evaluation, comparison),
        to_csv(evaluation),
        page(evaluation, comparison, image_of, datetime.now(UTC)),
    )
    return tuple(write(output / name, text) for name, text in zip(NAMES, texts, strict=True))


def _tell(
    evaluation: Evaluation,
    comparison: Comparison | None,
    batch: BatchResult,
    files: tuple[Path, ...],
    console: Console,
) -> None:
    from harness.evaluation.report import verdict

    numbers = summary(evaluation)

    def shown(value: float | None) -> str:
        return "n/a" if value is None else percent(value)

    show(verdict(evaluation, comparison), console)
    accuracy = f"accuracy {shown(numbers['accuracy'])} of {numbers['labelled']:,} labelled"
    console.print(f"[bold]{numbers['images']} images in {batch.seconds:.1f} s: {accuracy}[/bold]")
    below = f"{numbers['underThreshold']:,} of {numbers['answered']:,} images do not exceed the threshold"
    above = shown(numbers["accuracyAboveThreshold"])
    console.print(f"  {below} {limit(evaluation.threshold)}; accuracy of the others: {above}", soft_wrap=True)
    if numbers["expectedCalibrationError"] is not None:
        console.print(f"  expected calibration error {numbers['expectedCalibrationError']:.3f}")
    if numbers["labelled"]:
        for row, counts in enumerate(numbers["confusion"]):
            taken = ", ".join(f"{count} as {CLASS_NAMES[column]}" for column, count in enumerate(counts) if column < 2)
            console.print(f"  {CLASS_NAMES[row] if row < 2 else row}: {taken}")
    if numbers["failed"]:
        console.print(f"  [bold red]{numbers['failed']} images failed[/bold red]; `--resume` runs them again")
    if batch.status != "SUCCEEDED":
        console.print(f"  the batch {batch.status}: {batch.error}: {batch.cause}", markup=False, soft_wrap=True)
    if comparison is not None:
        console.print(f"  against {comparison.before}: {comparison.verdict}", markup=False, soft_wrap=True)
    for stub in evaluation.stubs:
        console.print(f"  not real: {stub}", style="yellow")
    for path in files:
        console.print(f"  wrote {path}", soft_wrap=True)
