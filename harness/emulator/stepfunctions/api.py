"""Step Functions on moto's engine, the LocalStack interpreter, with what moto's API around it leaves open.

A StartExecution without a name gets one, as on AWS, and DescribeExecution answers in AWS's form.
"""

from __future__ import annotations

import io
import json
import re
import threading
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from werkzeug import Request, Response

from harness.emulator.access.policies import ALL
from harness.emulator.access.sessions import RoleSession
from harness.emulator.context import EmulatorContext
from harness.emulator.definition import check_definition, invalid_definition
from harness.emulator.distributed_map.service import DistributedMaps
from harness.emulator.door.errors import JSON_1_0, AwsError
from harness.emulator.door.validation import check
from harness.emulator.engine import ClientFor, ended_event, load_engine, moves
from harness.emulator.engine_faults import let_faults_strike
from harness.emulator.limits import EXECUTION_INPUT
from harness.emulator.stepfunctions.clock import Clock
from harness.emulator.stepfunctions.coverage import Traces

_NOT_IN_NAMES = re.compile(r"""[\s<>{}\[\]?*"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff]""")
"""https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html#API_StartExecution_RequestSyntax"""
_HISTORY_PAGE = 100
"""Events that GetExecutionHistory answers when it is not told how many."""
_LOG_DELIVERY = (
    "CreateLogDelivery",
    "GetLogDelivery",
    "UpdateLogDelivery",
    "DeleteLogDelivery",
    "ListLogDeliveries",
    "PutResourcePolicy",
    "DescribeResourcePolicies",
    "DescribeLogGroups",
)
_PATIENCE = 0.1
"""Seconds that DescribeExecution waits for the end of an execution that runs."""
_FEW = 4
_MOST_PATIENCE = 1.0
"""The same where more than :data:`_FEW` wait, each for one in which something happens: a hundred that ask ten times a
second take more time than the executions that they ask for."""
_DATA = ("input", "inputDetails", "output", "outputDetails")


def _check_name(name: str) -> None:
    if _NOT_IN_NAMES.search(name):
        raise AwsError("InvalidName", f"Invalid Name: '{name}'")


