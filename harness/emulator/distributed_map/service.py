"""Distributed Maps in the emulator's Step Functions: the state itself, its API, nested workflows and redrives."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from werkzeug import Request

from harness.emulator.access.sessions import RoleSession
from harness.emulator.context import EmulatorContext
from harness.emulator.distributed_map.children import go_on
from harness.emulator.distributed_map.declaration import declaration_of, lift_declarations
from harness.emulator.distributed_map.map_run import MapRun
from harness.emulator.distributed_map.nested import ENDED, DirectStates, check_nested, spell_out
from harness.emulator.distributed_map.registry import Registry
from harness.emulator.distributed_map.state import REDRIVEN_RUN, run_distributed_map
from harness.emulator.door.errors import AwsError
from harness.emulator.door.validation import check
from harness.emulator.engine_seam import put_around
from harness.emulator.stepfunctions.clock import Clock

_PAGE = 100
"""Executions or Map Runs that a list answers when it is not told how many."""
_SERVICE = "stepfunctions"


class DistributedMaps:
    """Answers what moto's API leaves out, and has the engine run Distributed Maps.

    Args:
        states: the Step Functions service whose executions these are.
        context: the emulator's surroundings.
        client_for: the clients with which the engine calls other services.
        clock: by which the engine waits.
    """

    def __init__(
        self,
        states: Any,
        context: EmulatorContext,
        client_for: Callable[[str, str, RoleSession | None], Any],
        clock: Clock,
    ) -> None:
        self.states = states
        self._clients = client_for
        self.registry = Registry(context, self.client_for, clock)

    @property
    def executions(self) -> Any:
        """Executions by ARN, those of Map Runs among them."""
        return self.registry.executions

    def client_for(self, service: str, region: str, session: RoleSession | None) -> Any:
        """As the engine's own, but that it reaches Step Functions directly."""
        client = self._clients(service, region, session)
        is_local = self.registry.context.clients.is_local(_SERVICE)
        return DirectStates(self, client, region, session) if service == _SERVICE and is_local else client

    def join_engine(self) -> None:
        """Fit the engine out. To be called once it is loaded."""
        from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
        from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
        from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
        from moto.stepfunctions.parser.asl.component.common.path import result_path
        from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration import iteration_worker
        from moto.stepfunctions.parser.asl.component.state.exec.state_map.state_map import StateMap
        from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_sfn import (
            StateTaskServiceSfn,
        )
        from moto.stepfunctions.parser.backend.execution import Execution

        lift_declarations()
        if not hasattr(result_path.parse, "cache_info"):
            # It parsed the same path for each state of each item: a quarter of the time of a large Map Run.
            result_path.parse = lru_cache(512)(result_path.parse)
        registry = self.registry

        def run_distributed(original: Any) -> Any:
            def eval_execution(state: Any, env: Any) -> None:
                declaration = declaration_of(state)
                if declaration is None:
                    original(state, env)
                else:
                    run_distributed_map(state, declaration, env, registry)

            return eval_execution

        def tell_the_end(original: Any) -> Any:
            def get_communication(execution: Any) -> Any:
                communication = original(execution)
                terminated = communication.terminated

                def tell() -> None:
                    terminated()
                    self.nested_ended(execution)

                communication.terminated = tell
                return communication

            return get_communication

        def name_error(original: Any) -> Any:
            def from_error(task: Any, env: Any, ex: Exception) -> Any:
                """``StepFunctions.<code>Exception``; the engine says it twice where the code does."""
                failed = original(task, env, ex)
                details = failed.event_details.get("taskFailedEventDetails") or {}
                if str(details.get("error", "")).endswith("ExceptionException"):
                    details["error"] = details["error"].removesuffix("Exception")
                    failed.error_name = CustomErrorName(details["error"])
                return failed

            return from_error

        def spell(original: Any) -> Any:
            def normalise_response(task: Any, response: Any, **arguments: Any) -> None:
                if isinstance(response, dict):
                    spell_out(response)

            return normalise_response

        def known_error(error_name: str) -> Any:
            """An inline Map's iteration could not fail with an error of the states language: it failed otherwise."""
            kind = next((kind for kind in StatesErrorNameType if kind.to_name() == error_name), None)
            return StatesErrorName(typ=kind) if kind is not None else CustomErrorName(error_name=error_name)

        iteration_worker.CustomErrorName = known_error
        put_around(StateTaskServiceSfn, "_normalise_response", spell)
        put_around(StateTaskServiceSfn, "_from_error", name_error)
        put_around(StateMap, "_eval_execution", run_distributed)
        put_around(Execution, "_get_start_execution_worker_comm", tell_the_end)

    def close(self) -> None:
        """Forget all of it."""
        self.registry.archive.close()

    # The API

    def answer(self, operation: str, request: Request, region: str) -> dict[str, Any] | None:
        """The answer to what is about a Map Run or one of its executions; None leaves it to others.

        Raises:
            AwsError: AWS refuses.
        """
        act = {
            "CreateStateMachine": self._check_machine,
            "UpdateStateMachine": self._check_machine,
            "DeleteStateMachine": self._forget_machine,
            "DescribeExecution": self.describe_execution,
            "DescribeMapRun": self._describe_map_run,
            "ListMapRuns": self._list_map_runs,
            "UpdateMapRun": self._update_map_run,
            "ListExecutions": self._list_executions,
            "StartExecution": self._check_name,
            "StopExecution": self._stop_child,
            "RedriveExecution": self._redrive,
            "DescribeStateMachineForExecution": self._describe_machine_of_child,
        }.get(operation)
        if act is None:
            return None
        return act(json.loads(request.get_data() or b"{}"), region)

    def _check_machine(self, parameters: dict[str, Any], region: str) -> None:
        definition, role = parameters.get("definition") or "", parameters.get("roleArn")
        if role is not None and definition:
            check_nested(definition, role, region, self.registry.context.permissions)

    def _forget_machine(self, parameters: dict[str, Any], region: str) -> None:
        """A machine that is made under the same name begins without executions."""
        self.registry.archive.forget_machine(parameters.get("stateMachineArn", ""))

    def describe_execution(self, parameters: dict[str, Any], region: str) -> dict[str, Any] | None:
        """DescribeExecution, with what is known of Map Runs and redrives."""
        arn = parameters.get("executionArn", "")
        asked = SimpleNamespace(get_data=lambda: json.dumps(parameters).encode())
        answer: dict[str, Any] | None = self.states._describe_execution(asked, region)
        if answer is None:
            return None
        run = self._run_of_child(arn)
        if run is not None:
            answer["mapRunArn"] = run.arn
            child = next((child for child in run.children if child.arn == arn), None)
            if child is not None:
                answer["redriveCount"] = child.redrives
            if answer["redriveStatus"] == "REDRIVABLE":
                answer["redriveStatus"] = "REDRIVABLE_BY_MAP_RUN"
        if arn in self.registry.redrives:
            count, moment = self.registry.redrives[arn]
            answer |= {"redriveCount": count, "redriveDate": moment.timestamp()}
        return answer

    def _run_of_child(self, arn: str) -> MapRun | None:
        run_arn = self.registry.map_run_of.get(arn)
        if run_arn is None and "/" in arn.rpartition(":")[0]:
            record = self.registry.archive.record(arn)
            run_arn = record["map_run"] if record else None
        return self.registry.runs.get(run_arn or "")

    def _map_run(self, parameters: dict[str, Any]) -> MapRun:
        arn = parameters["mapRunArn"]
        run = self.registry.runs.get(arn)
        if run is None:
            raise AwsError("ResourceNotFound", f"Resource not found: '{arn}'", resourceName=arn)
        return run

    def _describe_map_run(self, parameters: dict[str, Any], region: str) -> dict[str, Any]:
        check(_SERVICE, "DescribeMapRun", parameters)
        return self._map_run(parameters).describe()

    def _list_map_runs(self, parameters: dict[str, Any], region: str) -> dict[str, Any] | None:
        check(_SERVICE, "ListMapRuns", parameters)
        arn = parameters["executionArn"]
        if self._find(arn, region) is None:
            raise AwsError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
        runs = [run.item() for run in reversed(self.registry.runs_of(arn))]
        return _page(runs, "mapRuns", parameters)

    def _update_map_run(self, parameters: dict[str, Any], region: str) -> dict[str, Any]:
        check(_SERVICE, "UpdateMapRun", parameters)
        run = self._map_run(parameters)
        with run.lock:
            if "maxConcurrency" in parameters:
                run.max_concurrency = parameters["maxConcurrency"]
            if "toleratedFailureCount" in parameters:
                run.tolerated_count = parameters["toleratedFailureCount"]
            if "toleratedFailurePercentage" in parameters:
                run.tolerated_percentage = parameters["toleratedFailurePercentage"]
        run.changed()
        return {}

    def _list_executions(self, parameters: dict[str, Any], region: str) -> dict[str, Any] | None:
        check(_SERVICE, "ListExecutions", parameters)
        run_arn: str | None = parameters.get("mapRunArn")
        machine: str = parameters.get("stateMachineArn", "")
        if run_arn is not None and machine:
            raise AwsError("ValidationException", "Either stateMachineArn or mapRunArn can be given, not both")
        if run_arn is not None:
            run = self._map_run(parameters)
            kept = self.registry.archive.listed(map_run=run_arn)
            live = [self.registry.executions.get(arn)[0] for arn in self._children_that_run(run_arn)]
            machine = run.child_machine_arn
        else:
            kept = self.registry.archive.listed(machine=machine)
            if not kept:
                return None
            backend = self.states._backend(region)
            live = next((found.executions for found in backend.state_machines if found.arn == machine), [])
        items = [_listed(execution, machine, run_arn) for execution in live]
        items += [_kept(row, machine, run_arn) for row in kept]
        status = parameters.get("statusFilter")
        items = [item for item in items if status in (None, item["status"])]
        items.sort(key=lambda item: item["startDate"], reverse=True)
        return _page(items, "executions", parameters)

    def _children_that_run(self, run_arn: str) -> list[str]:
        return [arn for arn, of in list(self.registry.map_run_of.items()) if of == run_arn]

    def _check_name(self, parameters: dict[str, Any], region: str) -> None:
        """A name that an execution on disk has is taken, as is that of any other that has ended."""
        name, machine = parameters.get("name"), parameters.get("stateMachineArn", "")
        if name is not None:
            arn = f"{machine.replace(':stateMachine:', ':execution:', 1)}:{name}"
            if self.registry.archive.has(arn):
                raise AwsError("ExecutionAlreadyExists", f"Execution Already Exists: '{arn}'")

    def _stop_child(self, parameters: dict[str, Any], region: str) -> dict[str, Any] | None:
        arn = parameters.get("executionArn", "")
        found = self.registry.executions.get(arn)
        if found is None or (arn not in self.registry.map_run_of and not self.registry.archive.has(arn)):
            return None  # moto has it
        execution = found[0]
        if execution.status == "RUNNING":
            execution.stop(self.registry.now(), parameters.get("error"), parameters.get("cause"))
            return {"stopDate": self.registry.now().timestamp()}
        return {"stopDate": execution.stop_date.timestamp()}

    def _describe_machine_of_child(self, parameters: dict[str, Any], region: str) -> dict[str, Any] | None:
        arn = parameters.get("executionArn", "")
        record = self.registry.archive.record(arn)
        if record is None:
            return None
        answer = {
            "stateMachineArn": record["machine"],
            "name": record["machine_name"],
            "definition": record["definition"],
            "roleArn": record["role"],
            "updateDate": record["started"],
        }
        run = self._run_of_child(arn)
        if run is not None:
            answer |= {
                "stateMachineArn": run.child_machine_arn,
                "updateDate": run.started.timestamp(),
                "mapRunArn": run.arn,
                "label": run.label,
            }
        return answer

    def _redrive(self, parameters: dict[str, Any], region: str) -> dict[str, Any]:
        """https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html"""
        check(_SERVICE, "RedriveExecution", parameters)
        arn = parameters["executionArn"]
        execution = self._find(arn, region)
        if execution is None:
            raise AwsError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
        if execution.status in ("RUNNING", "SUCCEEDED"):
            raise AwsError("ExecutionNotRedrivable", f"Execution is {execution.status} and cannot be redriven", 400)
        if self._run_of_child(arn) is not None or not hasattr(execution, "start"):
            raise AwsError(
                "ExecutionNotRedrivable",
                "An execution that a Map Run or a state has started is redriven with the one that started it",
            )
        events = list(execution.exec_worker.env.event_manager._history_event_list)
        runs = self.registry.runs_of(arn)
        count = self.registry.redrives.get(arn, (0, None))[0] + 1
        moment = self.registry.now()

        def hand_over(env: Any) -> None:
            # A Map Run that never had a child is started anew.
            if runs and runs[-1].children and runs[-1].status != "SUCCEEDED":
                env.__dict__[REDRIVEN_RUN] = runs[-1]

        try:
            logic = go_on(execution, events, count, hand_over)
        except LookupError as error:
            raise AwsError("ExecutionNotRedrivable", f"Execution cannot be redriven: {error}") from None
        self.registry.redrives[arn] = count, moment
        self.registry.clock.thread(target=logic, name="redrive", daemon=True).start()
        return {"redriveDate": moment.timestamp()}

    def _find(self, arn: str, region: str) -> Any:
        try:
            return self.states._find(arn, region)[0]
        except Exception:
            return None

    def nested_ended(self, execution: Any) -> None:
        """A nested workflow that has ended goes to disk, and whoever waits for it is told."""
        ended = execution.__dict__.pop(ENDED, None)
        if ended is None:
            return
        region = execution.region_name
        self.registry.ended(execution, None, 0)
        for machine in self.states._backend(region).state_machines:
            if machine.arn == execution.state_machine_arn:
                machine.executions.forget(execution)
        ended.set()


