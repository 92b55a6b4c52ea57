"""S3 buckets: folders, objects, and what is in a small one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError
from flask import Flask, Response, abort, make_response, redirect, render_template, request, url_for

from harness.dashboard.clients import Clients
from harness.dashboard.images import kind_of

PAGE = 200
LARGEST_TEXT = 64 << 10
"""Bytes of a text that is shown."""


@dataclass(frozen=True)
class Folder:
    """A page of what lies below a prefix.

    Attributes:
        folders: prefixes below it.
        objects: as ListObjectsV2 tells of them.
        more: where the next page begins; empty on the last.
    """

    folders: list[str]
    objects: list[dict[str, Any]]
    more: str


def buckets(s3: Any) -> list[dict[str, Any]]:
    """All buckets, by name."""
    return sorted(s3.list_buckets().get("Buckets", []), key=lambda each: str(each["Name"]))


def folder(s3: Any, bucket: str, prefix: str, after: str = "") -> Folder:
    """List what lies below *prefix* in a bucket.

    Args:
        s3: an S3 client.
        bucket: its name.
        prefix: empty, or with a slash at its end.
        after: where the page begins, as the page before told it.
    """
    more = {"ContinuationToken": after} if after else {}
    answer = s3.list_objects_v2(Bucket=bucket, Prefix=prefix, Delimiter="/", MaxKeys=PAGE, **more)
    objects = [each for each in answer.get("Contents", []) if each["Key"] != prefix]
    folders = [each["Prefix"] for each in answer.get("CommonPrefixes", [])]
    return Folder(folders, objects, answer.get("NextContinuationToken", ""))


def text_of(data: bytes) -> str | None:
    """Return what an object's beginning says, where it is text; else None."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(data) - 4:  # a character may be cut in two at the end
            return None
        text = data[: error.start].decode("utf-8")
    return None if "\x00" in text else text


def crumbs(prefix: str) -> list[tuple[str, str]]:
    """Return the folders that a prefix leads through: name and prefix of each."""
    parts = prefix.rstrip("/").split("/") if prefix else []
    return [(part, "/".join(parts[: number + 1]) + "/") for number, part in enumerate(parts)]


def add_buckets(app: Flask, clients: Clients) -> None:
    """Add the pages of buckets."""

    @app.get("/buckets", endpoint="buckets")
    def listed() -> str:
        return render_template("buckets.html", buckets=buckets(clients.s3))

    @app.get("/buckets/<bucket>", endpoint="bucket")
    def shown(bucket: str) -> str:
        prefix = request.args.get("prefix", "")
        try:
            found = folder(clients.s3, bucket, prefix, request.args.get("after", ""))
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchBucket":
                abort(404, f"There is no bucket {bucket}.")
            raise
        return render_template("bucket.html", bucket=bucket, prefix=prefix, crumbs=crumbs(prefix), found=found)

    @app.get("/buckets/<bucket>/object", endpoint="object")
    def one(bucket: str) -> str:
        key = request.args.get("key", "")
        try:
            answer = clients.s3.get_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "NoSuchBucket", "404"):
                abort(404, f"There is no object s3://{bucket}/{key}.")
            raise
        with answer["Body"] as body:
            data = body.read(LARGEST_TEXT)
        return render_template(
            "object.html",
            bucket=bucket,
            key=key,
            crumbs=crumbs(key.rpartition("/")[0]),
            object=answer,
            image=kind_of(data) is not None,
            text=text_of(data),
            cut=answer["ContentLength"] > len(data),
        )

    @app.get("/s3", endpoint="s3")
    def lead() -> Response:
        """To the page of an ``s3://`` address, an object's or a folder's."""
        parts = urlsplit(request.args.get("uri", ""))
        bucket, key = parts.netloc, parts.path.lstrip("/")
        answer = clients.s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("Contents", [])
        if answer and answer[0]["Key"] == key:
            return make_response(redirect(url_for("object", bucket=bucket, key=key)))
        return make_response(redirect(url_for("bucket", bucket=bucket, prefix=f"{key.rstrip('/')}/" if key else None)))
