"""Load: a data set to S3, only what changed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.project.bucket import ensure_bucket
from harness.scones.dataset.transform import PARTS, Dataset

Progress = Callable[[int, int], None]
"""Told how many files are done and how many there are."""


@dataclass(frozen=True)
class LoadReport:
    """What a load did."""

    bucket: str
    uploaded: int
    """Files."""
    unchanged: int
    """Files that S3 had already."""
    uploaded_bytes: int


def load(
    dataset: Dataset,
    s3: Any,
    bucket: str,
    prefix: str = "",
    *,
    threads: int = 8,
    progress: Progress = lambda done, total: None,
) -> LoadReport:
    """Upload ``train/``, ``test/`` and the manifests; what S3 has with the same content is left alone.

    Manifests go last, so that one never names an image that is not there yet.

    Args:
        dataset: what to upload.
        s3: an S3 client.
        bucket: made when it is missing.
        prefix: put before every key.
        threads: uploads at a time.
        progress: told about each file.

    Raises:
        botocore.exceptions.ClientError: S3 refuses.
    """
    ensure_bucket(s3, bucket)
    present = _etags(s3, bucket, prefix)
    images = [
        (dataset.folder / part / filename, f"{prefix}{part}/{filename}")
        for part in PARTS
        for filename in dataset.part(part)["filename"]
    ]
    manifests = [(dataset.folder / f"{part}.lst", f"{prefix}{part}.lst") for part in PARTS]
    total = len(images) + len(manifests)
    uploaded = uploaded_bytes = done = 0

    def put(item: tuple[Path, str]) -> int:
        path, key = item
        data = path.read_bytes()
        if present.get(key) == hashlib.md5(data, usedforsecurity=False).hexdigest():
            return 0
        kind = "image/png" if path.suffix == ".png" else "text/plain"
        s3.put_object(Bucket=bucket, Key=key, Body=data, ContentType=kind)
        return len(data)

    with ThreadPoolExecutor(threads, thread_name_prefix="upload") as pool:
        for group in (images, manifests):
            for size in pool.map(put, group):
                done += 1
                uploaded += size > 0
                uploaded_bytes += size
                progress(done, total)
    return LoadReport(bucket, uploaded, total - uploaded, uploaded_bytes)


def changed_files(dataset: Dataset, s3: Any, bucket: str, prefix: str = "") -> list[str]:
    """Return the keys that :func:`load` would upload: those that S3 lacks or has with another MD5.

    Args:
        dataset: the images and manifests.
        s3: client of S3.
        bucket: name of the bucket.
        prefix: of the keys, with its ``/``.
    """
    present = _etags(s3, bucket, prefix)
    return [
        name
        for name in dataset.files()
        if present.get(f"{prefix}{name}")
        != hashlib.md5((dataset.folder / name).read_bytes(), usedforsecurity=False).hexdigest()
    ]


def _etags(s3: Any, bucket: str, prefix: str) -> dict[str, str]:
    def objects() -> Iterator[dict[str, str]]:
        for part in PARTS:
            pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}{part}")
            for page in pages:
                yield from page.get("Contents", [])

    return {item["Key"]: item["ETag"].strip('"') for item in objects()}
