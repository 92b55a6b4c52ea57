"""Pipe mode: a channel as a stream, a new one for each pass over the data.

https://docs.aws.amazon.com/sagemaker/latest/dg/augmented-manifest-stream.html
"""

from __future__ import annotations

import json
import logging
import os
import struct
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.emulator.sagemaker.training.channels import ChannelError, S3Object, split_uri

logger = logging.getLogger(__name__)

_RECORD_MAGIC = 0xCED7230A
_LONGEST_RECORD = (1 << 29) - 1
_BLOCK = 1 << 16


def blocks(s3: Any, channel: Mapping[str, Any], objects: Sequence[S3Object]) -> Iterator[bytes]:
    """Yield what a program reads from a channel in one pass.

    Objects follow one another as they are, or each as a RecordIO record (``RecordWrapperType: RecordIO``). Of an
    augmented manifest's lines come the attributes that the request names: an object's content for a name that ends in
    ``-ref``, the value's JSON for others.

    Args:
        s3: client of S3, as the job's role.
        channel: of ``InputDataConfig``.
        objects: the channel's that this instance gets, in their order.

    Raises:
        ChannelError: a manifest's line is not JSON, or lacks an attribute.
    """
    source = channel["DataSource"]["S3DataSource"]
    wrap = _as_record if channel.get("RecordWrapperType") == "RecordIO" else bytes
    if source["S3DataType"] != "AugmentedManifestFile":
        for item in objects:
            yield wrap(_content(s3, item.bucket, item.key))
        return
    bucket, key = split_uri(source["S3Uri"])
    for number, line in enumerate(_content(s3, bucket, key).splitlines(), 1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except ValueError:
            raise ChannelError(f"ClientError: line {number} of {source['S3Uri']} is not JSON.") from None
        for name in source.get("AttributeNames") or []:
            if not isinstance(values, dict) or name not in values:
                raise ChannelError(f"ClientError: line {number} of {source['S3Uri']} has no attribute '{name}'.")
            if name.endswith("-ref"):
                yield wrap(_content(s3, *split_uri(values[name])))
            else:
                yield wrap(json.dumps(values[name]).encode())


class ChannelPipe:
    """Feeds ``<channel>_0``, ``<channel>_1`` and so on below a folder, each when its reader has come.

    Args:
        folder: ``/opt/ml/input/data``.
        name: the channel's.
        read: gives the blocks of one pass.
    """

    def __init__(self, folder: Path, name: str, read: Callable[[], Iterator[bytes]]) -> None:
        self._folder = folder
        self._name = name
        self._read = read
        self._closed = False
        self._path = folder / f"{name}_0"
        self.failure: Exception | None = None
        """What went wrong while it was read, None when nothing did."""
        os.mkfifo(self._path)
        self._thread = threading.Thread(target=self._run, name=f"pipe-{name}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Feed it no more."""
        self._closed = True
        try:
            os.close(os.open(self._path, os.O_RDONLY | os.O_NONBLOCK))  # lets the writer's open return
        except OSError:
            return
        self._thread.join(5)

    def _run(self) -> None:
        number = 0
        while not self._closed:
            following = self._folder / f"{self._name}_{number + 1}"
            try:
                with self._path.open("wb", buffering=_BLOCK) as pipe:
                    os.mkfifo(following)  # there before the reader can look for it
                    for block in () if self._closed else self._read():
                        pipe.write(block)
            except BrokenPipeError:  # the reader has had enough of this pass
                pass
            except Exception as error:
                self.failure = error
                logger.warning("channel %s: %s", self._name, error)
                return
            self._path = following
            number += 1


def _content(s3: Any, bucket: str, key: str) -> bytes:
    try:
        body: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except s3.exceptions.ClientError as error:
        raise ChannelError(
            f"ClientError: Data download failed: {error.response['Error'].get('Code')} for s3://{bucket}/{key}"
        ) from None
    return body


def _as_record(data: bytes) -> bytes:
    """Return *data* as a record of MXNet's RecordIO: magic, length, data, and zeros up to a multiple of four bytes."""
    if len(data) > _LONGEST_RECORD:
        raise ChannelError("ClientError: an object is too large for a RecordIO record.")
    return struct.pack("<II", _RECORD_MAGIC, len(data)) + data + b"\0" * (-len(data) % 4)
