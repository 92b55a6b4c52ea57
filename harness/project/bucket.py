"""Buckets: made where the client is, emptied before they are removed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.project.install import Step


def ensure_bucket(s3: Any, bucket: str, tags: Mapping[str, str] | None = None) -> bool:
    """Make *bucket* in the client's region unless it is there.

    Args:
        s3: an S3 client.
        bucket: its name.
        tags: values by key, which a bucket that is made has from its first moment on; needs ``s3:TagResource``.
            https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucketConfiguration.html

    Returns:
        Whether it was made.

    Raises:
        botocore.exceptions.ClientError: S3 refuses.
    """
    try:
        s3.head_bucket(Bucket=bucket)
        return False
    except s3.exceptions.ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
    region = s3.meta.region_name
    wanted: dict[str, Any] = {}
    if region != "us-east-1":  # the one region that must not be named here
        wanted["LocationConstraint"] = region
    if tags:
        wanted["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
    s3.create_bucket(Bucket=bucket, **({"CreateBucketConfiguration": wanted} if wanted else {}))
    return True


def delete_bucket(s3: Any, bucket: str, on_step: Step = lambda line: None) -> None:
    """Remove *bucket* with all that is in it; one that is not there is passed over.

    Args:
        s3: client of S3.
        bucket: name of the bucket.
        on_step: told once it is gone, with the number of objects.
    """
    count = 0
    try:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            keys = [{"Key": item["Key"]} for item in page.get("Contents", [])]
            if keys:
                s3.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})
                count += len(keys)
        s3.delete_bucket(Bucket=bucket)
    except s3.exceptions.NoSuchBucket:
        return
    on_step(f"deleted bucket {bucket} with {count} objects")
