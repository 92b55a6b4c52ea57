"""Lists in pages, by ``Marker`` and ``MaxItems``."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

from harness.emulator.door.call import Call
from harness.emulator.door.members import Members, number, optional_text
from harness.emulator.lambda_.refusals import invalid


def page(call: Call, member: str, items: Sequence[object], most: int = 50) -> Members:
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
    if marker := optional_text(call.parameters, "Marker"):
        try:
            start = int(base64.b64decode(marker, validate=True))
        except (binascii.Error, ValueError):
            raise invalid("Invalid Marker") from None
    size = min(number(call.parameters, "MaxItems", most) or most, most)
    answer: dict[str, object] = {member: list(items[start : start + size])}
    if start + size < len(items):
        answer["NextMarker"] = base64.b64encode(str(start + size).encode()).decode()
    return answer
