"""A request's body, read to its end: as long as it says, no longer, and never more memory than has come in.

https://www.rfc-editor.org/rfc/rfc9112#name-message-body-length
"""

from __future__ import annotations

import re
import zlib
from email.message import Message
from io import BufferedIOBase
from typing import BinaryIO

LONGEST = 5 << 30
"""What S3 takes at once: https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html"""
_PIECE = 1 << 20
_LONGEST_LINE = 8192
_MOST_TRAILERS = 100
_LENGTH = re.compile(r"[0-9]{1,18}")
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r?\n")


_MOST_UNPACKED = 1 << 24


class BodyError(Exception):
    """A body that is not as its head says; the message says how. What follows on its connection means nothing."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def read_body(stream: BinaryIO | BufferedIOBase, headers: Message) -> bytes:
    """Read the body of a request whose head has been read.

    Raises:
        BodyError: its length is said in no way or in two, it is too long, or it ends too early.
    """
    lengths, encodings = headers.get_all("Content-Length", []), headers.get_all("Transfer-Encoding", [])
    if encodings:
        if lengths:
            raise BodyError("Content-Length and Transfer-Encoding exclude each other")
        if [encoding.strip().lower() for encoding in encodings] != ["chunked"]:
            raise BodyError("the only Transfer-Encoding is chunked", 501)
        return _chunks(stream)
    if not lengths:
        return b""
    if len(set(lengths)) > 1 or not _LENGTH.fullmatch(lengths[0]):
        raise BodyError("Content-Length is no number")
    whole = bytearray()
    _read(stream, int(lengths[0]), whole)
    return bytes(whole)


def _chunks(stream: BinaryIO | BufferedIOBase) -> bytes:
    whole = bytearray()
    while True:
        size = _SIZE.fullmatch(stream.readline(_LONGEST_LINE))
        if size is None:
            raise BodyError("a chunk has no size")
        length = int(size[1], 16)
        if length == 0:
            break
        _read(stream, length, whole)
        if stream.readline(3).strip(b"\r\n"):
            raise BodyError("a chunk is longer than it says")
    for _ in range(_MOST_TRAILERS):
        line = stream.readline(_LONGEST_LINE)
        if line in (b"\r\n", b"\n"):
            return bytes(whole)
        if not line.endswith(b"\n"):
            break
    raise BodyError("the body ends too early")


def _read(stream: BinaryIO | BufferedIOBase, length: int, whole: bytearray) -> None:
    if len(whole) + length > LONGEST:
        raise BodyError(f"the body is longer than {LONGEST} bytes", 413)
    while length:
        piece = stream.read(min(length, _PIECE))
        if not piece:
            raise BodyError("the body ends too early")
        whole += piece
        length -= len(piece)


def check_unpacked(body: bytes) -> None:
    """Refuse a compressed body that is no such, or is large once it is unpacked.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-compression.html

    Raises:
        BodyError: it is no gzip, or unpacks to more than 16 MiB, of which AWS takes one.
    """
    unpacking, size = zlib.decompressobj(31), 0
    try:
        while body and not unpacking.eof:
            size += len(unpacking.decompress(body, _PIECE))
            if size > _MOST_UNPACKED:
                raise BodyError(f"the body unpacks to more than {_MOST_UNPACKED} bytes", 413)
            body = unpacking.unconsumed_tail
    except zlib.error as error:
        raise BodyError(f"the body is no gzip: {error}") from None


def check_signed_chunks(body: bytes, headers: Message) -> None:
    """Refuse a body in AWS's own chunks whose sizes are not so.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html

    Raises:
        BodyError: a size is none, or they are together not what the head says.
    """
    said = headers.get("X-Amz-Decoded-Content-Length")
    if said is None or "aws-chunked" not in headers.get("Content-Encoding", ""):
        if said is not None and (not _LENGTH.fullmatch(said) or int(said) > len(body)):
            raise BodyError("x-amz-decoded-content-length is not the length of the body")
        return
    at = total = 0
    while True:
        end = body.find(b"\n", at) + 1
        size = _SIZE.fullmatch(body[at:end]) if 0 < end - at <= _LONGEST_LINE else None
        if size is None:
            raise BodyError("a chunk has no size")
        length = int(size[1], 16)
        if length == 0:
            break
        at, total = end + length, total + length
        if body[at : at + 2] != b"\r\n":
            raise BodyError("a chunk is not as long as it says")
        at += 2
    if said != str(total):
        raise BodyError("x-amz-decoded-content-length is not the length of the body")
