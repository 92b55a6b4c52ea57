"""Workflows that call workflows: the engine's Step Functions client, without HTTP in between.

https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html
"""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from harness.emulator.access.sessions import RoleSession
from harness.emulator.door.errors import AwsError
from harness.emulator.engine_executions import KEPT_ELSEWHERE

if TYPE_CHECKING:
    from harness.emulator.distributed_map.service import DistributedMaps

_PATIENCE = 1.0
"""Seconds that DescribeExecution waits for the end; in between, the task looks whether it was stopped."""
_RULE = "rule/StepFunctionsGetEventsForStepFunctionsExecutionRule"
ENDED = "harness_nested_ended"
"""Name under which an execution has the event that its end sets."""


class DirectStates:
    """StartExecution, DescribeExecution and StopExecution by a role; all else goes to the client that it stands for."""

    def __init__(self, maps: DistributedMaps, client: Any, region: str, session: RoleSession | None) -> None:
        self._maps = maps
        self._client = client
        self._region = region
        self._session = session

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def start_execution(self, **parameters: Any) -> dict[str, Any]:
        """As boto3's; the engine writes members as the states language has them, with a capital."""
        parameters = {name[0].lower() + name[1:]: value for name, value in parameters.items()}
        arn = parameters.get("stateMachineArn", "")
        self._allow("StartExecution", "states:StartExecution", arn)
        answer = self._answered(
            "StartExecution", lambda: self._maps.states._start_execution(_request(parameters), self._region)
        )
        if answer is None:
            done: dict[str, Any] = self._client.start_execution(**parameters)  # moto words the refusal
            return done
        started, _ = self._maps.states._started.get(answer["executionArn"])
        started.__dict__[KEPT_ELSEWHERE] = True
        started.__dict__[ENDED] = self._maps.registry.clock.event()
        if started.status != "RUNNING":
            self._maps.nested_ended(started)  # its end came before the event
        return {**answer, "startDate": datetime.fromtimestamp(answer["startDate"], UTC), **_metadata()}

    def describe_execution(self, executionArn: str) -> dict[str, Any]:
        """As boto3's, once the execution has ended or a while has passed."""
        self._allow("DescribeExecution", "states:DescribeExecution", executionArn)
        found = self._maps.states._started.get(executionArn)
        ended = found[0].__dict__.get(ENDED) if found else None
        if ended is not None and found[0].status == "RUNNING":
            ended.wait(_PATIENCE, looking=True)
        answer = self._answered(
            "DescribeExecution", lambda: self._maps.describe_execution({"executionArn": executionArn}, self._region)
        )
        if answer is None:
            done: dict[str, Any] = self._client.describe_execution(executionArn=executionArn)
            return done
        for name in ("startDate", "stopDate", "redriveDate"):
            if name in answer:
                answer[name] = datetime.fromtimestamp(answer[name], UTC)
        return {**answer, **_metadata()}

    def _allow(self, operation: str, action: str, resource: str) -> None:
        words = self._maps.registry.context.permissions.refusal(self._session, action, resource)
        if words is not None:
            raise _client_error(operation, "AccessDeniedException", words, 400)

    def _answered(self, operation: str, ask: Any) -> dict[str, Any] | None:
        try:
            answer: dict[str, Any] | None = ask()
        except AwsError as error:
            raise _client_error(operation, error.code, error.message, error.status) from None
        return answer


def spell_out(response: dict[str, Any]) -> None:
    """Have *response*, boto3's, as tasks get it: capitals, dates in milliseconds, what the SDK for Java adds."""
    metadata = response.pop("ResponseMetadata", None)
    for name in list(response):
        value = response.pop(name)
        if isinstance(value, datetime):
            value = int(value.timestamp() * 1000)
        elif isinstance(value, dict) and name.endswith("Details"):
            value = {member[0].upper() + member[1:]: part for member, part in value.items()}
        response[name[0].upper() + name[1:]] = value
    if metadata is not None or ("StartDate" in response and "Status" not in response):
        response["SdkHttpMetadata"] = {"AllHttpHeaders": {}, "HttpHeaders": {}, "HttpStatusCode": 200}
        response["SdkResponseMetadata"] = {"RequestId": str(uuid.uuid4())}


def rule_of(role: str, region: str) -> str:
    """ARN of the rule by which Step Functions learns of the end of a nested workflow."""
    return f"arn:aws:events:{region}:{role.split(':')[4]}:{_RULE}"


def check_nested(definition: str, role: str, region: str, permissions: Any) -> None:
    """Refuse a state machine that waits for nested workflows and may not make the rule that tells it of their end.

    Raises:
        AwsError: AccessDeniedException.
    """
    if "states:startExecution.sync" not in definition:
        return
    session = RoleSession(role, "StepFunctions")
    for action in ("events:PutTargets", "events:PutRule", "events:DescribeRule"):
        if not permissions.allows(session, action, rule_of(role, region)):
            raise AwsError("AccessDeniedException", f"'{role}' is not authorized to create managed-rule.")


def _request(parameters: dict[str, Any]) -> Any:
    return SimpleNamespace(get_data=lambda: json.dumps(parameters).encode(), environ={})


def _metadata() -> dict[str, Any]:
    return {"ResponseMetadata": {"HTTPStatusCode": 200, "RequestId": "direct", "HTTPHeaders": {}, "RetryAttempts": 0}}


def _client_error(operation: str, code: str, message: str, status: int) -> Exception:
    from botocore.exceptions import ClientError

    metadata = {"HTTPStatusCode": status, "RequestId": "direct", "HTTPHeaders": {}, "RetryAttempts": 0}
    raised: Exception = ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": metadata}, operation
    )
    return raised
