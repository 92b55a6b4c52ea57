"""What a function is sent: its event and the client's context, refused where they are no JSON.

https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

from __future__ import annotations

import base64
import binascii
import json

from harness.emulator.door.errors import AwsError


def checked_payload(payload: bytes) -> bytes:
    """Return an event that is JSON, ``{}`` where there is none.

    Raises:
        AwsError: it is no JSON.
    """
    if not payload:
        return b"{}"
    try:
        json.loads(payload)
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        raise AwsError(
            "InvalidRequestContentException",
            f"Could not parse request body into json: {_in_javas_words(payload, error)}",
            Type="User",
        ) from None
    return payload


def _in_javas_words(payload: bytes, error: Exception) -> str:
    """AWS's front end tells what Jackson, its JSON parser, says."""
    redacted = "\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: "
    if isinstance(error, UnicodeDecodeError):
        byte, before = payload[error.start], payload[: error.start].decode("latin-1").strip()
        if before:
            return f"Could not parse payload into json: Invalid UTF-8 start byte 0x{byte:x}{redacted}{error.start + 2}]"
        return (
            f"Could not parse payload into json: Unexpected character ((CTRL-CHAR, code {byte})): expected a valid "
            f"value (JSON String, Number, Array, Object or token 'null', 'true' or 'false'){redacted}{error.start + 1}]"
        )
    return str(error)


def client_context_of(text: str | None) -> str | None:
    """JSON text out of a request's base64.

    Raises:
        AwsError: it is none.
    """
    if text is None:
        return None
    try:
        decoded = base64.b64decode(text, validate=True).decode()
        json.loads(decoded)
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise AwsError(
            "InvalidRequestContentException",
            "Client context must be a valid Base64-encoded JSON object.",
            Type="User",
        ) from None
    return decoded
