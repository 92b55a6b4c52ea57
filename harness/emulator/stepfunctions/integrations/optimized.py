"""What an optimized integration declares, and how all of them call their services: as AWS's SDK for Java 1.

https://docs.aws.amazon.com/step-functions/latest/dg/integrate-optimized.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from harness.emulator.aws_models import service_model
from harness.emulator.stepfunctions.integrations.java import exception, member, operation
from harness.emulator.stepfunctions.integrations.reach import Answer, Caller, Reach, Refused, Unreachable
from harness.emulator.stepfunctions.integrations.resource import SYNC, TOKEN
from harness.emulator.stepfunctions.integrations.values import as_text, milliseconds, to_json, to_request
from harness.states_language.effects import AwaitJob, Failure, Json, Result

if TYPE_CHECKING:
    from botocore.model import OperationModel

JSON_HEADERS = ("x-amzn-RequestId", "connection", "Content-Length", "Date", "Content-Type")
"""Of most services' answers, in the order in which they come."""
WAITS_FOR_TOKEN = frozenset({"", TOKEN})
WAITS_FOR_JOB = frozenset({"", SYNC})
Context = Mapping[str, Json]


@dataclass(frozen=True)
class Job:
    """What a ``.sync`` task waits for.

    Attributes:
        describe: the operation that tells of it.
        key: member of Describe's input by which it is found.
        found_in: gives the key's value from the task's arguments and the answer to the call that started it.
        status: member of Describe's output that says how it is.
        under_way: what *status* says until it has ended.
        succeeded: what *status* says where it went well.
        stop: the operation that stops it, or None.
        rule: name of the rule of EventBridge by which AWS learns of its end: the role must be allowed to make it.
        shown: has the Describe output as the task's result, for the version of ``.sync``.
    """

    describe: str
    key: str
    found_in: Callable[[Json, Json], str]
    status: str
    under_way: frozenset[str]
    succeeded: frozenset[str]
    stop: str | None
    rule: str
    shown: Callable[[dict[str, Json], str], dict[str, Json]] = lambda output, waiting: output


@dataclass(frozen=True)
class Action:
    """An operation that tasks may name.

    Attributes:
        waits: how a task may wait for it.
        job: what ``.sync`` waits for; None where nothing here could run it.
        prepare: changes the arguments before they are sent, given the context object.
        finish: looks at the result before the task gets it.
        emulated: whether anything here carries it out.
    """

    waits: frozenset[str] = frozenset({""})
    job: Job | None = None
    prepare: Callable[[dict[str, Json], Context], dict[str, Json]] = lambda arguments, context: arguments
    finish: Callable[[Result], Result | Failure] = lambda result: result
    emulated: bool = True


