"""Lines of capture files, decoded: typed, many at a time, without the parts that are not asked for.

msgspec decodes into declared types and steps over what they do not name, which here is most of a record: its image.
``benchmarks/captures.py`` measures it beside what else reads such files.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, BinaryIO, Generic, TypeVar

import msgspec

BLOCK = 1 << 20
"""Bytes that are read at a time. A block ends where a line ends, so one with a longer line is longer."""
GZIP = b"\x1f\x8b"

InputT = TypeVar("InputT")


class Side(msgspec.Struct, gc=False):
    """``endpointInput`` or ``endpointOutput``."""

    observedContentType: str
    encoding: str
    data: str


class SideWithoutData(msgspec.Struct, gc=False):
    """A side whose data is there and is left where it is."""

    observedContentType: str
    encoding: str
    data: msgspec.Raw


class Sides(msgspec.Struct, Generic[InputT], gc=False):
    """``captureData``."""

    endpointInput: InputT | None = None
    endpointOutput: Side | None = None


class Metadata(msgspec.Struct, gc=False):
    """``eventMetadata``."""

    eventId: str
    inferenceTime: Annotated[datetime, msgspec.Meta(tz=True)]
    inferenceId: str | None = None


class Line(msgspec.Struct, Generic[InputT], gc=False):
    """A capture record as it stands in a file."""

    captureData: Sides[InputT]
    eventMetadata: Metadata


@lru_cache(maxsize=2)
def decoder(*, with_input: bool = True) -> msgspec.json.Decoder[Line[Any]]:
    """Return what decodes a line, with or without the data that went into the model."""
    return msgspec.json.Decoder(Line[Side] if with_input else Line[SideWithoutData])


def decode_lines(
    block: bytes | memoryview, *, with_input: bool = True
) -> tuple[list[Line[Any]], list[int] | range, list[tuple[int, str]]]:
    """Read the records of whole lines.

    Args:
        block: lines; the last may lack its end.
        with_input: whether the data that went into the model is wanted.

    Returns:
        The records, the line of each, and the number of each line that holds none, with the reason. Lines count from 1.
    """
    chosen = decoder(with_input=with_input)
    try:
        records = chosen.decode_lines(block)
    except (ValueError, RecursionError):
        records = []
    else:
        # It reads one value after the other, whatever is between them: only so many values as lines are one a line.
        if len(records) == count_lines(block):
            return records, range(1, len(records) + 1), []
    records, numbers, broken = [], [], []
    for number, line in enumerate(bytes(block).split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            records.append(chosen.decode(line))
        except (ValueError, RecursionError) as error:
            broken.append((number, f"not a capture record: {error}"))
        else:
            numbers.append(number)
    return records, numbers, broken


def count_lines(block: bytes | memoryview) -> int:
    """How many lines there are; the last may lack its end. A view has to be of the beginning of what it is of."""
    # Ten times as fast as bytes.count where lines are long: find() looks with memchr.
    whole: Any = block.obj if isinstance(block, memoryview) else block
    end = len(block)
    count, at = 0, whole.find(b"\n", 0, end)
    while at >= 0:
        count, at = count + 1, whole.find(b"\n", at + 1, end)
    return count + (end > 0 and block[end - 1] != ord("\n"))


def read_blocks(stream: BinaryIO, size: int = BLOCK) -> Iterator[tuple[memoryview, str | None]]:
    """Read a file in blocks of whole lines, decompressed where it is compressed.

    Args:
        stream: the file, at its beginning; one in which to seek.
        size: bytes to hold at a time.

    Returns:
        Blocks, each with None, or for the last of a compressed file that is broken with what is wrong with it. What
        comes before the break is in the blocks. A block is overwritten when the next one is asked for.
    """
    compressed = stream.read(len(GZIP)) == GZIP
    stream.seek(0)
    if compressed:
        yield from _compressed_blocks(stream, size)
        return
    # One buffer for all of a file: making one for each block would cost as much as decoding it.
    buffer, kept = bytearray(size), 0
    while True:
        with memoryview(buffer) as view:
            count = _read_into(stream, view[kept:])
        if not count:
            break
        filled = kept + count
        end = buffer.rfind(b"\n", kept, filled) + 1
        if end:
            yield memoryview(buffer)[:end], None
            kept = filled - end
            buffer[:kept] = buffer[end:filled]
        else:
            kept = filled
        if kept == len(buffer):  # a line that is longer
            buffer = buffer + bytes(len(buffer))
    if kept:
        yield memoryview(buffer)[:kept], None


def _read_into(stream: BinaryIO, view: memoryview) -> int:
    readinto: Any = stream.readinto  # type: ignore[attr-defined]
    return int(readinto(view))


def _compressed_blocks(stream: BinaryIO, size: int) -> Iterator[tuple[memoryview, str | None]]:
    kept: list[bytes] = []
    trouble = None
    for part, wrong in _decompressed(stream, size):
        trouble = wrong
        end = part.rfind(b"\n") + 1
        if end:
            yield memoryview(b"".join([*kept, part[:end]])), None
            kept = [part[end:]] if end < len(part) else []
        elif part:
            kept.append(part)
    if kept or trouble is not None:
        yield memoryview(b"".join(kept)), trouble


def _decompressed(stream: BinaryIO, size: int) -> Iterator[tuple[bytes, str | None]]:
    """Member by member, as ``cat`` leaves them; never more than *size* bytes of what may unfold to a great deal."""
    member, data = zlib.decompressobj(wbits=31), stream.read(size // 8)
    while True:
        try:
            part = member.decompress(data, size)
        except zlib.error as error:
            yield b"", str(error)
            return
        if part:
            yield part, None
        if member.eof:
            data = member.unused_data or stream.read(size // 8)
            if not data:
                return
            member = zlib.decompressobj(wbits=31)
        else:
            data = member.unconsumed_tail
            # A full answer may have more behind it even though all input is taken.
            if not data and len(part) < size:
                data = stream.read(size // 8)
                if not data:
                    yield b"", "it ends before its compressed data does"
                    return
