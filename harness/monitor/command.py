"""``harness monitor``: reads captures, and what helps to judge them, and writes the report."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.capture.commands import opened, plural, tell_skipped
from harness.capture.places import EndpointCapture, FolderPlace, Place, is_remote
from harness.capture.selection import Selection
from harness.monitor.drift import Drift, compare
from harness.monitor.labels import LabelledImages, read_labelled
from harness.monitor.observe import SAMPLE, Observation, observe
from harness.monitor.report import verdict, write_monitor
from harness.monitor.sections import (
    Section,
    accuracy_section,
    balance_section,
    confidence_section,
    drift_section,
    latency_section,
    unsure_section,
)
from harness.project.bucket import own_buckets
from harness.reporting.images import features_of
from harness.reporting.verdict import show
from harness.reporting.words import count, share
from harness.reporting.words import limit as limit_text
from harness.settings import Settings

if TYPE_CHECKING:
    from rich.console import Console

    from harness.project.latency import StateVisit

Bar = Callable[[str], AbstractContextManager[Callable[[int, int | None], None]]]


@dataclass(frozen=True)
class MonitorOptions:
    """What to look at, and beside what."""

    location: str
    """A folder, ``s3://bucket/prefix``, or the name of an endpoint."""
    output: Path
    selection: Selection
    labels: str | None = None
    """Images whose classes are known: see :func:`harness.monitor.labels.read_labelled`."""
    train: str | None = None
    """The images that the model was trained on: a folder or ``s3://bucket/prefix``."""
    state_machine: str | None = None
    """Name or ARN; its executions' states are timed."""
    executions: int = 100
    """How many of the latest."""
    unsure: int = 24
    seed: int = 0


def run_monitor(options: MonitorOptions, settings: Settings, console: Console, bar: Bar) -> list[Path]:
    """Look at captures and write the report; gives what was written, the page first.

    Args:
        options: what to look at.
        settings: names and threshold.
        console: told what is found.
        bar: shows progress of what its argument says, while a block lasts.

    Raises:
        ValueError: something that was named is not there, or cannot be used.
        RuntimeError: there is no target to look it up on, or scipy is not installed.
        botocore.exceptions.ClientError: AWS refuses.
    """
    with _standing(options, settings), opened(options.location, settings) as (place, endpoint):
        labels = _labelled("Reading labelled images", options.labels, bar, keep=options.labels == options.train)
        if options.train is not None and options.train == options.labels:
            train = labels
        else:
            train = _labelled("Reading training images", options.train, bar, keep=True)
        with bar("Reading captures") as update:
            seen = observe(
                place,
                options.selection,
                threshold=settings.threshold,
                labels=labels,
                train=train,
                unsure=options.unsure,
                seed=options.seed,
                progress=update,
            )
        tell_skipped(seen.skipped, console)
        visits, executions, no_visits = _visits(options, place, bar)
        notes = _notes(place, endpoint, seen, options.selection)
        sections = _sections(options, settings, seen, labels, train, (visits, executions, no_visits))
        facts = _facts(options, settings, place, endpoint, seen, labels, train)
    frame = seen.frame
    passed = int(frame["passed"].sum())
    known, limit = int(frame["confidence"].notna().sum()), limit_text(settings.threshold)
    totals = [
        (f"{len(frame):,}", "records", count(seen.images, "distinct image")),
        (f"{passed:,}", f"above {limit}", share(passed, known)),
        (f"{known - passed:,}", "not above", share(known - passed, known)),
    ]
    written = write_monitor(
        options.output,
        title=f"Captures of {endpoint.name if endpoint else place.name}",
        totals=totals,
        notes=notes,
        sections=sections,
        facts=facts,
        made=datetime.now(UTC),
    )
    show(verdict(sections, notes), console)
    for section in sections:
        console.print(f"[bold]{section.title}[/bold]  {section.words}", soft_wrap=True)
    for note in notes:
        console.print(f"[yellow]{note}[/yellow]", soft_wrap=True)
    return written


@contextlib.contextmanager
def _standing(options: MonitorOptions, settings: Settings) -> Iterator[None]:
    """Use the target, where labels or training images lie on it though the captures do not."""
    others = [place for place in (options.labels, options.train) if place and place.startswith("s3://")]
    if is_remote(options.location) or not (others or options.state_machine):
        yield
        return
    from harness.targets import open_standing_target

    with open_standing_target(settings):
        yield


def _labelled(text: str, location: str | None, bar: Bar, *, keep: bool) -> LabelledImages | None:
    if location is None:
        return None
    s3 = None
    if location.startswith("s3://"):
        import boto3

        s3 = own_buckets(boto3.Session())
    with bar(text) as update:
        return read_labelled(location, s3, keep=keep, progress=update)


def _sections(
    options: MonitorOptions,
    settings: Settings,
    seen: Observation,
    labels: LabelledImages | None,
    train: LabelledImages | None,
    latency: tuple[list[StateVisit], int, str],
) -> list[Section]:
    visits, executions, no_visits = latency
    last = [latency_section(visits, executions, no_visits)]
    if not len(seen.frame):
        return last if visits else []
    drift, why = _drift(options, seen, train)
    return [
        confidence_section(seen.frame, settings.threshold),
        balance_section(seen.frame, settings.threshold),
        accuracy_section(seen.frame, settings.threshold, labels),
        drift_section(drift, why, seen.images),
        *last,
        unsure_section(seen, settings.threshold),
    ]


