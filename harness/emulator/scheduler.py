"""EventBridge Scheduler and scheduled rules: moto keeps them, this carries out what is due, by the emulator's clock.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html
"""

from __future__ import annotations

import json
import logging
import re
import threading
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from harness.emulator.access.sessions import RoleSession
from harness.emulator.context import EmulatorContext
from harness.emulator.door.call import Call, boto3_name
from harness.emulator.door.errors import AwsError
from harness.emulator.door.members import optional_time, structure, text
from harness.emulator.events import rules
from harness.emulator.events.deliveries import Deliveries
from harness.emulator.events.expressions import Expression, read_expression
from harness.emulator.moto.schedules import Scheduled, scheduled

logger = logging.getLogger(__name__)

_CALL = re.compile(r"arn:aws:scheduler:::aws-sdk:([a-z0-9-]+):([a-zA-Z0-9]+)")
_NAMES = {"sfn": "stepfunctions", "eventbridge": "events", "cloudwatchlogs": "logs"}
_SERVICE = "scheduler.amazonaws.com"
_PUT = ("PutRule", "EnableRule", "CreateSchedule", "UpdateSchedule")
_LATE_START = timedelta(minutes=5)
_INSTANT = timedelta(microseconds=1)
_LOOK = 1.0
"""Seconds between two looks at what is due; AWS promises a minute."""


