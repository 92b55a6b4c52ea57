"""ZIP files that are the same, byte for byte, whenever what is in them is."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path


def zip_folder(folder: Path, beneath: Path | None = None) -> bytes:
    """Pack a function's folder as a ZIP file.

    Args:
        folder: the function's code.
        beneath: further files, which those in *folder* hide.
    """
    files: dict[str, Path] = {}
    for root in (beneath, folder):
        if root is not None:
            for path in root.rglob("*"):
                if path.is_file() and "__pycache__" not in path.parts:
                    files[path.relative_to(root).as_posix()] = path
    return zip_files(files)


def zip_files(files: Mapping[str, Path]) -> bytes:
    """Make a ZIP file of *files*, by their names in it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in sorted(files.items()):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = (0o755 if path.stat().st_mode & 0o100 else 0o644) << 16
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
