"""EventBridge Scheduler: moto keeps schedules, this carries out one-time ones whose target is an AWS API call.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html
"""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from werkzeug import Request, Response

from harness.emulator.access.sessions import RoleSession

if TYPE_CHECKING:
    from harness.emulator.context import EmulatorContext

logger = logging.getLogger(__name__)

_ONCE = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
_CALL = re.compile(r"arn:aws:scheduler:::aws-sdk:([a-z0-9]+):([a-zA-Z0-9]+)")
_LOOK = 1.0
"""Seconds between two looks at what is due; AWS promises a minute."""


class Schedules:
    """Answers EventBridge Scheduler.

    Args:
        context: the emulator's surroundings.
    """

    def __init__(self, context: EmulatorContext) -> None:
        self._context = context
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def request(self, request: Request, request_id: str, region: str) -> Response:
        """Answer one request, with moto; from the first on, what is due is carried out."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="schedules", daemon=True)
                self._thread.start()
        return self._context.moto(request)

    def close(self) -> None:
        """Carry out nothing any more."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self) -> None:
        while not self._closed.wait(_LOOK):
            for region, group, schedule in list(self._due(datetime.now(UTC))):
                try:
                    self._carry_out(schedule, region)
                except Exception as error:  # tried again, as on AWS
                    logger.warning("schedule %s: %s", schedule.name, error)
                    continue
                # A one-time schedule happens once, whether it is kept or not.
                if schedule.action_after_completion == "DELETE":
                    group.schedules.pop(schedule.name, None)
                else:
                    schedule.state = "DISABLED"

    def _due(self, now: datetime) -> Iterator[tuple[str, Any, Any]]:
        from moto.scheduler.models import scheduler_backends

        for region, backend in list(scheduler_backends[self._context.account_id].items()):
            for group in list(backend.schedule_groups.values()):
                for schedule in list(group.schedules.values()):
                    once = _ONCE.fullmatch(schedule.schedule_expression)
                    if once is None or schedule.state == "DISABLED":  # moto forgets it in updates
                        continue
                    zone = ZoneInfo(schedule.schedule_expression_timezone)
                    if datetime.fromisoformat(once[1]).replace(tzinfo=zone) <= now:
                        yield region, group, schedule

    def _carry_out(self, schedule: Any, region: str) -> None:
        from botocore import xform_name

        call = _CALL.fullmatch(schedule.target["Arn"])
        if call is None:
            raise NotImplementedError(f"not emulated: target {schedule.target['Arn']}")
        service, operation = call[1], call[2][0].upper() + call[2][1:]
        session = RoleSession(schedule.target["RoleArn"], schedule.name)
        permissions = self._context.permissions
        source = f"arn:aws:scheduler:{region}:{self._context.account_id}:schedule-group/{schedule.group_name}"
        if not permissions.trusts(session.role, "scheduler.amazonaws.com", source):
            raise PermissionError(f"{session.role} does not let scheduler.amazonaws.com take it on")
        client = self._context.clients.get(service, region, session)
        getattr(client, xform_name(operation))(**json.loads(schedule.target.get("Input") or "{}"))
