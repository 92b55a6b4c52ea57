"""Executions: started, stopped, redriven.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
"""

from __future__ import annotations

import math
import uuid

from harness.emulator.door.call import Call
from harness.emulator.door.errors import AwsError
from harness.emulator.door.members import Members, optional_text, text
from harness.emulator.identity import developer_of
from harness.emulator.stepfunctions.arns import check_arn, check_name
from harness.emulator.stepfunctions.descriptions import data_of
from harness.emulator.stepfunctions.execution_life import EXPRESS_SECONDS, NOT_SUPPORTED, ExecutionLife
from harness.emulator.stepfunctions.inputs import read_input
from harness.emulator.stepfunctions.kept_executions import Kept
from harness.emulator.stepfunctions.machine_records import moment
from harness.emulator.stepfunctions.mocks import MockError, Mocks
from harness.emulator.stepfunctions.run import Run
from harness.emulator.stepfunctions.scheduler import Scheduler
from harness.emulator.stepfunctions.store import Store
from harness.emulator.stepfunctions.versions import Versions


class Executions:
    """The operations that change executions.

    Args:
        life: of executions.
        store: keeps them.
        versions: which state machine a version or an alias is.
        scheduler: on whose thread they run.
        mocks: know the test cases by which executions are started.
    """

    def __init__(
        self, life: ExecutionLife, store: Store, versions: Versions, scheduler: Scheduler, mocks: Mocks
    ) -> None:
        self._life = life
        self._store = store
        self._versions = versions
        self._scheduler = scheduler
        self._mocks = mocks

    def start(self, call: Call) -> Members:
        """StartExecution."""
        kept, _ = self._start(call)
        return {"executionArn": kept.arn, "startDate": moment(kept.started)}

    def _start(self, call: Call, *, sync: bool = False) -> tuple[Kept, Run | None]:
        """Start an execution that is asked for; returns it without its run where it has begun before."""
        given = call.parameters
        asked = text(given, "stateMachineArn")
        arn, _, case = asked.partition("#")  # machine#TestCase, as Step Functions Local has it
        input_text, name = text(given, "input", "{}"), optional_text(given, "name")
        if name is not None:
            check_name(name)
        check_arn(arn, "stateMachine")
        machine, revision, version, alias = self._versions.route(arn)
        if sync and machine.type != "EXPRESS":
            raise AwsError("StateMachineTypeNotSupported", NOT_SUPPORTED)
        value = read_input(input_text)
        if case:
            self._check_case(machine.revision.name, case)
        name = name or str(uuid.uuid4())
        now = self._scheduler.clock.time()
        members: dict[str, object] = {"input": input_text, "revision": revision.number}
        if case:
            members["testCase"] = case
        if given.get("traceHeader"):
            members["traceHeader"] = given["traceHeader"]
        express = machine.type == "EXPRESS"
        stem = machine.arn.replace(":stateMachine:", ":express:" if express else ":execution:", 1)
        own = f"{name}:{uuid.uuid4()}" if express else name
        kept = Kept(f"{stem}:{own}", machine.arn, version, alias, started=now, members=members)
        if not express and not self._store.begin(kept):
            before = self._store.execution(kept.arn)
            if before is None or before.status != "RUNNING" or before.members["input"] != input_text:
                raise AwsError("ExecutionAlreadyExists", f"Execution Already Exists: '{kept.arn}'")
            return before, None
        run = self._life.begin(
            revision, kept, value, region=call.region, account=call.account, express=express, test_case=case or None
        )
        return kept, run

    def _check_case(self, machine: str, case: str) -> None:
        try:
            known = self._mocks.has_case(machine, case)
        except MockError as error:
            raise AwsError("ValidationException", str(error)) from None
        if not known:
            raise AwsError("ValidationException", f"the mocks have no test case {machine}#{case}")

    def start_sync(self, call: Call) -> Members:
        """StartSyncExecution: answers when the execution has ended."""
        kept, run = self._start(call, sync=True)
        if run is not None:
            run.ended.wait(EXPRESS_SECONDS + 60)
        took = max(0.0, (kept.stopped or kept.started) - kept.started)
        answer: dict[str, object] = {
            "executionArn": kept.arn,
            "stateMachineArn": call.parameters["stateMachineArn"],
            "name": kept.name,
            "startDate": moment(kept.started),
            "stopDate": moment(kept.stopped or kept.started),
            "status": kept.status,
            "billingDetails": {
                "billedMemoryUsedInMB": 64,
                "billedDurationInMilliseconds": max(100, math.ceil(took * 10) * 100),
            },
            **data_of(kept, optional_text(call.parameters, "includedData"), with_output=True),
        }
        for member in ("error", "cause", "traceHeader"):
            if member in kept.members:
                answer[member] = kept.members[member]
        return answer

    def stop(self, call: Call) -> Members:
        """StopExecution; one that has ended stays as it is."""
        given = call.parameters
        arn = text(given, "executionArn")
        check_arn(arn, "execution")
        run = self._life.running(arn)
        if run is not None:
            error, cause = optional_text(given, "error"), optional_text(given, "cause")
            who = (call.caller or developer_of(call.account)).arn
            self._scheduler.ask(lambda: self._life.end(run, error, cause, who))
        kept = run.kept if run is not None else self._life.find(arn)
        return {"stopDate": moment(kept.stopped or self._scheduler.clock.time())}

    def stopped_by(self, arn: str) -> str:
        """ARN of the caller who stopped an execution; empty where nobody did, or where it is gone.

        On AWS CloudTrail tells it: DescribeExecution and the history do not.
        """
        try:
            return str(self._life.find(arn).members.get("stoppedBy", ""))
        except AwsError:
            return ""

    def redrive(self, call: Call) -> Members:
        """RedriveExecution: what failed is begun anew, what went well stays.

        https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html
        """
        arn = text(call.parameters, "executionArn")
        check_arn(arn, "execution")
        kept = self._life.find(arn)
        if kept.status in ("RUNNING", "SUCCEEDED"):
            raise AwsError("ExecutionNotRedrivable", f"Execution is {kept.status} and cannot be redriven")
        if kept.map_run is not None:
            raise AwsError(
                "ExecutionNotRedrivable",
                "An execution that a Map Run or a state has started is redriven with the one that started it",
            )
        run = self._scheduler.ask(lambda: self._life.redrive_kept(kept, call.region, call.account))
        return {"redriveDate": moment(run.kept.redriven or 0.0)}
