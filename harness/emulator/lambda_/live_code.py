"""Functions whose code is a folder that is being edited: ``harness up --live DIR``.

LocalStack's convention: code in the bucket ``hot-reload`` under the folder's path as its key. Below DIR alone, and only
when asked for, since AWS would look for such a bucket.
"""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

from harness.emulator.door.errors import AwsError
from harness.emulator.door.members import Members

BUCKET = "hot-reload"
"""The bucket's name that stands for folders."""


class LiveCode:
    """Finds the folders that functions run from.

    Args:
        root: folder below which they lie; None where no code is live, and the bucket is one like any other.
    """

    def __init__(self, root: Path | None) -> None:
        self._root = root.resolve() if root else None

    def folder_of(self, code: Members) -> Path | None:
        """Return the folder that *code* (``S3Bucket``, ``S3Key``) names, None where it names none.

        Raises:
            AwsError: ``InvalidParameterValueException``: there is no such folder below the root.
        """
        if self._root is None or code.get("S3Bucket") != BUCKET:
            return None
        folder = (self._root / str(code.get("S3Key", ""))).resolve()
        if not folder.is_relative_to(self._root) or not folder.is_dir():
            raise AwsError(
                "InvalidParameterValueException",
                f"{BUCKET}: {code.get('S3Key')!r} is no folder below {self._root}, where functions run.",
                Type="User",
            )
        return folder


def fingerprint(folder: Path) -> str:
    """Return a digest that changes whenever a file of *folder* does."""
    digest = hashlib.sha256()
    for path in _files(folder):
        seen = path.stat()
        digest.update(f"{path}\0{seen.st_mtime_ns}\0{seen.st_size}\n".encode())
    return digest.hexdigest()


def package(folder: Path) -> bytes:
    """Pack the folder as it is now, as a deployment package."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in _files(folder):
            archive.write(path, path.relative_to(folder))
    return buffer.getvalue()


def _files(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(names):
            yield Path(place) / name
