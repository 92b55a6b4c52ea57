"""serializeImageData: reads an image from S3 and puts it, as base64 text, into the event that travels on."""

import base64
from functools import lru_cache
from typing import Any

import boto3


@lru_cache(maxsize=1)
def s3_client() -> Any:
    """One client for all invocations of this environment."""
    return boto3.client("s3")


def required_text(event: Any, field: str) -> str:
    """Return the non-empty text in *field* of *event*.

    Raises:
        ValueError: naming the field and what is wrong with it.
    """
    if not isinstance(event, dict):
        raise ValueError(f"the event must be an object with {field!r}, not {type(event).__name__}")
    if field not in event:
        raise ValueError(f"the event lacks {field!r}")
    value = event[field]
    if not isinstance(value, str) or not value:
        raise ValueError(f"{field!r} must be a non-empty text, not {value!r}")
    return value


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer the event with the object ``s3://<s3_bucket>/<s3_key>`` in ``image_data``."""
    bucket = required_text(event, "s3_bucket")
    key = required_text(event, "s3_key")
    image = s3_client().get_object(Bucket=bucket, Key=key)["Body"].read()
    return {
        "statusCode": 200,
        "body": {
            "image_data": base64.b64encode(image).decode("ascii"),
            "s3_bucket": bucket,
            "s3_key": key,
            "inferences": [],
        },
    }
