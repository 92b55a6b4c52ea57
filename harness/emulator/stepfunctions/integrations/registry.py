"""Every integration that a Task may name, and what it does: the face that the service sees.

https://docs.aws.amazon.com/step-functions/latest/dg/integrate-services.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from harness.emulator.access.sessions import RoleSession
from harness.emulator.stepfunctions.integrations import api_gateway, aws_sdk, https
from harness.emulator.stepfunctions.integrations.dynamodb import DYNAMODB
from harness.emulator.stepfunctions.integrations.java import sdk_member
from harness.emulator.stepfunctions.integrations.lambda_ import LAMBDA
from harness.emulator.stepfunctions.integrations.messaging import EVENTS, SNS, SQS
from harness.emulator.stepfunctions.integrations.not_emulated import NOT_EMULATED
from harness.emulator.stepfunctions.integrations.optimized import Optimized
from harness.emulator.stepfunctions.integrations.reach import Caller, Reach, Refused, Unreachable
from harness.emulator.stepfunctions.integrations.resource import SYNC, SYNC_2, TOKEN, Resource, parse_resource
from harness.emulator.stepfunctions.integrations.sagemaker import SAGEMAKER
from harness.emulator.stepfunctions.integrations.states import STATES
from harness.emulator.stepfunctions.integrations.values import Unusable, as_text, to_request
from harness.emulator.stepfunctions.integrations.web import Web
from harness.states_language.effects import AwaitJob, CallResource, Failure, Json, Result

POLL_SECONDS = 1.0
"""How long to wait between two looks at a job."""
SESSION_NAME = "StepFunctionsExecution"
"""Of the sessions of roles that tasks take on; AWS makes one up for each execution."""
WEB = {"apigateway": (api_gateway.check, api_gateway.call), "http": (https.check, https.call)}
"""The optimized integrations that no model of botocore's describes: how arguments are checked, and called with."""
OPTIMIZED: dict[str, Optimized] = {
    "apigateway": api_gateway.API_GATEWAY,
    "dynamodb": DYNAMODB,
    "events": EVENTS,
    "http": https.HTTP,
    "lambda": LAMBDA,
    "sagemaker": SAGEMAKER,
    "sns": SNS,
    "sqs": SQS,
    "states": STATES,
    **NOT_EMULATED,
}
"""The optimized integrations, by the services that resources name."""


