"""Capture files brought to this machine, and followed as they appear."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import copyfileobj

from harness.capture.batches import Batch, parse_stream, select
from harness.capture.export import unfinished
from harness.capture.places import CaptureFile, FolderPlace, Place
from harness.capture.selection import Selection

_THREADS = 8


@dataclass(frozen=True)
class Downloaded:
    """What came of a download."""

    files: int
    bytes: int
    present: int
    """Files that were there, of the same size."""


def download(
    place: Place,
    folder: Path,
    selection: Selection = Selection(),  # noqa: B008
    *,
    progress: Callable[[int, int | None], None] = lambda done, total: None,
) -> Downloaded:
    """Bring the files that can hold wanted records to *folder*, each below the path that its key has.

    Each appears under its name once it is whole. One that is there with the same size stays: capture files do not
    change once they are written. A second run goes on where the first was broken off.

    Args:
        place: where the captures lie.
        folder: where they are brought; made where it is missing.
        selection: which records are wanted; whole files come, those whose keys cannot hold any do not.
        progress: told how many bytes of how many there are.

    Raises:
        ValueError: a key would lead out of the folder.
        OSError: a file cannot be written.
        botocore.exceptions.ClientError: S3 refuses.
    """
    files = list(place.files(selection))
    root = folder.resolve()
    for file in files:
        if not (root / file.source).resolve().is_relative_to(root):
            raise ValueError(f"{file.source} would be written outside of {folder}")
    wanted = [file for file in files if not _has(folder / file.source, file.size)]
    total = sum(file.size for file in wanted)
    progress(0, total)
    done = 0

    def bring(file: CaptureFile) -> int:
        path = folder / file.source
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished(path) as scratch, place.open(file) as stream, scratch.open("wb") as copy:
            copyfileobj(stream, copy)
        return file.size

    with ThreadPoolExecutor(_THREADS, thread_name_prefix="captures") as pool:
        for size in pool.map(bring, wanted):
            done += size
            progress(done, total)
    return Downloaded(len(wanted), total, len(files) - len(wanted))


def follow(
    place: Place,
    selection: Selection,
    *,
    interval: float = 1.0,
    stop: Callable[[], bool] = lambda: False,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Batch]:
    """Yield the wanted records that are there, then those that appear, until *stop* says so.

    A file that grows, as one in a folder may, is read on from where it ended. Its last line, where that is broken, is
    taken to be unfinished until the file no longer grows.

    Args:
        place: where to look.
        selection: which records; only the hours from ``since`` on are listed, each time.
        interval: seconds between two looks.
        stop: asked after each look.
        sleep: waits so many seconds.
    """
    seen: dict[str, _Seen] = {}
    while True:
        for file in place.files(selection):
            before = seen.get(file.source, _Seen())
            if file.size == before.size and not before.unfinished:
                continue
            whole = file.size == before.size or not isinstance(place, FolderPlace)
            batches, seen[file.source] = _news(place, file, before, whole)
            for batch in batches:
                if len(batch) or batch.skipped:
                    yield select(batch, selection)
        if stop():
            return
        sleep(interval)


@dataclass(frozen=True)
class _Seen:
    """How far a file was read."""

    size: int = -1
    line: int = 0
    """The last line that was told of."""
    unfinished: bool = False
    """Whether a broken line after that was held back."""


def _news(place: Place, file: CaptureFile, before: _Seen, whole: bool) -> tuple[list[Batch], _Seen]:
    with place.open(file) as stream:
        batches = list(parse_stream(stream, file))
    end = sum(batch.lines for batch in batches)
    held = [] if whole else [item for batch in batches for item in batch.skipped if item.line >= end]
    for number, batch in enumerate(batches):
        skipped = [item for item in batch.skipped if item.line > before.line and item not in held]
        batches[number] = replace(batch, skipped=skipped).keep(batch.line > before.line)
    line = end - any(item.line == end for item in held)
    return batches, _Seen(file.size, line, bool(held))


def _has(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size
