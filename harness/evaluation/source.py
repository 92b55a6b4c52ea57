"""What is to be evaluated: a prefix or a manifest in S3, or a folder, which is uploaded first."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from harness.reporting.labels import label_from_name, read_lst

PREFIX = "evaluations"
"""Where in the bucket results go; the roles in template.yaml may write nowhere else."""
_SUFFIXES = (".png", ".jpg", ".jpeg")
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Source:
    """Images in S3, and what is known of their classes.

    Attributes:
        uri: as it was named, or where it was uploaded to.
        items: the batch evaluation's input ``items``: format, bucket, key or prefix.
        images: its input ``images``: the bucket, and what is put before the manifest's paths.
        labels: class numbers by key.
    """

    uri: str
    items: dict[str, str]
    images: dict[str, str]
    labels: dict[str, int]

    def count(self, s3: Any) -> int:
        """How many images there are, before any is looked at.

        Args:
            s3: an S3 client.

        Raises:
            ValueError: an inventory does not tell without all of its files.
        """
        items = self.items
        if items["format"] == "inventory":
            raise ValueError(
                "how many images an inventory names is told by all of its files: name a prefix or manifest"
            )
        if items["format"] == "listing":
            pages = s3.get_paginator("list_objects_v2").paginate(Bucket=items["bucket"], Prefix=items["prefix"])
            return sum(page.get("KeyCount", 0) for page in pages)
        lines = s3.get_object(Bucket=items["bucket"], Key=items["key"])["Body"].read().splitlines()
        return sum(bool(line.strip()) for line in lines)

    def label_of(self, key: str) -> int | None:
        """Return the class of the image at *key*, if it is known."""
        found = self.labels.get(key)
        return label_from_name(key) if found is None else found


def find_source(s3: Any, uri: str, images: str | None = None) -> Source:
    """Find the source that *uri* names: ``s3://bucket/x.lst``, ``.csv``, ``.jsonl``, ``manifest.json``, else a prefix.

    Args:
        s3: an S3 client.
        uri: ``s3://bucket/key-or-prefix``.
        images: ``s3://bucket/prefix`` that a manifest's paths are below; by default the folder of the manifest's own
            name beside it (``test/`` for ``test.lst``) if there is one, else the manifest's folder.

    Raises:
        ValueError: it is no S3 URI, or there is nothing.
    """
    bucket, key = _parts(uri)
    kind = _kind(key)
    if kind == "listing":
        if not s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("Contents"):
            raise ValueError(f"there is nothing below {uri}")
        items = {"format": kind, "bucket": bucket, "prefix": key}
        return Source(uri, items, {"bucket": bucket, "prefix": ""}, {})
    try:
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except (s3.exceptions.NoSuchKey, s3.exceptions.NoSuchBucket):
        raise ValueError(f"there is no {uri}: `aws s3 ls` says what there is; `harness deploy` loads images") from None
    items = {"format": kind, "bucket": bucket, "key": key}
    if kind == "inventory":
        return Source(uri, items, {"bucket": bucket, "prefix": ""}, {})
    where_bucket, prefix = _parts(images) if images else (bucket, _folder_of(s3, bucket, key))
    labels = {f"{prefix}{path}": label for path, label in _labels(kind, body.decode("utf-8-sig"), uri).items()}
    return Source(uri, items, {"bucket": where_bucket, "prefix": prefix}, labels)


@dataclass(frozen=True)
class Folder:
    """Images of a folder on this machine, before they are uploaded.

    Attributes:
        root: below which they are.
        labels: class numbers by path, None where it is not known.
    """

    root: Path
    labels: dict[str, int | None]


def read_folder(folder: Path) -> Folder:
    """Return the images of *folder* that are to be evaluated.

    A folder with ``test.lst`` and ``test/`` is a data set, of which the test images are meant. Another with one
    ``.lst`` has the images that this names; any other, all images below it, with the classes that their names say.

    Args:
        folder: images (PNG or JPEG), or a data set.

    Raises:
        ValueError: there is no image, or the manifest is malformed or names one that is not there.
    """
    manifest = folder / "test.lst"
    root = folder / "test"
    if not manifest.is_file():
        found = sorted(folder.glob("*.lst"))
        if len(found) > 1:
            raise ValueError(f"{folder} has several manifests, and no test.lst: leave one, or name one in S3")
        manifest, root = (found[0] if found else manifest), folder
    if manifest.is_file():
        labels: dict[str, int | None] = {**read_lst(manifest.read_text(), str(manifest))}
        if not root.is_dir():
            root = folder
        missing = [path for path in labels if not (root / path).is_file()]
        if missing:
            raise ValueError(f"{manifest} names {missing[0]}, and there is no {root / missing[0]}")
    else:
        paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
        labels = {path.relative_to(folder).as_posix(): label_from_name(path.name) for path in paths}
    if not labels:
        raise ValueError(f"{folder} has no images (PNG or JPEG) and no .lst manifest")
    return Folder(root, labels)


def upload_folder(s3: Any, folder: Folder, bucket: str, progress: Progress = lambda done, total: None) -> Source:
    """Upload images below ``evaluations/`` of the bucket, and a manifest; what is there stays.

    Args:
        s3: client of S3.
        folder: the images.
        bucket: where they go.
        progress: told how many images of how many are there.
    """
    root, labels = folder.root, folder.labels
    digest = hashlib.sha256()
    for path in sorted(labels):
        digest.update(path.encode() + b"\0" + (root / path).read_bytes())
    prefix = f"{PREFIX}/images/{digest.hexdigest()[:12]}/"
    _upload(s3, root, sorted(labels), bucket, prefix, progress)
    # JSON Lines and not a listing: what else comes to lie below the prefix is not evaluated.
    lines = "".join(json.dumps({"s3_key": path, "label": label}) + "\n" for path, label in sorted(labels.items()))
    key = f"{prefix}manifest.jsonl"
    s3.put_object(Bucket=bucket, Key=key, Body=lines.encode())
    return Source(
        f"s3://{bucket}/{key}",
        {"format": "jsonl", "bucket": bucket, "key": key},
        {"bucket": bucket, "prefix": prefix},
        {f"{prefix}{path}": label for path, label in labels.items() if label is not None},
    )


def _upload(s3: Any, root: Path, paths: list[str], bucket: str, prefix: str, progress: Progress) -> None:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    present = {item["Key"] for page in pages for item in page.get("Contents", ())}
    done = 0

    def put(path: str) -> None:
        if f"{prefix}{path}" not in present:  # the prefix is the digest of all of them
            kind = "image/png" if path.lower().endswith(".png") else "image/jpeg"
            s3.put_object(Bucket=bucket, Key=f"{prefix}{path}", Body=(root / path).read_bytes(), ContentType=kind)

    with ThreadPoolExecutor(8, thread_name_prefix="upload") as pool:
        for _ in pool.map(put, paths):
            done += 1
            progress(done, len(paths))


def _parts(uri: str) -> tuple[str, str]:
    parts = urlsplit(uri)
    if parts.scheme != "s3" or not parts.netloc:
        raise ValueError(f"{uri!r} is neither a folder nor s3://bucket/key")
    return parts.netloc, parts.path.removeprefix("/")


def _kind(key: str) -> str:
    name = key.rpartition("/")[2]
    if name == "manifest.json":
        return "inventory"
    return {"lst": "lst", "csv": "csv", "jsonl": "jsonl", "manifest": "jsonl"}.get(name.rpartition(".")[2], "listing")


def _folder_of(s3: Any, bucket: str, key: str) -> str:
    beside = f"{key.rpartition('.')[0]}/"
    if s3.list_objects_v2(Bucket=bucket, Prefix=beside, MaxKeys=1).get("Contents"):
        return beside
    folder = key.rpartition("/")[0]
    return f"{folder}/" if folder else ""


def _labels(kind: str, text: str, where: str) -> dict[str, int]:
    if kind == "lst":
        return read_lst(text, where)
    if kind == "csv":
        rows: Any = csv.DictReader(io.StringIO(text))
    else:
        rows = (_or_nothing(line) for line in text.splitlines() if line.strip())
    found = {}
    for row in rows:
        label = row.get("label")
        if row.get("s3_key") and label is not None and str(label).isdigit():
            found[row["s3_key"]] = int(label)
    return found


def _or_nothing(line: str) -> dict[str, Any]:
    """Return a malformed line is for the state machine to refuse: it reads the manifest that it runs on itself."""
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
