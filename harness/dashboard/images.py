"""The pictures that an execution can be started with: those of a bucket, and those that are dropped on the page."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

LARGEST = 5 << 20
"""Bytes of a picture that is shown or taken."""
MOST_SHOWN = 60
DROPPED = "dropped/"
"""Prefix of what was dropped on the page."""
_SUFFIXES = (".png", ".jpg", ".jpeg")
_LOOKED_FOR = ("test/", "images/", "")
_BEGINNINGS = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
_ENDINGS = {"image/png": "png", "image/jpeg": "jpg"}


class PictureError(ValueError):
    """Something is no picture that can be taken; the message says why."""


@dataclass(frozen=True)
class Place:
    """Where in an execution's input the picture is named."""

    bucket_member: str
    key_member: str


@dataclass(frozen=True)
class Offer:
    """What an execution can be started with."""

    input: dict[str, Any]
    """An input to begin with: the newest execution's, else the reference workflow's."""
    place: Place | None
    """Where another picture goes; None where the input names none."""
    bucket: str
    keys: list[str]
    """Of pictures in the bucket, some."""


def offer(s3: Any, newest_input: str | None) -> Offer:
    """Return what the next execution of a state machine can be started with.

    Args:
        s3: an S3 client.
        newest_input: of its newest execution; None when it had none.
    """
    try:
        given = json.loads(newest_input) if newest_input is not None else {}
    except ValueError:
        given = {}
    given = given if isinstance(given, dict) else {}
    place = place_in(given)
    if place is not None:
        bucket = str(given[place.bucket_member])
        folder = str(given[place.key_member]).rpartition("/")[0]
        keys = _keys(s3, bucket, [*([] if f"{folder}/" == DROPPED else [f"{folder}/" if folder else ""]), *_LOOKED_FOR])
        return Offer(given, place, bucket, keys)
    if newest_input is not None:
        return Offer(given, None, "", [])
    for bucket in _buckets(s3):
        keys = _keys(s3, bucket, [*_LOOKED_FOR[:-1]])
        if keys:
            shown = {"image_data": "", "s3_bucket": bucket, "s3_key": keys[0]}
            return Offer(shown, Place("s3_bucket", "s3_key"), bucket, keys)
    return Offer({}, None, "", [])


def place_in(given: Mapping[str, Any]) -> Place | None:
    """Where an input names a picture in a bucket: a member whose value ends as pictures do, and one called bucket."""
    texts = {name: value for name, value in given.items() if isinstance(value, str)}
    keys = [name for name, value in texts.items() if value.lower().endswith(_SUFFIXES)]
    buckets = [name for name, value in texts.items() if "bucket" in name.lower() and value and "/" not in value]
    return Place(buckets[0], keys[0]) if keys and buckets else None


def picture_of(text: str) -> tuple[str, str] | None:
    """Bucket and key of the picture that an execution's input names, or None."""
    try:
        given = json.loads(text)
    except ValueError:
        return None
    place = place_in(given) if isinstance(given, dict) else None
    return None if place is None else (str(given[place.bucket_member]), str(given[place.key_member]))


def picture(s3: Any, bucket: str, key: str) -> tuple[bytes, str]:
    """Read a picture out of a bucket.

    Args:
        s3: client of S3.
        bucket: name of the bucket.
        key: of the picture.

    Returns:
        its bytes and its content type.

    Raises:
        PictureError: it is none, or too large.
        botocore.exceptions.ClientError: S3 refuses.
    """
    body = s3.get_object(Bucket=bucket, Key=key)["Body"]
    data = body.read(LARGEST + 1)
    body.close()
    return data, _checked(data, f"s3://{bucket}/{key}")


def put_dropped(s3: Any, bucket: str, data: bytes) -> str:
    """Put a picture that was dropped on the page to a bucket; return its key. The same picture has the same key.

    Args:
        s3: client of S3.
        bucket: name of the bucket.
        data: the whole file, PNG or JPEG.

    Raises:
        PictureError: it is none, or too large.
        botocore.exceptions.ClientError: S3 refuses.
    """
    kind = _checked(data, "the file")
    key = f"{DROPPED}{hashlib.sha256(data).hexdigest()[:12]}.{_ENDINGS[kind]}"
    s3.put_object(Bucket=bucket, Key=key, Body=data, ContentType=kind)
    return key


def kind_of(data: bytes) -> str | None:
    """``image/png`` or ``image/jpeg``, by what the data begins with; else None."""
    return next((kind for begin, kind in _BEGINNINGS.items() if data.startswith(begin)), None)


def _checked(data: bytes, what: str) -> str:
    kind = kind_of(data)
    if kind is None:
        raise PictureError(f"{what} is no PNG or JPEG picture")
    if len(data) > LARGEST:
        raise PictureError(f"{what} is larger than {LARGEST >> 20} MB")
    return kind


def _buckets(s3: Any) -> list[str]:
    return [str(item["Name"]) for item in s3.list_buckets().get("Buckets", [])]


def _keys(s3: Any, bucket: str, prefixes: list[str]) -> list[str]:
    for prefix in dict.fromkeys(prefixes):
        try:
            answer = s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1000)
        except ClientError:
            return []
        keys = [item["Key"] for item in answer.get("Contents", []) if item["Key"].lower().endswith(_SUFFIXES)]
        if keys:
            step = max(1, len(keys) // MOST_SHOWN)  # of all kinds, not only what the alphabet begins with
            return keys[::step][:MOST_SHOWN]
    return []