@dataclass(frozen=True)
class Optimized:
    """An optimized integration.

    Attributes:
        service: boto3's name of its service.
        actions: by the names that resources give them.
        prefix: of its errors' names, ``DynamoDB``.
        sdk_name: of the service, as version 1 of the SDK gives it in the words about an error: ``AmazonDynamoDBv2``.
        base_error: what errors are called that have no class of their own.
        headers: that its answers have; empty where results tell nothing of the HTTP answer.
        content_type: of its answers.
        emulated: whether anything here carries any of it out.
    """

    service: str
    actions: Mapping[str, Action]
    prefix: str
    sdk_name: str = ""
    base_error: str = ""
    headers: tuple[str, ...] = JSON_HEADERS
    content_type: str = "application/x-amz-json-1.1"
    emulated: bool = True
    unreachable: Callable[[dict[str, Json]], str | None] = field(default=lambda arguments: None)
    """Why a call with these arguments would find no service."""

    def model(self, action: str) -> OperationModel:
        """Return the operation of *action*."""
        return service_model(self.service).operation_model(operation(action))

    def request(self, action: str, arguments: Json, context: Context) -> dict[str, Any]:
        """Return what to call the service with.

        Args:
            action: as the Task's ARN names it, e.g. ``putItem``.
            arguments: ``Parameters`` or ``Arguments``, evaluated.
            context: of the execution, for what an integration adds (``AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID``).

        Raises:
            Unusable: *arguments* do not fit the operation.
        """
        if isinstance(arguments, dict):
            arguments = self.actions[action].prepare(arguments, context)
        return to_request(self.model(action).input_shape, arguments, member)

    def check(self, action: str, arguments: Json) -> None:
        """Refuse what a call could not be made with.

        Raises:
            Unusable: *arguments* do not fit the operation.
        """
        self.request(action, arguments, {})

    def call(self, reach: Reach, action: str, arguments: Json, context: Context, caller: Caller) -> Result | Failure:
        """Call the service once.

        Args:
            reach: calls services.
            action: as the Task's ARN names it, e.g. ``putItem``.
            arguments: ``Parameters`` or ``Arguments``, evaluated.
            context: of the execution, for what an integration adds.
            caller: for whom, and where.

        Raises:
            Unusable: *arguments* do not fit the operation.
        """
        if not (self.emulated and self.actions[action].emulated):
            return self.not_emulated(action)
        model = self.model(action)
        parameters = self.request(action, arguments, context)
        try:
            nowhere = self.unreachable(parameters)
            if nowhere is not None:
                raise Unreachable(f"Unable to execute HTTP request: {nowhere}")
            answer = reach(self.service, model.name, parameters, caller)
        except (Refused, Unreachable) as error:
            return self.failure(error, model)
        value = to_json(model.output_shape, answer.output, member, milliseconds)
        if self.headers:
            length = str(len(as_text(value)))
            value |= sdk_metadata(answer, self.headers, {"content-type": self.content_type, "content-length": length})
            value = dict(sorted(value.items()))
        return self.actions[action].finish(Result(value, as_text(value)))

    def not_emulated(self, action: str) -> Failure:
        """Return the failure of a task that nothing here carries out."""
        return Failure(f"{self.prefix}.{self.base_error}", f"not emulated: {self.service}.{operation(action)}")

    def failure(self, error: Refused | Unreachable, model: OperationModel) -> Failure:
        """Return a refusal in the words of the SDK for Java."""
        if isinstance(error, Unreachable):
            return Failure(f"{self.prefix}.SdkClientException", str(error))
        name = self.base_error
        for shape in model.error_shapes:
            code = shape.metadata.get("error", {}).get("code")
            if error.code in (shape.name, code):
                name, error = exception(shape.name), _coded(error, code or shape.name)
                break
        cause = (
            f"{error.message} (Service: {self.sdk_name}; Status Code: {error.status}; Error Code: {error.code}; "
            f"Request ID: {error.request_id}; Proxy: null)"
        )
        return Failure(f"{self.prefix}.{name}", cause)

    def describe(
        self, reach: Reach, action: str, waiting: str, effect: AwaitJob, caller: Caller
    ) -> Result | Failure | None:
        """Look whether the job that *effect* waits for has ended; None while it has not.

        Args:
            reach: calls services.
            action: that started it, e.g. ``createTrainingJob``.
            waiting: ``sync`` or ``sync:2``, which show the job's output differently.
            effect: with the arguments it was started with, and the service's answer.
            caller: for whom, and where.
        """
        job = self.actions[action].job
        if job is None:
            return self.not_emulated(action)
        model = service_model(self.service).operation_model(job.describe)
        try:
            key = job.found_in(effect.arguments, effect.submitted)
            answer = reach(self.service, job.describe, {job.key: key}, caller)
        except (Refused, Unreachable) as error:
            return self.failure(error, model)
        value = to_json(model.output_shape, answer.output, member, milliseconds)
        status = value.get(job.status)
        if status in job.under_way:
            return None
        value = job.shown(value, waiting)
        text = as_text(value)
        return Result(value, text) if status in job.succeeded else Failure("States.TaskFailed", text)

    def stop(self, reach: Reach, action: str, effect: AwaitJob, caller: Caller) -> None:
        """Stop the job that *effect* waits for, if that can be.

        Args:
            reach: calls services.
            action: that started it.
            effect: with the arguments it was started with, and the service's answer.
            caller: for whom, and where.
        """
        job = self.actions[action].job
        if job is None or job.stop is None:
            return
        try:
            reach(self.service, job.stop, {job.key: job.found_in(effect.arguments, effect.submitted)}, caller)
        except (Refused, Unreachable):
            return  # it has ended, or goes on: AWS tries once, too


def _coded(error: Refused, code: str) -> Refused:
    """*error* by the code that its model gives it."""
    return Refused(code, error.message, error.status, error.request_id, error.extended_id)


def sdk_metadata(answer: Answer, names: tuple[str, ...], made_up: Mapping[str, str]) -> dict[str, Json]:
    """``SdkHttpMetadata`` and ``SdkResponseMetadata`` of a result.

    Args:
        answer: of the service.
        names: of the headers to show, those that there are.
        made_up: headers in lower case, for an answer that did not come by HTTP.
    """
    headers = {
        "connection": "keep-alive",
        "date": formatdate(usegmt=True),
        "server": "Server",
        **made_up,
        **{name: value for name, value in answer.headers.items() if name not in ("connection", "server")},
        "x-amzn-requestid": answer.request_id,
    }
    shown = [name for name in names if name.lower() in headers]
    return {
        "SdkHttpMetadata": {
            "AllHttpHeaders": {name: [headers[name.lower()]] for name in shown},
            "HttpHeaders": {name: headers[name.lower()] for name in sorted(shown, key=str.lower)},
            "HttpStatusCode": answer.status,
        },
        "SdkResponseMetadata": {"RequestId": answer.request_id},
    }
