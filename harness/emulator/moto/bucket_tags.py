"""Has moto's S3 put tags on a bucket that is made with them, which moto 5 leaves out.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-create-tag.html
"""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from harness.emulator.moto.patches import Patch


def bucket_tag_patches() -> tuple[Patch, ...]:
    """Put the ``Tags`` of ``CreateBucketConfiguration`` on new buckets.

    Who makes a bucket with tags needs ``s3:TagResource`` besides ``s3:CreateBucket``; without it none is made.
    """

    def replace(original: Any) -> Any:
        def put(responses: Any, request: Any, bucket_name: str, querystring: dict[str, Any]) -> Any:
            tags = {} if querystring else _tags(responses.body)
            if not tags or bucket_name in responses.backend.buckets:
                return original(responses, request, bucket_name, querystring)
            responses.data["Action"] = "TagResource"
            responses._authenticate_and_authorize_s3_action(bucket_name=bucket_name)
            answer = original(responses, request, bucket_name, querystring)
            responses.backend.put_bucket_tagging(bucket_name, tags)
            return answer

        return put

    reason = "CreateBucket leaves out the tags that it is given"
    return (Patch("moto.s3.responses", "S3Response._bucket_response_put", reason, "ours", replace),)


def _tags(body: bytes) -> dict[str, str]:
    """Read the tags in the body of a request for a bucket.

    Raises:
        moto.s3.exceptions.S3ClientError: it is not XML, or there is a key twice, or one of AWS's own.
    """
    from moto.s3.exceptions import DuplicateTagKeys, MalformedXML, NoSystemTags

    if not body:
        return {}
    try:
        listed = ElementTree.fromstring(body).findall("{*}Tags/{*}Tag")
    except ElementTree.ParseError:
        raise MalformedXML from None
    tags = {tag.findtext("{*}Key", ""): tag.findtext("{*}Value", "") for tag in listed}
    if len(tags) < len(listed):
        raise DuplicateTagKeys
    if any(key.startswith("aws:") for key in tags):
        raise NoSystemTags
    return tags
