"""Step Functions: the table of its operations, put together.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_Operations.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from harness.emulator.context import EmulatorContext
from harness.emulator.door.call import Call
from harness.emulator.door.members import Members, text
from harness.emulator.door.validation import check
from harness.emulator.limits import EXECUTION_INPUT
from harness.emulator.services import Operation
from harness.emulator.stepfunctions.activities import Activities, Tokens
from harness.emulator.stepfunctions.clock import Clock
from harness.emulator.stepfunctions.coverage import Traces
from harness.emulator.stepfunctions.definitions import Definitions
from harness.emulator.stepfunctions.driver import Driver
from harness.emulator.stepfunctions.execution_life import ExecutionLife
from harness.emulator.stepfunctions.execution_logs import ExecutionLogs
from harness.emulator.stepfunctions.execution_reads import ExecutionReads
from harness.emulator.stepfunctions.executions import Executions
from harness.emulator.stepfunctions.fault_layer import FaultLayer
from harness.emulator.stepfunctions.integrations.reach import Reach
from harness.emulator.stepfunctions.integrations.registry import Integrations
from harness.emulator.stepfunctions.integrations.web import Web
from harness.emulator.stepfunctions.interrupted import report_interrupted
from harness.emulator.stepfunctions.layers import Layer
from harness.emulator.stepfunctions.machine_checks import MachineChecks
from harness.emulator.stepfunctions.machine_reads import MachineReads
from harness.emulator.stepfunctions.machines import Machines
from harness.emulator.stepfunctions.maps import MapRuns
from harness.emulator.stepfunctions.mocks import Mocks
from harness.emulator.stepfunctions.replay import TaskScript
from harness.emulator.stepfunctions.run import Run
from harness.emulator.stepfunctions.scheduler import Scheduler
from harness.emulator.stepfunctions.status_events import StatusEvents
from harness.emulator.stepfunctions.store import Store
from harness.emulator.stepfunctions.tags import Tags
from harness.emulator.stepfunctions.test_state import StateTests
from harness.emulator.stepfunctions.versions import Versions


class StepFunctions:
    """The service.

    Args:
        context: the emulator's surroundings.
        reach: calls other services for tasks.
        clock: by which executions wait.
        script: answers tasks in place of the services.
        state: the file that keeps state machines and executions, None for none.
        mocks: a MockConfigFile of Step Functions Local, None for none.
        web: what tasks reach by HTTP.
    """

    name = "stepfunctions"
    kept_by_moto: frozenset[str] = frozenset()

    def __init__(
        self,
        context: EmulatorContext,
        reach: Reach,
        clock: Clock,
        script: TaskScript,
        state: Path | None = None,
        mocks: Path | None = None,
        web: Web | None = None,
    ) -> None:
        self.traces = Traces()
        self._store = Store(state)
        self._scheduler = Scheduler(clock)
        self.integrations = Integrations(reach, web)
        self.definitions = Definitions(lambda resource, express: self.integrations.refusal(resource, express=express))
        tokens = Tokens(self._scheduler, self._store)
        self._activities = activities = Activities(self._scheduler, self._store, tokens, clock.time)
        self.mocks = Mocks(mocks)
        layers: list[Layer] = [FaultLayer(context.faults), script, self.mocks]
        self.driver = Driver(self._scheduler, self.integrations, tokens, activities, layers)
        logs = ExecutionLogs(context.logs)
        checks = MachineChecks(self.definitions, self.integrations, context.permissions, context.logs.has_group)
        machines = Machines(self._store, self.definitions, checks, logs, clock.time)
        versions = Versions(machines, clock.time)
        self._events = StatusEvents(context.services, context.account_id)
        context.observers.append(self._events.observe)
        life = ExecutionLife(self._store, machines, self.definitions, self._scheduler, self.driver, logs, self._events)
        executions = Executions(life, self._store, versions, self._scheduler, self.mocks)
        self.stopped_by = executions.stopped_by
        reads = ExecutionReads(life, self._store, machines, clock)
        finished = life.finished

        def observe(run: Run) -> None:
            finished(run)
            self.traces.ended(run)

        self.driver.finished = observe
        maps = self.driver.maps = MapRuns(life, self._scheduler, self._store, reach, context.permissions)
        tests = StateTests(self.definitions, self.integrations, context.permissions, clock.time)
        tags = Tags(machines, activities)
        machine_reads = MachineReads(machines, self.definitions)
        self._machines = machines
        operations: dict[str, Operation] = {
            "CreateActivity": activities.create,
            "CreateStateMachine": machines.create,
            "CreateStateMachineAlias": versions.create_alias,
            "DeleteActivity": activities.delete,
            "DeleteStateMachine": machines.delete,
            "DeleteStateMachineAlias": versions.delete_alias,
            "DeleteStateMachineVersion": versions.delete_version,
            "DescribeActivity": activities.describe,
            "DescribeExecution": reads.describe,
            "DescribeMapRun": maps.describe,
            "DescribeStateMachine": machine_reads.describe,
            "DescribeStateMachineAlias": versions.describe_alias,
            "DescribeStateMachineForExecution": reads.describe_machine,
            "GetActivityTask": activities.take,
            "GetExecutionHistory": reads.history,
            "ListActivities": activities.list,
            "ListExecutions": reads.list,
            "ListMapRuns": maps.list,
            "ListStateMachineAliases": versions.list_aliases,
            "ListStateMachineVersions": versions.list_versions,
            "ListStateMachines": machine_reads.list,
            "ListTagsForResource": tags.list,
            "PublishStateMachineVersion": versions.publish,
            "RedriveExecution": executions.redrive,
            "SendTaskFailure": tokens.fail,
            "SendTaskHeartbeat": tokens.heartbeat,
            "SendTaskSuccess": tokens.succeed,
            "StartExecution": executions.start,
            "StartSyncExecution": executions.start_sync,
            "StopExecution": executions.stop,
            "TestState": tests.test,
            "TagResource": tags.add,
            "UntagResource": tags.remove,
            "UpdateMapRun": maps.update,
            "UpdateStateMachine": machines.update,
            "UpdateStateMachineAlias": versions.update_alias,
            "ValidateStateMachineDefinition": machine_reads.validate,
        }
        self.operations: Mapping[str, Operation] = {
            name: _validated(name, operation) for name, operation in operations.items()
        }

    def tagged(self, region: str) -> Iterator[tuple[str, str, Mapping[str, str]]]:
        """ARN, type and tags of each state machine of a region."""
        for arn, tags in self._machines.tagged(region):
            yield arn, "states:stateMachine", tags

    def start(self) -> None:
        """Tell of executions that ran when an emulator stopped before this one."""
        report_interrupted(self._store, self._scheduler.clock.time())

    def flush(self) -> None:
        """Nothing is buffered."""

    def kept(self) -> Iterable[tuple[str, str, Members]]:
        """Nothing: the store is a file of its own."""
        return ()

    def restore(self, kind: str, key: str, record: Members) -> None:
        """Nothing is kept elsewhere.

        Args:
            kind: of the record.
            key: of the record.
            record: its data.
        """

    def close(self) -> None:
        """End what is under way."""
        self._activities.close()
        self._events.close()
        self._scheduler.close()
        self._store.close()


def _validated(name: str, operation: Operation) -> Operation:
    """*operation*, once the call has passed what the service's model says."""

    def carry_out(call: Call) -> Members:
        given = call.parameters
        starts = name in ("StartExecution", "StartSyncExecution")
        if starts and len(text(given, "input", "").encode()) > EXECUTION_INPUT.most:
            raise EXECUTION_INPUT.refusal()
        check("stepfunctions", name, given)
        return operation(call)

    return carry_out