def _listed(execution: Any, machine: str, run_arn: str | None) -> dict[str, Any]:
    item: dict[str, Any] = {
        "executionArn": execution.execution_arn,
        "stateMachineArn": machine,
        "name": execution.name,
        "status": execution.status,
        "startDate": execution.start_date.timestamp(),
    }
    if execution.stop_date is not None:
        item["stopDate"] = execution.stop_date.timestamp()
    return item | ({"mapRunArn": run_arn} if run_arn else {})


def _kept(row: tuple[Any, ...], machine: str, run_arn: str | None) -> dict[str, Any]:
    arn, status, started, stopped, redrives = row
    item: dict[str, Any] = {
        "executionArn": arn,
        "stateMachineArn": machine,
        "name": arn.rpartition(":")[2],
        "status": status,
        "startDate": started,
        "stopDate": stopped,
        "redriveCount": redrives,
    }
    return item | ({"mapRunArn": run_arn} if run_arn else {})


def _page(items: list[dict[str, Any]], member: str, parameters: dict[str, Any]) -> dict[str, Any]:
    token = parameters.get("nextToken") or "0"
    if not token.isdigit():
        raise AwsError("InvalidToken", f"Invalid Token: '{token}'")
    first, most = int(token), parameters.get("maxResults") or _PAGE
    answer: dict[str, Any] = {member: items[first:][:most]}
    if first + most < len(items):
        answer["nextToken"] = str(first + most)
    return answer
