"""A project's stack and its executions, as tests see them: by the names of the template."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from harness.project.executions import ExecutionResult, failed_state, history, start, wait
from harness.project.stack import DeployedResource, DeployedStack

if TYPE_CHECKING:
    import boto3

_ARNS = {
    "AWS::DynamoDB::Table": "arn:aws:dynamodb:{region}:{account}:table/{id}",
    "AWS::Events::EventBus": "arn:aws:events:{region}:{account}:event-bus/{id}",
    "AWS::Events::Rule": "arn:aws:events:{region}:{account}:rule/{id}",
    "AWS::IAM::Role": "arn:aws:iam::{account}:role/{id}",
    "AWS::Kinesis::Stream": "arn:aws:kinesis:{region}:{account}:stream/{id}",
    "AWS::Lambda::Function": "arn:aws:lambda:{region}:{account}:function:{id}",
    "AWS::Logs::LogGroup": "arn:aws:logs:{region}:{account}:log-group:{id}",
    "AWS::S3::Bucket": "arn:aws:s3:::{id}",
    "AWS::SQS::Queue": "arn:aws:sqs:{region}:{account}:{name}",
    "AWS::SSM::Parameter": "arn:aws:ssm:{region}:{account}:parameter/{id}",
}
_FEW_LOG_LINES = 20


@dataclass(frozen=True)
class StackResource:
    """A resource by its logical id."""

    resource: DeployedResource
    account: str
    region: str

    @property
    def physical_id(self) -> str:
        """What ``Ref`` gives in the template: a name, an ARN, a queue's URL."""
        return self.resource.physical_id

    @property
    def type(self) -> str:
        """``AWS::Lambda::Function``."""
        return self.resource.type

    @property
    def name(self) -> str:
        """The last part of ARN or URL."""
        return self.physical_id.rpartition("/")[2].rpartition(":")[2]

    @property
    def arn(self) -> str:
        """Its ARN.

        Raises:
            LookupError: the type's is not known here: have the template put it out.
        """
        if self.physical_id.startswith("arn:"):
            return self.physical_id
        form = _ARNS.get(self.type)
        if form is None:
            raise LookupError(f"{self.type}: its ARN is not known here; have the template put it out")
        return form.format(region=self.region, account=self.account, id=self.physical_id, name=self.name)

    def __str__(self) -> str:
        return self.physical_id


@dataclass(frozen=True)
class StackUnderTest:
    """The stack that a session has deployed.

    Attributes:
        deployed: as CloudFormation tells of it.
        session: leads to where it is.
        flush: has buffered logs written.
        clients: of *session*, by service, made once.
    """

    deployed: DeployedStack
    session: boto3.Session = field(repr=False)
    account: str
    flush: Callable[[], None] = field(default=lambda: None, repr=False)
    clients: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def name(self) -> str:
        """Name of the stack."""
        return self.deployed.name

    @property
    def outputs(self) -> Mapping[str, str]:
        """Outputs of the template, by name."""
        return self.deployed.outputs

    def __getitem__(self, logical_id: str) -> StackResource:
        found = self.deployed.resources.get(logical_id)
        if found is None:
            raise KeyError(f"{logical_id}: the stack has {', '.join(sorted(self.deployed.resources))}")
        return StackResource(found, self.account, self.session.region_name)

    def __contains__(self, logical_id: str) -> bool:
        return logical_id in self.deployed.resources

    def __iter__(self) -> Iterator[str]:
        return iter(self.deployed.resources)

    def named(self, name: str) -> str:
        """Return the name of a resource by its logical id; another name is its own."""
        return self[name].name if name in self else name

    def start(self, machine: str, event: Any = None, timeout: float = 60) -> Execution:
        """Start a state machine and wait until the execution has ended.

        Args:
            machine: a logical id or an ARN.
            event: the input, JSON; None: ``{}``.
            timeout: seconds to wait, of real time.

        Raises:
            harness.project.executions.ExecutionTimeout: it was still running after *timeout* seconds.
        """
        states = self.session.client("stepfunctions")
        arn = machine if machine.startswith("arn:") else self[machine].arn
        return self.execution(start(states, arn, {} if event is None else event), timeout)

    def execution(self, arn: str, timeout: float = 60) -> Execution:
        """Return the execution *arn* once it has ended."""
        return Execution(wait(self.session.client("stepfunctions"), arn, timeout), self.session, self.flush)


