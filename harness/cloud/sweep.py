"""Removes what is past its expiry, whatever made it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from harness.cloud.removal import in_order, remove_all
from harness.cloud.tag_search import find_tagged
from harness.cloud.tags import EXPIRY_KEY, expiry_of
from harness.project.presence import Found, is_there
from harness.project.steps import Step

if TYPE_CHECKING:
    import boto3


def find_expired(session: boto3.Session, now: datetime | None = None) -> list[Found]:
    """Return what has expired, in the order in which it is to go."""
    at = now or datetime.now(UTC)
    return in_order(
        item
        for item in find_tagged(session, EXPIRY_KEY)
        if (expiry := expiry_of(item.tags)) is not None and expiry <= at and is_there(session, item)
    )


def sweep(session: boto3.Session, on_step: Step = lambda line: None, now: datetime | None = None) -> list[str]:
    """Remove what has expired.

    Args:
        session: leads to the account and region.
        on_step: told of each resource removed.
        now: what expiry tags are held against, with a time zone; None: the clock's time.

    Returns:
        What could not be removed, and why, a line each.
    """
    failed = remove_all(find_expired(session, now), session, on_step)
    # A stack that could not be removed whole leaves its resources, which then go one by one.
    left = find_expired(session, now)
    return remove_all(left, session, on_step) if left else failed
