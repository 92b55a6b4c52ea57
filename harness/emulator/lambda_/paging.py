"""Lists in pages, by ``Marker`` and ``MaxItems``."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from harness.emulator.door.call import Call
from harness.emulator.lambda_.refusals import invalid


def page(call: Call, member: str, items: Sequence[Any], most: int = 50) -> dict[str, Any]:
    """Return the page that a request asks for, with ``NextMarker`` where there is more.

    Args:
        call: the request, with ``Marker`` and ``MaxItems``.
        member: of the answer that has the items.
        items: all of them, always in the same order.
        most: that a page may have, and has where the request says nothing.

    Raises:
        AwsError: ``InvalidParameterValueException``: the marker is none of ours.
    """
    start = 0
    if marker := call.parameters.get("Marker"):
        try:
            start = int(base64.b64decode(marker, validate=True))
        except (binascii.Error, ValueError):
            raise invalid("Invalid Marker") from None
    size = min(int(call.parameters.get("MaxItems") or most), most)
    answer: dict[str, Any] = {member: list(items[start : start + size])}
    if start + size < len(items):
        answer["NextMarker"] = base64.b64encode(str(start + size).encode()).decode()
    return answer