class States:
    """Answers Step Functions' API.

    Args:
        context: the emulator's surroundings.
        client_for: the clients with which the engine calls other services.
        clock: by which the engine waits.
    """

    def __init__(self, context: EmulatorContext, client_for: ClientFor, clock: Clock) -> None:
        self._context = context
        self.maps = DistributedMaps(self, context, client_for, clock)
        self._started: dict[str, tuple[Any, str]] = self.maps.executions
        """Executions, the engine's own objects, and their inputs as they were given. (moto looks through all of them
        for each.)"""
        self._lock = threading.Lock()
        self._waiting = 0
        """DescribeExecution requests that wait for an end."""
        self.traces = Traces()
        load_engine(self.maps.client_for, clock, self.traces, context.folder)
        self.maps.join_engine()
        let_faults_strike(context.faults, clock)

    def request(self, request: Request, request_id: str, region: str) -> Response:
        """Answer one request; what is not ours goes to moto."""
        operation = request.headers.get("X-Amz-Target", "").rpartition(".")[2]
        act = {
            "CreateStateMachine": self._create_state_machine,
            "UpdateStateMachine": self._update_state_machine,
            "StartExecution": self._start_execution,
            "DescribeExecution": self._describe_execution,
            "GetExecutionHistory": self._get_history,
        }.get(operation)
        answer: dict[str, Any] | Response | None = self.maps.answer(operation, request, region)
        if answer is None and act:
            answer = act(request, region)
        if answer is None:
            return self._context.moto(request)
        if isinstance(answer, Response):
            return answer
        body = json.dumps(answer, separators=(",", ":"))
        return Response(body, 200, {"x-amzn-RequestId": request_id}, content_type=JSON_1_0)

    def _create_state_machine(self, request: Request, region: str) -> Response:
        parameters = json.loads(request.get_data() or b"{}")
        check("stepfunctions", "CreateStateMachine", parameters)
        _check_name(parameters["name"])
        machine = f"arn:aws:states:{region}:{self._context.account_id}:stateMachine:{parameters['name']}"
        if not self._context.permissions.trusts(parameters["roleArn"], "states.amazonaws.com", machine):
            raise AwsError(
                "AccessDeniedException",
                "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to "
                "assume the provided role.",
            )
        self._check_log_delivery(parameters, parameters["roleArn"])
        return self._with_definition(request, parameters["definition"])

    def _check_log_delivery(self, parameters: Mapping[str, Any], role: str | None) -> None:
        """Logs are delivered for the state machine's role, which must be allowed to set that up.

        https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html#cloudwatch-iam-policy
        """
        if role is None or (parameters.get("loggingConfiguration") or {}).get("level", "OFF") == "OFF":
            return
        session = RoleSession(role, "StepFunctions")
        if not all(self._context.permissions.allows(session, f"logs:{action}", ALL) for action in _LOG_DELIVERY):
            raise AwsError(
                "AccessDeniedException",
                "The state machine IAM Role is not authorized to access the Log Destination",
            )

    def _update_state_machine(self, request: Request, region: str) -> Response | None:
        parameters = json.loads(request.get_data() or b"{}")
        check("stepfunctions", "UpdateStateMachine", parameters)
        self._check_log_delivery(parameters, parameters.get("roleArn"))
        if parameters.get("definition") is None:
            return None
        return self._with_definition(request, parameters["definition"])

    def _with_definition(self, request: Request, definition: str) -> Response:
        check_definition(definition)
        answer = self._context.moto(request)
        if answer.status_code == 400:
            # The engine's parser refuses without a code.
            refused = json.loads(answer.get_data() or b"{}")
            if not refused.get("__type"):
                words = str(refused.get("message") or refused.get("Message") or "")
                raise invalid_definition(f"SCHEMA_VALIDATION_FAILED: {words}")
        return answer

    def _start_execution(self, request: Request, region: str) -> dict[str, Any] | None:
        parameters = json.loads(request.get_data() or b"{}")
        if len(parameters.get("input", "").encode()) > EXECUTION_INPUT.most:
            raise EXECUTION_INPUT.refusal()
        check("stepfunctions", "StartExecution", parameters)
        if parameters.get("name") is not None:
            _check_name(parameters["name"])
        if parameters.get("name") is None:
            parameters["name"] = str(uuid.uuid4())
            body = json.dumps(parameters).encode()
            request.environ["wsgi.input"] = io.BytesIO(body)
            request.environ["CONTENT_LENGTH"] = str(len(body))
        try:
            execution = self._backend(region).start_execution(
                parameters["stateMachineArn"], parameters["name"], parameters.get("input", "{}")
            )
        except Exception:
            return None  # moto words the refusal
        self._started[execution.execution_arn] = execution, parameters.get("input", "{}")
        return {"executionArn": execution.execution_arn, "startDate": execution.start_date.timestamp()}

    def _get_history(self, request: Request, region: str) -> dict[str, Any] | None:
        """The history in AWS's form: the input as it was given, results without spaces.

        (moto's own answer goes through a serializer that takes ten times as long.)
        """
        parameters = json.loads(request.get_data() or b"{}")
        check("stepfunctions", "GetExecutionHistory", parameters)
        arn = parameters["executionArn"]
        try:
            execution, given = self._find(arn, region)
        except Exception:
            return None  # moto words the refusal
        token = parameters.get("nextToken") or "0"
        if not token.isdigit():
            raise AwsError("InvalidToken", f"Invalid Token: '{token}'")
        env = execution.exec_worker.env
        events = list(env.event_manager._history_event_list) if env is not None else []
        if parameters.get("reverseOrder"):
            events.reverse()
        first, most = int(token), parameters.get("maxResults") or _HISTORY_PAGE
        with_data = parameters.get("includeExecutionData", True)
        answer: dict[str, Any] = {"events": [_event(event, given, with_data) for event in events[first:][:most]]}
        if first + most < len(events):
            answer["nextToken"] = str(first + most)
        return answer

    def _find(self, arn: str, region: str) -> tuple[Any, str | None]:
        """An execution and its input as it was given; moto knows those that were started in other ways."""
        found = self._started.get(arn)
        return found if found is not None else (self._backend(region).describe_execution(arn), None)

    def _backend(self, region: str) -> Any:
        from moto.stepfunctions.parser.models import stepfunctions_parser_backends

        return stepfunctions_parser_backends[self._context.account_id][region]

    def _describe_execution(self, request: Request, region: str) -> dict[str, Any] | None:
        try:
            execution, _ = self._find(json.loads(request.get_data())["executionArn"], region)
        except Exception:
            return None  # moto words the refusal
        if execution.status == "RUNNING":
            # One late answer costs a client that waits less than many early ones, and comes sooner than its next.
            self._wait_for_end(execution)
        status = execution.status
        answer: dict[str, Any] = {
            "executionArn": execution.execution_arn,
            "stateMachineArn": execution.state_machine_arn,
            "name": execution.name,
            "status": status,
            "startDate": execution.start_date.timestamp(),
            "input": execution.execution_input,
            "inputDetails": {"included": True},
            "redriveCount": 0,
        }
        if status != "RUNNING":
            answer["stopDate"] = execution.stop_date.timestamp()
            # The engine sets the status before the output; its environment has had that all along.
            if status == "SUCCEEDED":
                output = execution.exec_worker.env.states.get_input()
                answer["output"] = json.dumps(output, separators=(",", ":"), ensure_ascii=False)
                answer["outputDetails"] = {"included": True}
            elif status == "FAILED":
                error = execution.exec_worker.env.program_state().error or {}
                answer.update({key: error[key] for key in ("error", "cause") if error.get(key) is not None})
        answer["redriveStatus"] = "NOT_REDRIVABLE" if status in ("RUNNING", "SUCCEEDED") else "REDRIVABLE"
        if status == "RUNNING":
            answer["redriveStatusReason"] = "Execution is RUNNING and cannot be redriven"
        elif status == "SUCCEEDED":
            answer["redriveStatusReason"] = "Execution is SUCCEEDED and cannot be redriven"
        return answer

    def _wait_for_end(self, execution: Any) -> None:
        with self._lock:
            self._waiting += 1
            patience = _PATIENCE
            if self._waiting > _FEW and moves(execution, within=_MOST_PATIENCE):
                patience = min(_PATIENCE * self._waiting / _FEW, _MOST_PATIENCE)
        try:
            ended_event(execution).wait(patience)
        finally:
            with self._lock:
                self._waiting -= 1


def _event(event: Mapping[str, Any], given: str | None, with_data: bool) -> dict[str, Any]:
    """An event of the history as AWS shows it."""
    shown: dict[str, Any] = {**event, "timestamp": datetime.fromisoformat(event["timestamp"]).timestamp()}
    name = next((name for name in event if name.endswith("EventDetails")), None)
    if name is None:
        return shown
    details = shown[name] = dict(event[name])
    is_start = name == "executionStartedEventDetails" or (
        name == "stateEnteredEventDetails" and event["previousEventId"] == 0
    )
    if given is not None and is_start and "input" in details:
        details["input"] = given
    if name == "taskSucceededEventDetails" and details.get("output"):
        details["output"] = json.dumps(json.loads(details["output"]), separators=(",", ":"), ensure_ascii=False)
    if not with_data:
        for member in _DATA:
            details.pop(member, None)
    return shown
