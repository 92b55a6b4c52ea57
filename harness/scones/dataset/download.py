"""Extract: gets the archive, resuming where a transfer broke off, and checks it before anyone sees it."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path

CIFAR_100_URL = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
CIFAR_100_MD5 = "eb9058c3a382ffc7106e4002c42a8d85"
"""Published beside the archive."""

Progress = Callable[[int, int | None], None]
"""Told the bytes that are there and the bytes that there will be, None while that is not known."""

_BLOCK = 1 << 18
_ATTEMPTS = 5


class DownloadError(RuntimeError):
    """The archive could not be had; the message says why and what to do."""


def extract(
    source: str | Path = CIFAR_100_URL,
    destination: Path = Path(".harness/cifar-100-python.tar.gz"),
    *,
    md5: str | None = None,
    progress: Progress = lambda done, total: None,
) -> Path:
    """Bring the archive to *destination*.

    A transfer that breaks off is kept beside the destination and taken up again, in this call or a later one. The
    destination appears only when it is whole.

    Args:
        source: a URL, or the path of a file on this machine.
        destination: where the archive goes; when it is there and its checksum fits, nothing is transferred.
        md5: the checksum to expect; the published one for :data:`CIFAR_100_URL`, none for other sources.
        progress: told about the transfer.

    Raises:
        DownloadError: the source cannot be reached, or what it gave is not what was expected.
        FileNotFoundError: *source* is a path where nothing is.
    """
    source = str(source)
    if md5 is None and source == CIFAR_100_URL:
        md5 = CIFAR_100_MD5
    if destination.exists() and (md5 is None or _md5_of(destination) == md5):
        size = destination.stat().st_size
        if md5 is not None or source.startswith(("http://", "https://")):
            progress(size, size)
            return destination
    destination.parent.mkdir(parents=True, exist_ok=True)
    partial = destination.with_name(destination.name + ".part")
    if source.startswith(("http://", "https://")):
        _fetch(source, partial, progress)
    else:
        if not Path(source).is_file():
            raise FileNotFoundError(f"there is no file {source}")
        if destination.exists() and destination.samefile(source):
            return destination
        shutil.copyfile(source, partial)
    if md5 is not None and (found := _md5_of(partial)) != md5:
        _discard(partial)
        raise DownloadError(
            f"{source}: the checksum is {found} instead of {md5}. What came was removed; try again, and if that "
            "repeats, the source has changed."
        )
    partial.replace(destination)
    _discard(partial)
    return destination


def _fetch(url: str, partial: Path, progress: Progress) -> None:
    trouble: Exception | None = None
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(min(2 ** (attempt - 1) * 0.5, 8))
        before = _size_of(partial)
        try:
            if _continue(url, partial, progress):
                return
            trouble = DownloadError("the connection ended early")
        except urllib.error.HTTPError as error:
            if error.code == 416:  # what is there does not belong to what the server has
                _discard(partial)
            elif error.code < 500 and error.code not in (408, 429):
                raise DownloadError(f"{url}: the server answers {error.code} {error.reason}") from None
            trouble = error
        except (OSError, HTTPException) as error:
            trouble = error
        if _size_of(partial) == before and attempt >= 2:
            break
    raise DownloadError(
        f"{url}: {trouble}. The {_size_of(partial)} bytes that came are kept: run it again to go on. "
        "Without a network, use `harness dataset synthesize`, or give the path of an archive that you have."
    )


def _continue(url: str, partial: Path, progress: Progress) -> bool:
    start = _size_of(partial)
    validator = partial.with_name(partial.name + ".etag")
    request = urllib.request.Request(url, headers={"User-Agent": "aws-ml-harness"})
    if start and validator.exists():
        # If-Range: go on only with the very same file, else begin anew.
        request.add_header("Range", f"bytes={start}-")
        request.add_header("If-Range", validator.read_text())
    with urllib.request.urlopen(request, timeout=30) as response:
        resumed = response.status == 206
        if not resumed:
            start = 0
        length = response.headers.get("Content-Length")
        total = start + int(length) if length is not None else None
        tag = response.headers.get("ETag") or response.headers.get("Last-Modified")
        if tag and not tag.startswith("W/"):
            validator.write_text(tag)
        else:
            validator.unlink(missing_ok=True)
        done = start
        progress(done, total)
        with partial.open("ab" if resumed else "wb") as file:
            while block := response.read(_BLOCK):
                file.write(block)
                done += len(block)
                progress(done, total)
    return total is None or done == total


def _discard(partial: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        partial.unlink()
    partial.with_name(partial.name + ".etag").unlink(missing_ok=True)


def _size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _md5_of(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
