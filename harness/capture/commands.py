"""What ``harness capture`` does, told in a terminal or a CI log."""

from __future__ import annotations

import contextlib
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING

from harness.capture.places import EndpointCapture, Place, find_place, is_remote
from harness.capture.selection import Selection, read_time
from harness.reporting.labels import CLASS_NAMES, class_name
from harness.settings import Settings

if TYPE_CHECKING:
    from rich.console import Console

    from harness.capture.batches import Batch
    from harness.capture.records import Skipped

Progress = Callable[[int, int | None], None]
_SHOWN = 10


@contextlib.contextmanager
def opened(location: str, settings: Settings) -> Iterator[tuple[Place, EndpointCapture | None]]:
    """Yield the place that a person names; a target is opened where it has to be looked up.

    Raises:
        RuntimeError: there is no target to look it up on.
        ValueError: there is no such endpoint, or it has no Data Capture.
    """
    if not is_remote(location):
        yield find_place(location, None)
        return
    import boto3

    from harness.targets import open_standing_target
    from harness.testing.control import write_out

    with open_standing_target(settings) as target:
        write_out(target)
        yield find_place(location, boto3.Session())


def selection_of(
    since: str | None,
    until: str | None,
    variants: tuple[str, ...] = (),
    classes: tuple[str, ...] = (),
    min_confidence: float | None = None,
    max_confidence: float | None = None,
) -> Selection:
    """Return the conditions that the options of a command give.

    Args:
        since: a date, a time or an age (``2h``); None: from the beginning.
        until: likewise; None: to the end.
        variants: names of production variants; none: all.
        classes: names or numbers of predicted classes; none: all.
        min_confidence: 0 to 1; None: any.
        max_confidence: 0 to 1; None: any.

    Raises:
        ValueError: one of them cannot be understood.
    """
    now = datetime.now(UTC)
    return Selection(
        since=read_time(since, now) if since else None,
        until=read_time(until, now) if until else None,
        variants=frozenset(variants),
        classes=frozenset(_class_number(name) for name in classes),
        min_confidence=min_confidence,
        max_confidence=max_confidence,
    )


def list_captures(place: Place, selection: Selection, console: Console, *, each: bool) -> None:
    """Print which files there are, by variant and hour, or each.

    Args:
        place: where the captures lie.
        selection: which are wanted; by the times and variants that the keys tell.
        console: where to print.
        each: a line for each file.
    """
    hours: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    files = size = 0
    for file in place.files(selection):
        files, size = files + 1, size + file.size
        if each:
            console.print(f"{file.size:>12,}  {file.source}", soft_wrap=True)
        else:
            hour = f"{file.hour:%Y-%m-%d %H:00}" if file.hour else "no hour in its key"
            entry = hours[hour, file.variant or "-"]
            entry[0], entry[1] = entry[0] + 1, entry[1] + file.size
    for (hour, variant), (count, total) in sorted(hours.items()):
        console.print(f"{hour:<18}  {variant:<20}  {plural(count, 'file'):>12}  {megabytes(total):>11}", soft_wrap=True)
    console.print(f"{plural(files, 'file')}, {megabytes(size)} in {place.name}", soft_wrap=True)


def print_tail(
    place: Place,
    selection: Selection,
    console: Console,
    errors: Console,
    *,
    lines: int,
    following: bool,
    threshold: float,
    interval: float = 1.0,
) -> None:
    """Show the last *lines* records, and then, if *following*, each that appears, until Ctrl-C.

    Args:
        place: where the captures lie.
        selection: which records are wanted.
        console: where records are printed.
        errors: where lines that are no record are told.
        lines: how many of the latest records are shown first; 0: none.
        following: whether to wait for more.
        threshold: confidence to exceed (0 to 1).
        interval: seconds between two looks.
    """
    from harness.capture.transfer import follow

    newest: list[tuple[datetime, str]] = []
    first_look = True
    skipped: list[Skipped] = []

    def looked() -> bool:
        nonlocal first_look
        if first_look:
            for _, line in sorted(newest, key=lambda item: item[0])[-lines:] if lines else []:
                console.print(line, soft_wrap=True)
            if not newest:
                errors.print(f"no such records in {place.name} yet; --since looks further back", soft_wrap=True)
            first_look = False
        return not following

    with contextlib.suppress(KeyboardInterrupt):
        for batch in follow(place, selection, interval=interval, stop=looked):
            for item in batch.skipped:
                skipped.append(item)
                errors.print(f"skipped {item.source}, line {item.line}: {item.reason}", soft_wrap=True)
            shown = _lines_of(batch, threshold)
            if not first_look:
                for _, line in shown:
                    console.print(line, soft_wrap=True)
                continue
            newest += shown
            if len(newest) > 10 * (lines + 100):
                newest = sorted(newest, key=lambda item: item[0])[-lines:] if lines else []


