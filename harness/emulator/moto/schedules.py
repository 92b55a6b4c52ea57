"""Schedules of EventBridge Scheduler and scheduled rules of EventBridge, as moto keeps them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from harness.emulator.door.members import Members


@dataclass(frozen=True)
class Scheduled:
    """What has a schedule expression and is in force.

    Attributes:
        arn: of the schedule or rule.
        name: of it.
        group: of a schedule; None for a rule.
        region: in which it is.
        expression: ``rate(5 minutes)``.
        timezone: of the expression.
        start: not before then, or None.
        end: not after then, or None.
        targets: as PutTargets has them; a schedule has one, as CreateSchedule has it.
        done: to be called when it has happened and was to happen once.
    """

    arn: str
    name: str
    group: str | None
    region: str
    expression: str
    timezone: str
    start: datetime | None
    end: datetime | None
    targets: tuple[Members, ...]
    done: Callable[[], None]


def scheduled(account_id: str) -> Iterator[Scheduled]:
    """All schedules and scheduled rules that are in force."""
    if "moto.scheduler.models" in sys.modules:
        from moto.scheduler.models import scheduler_backends

        for region, backend in list(scheduler_backends[account_id].items()):
            for group in list(backend.schedule_groups.values()):
                for schedule in list(group.schedules.values()):
                    if schedule.state != "DISABLED":
                        yield _of_schedule(region, group, schedule)
    if "moto.events.models" in sys.modules:
        from moto.events.models import events_backends

        for region, backend in list(events_backends[account_id].items()):
            for bus in list(backend.event_buses.values()):
                for rule in list(bus.rules.values()):
                    if rule.scheduled_expression and rule.state == "ENABLED":
                        yield Scheduled(
                            rule.arn,
                            rule.name,
                            None,
                            region,
                            rule.scheduled_expression,
                            "UTC",
                            None,
                            None,
                            tuple(rule.targets),
                            lambda: None,
                        )


def _of_schedule(region: str, group: Any, schedule: Any) -> Scheduled:
    def done() -> None:
        # A one-time schedule happens once, whether it is kept or not; moto forgets its state in updates.
        if schedule.action_after_completion == "DELETE":
            group.schedules.pop(schedule.name, None)
        else:
            schedule.state = "DISABLED"

    return Scheduled(
        schedule.arn,
        schedule.name,
        schedule.group_name,
        region,
        schedule.schedule_expression,
        schedule.schedule_expression_timezone or "UTC",
        _moment(schedule.start_date),
        _moment(schedule.end_date),
        (schedule.target,),
        done,
    )


def _moment(value: Any) -> datetime | None:
    """StartDate or EndDate: seconds since 1970, as the protocol has them, or text."""
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC)
    return datetime.fromisoformat(value) if isinstance(value, str) and value else None