class Integrations:
    """Carries out what tasks ask for. Holds nothing of an execution; safe between threads.

    Args:
        reach: calls services.
        web: what tasks reach by HTTP.
    """

    def __init__(self, reach: Reach, web: Web | None = None) -> None:
        self._reach = reach
        self._web = web or Web()

    def refusal(self, resource: str, *, express: bool = False) -> str | None:
        """Why a definition that names *resource* is refused when it is created, in AWS's words; None where it is not.

        Args:
            resource: a state's ``Resource``.
            express: whether the state machine, or the Distributed Map's child workflow, is an Express one.
        """
        named = parse_resource(resource)
        if named is None or not _is_known(named):
            return (
                f"The resource provided {resource} is not recognized. The value is not a valid resource ARN, or the "
                "resource is not available in this region."
            )
        if express and named.service == "activity":
            return "Express state machine does not support Activity ARN"
        if express and named.waiting in (SYNC, SYNC_2):
            return "Express state machine does not support '.sync' service integration"
        if express and named.waiting == TOKEN:
            return "Express state machine does not support '.waitForTaskToken' service integration "
        return None

    def fault(self, resource: str, arguments: Json) -> str | None:
        """Say what keeps a task from being started with *arguments*; None where nothing does.

        The execution fails then with ``States.Runtime``: *The Parameters '...' could not be used to start the Task:
        [...]*, and nothing is scheduled.
        """
        named = parse_resource(resource)
        if named is None or not _is_known(named) or named.service in ("function", "activity"):
            return None
        try:
            if named.sdk_service is not None:
                model = aws_sdk.operation_model(named.sdk_service, named.action)
                to_request(model.input_shape if model is not None else None, arguments, sdk_member)
            elif named.service in WEB:
                WEB[named.service][0](arguments)
            elif OPTIMIZED[named.service].emulated:
                OPTIMIZED[named.service].check(named.action, arguments)
        except Unusable as error:
            return str(error)
        return None

    def managed_rule(self, resource: str) -> str | None:
        """Name of the rule of EventBridge that a role has to be allowed to make for a ``.sync`` *resource*, or None."""
        named = parse_resource(resource)
        if named is None or named.waiting not in (SYNC, SYNC_2) or named.service not in OPTIMIZED:
            return None
        action = OPTIMIZED[named.service].actions.get(named.action)
        return action.job.rule if action is not None and action.job is not None else None

    def call(self, effect: CallResource, caller: Caller) -> Result | Failure:
        """Call the resource once; returns when the service has answered. Blocks: not for the scheduler's thread."""
        named = _known(effect.resource)
        acting = self._acting(caller, effect.credentials)
        if isinstance(acting, Failure):
            return acting
        caller = acting
        try:
            if named.service == "function":
                return LAMBDA.call_function(self._reach, named.action, as_text(effect.arguments), caller)
            if named.sdk_service is not None:
                return aws_sdk.call(self._reach, named.sdk_service, named.action, effect.arguments, caller)
            if named.service in WEB:
                check, call = WEB[named.service]
                check(effect.arguments)
                return call(self._reach, self._web, effect.arguments, effect.context, caller)
            return OPTIMIZED[named.service].call(self._reach, named.action, effect.arguments, effect.context, caller)
        except Unusable as error:
            parameters = as_text(effect.arguments)
            return Failure(
                "States.Runtime", f"The Parameters '{parameters}' could not be used to start the Task: [{error}]"
            )

    def _acting(self, caller: Caller, credentials: Mapping[str, Json] | None) -> Caller | Failure:
        """Whoever a task is done as: the role that its ``Credentials`` name, which the execution's has to take on."""
        role = (credentials or {}).get("RoleArn")
        if not role:
            return caller
        session = RoleSession(str(role), SESSION_NAME)
        try:
            self._reach("sts", "AssumeRole", {"RoleArn": session.role, "RoleSessionName": SESSION_NAME}, caller)
        except Refused:
            own = caller.actor.principal if caller.actor is not None else "the developer"
            cause = f"The role {own} is not authorized to assume the task state's role, {role}."
            return Failure("States.TaskFailed", cause)
        except Unreachable as error:
            return Failure("States.TaskFailed", str(error))
        return replace(caller, actor=session)

    def child_execution(self, effect: AwaitJob) -> str | None:
        """ARN of the execution that the task waits for, where it is one: whoever keeps executions need not poll."""
        if _known(effect.resource).service != "states":
            return None
        return str(effect.submitted["ExecutionArn"])

    def poll(self, effect: AwaitJob, caller: Caller) -> Result | Failure | None:
        """Look at the job once; None while it is under way. Blocks as a call does."""
        named = _known(effect.resource)
        return OPTIMIZED[named.service].describe(self._reach, named.action, named.waiting, effect, caller)

    def cancel(self, effect: AwaitJob, caller: Caller) -> None:
        """Stop the job, as AWS tries to when the execution is stopped; what cannot be stopped goes on."""
        named = _known(effect.resource)
        OPTIMIZED[named.service].stop(self._reach, named.action, effect, caller)


def _known(resource: str) -> Resource:
    named = parse_resource(resource)
    if named is None or not _is_known(named):
        raise ValueError(f"a definition with this resource is refused: {resource}")
    return named


def _is_known(named: Resource) -> bool:
    if named.service in ("function", "activity"):
        return True
    if named.sdk_service is not None:
        return named.waiting in ("", TOKEN) and aws_sdk.operation_model(named.sdk_service, named.action) is not None
    service = OPTIMIZED.get(named.service)
    action = service.actions.get(named.action) if service is not None else None
    return action is not None and named.waiting in action.waits
