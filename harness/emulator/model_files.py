"""Files of botocore's service models, read quickly."""

from __future__ import annotations

import gzip
from pathlib import Path

import msgspec


class ModelFiles:
    """What botocore's loader reads files with, three times as fast, and with plain dictionaries.

    SageMaker's model alone is 2.6 MB of JSON.
    """

    def exists(self, file_path: str) -> bool:
        """Whether there is a file of that name, without its suffix."""
        return any(path.is_file() for path in _files(file_path))

    def load_file(self, file_path: str) -> object:
        """Read a file of JSON; None where there is none.

        Args:
            file_path: without ``.json`` or ``.json.gz``.
        """
        plain, packed = _files(file_path)
        if plain.is_file():
            return msgspec.json.decode(plain.read_bytes())
        return msgspec.json.decode(gzip.decompress(packed.read_bytes())) if packed.is_file() else None


def _files(path: str) -> tuple[Path, Path]:
    return Path(f"{path}.json"), Path(f"{path}.json.gz")