def _drift(options: MonitorOptions, seen: Observation, train: LabelledImages | None) -> tuple[Drift | None, str]:
    if train is None:
        return None, (
            "Not known: give the images that the model was trained on with --train (a folder or s3://bucket/prefix)."
        )
    captured = features_of(seen.sample)
    if not len(captured):
        return None, f"None of the {len(seen.sample):,} inputs that were looked at is an image."
    try:
        return compare(features_of(train.contents), captured, seed=options.seed), ""
    except ValueError as error:
        return None, f"Not tested: {error}."


def _visits(options: MonitorOptions, place: Place, bar: Bar) -> tuple[list[StateVisit], int, str]:
    named = options.state_machine
    if isinstance(place, FolderPlace) and named is None:
        return [], 0, "Not known: the captures are files in a folder. Name a state machine with --state-machine."
    import boto3

    from harness.project.latency import find_state_machine, recent_visits
    from harness.scones.workflow import STATE_MACHINE

    states = boto3.client("stepfunctions")
    name = named or STATE_MACHINE
    arn = find_state_machine(states, name)
    if arn is None:
        if named is not None:
            raise ValueError(f"there is no state machine {named!r}")
        return [], 0, f"Not known: there is no state machine {name}; name another with --state-machine."
    with bar("Reading executions") as update:
        visits, executions = recent_visits(states, arn, options.executions, progress=update)
    return visits, executions, f"State machine {name} has no executions that have ended."


def _notes(place: Place, endpoint: EndpointCapture | None, seen: Observation, selection: Selection) -> list[str]:
    found = []
    if not isinstance(place, FolderPlace):
        found += _stub_notes({endpoint.name} if endpoint else _endpoints_in(seen))
    if not len(seen.frame):
        found.append(_nothing(place, endpoint, seen, selection))
    if seen.skipped:
        files = {item.source for item in seen.skipped}
        found.append(
            f"{plural(len(seen.skipped), 'line')} of {plural(len(files), 'file')} hold no record and were left out, "
            f"first of them {seen.skipped[0].source}, line {seen.skipped[0].line}: {seen.skipped[0].reason}."
        )
    if endpoint is not None and not endpoint.enabled:
        found.append(f"Data Capture of endpoint {endpoint.name} is switched off.")
    if endpoint is not None and endpoint.sampling_percentage < 100:
        found.append(f"The endpoint captures {endpoint.sampling_percentage} % of its invocations, drawn at random.")
    return found


def _nothing(place: Place, endpoint: EndpointCapture | None, seen: Observation, selection: Selection) -> str:
    conditions = selection != Selection()
    what = "No capture record that meets the conditions" if conditions else "No capture record"
    if next(iter(place.files()), None) is None:
        advice = (
            "no capture files are there at all. A record appears after an endpoint with Data Capture has been invoked: "
            "in about a second here, in minutes on AWS"
        )
    elif conditions:
        advice = "there are files; --since, --until, --variant or another condition excludes what they hold"
    else:
        advice = "there are files, but no line in them is a record"
    state = f" Endpoint {endpoint.name} is {endpoint.status}." if endpoint else ""
    return f"{what} lies below {place.name}: {advice}.{state}"


def _endpoints_in(seen: Observation) -> set[str]:
    """Endpoints by the layout of keys: ``.../<endpoint>/<variant>/yyyy/mm/dd/hh/<file>``."""
    return {parts[-7] for source in seen.frame["source"].unique() if len(parts := str(source).split("/")) >= 7}


def _stub_notes(names: set[str]) -> list[str]:
    import boto3
    from botocore.exceptions import ClientError

    from harness.scones.endpoint import is_stub

    found = []
    for name in sorted(names):
        try:
            stub = is_stub(name, boto3.Session())
        except ClientError:
            found.append(f"Endpoint {name} is not there any more, so whether it was a stub cannot be told.")
            continue
        if stub:
            found.append(
                f"Endpoint {name} is a stub: no model answers, and its probabilities follow from the bytes of the "
                "image, not from what it shows. Confidence, accuracy and calibration say nothing about a model."
            )
    return found


def _facts(
    options: MonitorOptions,
    settings: Settings,
    place: Place,
    endpoint: EndpointCapture | None,
    seen: Observation,
    labels: LabelledImages | None,
    train: LabelledImages | None,
) -> list[tuple[str, str]]:
    chosen: Any = options.selection
    variants = sorted(str(name) for name in seen.frame["variant"].dropna().unique())
    facts = [("Captures", place.name)]
    if endpoint is not None:
        facts.append(("Endpoint", f"{endpoint.name}, {endpoint.status}, variants {', '.join(endpoint.variants)}"))
    facts += [
        ("Target", settings.target if is_remote(options.location) else "none: files in a folder"),
        ("Threshold", f"{limit_text(settings.threshold)}, to be exceeded"),
        ("Since", f"{chosen.since:%Y-%m-%d %H:%M:%S} UTC" if chosen.since else "the first record"),
        ("Until", f"{chosen.until:%Y-%m-%d %H:%M:%S} UTC" if chosen.until else "the last record"),
        ("Variants with records", ", ".join(variants) or "not in the files' paths"),
        ("Lines that hold no record", f"{len(seen.skipped):,}"),
        ("Labelled images", f"{labels.name}: {labels.images:,}" if labels else "none given"),
        ("Training images", f"{train.name}: {train.images:,}" if train else "none given"),
        ("Images measured", f"{len(seen.sample):,} of {seen.images:,} (at most {SAMPLE:,}, seed {options.seed})"),
        ("Confidence intervals", "Wilson's score intervals, 95 %"),
    ]
    return facts
