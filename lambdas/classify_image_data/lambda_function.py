"""classifyImageData: sends the event's image to the endpoint and passes on what it answers."""

import base64
import binascii
import os
from functools import lru_cache
from typing import Any

import boto3

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"


@lru_cache(maxsize=1)
def runtime_client() -> Any:
    """One client for all invocations of this environment."""
    return boto3.client("sagemaker-runtime")


def image_of(event: Any) -> bytes:
    """Return the image that *event* carries: below ``body`` in the state machine, at the top in a direct test event.

    Raises:
        ValueError: naming the field and what is wrong with it.
    """
    if not isinstance(event, dict):
        raise ValueError(f"the event must be an object with 'image_data', not {type(event).__name__}")
    field, holder = ("body.image_data", event["body"]) if "body" in event else ("image_data", event)
    if not isinstance(holder, dict):
        raise ValueError(f"'body' must be an object with 'image_data', not {type(holder).__name__}")
    if "image_data" not in holder:
        raise ValueError(f"the event lacks {field!r}")
    text = holder["image_data"]
    if not isinstance(text, str) or not text:
        raise ValueError(f"{field!r} must be the image as non-empty base64 text")
    try:
        image = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"{field!r} is not base64: {error}") from None
    if not image.startswith((PNG, JPEG)):
        raise ValueError(f"{field!r} is not a PNG or JPEG image: it begins with {image[:8]!r}")
    return image


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer with the endpoint's JSON, as text, for the event's image."""
    image = image_of(event)
    answer = runtime_client().invoke_endpoint(
        EndpointName=os.environ["ENDPOINT_NAME"], ContentType="image/png", Body=image
    )
    return {"statusCode": 200, "body": answer["Body"].read().decode("utf-8")}
