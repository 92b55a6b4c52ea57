"""True classes of captured images, found honestly.

A capture record does not name the image that was sent. What it holds is the image's very bytes, so they are matched, by
SHA-256, with images whose class is known; and the inference id, where the caller gave one that names such an image. An
image that is in no such set has no label, nor has one that is in two classes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from harness.capture.places import bucket_place
from harness.reporting.images import digest_of
from harness.reporting.labels import CLASS_NAMES, label_from_name

_IMAGES = (".png", ".jpg", ".jpeg")
_MANIFEST = ".lst"
_THREADS = 8


@dataclass(frozen=True)
class LabelledImages:
    """Images with their classes."""

    name: str
    """Where they are from."""
    by_digest: dict[bytes, int] = field(repr=False)
    by_key: dict[str, int] = field(repr=False)
    """By path below the folder or prefix."""
    digests: frozenset[bytes] = field(repr=False)
    """SHA-256 of all images, labelled or not."""
    contents: list[bytes] = field(repr=False)
    """All images, labelled or not, where they were to be kept."""
    images: int = 0
    """How many there were."""
    ambiguous: int = 0
    """How many different images stand in more than one class, and so have no label."""

    def label_of(self, digest: bytes | None, inference_id: str | None) -> int | None:
        """Return the class of a captured image, or None where it is not known."""
        if digest is not None and digest in self.by_digest:
            return self.by_digest[digest]
        if inference_id is None:
            return None
        # An id may be the key itself or one with more before it.
        parts = inference_id.split("/")
        ends = ("/".join(parts[number:]) for number in range(len(parts)))
        return next((self.by_key[end] for end in ends if end in self.by_key), None)


def read_labelled(
    location: str,
    s3: Any = None,
    *,
    keep: bool = False,
    progress: Callable[[int, int | None], None] = lambda done, total: None,
) -> LabelledImages:
    """Read labelled images.

    Classes come from the ``.lst`` manifests beside or above the images (row, class, path between tabs, as SageMaker's
    image-classification takes them). An image that none names is of the class whose name its folder has, or is a
    word of its own name, or one with which CIFAR-100's names of that class begin: ``bicycle_s_000030.png``,
    ``velocipede_s_000437.png``, ``minibike_s_000010.png``.

    Args:
        location: a folder, a ``.lst`` manifest, or ``s3://bucket/prefix``.
        s3: an S3 client; None where *location* is on this machine.
        keep: whether the images themselves are wanted too.
        progress: told how many of how many images are read.

    Raises:
        FileNotFoundError: there is no such folder or manifest.
        ValueError: a manifest is malformed, or there are no images.
        botocore.exceptions.ClientError: S3 refuses.
    """
    if location.startswith("s3://"):
        manifests, keys, get = _in_bucket(s3, location)
    else:
        manifests, keys, get = _in_folder(Path(location))
    listed: dict[str, int] = {}
    for key in manifests:
        listed |= _read_manifest(key, get(key).decode("utf-8", "replace"), set(keys))
    if location.endswith(_MANIFEST):
        keys = [key for key in keys if key in listed]
    if not keys:
        raise ValueError(f"{location} has no images: expected files that end in {', '.join(_IMAGES)}")
    classes: dict[bytes, set[int]] = {}
    by_key: dict[str, int] = {}
    contents, digests = [], set()
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="labels") as pool:
        for number, (key, content) in enumerate(zip(keys, pool.map(get, keys), strict=True), 1):
            label = listed.get(key, _class_in(key))
            digest = digest_of(content)
            digests.add(digest)
            if label is not None:
                by_key[key] = label
                classes.setdefault(digest, set()).add(label)
            if keep:
                contents.append(content)
            progress(number, len(keys))
    by_digest = {digest: next(iter(found)) for digest, found in classes.items() if len(found) == 1}
    ambiguous = len(classes) - len(by_digest)
    return LabelledImages(location, by_digest, by_key, frozenset(digests), contents, len(keys), ambiguous)


def _in_folder(path: Path) -> tuple[list[str], list[str], Callable[[str], bytes]]:
    folder = path.parent if path.suffix == _MANIFEST else path
    if not path.exists():
        raise FileNotFoundError(f"there is no folder or manifest {path}")
    # A manifest may lie beside the folder of its images.
    names = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
    manifests = [path.name] if path.suffix == _MANIFEST else [name for name in names if name.endswith(_MANIFEST)]
    beside = folder.parent / f"{folder.name}{_MANIFEST}"
    if path.suffix != _MANIFEST and not manifests and beside.is_file():
        manifests = [f"../{beside.name}"]
    return manifests, _only_images(names), lambda name: (folder / name).read_bytes()


def _in_bucket(s3: Any, uri: str) -> tuple[list[str], list[str], Callable[[str], bytes]]:
    place = bucket_place(s3, uri)
    manifest = uri.endswith(_MANIFEST)
    prefix = str(PurePosixPath(place.prefix).parent) if manifest else place.prefix.rstrip("/")
    prefix = f"{prefix}/" if prefix not in ("", ".") else ""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=place.bucket, Prefix=prefix)
    names = [item["Key"].removeprefix(prefix) for page in pages for item in page.get("Contents", [])]
    manifests = [PurePosixPath(place.prefix).name] if manifest else [n for n in names if n.endswith(_MANIFEST)]

    def get(name: str) -> bytes:
        key = prefix + name
        if name.startswith("../"):
            key = f"{prefix.rstrip('/').rpartition('/')[0]}/{name[3:]}".lstrip("/")
        body: bytes = s3.get_object(Bucket=place.bucket, Key=key)["Body"].read()
        return body

    beside = f"{prefix.rstrip('/')}{_MANIFEST}"
    if not manifest and not manifests and prefix:
        there = s3.list_objects_v2(Bucket=place.bucket, Prefix=beside).get("Contents", [])
        if any(item["Key"] == beside for item in there):
            manifests = [f"../{PurePosixPath(beside).name}"]
    return manifests, _only_images(names), get


def _only_images(names: Iterable[str]) -> list[str]:
    return [name for name in names if name.lower().endswith(_IMAGES)]


def _read_manifest(key: str, text: str, keys: set[str]) -> dict[str, int]:
    """Classes by path, as far as such images are there."""
    found = {}
    beside = PurePosixPath(key).parent
    # train.lst names the images of train/; other manifests name paths from where they are.
    roots = (
        (beside, beside / PurePosixPath(key).stem, PurePosixPath()) if not key.startswith("../") else (PurePosixPath(),)
    )
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.split("\t")
        if len(fields) != 3 or not re.fullmatch(r"\d+(\.0*)?", fields[1]):
            raise ValueError(f"{key}, line {number}: expected row, class and path between tabs, not {line!r}")
        for root in roots:
            path = (root / fields[2]).as_posix()
            if path in keys:
                found[path] = int(float(fields[1]))
                break
    return found


def _class_in(key: str) -> int | None:
    """Return the class that the name of an image's folder or its own name says."""
    path = PurePosixPath(key)
    if path.parent.name.lower() in CLASS_NAMES:
        return CLASS_NAMES.index(path.parent.name.lower())
    found = label_from_name(key)
    if found is not None:
        return found
    words = re.split(r"[^a-z0-9]+", path.stem.lower())
    named = [number for number, name in enumerate(CLASS_NAMES) if name in words]
    return named[0] if len(named) == 1 else None