class Schedules:
    """Carries out schedules.

    Args:
        context: the emulator's surroundings.
        deliveries: hand events over to the targets of rules.
        now: the time by the emulator's clock.
        refuse_past: whether ``at()`` a time in the past is refused.
    """

    def __init__(
        self, context: EmulatorContext, deliveries: Deliveries, now: Callable[[], datetime], refuse_past: bool = False
    ) -> None:
        self._context = context
        self._refuse_past = refuse_past
        self._deliveries = deliveries
        self._now = now
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._seen: dict[str, tuple[tuple[str, datetime | None], datetime, datetime]] = {}
        """By ARN, the expression with its start, when it was first seen, and when it was last looked at."""
        self._made: dict[str, datetime] = {}
        """When a rule or schedule was last put, by its name: time may be made to go on before it is seen."""

    def prepare(self, call: Call) -> None:
        """Look at what is due from the first call to EventBridge or its Scheduler on.

        Raises:
            AwsError: as the Scheduler refuses a schedule.
        """
        if call.service == "scheduler" and call.operation in ("CreateSchedule", "UpdateSchedule"):
            self._check(call)
        if call.operation in _PUT:
            self._made[text(call.parameters, "Name")] = self._now()
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="schedules", daemon=True)
                self._thread.start()

    def _check(self, call: Call) -> None:
        """Refuse a schedule that cannot be read, that began long ago, or whose role cannot be taken on.

        A time in the past is none of these, unless that is asked for: AWS was recorded to take ``at()`` of years ago,
        and is said to refuse it.

        https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html
        """
        asked = call.parameters
        when, start = text(asked, "ScheduleExpression"), optional_time(asked, "StartDate")
        zone = text(asked, "ScheduleExpressionTimezone", "UTC")
        try:
            expression = read_expression(when, zone)
        except (LookupError, ValueError, OSError):
            raise _invalid(f"Invalid Schedule Expression Timezone {zone}.") from None
        if expression is None:
            raise _invalid(f"Invalid Schedule Expression {when}.")
        long_ago = datetime.min.replace(tzinfo=UTC)
        if self._refuse_past and expression.once and expression.is_due(long_ago, long_ago, self._now()):
            raise _invalid(f"Invalid Schedule Expression {when}. It is in the past.")
        if not expression.once and start is not None and start < self._now() - _LATE_START:
            raise _invalid("The StartDate you specify cannot be earlier than 5 minutes ago.")
        group = f"schedule-group/{asked.get('GroupName') or 'default'}"
        source = f"arn:aws:scheduler:{call.region}:{call.account}:{group}"
        if not self._context.permissions.trusts(text(structure(asked, "Target"), "RoleArn"), _SERVICE, source):
            raise _invalid("The execution role you provide must allow AWS EventBridge Scheduler to assume the role.")

    def close(self) -> None:
        """Carry out nothing any more."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self) -> None:
        while not self._closed.wait(_LOOK):
            now = self._now()
            for each in list(scheduled(self._context.account_id)):
                try:
                    self._look(each, now)
                except Exception as error:  # tried again, as on AWS
                    logger.warning("schedule %s: %s", each.name, error)

    def _look(self, each: Scheduled, now: datetime) -> None:
        expression = read_expression(each.expression, each.timezone)
        wanted = (each.expression, each.start)
        known, begun, since = self._seen.get(each.arn, (None, now, now))
        if known != wanted:
            begun = since = min(now, self._made.get(each.name, now))
            if each.start is not None and now - _LATE_START < each.start <= now:
                since = each.start - _INSTANT  # it began between two looks, and is due as it begins
            self._seen[each.arn] = (wanted, begun, since)  # also where it fails, and is tried again
        if expression is None or not self._is_due(each, expression, begun, since, now):
            self._seen[each.arn] = (wanted, begun, now)
            return
        for target in each.targets:
            if each.group is None:
                self._send(each, target, now)
            else:
                self._carry_out(each, target)
        self._seen[each.arn] = (wanted, begun, now)
        if expression.once:
            each.done()

    @staticmethod
    def _is_due(each: Scheduled, expression: Expression, begun: datetime, since: datetime, now: datetime) -> bool:
        if (each.start is not None and now < each.start) or (each.end is not None and now > each.end):
            return False
        # A rate counts from its start, at which it is due for the first time.
        return expression.is_due(each.start or begun, since, now)

    def _send(self, rule: Scheduled, target: Mapping[str, Any], now: datetime) -> None:
        event = {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": self._context.account_id,
            "time": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": rule.region,
            "resources": [rule.arn],
            "detail": {},
        }
        if not rules.deliver(self._deliveries, rule.arn, event, target):
            raise NotImplementedError(f"not emulated: target {target['Arn']}")

    def _carry_out(self, schedule: Scheduled, target: Mapping[str, Any]) -> None:
        session = RoleSession(target["RoleArn"], schedule.name)
        source = f"arn:aws:scheduler:{schedule.region}:{self._context.account_id}:schedule-group/{schedule.group}"
        if not self._context.permissions.trusts(session.role, _SERVICE, source):
            raise PermissionError(f"{session.role} does not let {_SERVICE} take it on")
        service, operation, parameters = _call_of(target)
        account = self._context.account_id
        self._context.services.call(Call(service, operation, parameters, schedule.region, account, session))


def _invalid(words: str) -> AwsError:
    return AwsError("ValidationException", words, 400)


def _call_of(target: Mapping[str, Any]) -> tuple[str, str, Mapping[str, Any]]:
    """Return the call that a schedule's target is: service, operation, parameters.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-templated.html
    """
    arn, given = str(target["Arn"]), target.get("Input") or "{}"
    if match := _CALL.fullmatch(arn):
        return _NAMES.get(match[1], boto3_name(match[1])), match[2][0].upper() + match[2][1:], json.loads(given)
    service = arn.split(":")[2]
    if service == "lambda":
        return "lambda", "Invoke", {"FunctionName": arn, "InvocationType": "Event", "Payload": given.encode()}
    if service == "states":
        return "stepfunctions", "StartExecution", {"stateMachineArn": arn, "input": given}
    if service == "sqs":
        parts = arn.split(":")
        group = (target.get("SqsParameters") or {}).get("MessageGroupId")
        grouped = {"MessageGroupId": group} if group else {}
        address = f"https://sqs.{parts[3]}.amazonaws.com/{parts[4]}/{parts[5]}"
        return (
            "sqs",
            "SendMessage",
            {"QueueUrl": address, "MessageBody": given, **grouped},
        )
    if service == "sns":
        return "sns", "Publish", {"TopicArn": arn, "Message": given}
    if service == "events":
        told = target.get("EventBridgeParameters") or {}
        entry = {
            "EventBusName": arn,
            "Detail": given,
            "Source": told.get("Source"),
            "DetailType": told.get("DetailType"),
        }
        return "events", "PutEvents", {"Entries": [entry]}
    raise NotImplementedError(f"not emulated: target {arn}")
