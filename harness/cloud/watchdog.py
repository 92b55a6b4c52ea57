"""Deletes the endpoint when nobody is left who would: a schedule on AWS's side, made before the endpoint.

The schedule outlives this process, its machine and its network. A clean exit deletes it, once the endpoint is gone;
otherwise it begins when the deployment has expired and tries for a day, as AWS refuses to delete what is Creating.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html
"""

from __future__ import annotations

import atexit
import contextlib
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import TYPE_CHECKING, Any

from harness.cloud.eventual_consistency import once_known
from harness.cloud.tags import Tags
from harness.project.steps import Step

if TYPE_CHECKING:
    import boto3

GROUP = "scones-unlimited"
"""Schedules carry no tags, their group does; it holds the watchdogs and nothing else."""
_POLL = 5.0
EXPRESSION = "rate(5 minutes)"
TRIES_FOR = timedelta(hours=24)
TARGET = "arn:aws:scheduler:::aws-sdk:sagemaker:deleteEndpoint"


def set_watchdog(
    session: boto3.Session,
    endpoint: str,
    role_arn: str,
    tags: Tags,
    on_step: Step = lambda line: None,
) -> None:
    """Have AWS delete *endpoint* when *tags* expire, unless the schedule is deleted before.

    Args:
        session: leads to the target.
        endpoint: name of an endpoint that need not be there yet.
        role_arn: role that the scheduler takes on.
        tags: whose expiry it is; for the schedules' group.
        on_step: told of it.

    Raises:
        botocore.exceptions.ClientError: the scheduler refuses.
    """
    scheduler = session.client("scheduler")
    _ensure_group(scheduler, tags)
    schedule = {
        "Name": endpoint,
        "GroupName": GROUP,
        "Description": "Deletes the endpoint when its deployment has expired and nobody has removed it.",
        "ScheduleExpression": EXPRESSION,
        "StartDate": tags.expiry,
        "EndDate": tags.expiry + TRIES_FOR,
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ActionAfterCompletion": "DELETE",
        "Target": {
            "Arn": TARGET,
            "RoleArn": role_arn,
            "Input": json.dumps({"EndpointName": endpoint}),
            "RetryPolicy": {"MaximumRetryAttempts": 0},  # the schedule itself tries again
        },
    }
    present = watchdog_time(session, endpoint)
    if present == tags.expiry:
        return
    put = scheduler.create_schedule if present is None else scheduler.update_schedule
    try:
        once_known(lambda: put(**schedule))
    except scheduler.exceptions.ConflictException:
        scheduler.update_schedule(**schedule)
    on_step(
        f"scheduled the deletion of endpoint {endpoint} at {tags.expiry:%Y-%m-%d %H:%M:%S} UTC, should nobody do it"
    )


def _ensure_group(scheduler: Any, tags: Tags, timeout: float = 300) -> None:
    """Have the group, once one that an earlier run has deleted is gone."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            state = scheduler.get_schedule_group(Name=GROUP)["State"]
        except scheduler.exceptions.ResourceNotFoundException:
            with contextlib.suppress(scheduler.exceptions.ConflictException):
                scheduler.create_schedule_group(Name=GROUP, Tags=tags.as_list())
            return
        if state != "DELETING":
            scheduler.tag_resource(ResourceArn=scheduler.get_schedule_group(Name=GROUP)["Arn"], Tags=tags.as_list())
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"schedule group {GROUP} was still being deleted after {timeout:g} s")
        time.sleep(_POLL)


def watchdog_time(session: boto3.Session, endpoint: str) -> datetime | None:
    """From when on AWS is to delete *endpoint*; None where no such schedule is."""
    scheduler = session.client("scheduler")
    try:
        schedule = scheduler.get_schedule(Name=endpoint, GroupName=GROUP)
    except scheduler.exceptions.ResourceNotFoundException:
        return None
    start: datetime | None = schedule.get("StartDate")
    return None if start is None else start.astimezone(UTC)


@contextlib.contextmanager
def endpoint_deleted_at_exit(session: boto3.Session, endpoint: str) -> Iterator[None]:
    """Have the endpoint deleted should this process end within the block, by SIGTERM, SIGHUP or an exit that skips it.

    What no process can act upon, SIGKILL or a machine that is gone, is left to the schedule.
    """

    def delete() -> None:
        sagemaker = session.client("sagemaker")
        with contextlib.suppress(Exception):  # it may not be there; and at exit nobody is left to tell
            sagemaker.delete_endpoint(EndpointName=endpoint)

    atexit.register(delete)
    restore = _exits_on_signals()
    try:
        yield
    finally:
        restore()
        atexit.unregister(delete)


def _exits_on_signals() -> Callable[[], None]:
    """Let signals that would end the process unwind it instead; gives what takes that back."""
    if threading.current_thread() is not threading.main_thread():
        return lambda: None

    def unwind(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    wanted = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    before = {number: signal.signal(number, unwind) for number in wanted}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    return restore
