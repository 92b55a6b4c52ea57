"""What S3 refuses of requests that would open a bucket: public policies and ACLs, or any ACL where it has none.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from harness.emulator.door.members import Members

ENFORCED = "BucketOwnerEnforced"
_OWNERS = "bucket-owner-full-control"
"""The one ACL that a bucket without ACLs takes."""
_PUBLIC = ("public-read", "public-read-write", "authenticated-read")
_EVERYBODY = ("/groups/global/AllUsers", "/groups/global/AuthenticatedUsers")
_FIXING = frozenset(
    key.lower()
    for key in (
        *("aws:SourceIp", "aws:SourceArn", "aws:SourceVpc", "aws:SourceVpce", "aws:SourceOwner", "aws:SourceAccount"),
        *("aws:PrincipalArn", "aws:PrincipalAccount", "aws:PrincipalOrgID", "aws:PrincipalOrgPaths", "aws:userid"),
        *("s3:DataAccessPointArn", "s3:DataAccessPointAccount", "s3:x-amz-server-side-encryption-aws-kms-key-id"),
    )
)
"""Condition keys by which a policy is not public, where their values are fixed."""


def refuse_what_opens(responses: Any, bucket: Any, action: str, denied: Callable[[str], Any]) -> None:
    """Raise what S3 answers to a request that would open a bucket which is not to be opened.

    Args:
        responses: moto's, of the request.
        bucket: moto's; None where it is still to be made.
        action: as IAM names it, ``s3:PutBucketPolicy``.
        denied: makes an AccessDenied of why.
    """
    if action == "s3:PutBucketPolicy" and _blocks(bucket, "block_public_policy") and is_public(responses.body):
        raise denied("public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.")
    if action == "s3:CreateBucket" and bucket is None:
        _check_new(responses.headers)
    elif action in ("s3:PutObject", "s3:PutObjectAcl", "s3:PutBucketAcl") and bucket is not None:
        _check_acl(responses, bucket, action, denied)


def is_public(document: bytes | str) -> bool:
    """Return whether a bucket's policy allows something to everybody, and no condition with fixed values narrows it."""
    try:
        found = json.loads(document)["Statement"]
    except (ValueError, KeyError, TypeError):
        return False  # moto refuses it
    statements = found if isinstance(found, list) else [found]
    return any(isinstance(each, Mapping) and _opens(each) for each in statements)


def _opens(statement: Members) -> bool:
    if statement.get("Effect") != "Allow":
        return False
    named = statement.get("Principal", "*" if "NotPrincipal" in statement else None)
    principals = [each for value in named.values() for each in _each(value)] if isinstance(named, Mapping) else [named]
    conditions = statement.get("Condition")
    tests = conditions.items() if isinstance(conditions, Mapping) else ()
    return "*" in principals and not any(
        key.lower() in _FIXING and all(map(_is_fixed, _each(values)))
        for operator, keys in tests
        if "Not" not in operator and "IfExists" not in operator and isinstance(keys, Mapping)
        for key, values in keys.items()
    )


def _is_fixed(value: object) -> bool:
    return not any(mark in str(value) for mark in "*?$") and str(value) not in ("0.0.0.0/0", "::/0")


def _each(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _check_new(headers: Mapping[str, str]) -> None:
    """Check a bucket's first ACL."""
    from moto.s3.exceptions import S3ClientError

    acl = headers.get("x-amz-acl", "private")
    if acl == "private" and not _grants(headers):
        return
    if headers.get("x-amz-object-ownership", ENFORCED) == ENFORCED:
        words = f"Bucket cannot have ACLs set with ObjectOwnership's {ENFORCED} setting"
        raise S3ClientError("InvalidBucketAclWithObjectOwnership", words)
    if _is_for_everybody(acl, _grants(headers)):
        words = "Bucket cannot have public ACLs set with BlockPublicAccess enabled"
        raise S3ClientError("InvalidBucketAclWithBlockPublicAccessError", words)


def _check_acl(responses: Any, bucket: Any, action: str, denied: Callable[[str], Any]) -> None:
    from moto.s3.exceptions import S3ClientError

    acl, grants = responses.headers.get("x-amz-acl", ""), _grants(responses.headers)
    if action != "s3:PutObject":
        grants += bytes(responses.body or b"")[:65536].decode(errors="replace")
    blocked = _blocks(bucket, "block_public_acls") and _is_for_everybody(acl, grants)
    without = bucket.ownership_rule == ENFORCED and bool(acl or grants) and acl != _OWNERS
    # Evidence for which S3 looks at first: the one answer of PutObject, the other of PutObjectAcl and PutBucketAcl.
    if blocked and not (without and action == "s3:PutObject"):
        raise denied("public ACLs are prevented by the BlockPublicAcls setting in S3 Block Public Access.")
    if without:
        raise S3ClientError("AccessControlListNotSupported", "The bucket does not allow ACLs")


def _grants(headers: Mapping[str, str]) -> str:
    return " ".join(str(value) for name, value in headers.items() if name.lower().startswith("x-amz-grant-"))


def _is_for_everybody(acl: str, grants: str) -> bool:
    return acl in _PUBLIC or any(group in grants for group in _EVERYBODY)


def _blocks(bucket: Any, switch: str) -> bool:
    block = bucket.public_access_block if bucket is not None else None
    return block is not None and str(getattr(block, switch)).lower() == "true"