class Told(str):
    """A text that knows which execution it is of, so that a failed comparison can tell of that.

    Attributes:
        execution: whose status or error it is.
    """

    execution: Execution

    @staticmethod
    def of(text: str, execution: Execution) -> Told:
        """*text* of *execution*."""
        told = Told(text)
        told.execution = execution
        return told


@dataclass(frozen=True)
class Execution:
    """An execution that has ended."""

    result: ExecutionResult
    session: boto3.Session = field(repr=False)
    flush: Callable[[], None] = field(default=lambda: None, repr=False)

    @property
    def arn(self) -> str:
        """ARN of the execution."""
        return self.result.arn

    @property
    def status(self) -> str:
        """``SUCCEEDED``, ``FAILED``, ``TIMED_OUT`` or ``ABORTED``."""
        return Told.of(self.result.status, self)

    @property
    def error(self) -> str | None:
        """Name of the error; None where it succeeded."""
        return None if self.result.error is None else Told.of(self.result.error, self)

    @property
    def cause(self) -> str | None:
        """What was said of the error."""
        return self.result.cause

    @property
    def output(self) -> Any:
        """The output, read from JSON; None unless it succeeded."""
        return self.result.output

    @property
    def succeeded(self) -> bool:
        """Whether it did."""
        return self.result.succeeded

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        """The whole history, oldest first."""
        return history(self.session.client("stepfunctions"), self.arn)

    @cached_property
    def states(self) -> list[str]:
        """Names of states in the order in which they were entered."""
        return [
            event["stateEnteredEventDetails"]["name"] for event in self.events if "stateEnteredEventDetails" in event
        ]

    def explanation(self) -> list[str]:
        """Lines that say what went wrong: which state, what it got, what it said, what its function logged."""
        lines = [f"execution {self.result.name} {self.result.status} by way of {' > '.join(self.states) or 'no state'}"]
        name = failed_state(self.events)
        entered = next(
            (
                event["stateEnteredEventDetails"]
                for event in reversed(self.events)
                if name is not None and event.get("stateEnteredEventDetails", {}).get("name") == name
            ),
            None,
        )
        if not self.succeeded and entered is not None:
            lines += [f"state:  {name}", f"input:  {entered.get('input', '')}"]
        if self.result.error or self.result.cause:
            lines += [f"error:  {self.result.error}", f"cause:  {_message(self.result.cause)}"]
        if self.succeeded:
            lines.append(f"output: {json.dumps(self.output)}")
        return lines + [f"log:    {line}" for line in self._log_lines()]

    def _log_lines(self) -> list[str]:
        """Return the last lines that the last function called has logged."""
        function = None
        for event in self.events:
            details = event.get("lambdaFunctionScheduledEventDetails")
            if details:
                function = details["resource"].split(":")[6]
            details = event.get("taskScheduledEventDetails")
            if details and details.get("resourceType") == "lambda":
                function = json.loads(details["parameters"]).get("FunctionName", "").split(":")[-1] or function
        if function is None or self.succeeded:
            return []
        self.flush()
        logs = self.session.client("logs")
        since = int(self.result.started.timestamp() * 1000) - 1000
        try:
            found = logs.filter_log_events(logGroupName=f"/aws/lambda/{function}", startTime=since)["events"]
        except logs.exceptions.ClientError:
            return []
        lines = [event["message"].rstrip() for event in found]
        return [line for line in lines if not line.startswith(("START ", "END ", "REPORT "))][-_FEW_LOG_LINES:]

    def __repr__(self) -> str:
        return f"<{'; '.join(self.explanation())}>"


def _message(cause: str | None) -> str:
    """Say a cause in short: the message of a function's error."""
    try:
        said = json.loads(cause or "")
        return str(said["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return cause or ""
