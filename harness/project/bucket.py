"""Buckets: made where the client is, used only where they are the account's own, emptied before they are removed.

Buckets' names are one space over all accounts: who guesses one may have made it first.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from harness.project.steps import Step

if TYPE_CHECKING:
    import boto3


class BucketError(RuntimeError):
    """A bucket must not be used; the message says why."""


def own_buckets(session: boto3.Session, **options: Any) -> Any:
    """Return a client of S3 that gets at buckets of the caller's own account alone: each request says whose it expects.

    Args:
        session: leads to the account.
        options: of ``session.client``.
    """
    account = session.client("sts").get_caller_identity()["Account"]
    s3 = session.client("s3", **options)
    s3.meta.events.register("before-parameter-build.s3", partial(_expect, account), unique_id="harness-bucket-owner")
    return s3


def _expect(account: str, params: dict[str, Any], model: Any, **_: Any) -> None:
    for name in ("ExpectedBucketOwner", "ExpectedSourceBucketOwner"):
        if name in model.input_shape.members:
            params.setdefault(name, account)


def is_own_bucket(s3: Any, bucket: str) -> bool:
    """Whether *bucket* is there.

    Args:
        s3: client of S3, of :func:`own_buckets` where it is somebody's account.
        bucket: its name.

    Raises:
        BucketError: it is there, and of another account, or not to be looked at.
        botocore.exceptions.ClientError: S3 fails otherwise.
    """
    try:
        s3.head_bucket(Bucket=bucket)
    except s3.exceptions.ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        if status == 403:  # S3 does not say which of the two
            raise BucketError(
                f"bucket {bucket} is there, and S3 refuses it (403): it is of another account, or these credentials "
                "lack s3:ListBucket. Nothing was put into it."
            ) from None
        if status != 404:
            raise
        return False
    return True


def require_protected(s3: Any, bucket: str) -> None:
    """Refuse a bucket that the public may get at, or that does not encrypt: one that somebody has changed.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html

    Args:
        s3: client of S3.
        bucket: its name.

    Raises:
        BucketError: it is not as S3 makes buckets.
        botocore.exceptions.ClientError: S3 refuses to tell.
    """
    try:
        blocked = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchPublicAccessBlockConfiguration":
            raise
        blocked = {}
    names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    if missing := [name for name in names if not blocked.get(name)]:
        raise BucketError(
            f"bucket {bucket} may be opened to the public: {', '.join(missing)} of its public access block is off. "
            f"Switch it on: aws s3api put-public-access-block --bucket {bucket} --public-access-block-configuration "
            f"{','.join(f'{name}=true' for name in names)}"
        )
    rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    if not any(rule.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm") for rule in rules):
        raise BucketError(f"bucket {bucket} does not encrypt by default")


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
        BucketError: it is of another account.
        botocore.exceptions.ClientError: S3 refuses.
    """
    if is_own_bucket(s3, bucket):
        return False
    region = s3.meta.region_name
    wanted: dict[str, Any] = {}
    if region != "us-east-1":  # the one region that must not be named here
        wanted["LocationConstraint"] = region
    if tags:
        wanted["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
    s3.create_bucket(Bucket=bucket, **({"CreateBucketConfiguration": wanted} if wanted else {}))
    return True


def bucket_tags(s3: Any, bucket: str) -> dict[str, str]:
    """Return a bucket's tags, values by key.

    Args:
        s3: client of S3.
        bucket: its name.

    Raises:
        botocore.exceptions.ClientError: S3 refuses.
    """
    try:
        return {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=bucket)["TagSet"]}
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchTagSet":
            raise
        return {}


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
