"""MXNet's RecordIO, the algorithm's recommended input: images packed with their labels in one ``.rec`` file.

A record is a magic number, a word of flag (3 bits) and length (29 bits), the bytes, and zeros up to a multiple of
four. A payload that holds the magic number itself is split there into parts. The layout is that of MXNet 1.9's
``dmlc/recordio.h`` and, for an image's header, of ``mxnet.recordio.IRHeader``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import IO

from harness.algorithms.image_classification.errors import CustomerError

MAGIC = 0xCED7230A
_HEADER = struct.Struct("<IfQQ")
_LENGTH_BITS = 29
MAX_RECORD = 256 * 1024 * 1024
"""Longest record that is read, in bytes."""
_WHOLE, _FIRST, _MIDDLE, _LAST = 0, 1, 2, 3


def _broken(detail: str) -> CustomerError:
    return CustomerError(
        "Unable to parse record. Please make sure input data is in correct recordio format.", detail=detail
    )


def read_records(file: IO[bytes], what: str) -> Iterator[bytes]:
    """Yield the payloads of a RecordIO stream, one after another; *file* may be a pipe.

    Raises:
        CustomerError: the stream is no RecordIO or ends within a record; its detail names *what*.
    """
    parts: list[bytes] = []
    while head := file.read(8):
        if len(head) < 8:
            raise _broken(f"{what} ends within a record.")
        magic, word = struct.unpack("<II", head)
        flag, length = word >> _LENGTH_BITS, word & ((1 << _LENGTH_BITS) - 1)
        if magic != MAGIC:
            raise _broken(f"{what} is not in RecordIO format, or is damaged.")
        if length + sum(map(len, parts)) > MAX_RECORD:
            raise _broken(f"{what} holds a record of more than {MAX_RECORD} bytes.")
        padded = length + -length % 4
        data = file.read(padded)
        if len(data) < padded:
            raise _broken(f"{what} ends within a record.")
        if (flag in (_WHOLE, _FIRST)) == bool(parts):
            raise _broken(f"{what} has the parts of a record out of order.")
        parts.append(data[:length])
        if flag in (_WHOLE, _LAST):
            yield struct.pack("<I", MAGIC).join(parts)
            parts = []
    if parts:
        raise _broken(f"{what} ends within a record.")


def unpack_image(record: bytes, what: str) -> tuple[tuple[float, ...], bytes]:
    """Return an image record's labels and encoded image."""
    if len(record) < _HEADER.size:
        raise _broken(f"{what} holds a record that is too short for an image.")
    count, label, _, _ = _HEADER.unpack_from(record)
    if count == 0:
        return (label,), record[_HEADER.size :]
    start = _HEADER.size + 4 * count
    if count > 1_000_000 or start > len(record):
        raise _broken(f"{what} holds a record that promises {count} labels.")
    return struct.unpack_from(f"<{count}f", record, _HEADER.size), record[start:]
