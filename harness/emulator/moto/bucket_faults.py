"""Faults of buckets: S3 that is slow, denies, or breaks off."""

from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import unquote
from xml.sax.saxutils import escape

from werkzeug import Request, Response

from harness.emulator.faults import Faults

_STATUS = {
    "AccessDenied": 403,
    "InternalError": 500,
    "NoSuchBucket": 404,
    "NoSuchKey": 404,
    "RequestTimeout": 400,
    "ServiceUnavailable": 503,
    "SlowDown": 503,
}
"""https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"""


def under_faults(faults: Faults, request: Request, answer: Callable[[Request], Response]) -> Response:
    """Return S3's answer to a request, or what a fault makes of it.

    Args:
        faults: those that are switched on.
        request: with bucket and key in its path.
        answer: has S3 answer.
    """
    bucket, _, key = unquote(request.path).lstrip("/").partition("/")
    strike = faults.strike("bucket", bucket, key=key)
    if strike is None:
        return answer(request)
    time.sleep(strike.latency)
    if strike.error:
        body = (
            f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{escape(strike.error)}</Code>'
            f"<Message>{escape(strike.message)}</Message><Resource>{escape(request.path)}</Resource></Error>"
        )
        return Response(body, strike.status or _STATUS.get(strike.error, 400), content_type="application/xml")
    response = answer(request)
    if strike.truncate is not None:
        response.set_data(response.get_data()[: strike.truncate])
    return response
