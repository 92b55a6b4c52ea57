"""Has moto's S3 make buckets as AWS makes them: encrypted by default, without ACLs, and with all public access blocked.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/default-encryption-faq.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/create-bucket-faq.html
"""

from __future__ import annotations

from typing import Any

from harness.emulator.moto.patches import Patch
from harness.emulator.moto.s3_block import ENFORCED


def bucket_default_patches() -> tuple[Patch, ...]:
    """Give new buckets AWS's defaults, and encryption back its own where it is deleted."""

    def replace_create(original: Any) -> Any:
        def create_bucket(backend: Any, *arguments: Any, **named: Any) -> Any:
            from moto.s3.models import PublicAccessBlock

            bucket = original(backend, *arguments, **named)
            bucket.encryption, bucket.ownership_rule = _encryption(), ENFORCED
            bucket.public_access_block = PublicAccessBlock("true", "true", "true", "true")
            return bucket

        return create_bucket

    def replace_delete(original: Any) -> Any:
        def delete_bucket_encryption(backend: Any, bucket_name: str) -> None:
            original(backend, bucket_name)
            backend.get_bucket(bucket_name).encryption = _encryption()

        return delete_bucket_encryption

    models = "moto.s3.models"
    return (
        Patch(
            models,
            "S3Backend.create_bucket",
            "AWS's buckets are encrypted, and since April 2023 without ACLs and closed to the public",
            "ours",
            replace_create,
        ),
        Patch(
            models,
            "S3Backend.delete_bucket_encryption",
            "a bucket without an encryption of its own has S3's",
            "ours",
            replace_delete,
        ),
    )


def _encryption() -> dict[str, Any]:
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": "false"}
    return {"Rule": rule}
