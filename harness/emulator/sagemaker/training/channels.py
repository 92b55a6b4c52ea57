"""Input channels: the objects they name, and their download to ``/opt/ml/input/data/<channel>``.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_S3DataSource.html
"""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_AT_ONCE = 8
_MOST_MANIFEST_BYTES = 64 << 20


class ChannelError(Exception):
    """A channel cannot be read; the message is the job's failure reason."""


@dataclass(frozen=True)
class S3Object:
    """An object of a channel, and where below the channel's folder it goes."""

    bucket: str
    key: str
    path: str
    etag: str = ""


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and key or prefix of ``s3://bucket/key`` (or ``https://...``).

    Raises:
        ChannelError: it is neither.
    """
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket:
        raise ChannelError(f"ClientError: {uri} is no S3 URI.")
    return bucket, key


def find_objects(s3: Any, source: Mapping[str, Any]) -> list[S3Object]:
    """Return the objects that an S3DataSource names, in the order of their keys.

    Args:
        s3: boto3 client.
        source: ``S3DataSource`` of the request.

    Raises:
        ChannelError: a manifest cannot be read, or names what is not there.
        botocore.exceptions.ClientError: S3 refuses.
    """
    uri, kind = source["S3Uri"], source["S3DataType"]
    bucket, key = split_uri(uri)
    if kind == "S3Prefix":
        return _below_prefix(s3, bucket, key)
    if kind == "ManifestFile":
        return _in_manifest(s3, uri, bucket, key)
    # An augmented manifest is one file here: the algorithm reads it, and the objects it names come beside it.
    return [S3Object(bucket, key, key.rpartition("/")[2])]


def _below_prefix(s3: Any, bucket: str, prefix: str) -> list[S3Object]:
    objects = []
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", []):
            key = item["Key"]
            if not key.endswith("/"):
                objects.append(S3Object(bucket, key, _path_below(prefix, key), item["ETag"]))
    return objects


def _path_below(prefix: str, key: str) -> str:
    # AWS leaves out the prefix up to its last slash, and a prefix that is a folder's name is that folder.
    if key == prefix:
        return key.rpartition("/")[2]
    rest = key[len(prefix) :]
    if prefix == "" or prefix.endswith("/") or rest.startswith("/"):
        return rest.lstrip("/")
    return prefix.rpartition("/")[2] + rest


def _in_manifest(s3: Any, uri: str, bucket: str, key: str) -> list[S3Object]:
    body = s3.get_object(Bucket=bucket, Key=key)["Body"].read(_MOST_MANIFEST_BYTES)
    try:
        document = json.loads(body)
        prefix = document[0]["prefix"]
        names = [name for entry in document[1:] for name in ([entry] if isinstance(entry, str) else [])]
    except (ValueError, LookupError, TypeError):
        raise ChannelError(
            f'ClientError: Data download failed: the manifest {uri} must be [{{"prefix": "s3://..."}}, "name", ...].'
        ) from None
    home, folder = split_uri(prefix)
    return [S3Object(home, folder + name, name.lstrip("/")) for name in names]


def shard(objects: Sequence[S3Object], host: int, hosts: int) -> list[S3Object]:
    """Return the objects that one of several instances gets under ``ShardedByS3Key``.

    Args:
        objects: the channel's, sorted by key.
        host: number of the instance, from 0.
        hosts: ``InstanceCount``.
    """
    return list(objects[host::hosts])


def download(s3: Any, objects: Sequence[S3Object], folder: Path, gunzip: bool) -> None:
    """Fetch *objects* into *folder*.

    Args:
        s3: boto3 client.
        objects: what to fetch.
        folder: made when it is missing.
        gunzip: the objects are compressed (``CompressionType: Gzip``).

    Raises:
        ChannelError: an object is not there any more, or its name leads out of the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    top = folder.resolve()

    def fetch(item: S3Object) -> None:
        path = (top / item.path).resolve()
        if not path.is_relative_to(top) or path == top:
            raise ChannelError(f"ClientError: Data download failed: {item.key} leads out of the channel's folder.")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            body = s3.get_object(Bucket=item.bucket, Key=item.key)["Body"]
        except s3.exceptions.ClientError as error:
            said = error.response["Error"]
            raise ChannelError(
                f"ClientError: Data download failed:Unable to download object s3://{item.bucket}/{item.key} "
                f"({said.get('Code')}: {said.get('Message')})"
            ) from None
        if gunzip:
            path = path.with_name(path.name.removesuffix(".gz"))
        with path.open("wb") as file:
            try:
                shutil.copyfileobj(gzip.GzipFile(fileobj=body) if gunzip else body, file, 1 << 20)
            except (gzip.BadGzipFile, EOFError) as error:
                raise ChannelError(
                    f"ClientError: Data download failed: s3://{item.bucket}/{item.key} is not gzip: {error}"
                ) from None

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for _ in pool.map(fetch, objects):
            pass
