"""Buckets: made where the client is, emptied before they are removed."""

from __future__ import annotations

from typing import Any

from harness.workflow.deployment import Step


def ensure_bucket(s3: Any, bucket: str) -> None:
    """Make *bucket* in the client's region unless it is there."""
    try:
        s3.head_bucket(Bucket=bucket)
        return
    except s3.exceptions.ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
    region = s3.meta.region_name
    # us-east-1 is the one region that must not be named here.
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    s3.create_bucket(Bucket=bucket, **where)


def delete_bucket(s3: Any, bucket: str, on_step: Step = lambda line: None) -> None:
    """Remove *bucket* with all that is in it; one that is not there is passed over."""
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