def parse(
    place: Place,
    selection: Selection,
    output: Path | None,
    form: str,
    *,
    threshold: float,
    images: bool,
    processes: int,
    errors: Console,
    progress: Progress,
    stream: IO[str] | None = None,
) -> int:
    """Write the wanted records to a file, or as they come to standard output; return how many there were.

    Args:
        place: where the captures lie.
        selection: which records are wanted.
        output: the file; None: standard output.
        form: ``csv``, ``jsonl`` or ``parquet``; standard output takes the first two.
        threshold: confidence to exceed (0 to 1), for the column ``passed``.
        images: whether the column ``image`` is written, as the record has it.
        processes: how many read the files of a folder.
        errors: where the numbers, and lines that are no record, are told.
        progress: told, as bytes are read, how many of how many those are.
        stream: stands in for standard output.
    """
    from harness.capture.batches import Details, read_batches
    from harness.capture.export import CsvWriter, as_jsonl, columns, export

    details = Details(probabilities=True, image=images)
    batches = read_batches(place, selection, details, processes=processes, progress=progress)
    if output is not None:
        done = export(batches, output, form, threshold=threshold, images=images)
        records, skipped = done.records, done.skipped
    else:
        out = stream or sys.stdout
        records, skipped = 0, []
        write = CsvWriter(out)
        for batch in batches:
            skipped += batch.skipped
            if len(batch):
                frame = columns(batch, threshold, images)
                if form == "csv":
                    write(frame)
                else:
                    out.write(as_jsonl(frame))
                records += len(batch)
    tell_skipped(skipped, errors)
    where = "" if output is None else f" in {output}"
    errors.print(f"{plural(records, 'record')}{where}, {plural(len(skipped), 'line')} skipped", soft_wrap=True)
    return records


def tell_skipped(skipped: list[Skipped], errors: Console) -> None:
    """Name lines that were no records: all of them in a log, the first few in a terminal."""
    shown = skipped[:_SHOWN] if errors.is_terminal else skipped
    for item in shown:
        errors.print(f"skipped {item.source}, line {item.line}: {item.reason}", soft_wrap=True)
    if len(shown) < len(skipped):
        errors.print(f"... and {len(skipped) - len(shown)} more; `2> FILE` has all of them")


def plural(count: int, noun: str) -> str:
    """``1 file``, ``2 files``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def megabytes(size: int) -> str:
    """Bytes as people read them."""
    return f"{size / 1e6:,.1f} MB" if size >= 100_000 else f"{size / 1e3:,.1f} kB"


def _lines_of(batch: Batch, threshold: float) -> list[tuple[datetime, str]]:
    found = []
    times = batch.time.astype("datetime64[ms]").tolist()
    for number, time in enumerate(times):
        confidence = float(batch.confidence[number])
        if confidence == confidence:
            side = "passed" if confidence > threshold else "below"
            answer = f"{class_name(int(batch.predicted[number])):<12} {confidence:.4f} {side:<6}"
        else:
            answer = f"{'no probabilities':<26}"
        variant = batch.variant or "-"
        found.append((time, f"{time:%Y-%m-%dT%H:%M:%S}Z  {variant:<12} {answer}  {batch.event_id[number]}"))
    return found


def _class_number(name: str) -> int:
    if name.isdigit():
        return int(name)
    if name in CLASS_NAMES:
        return CLASS_NAMES.index(name)
    raise ValueError(f"no such class: {name!r}; expected its number, or one of {', '.join(CLASS_NAMES)}")


def print_sql(
    what: str,
    place: Place,
    endpoint: EndpointCapture | None,
    selection: Selection,
    console: Console,
    *,
    table: str,
    threshold: float,
    limit: int,
    run: bool,
) -> None:
    """Print Athena's table over a place, or a query to it, or what that answers over a folder.

    Args:
        what: ``table`` for ``CREATE EXTERNAL TABLE``, or the name of a query.
        place: where the captures lie.
        endpoint: the endpoint that writes them, which knows its variants; None where a URI or a folder was named.
        selection: which records the query wants.
        console: where to print.
        table: name of the table in Athena.
        threshold: confidence to exceed (0 to 1).
        limit: rows that the query gives at most.
        run: answer the query over the files of a folder with DuckDB, and print CSV.

    Raises:
        ValueError: the place is of the wrong kind, or its production variants are not known.
    """
    from harness.capture.athena import query, table_ddl
    from harness.capture.places import BucketPlace, FolderPlace

    if what == "table":
        if not isinstance(place, BucketPlace):
            raise ValueError(f"Athena reads from S3: name an endpoint or an s3:// URI, not the folder {place.name}")
        variants = sorted(selection.variants) or (list(endpoint.variants) if endpoint else place.folders())
        if not variants:
            raise ValueError(f"nothing lies below {place.name} yet: name the production variants with --variant")
        console.out(table_ddl(table, place.name, variants), end="")
        return
    sql = query(what, table, threshold=threshold, selection=selection, limit=limit)
    if not run:
        console.out(sql, end="")
        return
    if not isinstance(place, FolderPlace):
        raise ValueError("--run reads a folder: bring the files here with `harness capture download` first")
    from harness.capture.local_sql import run_query

    console.out(run_query(sql, place.folder, table).to_csv(index=False, lineterminator="\n"), end="")
