"""What S3 lets anybody do, without a signature: what a bucket's policy or an ACL says is public.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html#access-control-block-public-access-policy-status
"""

from __future__ import annotations

from typing import Any

from harness.emulator.access.policies import Asked, read

_ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"
_OBJECT_READS = ("s3:GetObject", "s3:HeadObject", "s3:GetObjectVersion")
_BUCKET_READS = ("s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads")
_BUCKET_WRITES = ("s3:PutObject", "s3:DeleteObject")


def is_public(bucket: Any, action: str, resource: str) -> bool:
    """Return whether anybody may do something, by policy or ACL, and ``PublicAccessBlock`` does not keep them from it.

    Args:
        bucket: moto's.
        action: as IAM names it, e.g. ``s3:GetObject``.
        resource: ARN of the bucket or of an object in it.
    """
    effects = effects_for_all(bucket, action, resource)
    block = bucket.public_access_block
    if "Deny" in effects:
        return False
    if "Allow" in effects and not (block and _on(block.restrict_public_buckets)):
        return True
    return not (block and _on(block.ignore_public_acls)) and _acl_allows(bucket, action, resource)


def effects_for_all(bucket: Any, action: str, resource: str) -> set[str]:
    """Return the effects of the statements in a bucket's policy that speak of everybody.

    Args:
        bucket: moto's.
        action: as IAM names it, e.g. ``s3:GetObject``.
        resource: ARN of the bucket or of an object in it.

    Returns:
        ``Allow``, ``Deny``, both or none.
    """
    if bucket.policy is None:
        return set()
    document = bucket.policy.decode() if isinstance(bucket.policy, bytes) else str(bucket.policy)
    asked = Asked(action, resource, lambda key: ["true"] if key == "aws:securetransport" else None)
    return {
        statement.effect
        for statement in read(document)
        if statement.covers(asked) and statement.names_principal(("*",)) is not None
    }


def _acl_allows(bucket: Any, action: str, resource: str) -> bool:
    """Say whether the ACL of the object, or of the bucket, grants *action* to everybody.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#permissions
    """
    if action in _OBJECT_READS:
        key = bucket.keys.get(resource.partition(":::")[2].partition("/")[2])
        return key is not None and _granted(key.acl, "READ")
    if action in _BUCKET_READS:
        return _granted(bucket.acl, "READ")
    return action in _BUCKET_WRITES and _granted(bucket.acl, "WRITE")


def _granted(acl: Any, permission: str) -> bool:
    return acl is not None and any(
        grantee.uri == _ALL_USERS and {permission, "FULL_CONTROL"} & set(grant.permissions)
        for grant in acl.grants
        for grantee in grant.grantees
    )


def _on(value: Any) -> bool:
    return str(value).lower() == "true"
