"""CreateMonitoringSchedule and its kin: a processing job each time that a schedule is due, by the emulator's clock.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateMonitoringSchedule.html
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from harness.emulator.context import EmulatorContext
from harness.emulator.door.call import Call
from harness.emulator.door.errors import AwsError
from harness.emulator.door.members import Members, structure, structures, text
from harness.emulator.door.validation import check
from harness.emulator.sagemaker.job_lists import part_of
from harness.emulator.sagemaker.jobs import Jobs
from harness.emulator.sagemaker.monitoring.analysis import (
    Ask,
    captures_of,
    definition_of,
    endpoint_of,
    has_captures,
    job_request,
)
from harness.emulator.sagemaker.monitoring.hours import NOW, check_schedule, due, window_of_now
from harness.emulator.sagemaker.names import arn_of
from harness.emulator.sagemaker.running_job import ENDED
from harness.emulator.services import Operation

logger = logging.getLogger(__name__)

_LOOK = 1.0
"""Seconds between two looks at what is due; AWS takes up to twenty minutes."""
_SHOWN = (
    *("MonitoringScheduleName", "MonitoringScheduleArn", "MonitoringScheduleStatus", "MonitoringType"),
    *("CreationTime", "LastModifiedTime", "EndpointName", "MonitoringScheduleConfig"),
)


class MonitoringSchedules:
    """All monitoring schedules and their executions.

    Args:
        context: the emulator's surroundings.
        jobs: the processing jobs that carry them out.
        flush: writes waiting capture records.
        now: the time by the emulator's clock.
    """

    def __init__(
        self, context: EmulatorContext, jobs: Jobs, flush: Callable[[], object], now: Callable[[], datetime]
    ) -> None:
        self._context = context
        self._processing = jobs
        self._flush = flush
        self._now = now
        self._schedules: dict[tuple[str, str], dict[str, Any]] = {}
        self._lock = threading.RLock()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        operations: dict[str, Operation] = {
            "CreateMonitoringSchedule": self.create,
            "UpdateMonitoringSchedule": self.update,
            "DescribeMonitoringSchedule": self.describe,
            "DeleteMonitoringSchedule": self.delete,
            "StartMonitoringSchedule": lambda call: self._turn(call, "Scheduled"),
            "StopMonitoringSchedule": lambda call: self._turn(call, "Stopped"),
            "ListMonitoringSchedules": self.list,
            "ListMonitoringExecutions": self.list_executions,
        }
        self.operations: Mapping[str, Operation] = {
            name: self._checked(name, operation) for name, operation in operations.items()
        }

    def create(self, call: Call) -> Members:
        """Keep a schedule, and begin to look when it is due."""
        name = text(call.parameters, "MonitoringScheduleName")
        arn = arn_of("monitoring-schedule", name, call.region, self._context.account_id)
        config = structure(call.parameters, "MonitoringScheduleConfig")
        schedule = {
            "MonitoringScheduleName": name,
            "MonitoringScheduleArn": arn,
            "MonitoringScheduleStatus": "Scheduled",
            "MonitoringType": text(config, "MonitoringType", "DataQuality"),
            "executions": [],
            "Tags": structures(call.parameters, "Tags"),
            **self._configured(call),
        }
        schedule["CreationTime"] = schedule["LastModifiedTime"]
        with self._lock:
            if (call.region, name) in self._schedules:
                raise AwsError("ResourceInUse", f"Monitoring Schedule with name {name} already exists: {arn}")
            self._schedules[call.region, name] = schedule
        self._begin()
        return {"MonitoringScheduleArn": arn}

    def update(self, call: Call) -> Members:
        """Change a schedule."""
        schedule = self._find(call)
        schedule.update(self._configured(call))
        return {"MonitoringScheduleArn": schedule["MonitoringScheduleArn"]}

    def describe(self, call: Call) -> Members:
        """Answer DescribeMonitoringSchedule."""
        schedule = self._find(call)
        answer = {name: schedule[name] for name in _SHOWN}
        if schedule["executions"]:
            answer["LastMonitoringExecutionSummary"] = self._summary(call.region, schedule["executions"][-1])
        return answer

    def delete(self, call: Call) -> Members:
        """Forget a schedule."""
        schedule = self._find(call)
        with self._lock:
            del self._schedules[call.region, schedule["MonitoringScheduleName"]]
        return {}

    def list(self, call: Call) -> Members:
        """Answer ListMonitoringSchedules."""
        asked = call.parameters
        found = [
            {name: schedule[name] for name in _SHOWN if name != "MonitoringScheduleConfig"}
            for (region, name), schedule in self._schedules.items()
            if region == call.region
            and text(asked, "NameContains", "") in name
            and asked.get("EndpointName") in (None, schedule["EndpointName"])
            and asked.get("StatusEquals") in (None, schedule["MonitoringScheduleStatus"])
        ]
        return part_of("MonitoringScheduleSummaries", found, asked)

    def list_executions(self, call: Call) -> Members:
        """Answer ListMonitoringExecutions, the latest first unless asked otherwise."""
        asked = call.parameters
        found = [
            self._summary(call.region, execution)
            for (region, name), schedule in self._schedules.items()
            if region == call.region
            and asked.get("MonitoringScheduleName") in (None, name)
            and asked.get("EndpointName") in (None, schedule["EndpointName"])
            for execution in schedule["executions"]
        ]
        found = [each for each in found if asked.get("StatusEquals") in (None, each["MonitoringExecutionStatus"])]
        found.sort(key=lambda each: each["ScheduledTime"], reverse=asked.get("SortOrder", "Descending") == "Descending")
        return part_of("MonitoringExecutionSummaries", found, asked)

    def with_arn(self, arn: str) -> dict[str, Any] | None:
        """Return the schedule of an ARN, None where there is none."""
        return next((each for each in self._schedules.values() if each["MonitoringScheduleArn"] == arn), None)

    def kept(self) -> Iterator[tuple[str, Members]]:
        """Yield the schedules, by region and name."""
        with self._lock:
            schedules = dict(self._schedules)
        for (region, name), schedule in schedules.items():
            yield f"{region}/{name}", {**schedule, "executions": list(schedule["executions"])}

    def restore(self, key: str, record: Members) -> None:
        """Take back a schedule that was kept."""
        region, _, name = key.partition("/")
        self._schedules[region, name] = {**record, "executions": structures(record, "executions")}
        self._begin()

    def close(self) -> None:
        """Carry out nothing any more."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()

    def _begin(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="monitoring-schedules", daemon=True)
                self._thread.start()

    def _watch(self) -> None:
        while not self._closed.wait(_LOOK):
            with self._lock:
                schedules = list(self._schedules.items())
            for (region, _), schedule in schedules:
                try:
                    self._look(region, schedule)
                except Exception:
                    logger.exception("monitoring schedule %s", schedule["MonitoringScheduleName"])

    def _look(self, region: str, schedule: dict[str, Any]) -> None:
        now, since = self._now(), schedule["seen"]
        config = schedule["MonitoringScheduleConfig"]["ScheduleConfig"]
        if config["ScheduleExpression"] == NOW:
            windows = [] if schedule["executions"] else [window_of_now(config, now)]
        else:
            windows = due(config["ScheduleExpression"], schedule["CreationTime"], since, now)
        schedule["seen"] = now
        if schedule["MonitoringScheduleStatus"] != "Scheduled":
            return
        for window in windows:
            self._carry_out(region, schedule, window)

    def _carry_out(self, region: str, schedule: dict[str, Any], window: tuple[datetime, datetime]) -> None:
        execution: dict[str, Any] = {
            "MonitoringScheduleName": schedule["MonitoringScheduleName"],
            "ScheduledTime": window[1],
            "CreationTime": self._now(),
            "LastModifiedTime": self._now(),
            "MonitoringExecutionStatus": "Pending",
            "EndpointName": schedule["EndpointName"],
            "MonitoringType": schedule["MonitoringType"],
        }
        named = schedule["MonitoringScheduleConfig"].get("MonitoringJobDefinitionName")
        if named is not None:
            execution["MonitoringJobDefinitionName"] = named
        ask = self._ask(region)
        try:
            self._flush()
            definition = definition_of(ask, schedule["MonitoringScheduleConfig"])
            place = captures_of(ask, schedule["EndpointName"])
            if has_captures(ask, place, window):
                asked = job_request(schedule["MonitoringScheduleName"], definition, place, window)
                execution["ProcessingJobArn"] = ask("sagemaker", "CreateProcessingJob", asked)["ProcessingJobArn"]
                execution["MonitoringExecutionStatus"] = "InProgress"
            else:
                execution |= {"MonitoringExecutionStatus": "Failed", "FailureReason": "Job inputs had no data"}
        except AwsError as error:
            execution |= {"MonitoringExecutionStatus": "Failed", "FailureReason": f"{error.code}: {error.message}"}
        schedule["executions"].append(execution)

    def _summary(self, region: str, execution: dict[str, Any]) -> dict[str, Any]:
        """Return an execution as its processing job stands."""
        if execution["MonitoringExecutionStatus"] == "InProgress":
            name = execution["ProcessingJobArn"].rpartition("/")[2]
            job = next((job for job in self._processing.jobs() if (job.region, job.name) == (region, name)), None)
            if job is not None and job.status in ENDED:
                broken = (job.exit_message or "").startswith("CompletedWithViolations")
                status = "CompletedWithViolations" if broken and job.status == "Completed" else job.status
                execution |= {"MonitoringExecutionStatus": status, "LastModifiedTime": job.modified}
                if job.failure_reason is not None:
                    execution["FailureReason"] = job.failure_reason
        return dict(execution)

    def _configured(self, call: Call) -> dict[str, Any]:
        config = structure(call.parameters, "MonitoringScheduleConfig")
        schedule = structure(config, "ScheduleConfig")
        if not schedule:
            raise AwsError("ValidationException", "ScheduleConfig is required.")
        check_schedule(schedule)
        ask = self._ask(call.region)
        endpoint = endpoint_of(definition_of(ask, config))
        captures_of(ask, endpoint)
        now = self._now()
        return {"MonitoringScheduleConfig": config, "EndpointName": endpoint, "LastModifiedTime": now, "seen": now}

    def _turn(self, call: Call, status: str) -> Members:
        self._find(call).update(MonitoringScheduleStatus=status, LastModifiedTime=self._now())
        return {}

    def _find(self, call: Call) -> dict[str, Any]:
        name = text(call.parameters, "MonitoringScheduleName")
        schedule = self._schedules.get((call.region, name))
        if schedule is None:
            arn = arn_of("monitoring-schedule", name, call.region, self._context.account_id)
            raise AwsError("ResourceNotFound", f"Monitoring Schedule {arn} not found")
        return schedule

    def _checked(self, name: str, operation: Operation) -> Operation:
        def checked(call: Call) -> Members:
            check("sagemaker", name, call.parameters)
            return operation(call)

        return checked

    def _ask(self, region: str) -> Ask:
        def ask(service: str, operation: str, parameters: Members) -> Members:
            call = Call(service, operation, parameters, region, self._context.account_id)
            return self._context.services.call(call)

        return ask
