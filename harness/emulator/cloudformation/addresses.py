"""Addresses of objects in S3, in all their spellings.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
"""

from __future__ import annotations

import re
from urllib.parse import parse_qs, unquote, urlsplit

from harness.emulator.cloudformation.documents import invalid

_OF_PATHS = re.compile(
    r"s3([.-][a-z0-9-]+)*\.amazonaws\.com(\.cn)?|s3\.[\w.-]*localstack\.cloud|localhost(\..*)?|[\d.]+|\[.*\]"
)
_OF_BUCKETS = re.compile(r"(?P<bucket>.+?)\.s3([.-].+)?\.(amazonaws\.com(\.cn)?|localstack\.cloud|localhost)")

_NESTED = re.compile(
    r"""((?:TemplateURL|Location)["']?\s*:\s*["']?)http://[^\s/"']+/(?=[^\s/"']+/[^\s"']+\.template\b)"""
)


def as_on_aws(template: str, region: str) -> str:
    """*template* with S3's own name in the addresses of nested ones: ``sam delete`` takes no other for S3's."""
    return _NESTED.sub(rf"\g<1>https://s3.{region}.amazonaws.com/", template)


def place_of(address: str, endpoint: str) -> tuple[str, str, str | None]:
    """Bucket, key and version that *address* names: ``s3://``, the bucket in the path or in the host.

    Raises:
        AwsError: ValidationError, it is not S3's.
    """
    parts = urlsplit(address)
    host, path = parts.hostname or "", unquote(parts.path.lstrip("/"))
    version = next(iter(parse_qs(parts.query).get("versionId") or ()), None)
    in_host = _OF_BUCKETS.fullmatch(host)
    if parts.scheme == "s3":
        bucket, key = host or parts.netloc, path
    elif in_host is not None:
        bucket, key = in_host["bucket"], path
    elif _OF_PATHS.fullmatch(host) or parts.netloc == urlsplit(endpoint).netloc or "." not in host:
        bucket, _, key = path.partition("/")
    elif host.endswith(".localhost.localstack.cloud"):
        bucket, key = host.partition(".")[0], path
    else:
        bucket, key = "", ""
    if not bucket or not key:
        raise invalid(f"TemplateURL must be a supported URL: {address}")
    return bucket, key, version
