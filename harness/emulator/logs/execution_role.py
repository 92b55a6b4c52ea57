"""Logs that somebody may write, or may not, by the policies of their role.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html#monitoring-cloudwatchlogs-prereqs
"""

from __future__ import annotations

import logging

from harness.emulator.access.permissions import Permissions
from harness.emulator.access.sessions import RoleSession

logger = logging.getLogger(__name__)

_LOGGING = ("CreateLogStream", "PutLogEvents")


def may_log(
    permissions: Permissions, session: RoleSession, region: str, group: str, stream: str, is_there: bool
) -> bool:
    """Whether *session* may write to a stream of a log group; what it lacks is warned of.

    Args:
        permissions: knows the role's policies.
        session: who wants to.
        region: the group's.
        group: its name.
        stream: the stream's name.
        is_there: whether the group is there: to make it takes a permission of its own.
    """
    arn = f"arn:aws:logs:{region}:{session.account_id}:log-group:{group}"
    needed = [(f"logs:{action}", f"{arn}:log-stream:{stream}") for action in _LOGGING]
    if not is_there:
        needed.append(("logs:CreateLogGroup", arn))
    refused = [what for what, where in needed if not permissions.allows(session, what, where)]
    if refused:
        logger.warning("%s has no log: its role lacks %s on %s", session.name, ", ".join(refused), arn)
    return not refused
