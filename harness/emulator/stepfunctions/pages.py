"""Lists, page by page."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import TypeVar

from harness.emulator.door.errors import AwsError
from harness.emulator.door.members import Members, number, optional_text

_T = TypeVar("_T")
MOST = 100
"""Of a page when the request does not say."""


def size_of(parameters: Members) -> int:
    """How many a page of the answer has."""
    return number(parameters, "maxResults", 0) or MOST


def position_of(parameters: Members) -> int | None:
    """Where the page that is asked for begins, None for the first.

    Raises:
        AwsError: InvalidToken.
    """
    token = optional_text(parameters, "nextToken")
    if token is None:
        return None
    try:
        (position,) = json.loads(base64.urlsafe_b64decode(token))
        return int(position)
    except (ValueError, TypeError):
        raise AwsError("InvalidToken", "Invalid Token: 'Invalid token'") from None


def token_of(position: int) -> str:
    """Return what asks for the page that begins at *position*."""
    return base64.urlsafe_b64encode(json.dumps([position]).encode()).decode()


def page_of(items: Sequence[_T], member: str, parameters: Members) -> Members:
    """Return the page of items that is asked for, with ``nextToken`` where there is more.

    Args:
        items: all of them, always in the same order.
        member: of the answer that has the items.
        parameters: of the request: ``maxResults`` and ``nextToken``.
    """
    first, most = position_of(parameters) or 0, size_of(parameters)
    answer: dict[str, object] = {member: list(items[first:][:most])}
    if first + most < len(items):
        answer["nextToken"] = token_of(first + most)
    return answer
