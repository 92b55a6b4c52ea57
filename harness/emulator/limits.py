"""AWS's limits that users meet, in one table: how much, what AWS answers past it, and where AWS says so.

Lengths, ranges and patterns of single members of requests are not repeated here: they come from the service models that
botocore ships (:mod:`harness.emulator.door.validation`). Each limit is tested at the edge and one past it
(``tests/emulator/test_limits.py``).
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.emulator.door.errors import AwsError

_LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"
_STATES = "https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"
_ENDPOINTS = "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html"


@dataclass(frozen=True)
class Limit:
    """A limit of AWS.

    Attributes:
        most: the largest value that AWS takes.
        unit: what *most* counts.
        error: AWS's error code past it.
        message: AWS's words, with ``{most}`` for the limit.
        document: where AWS states it.
        status: HTTP status of the error; 0 where it is no answer to a request, but the error of an execution.
        kind: what Lambda's errors have as ``Type``.
    """

    most: int
    unit: str
    error: str
    message: str
    document: str
    status: int = 400
    kind: str | None = None

    def refusal(self, **values: object) -> AwsError:
        """Make what AWS answers past the limit; *values* fill what else the message names."""
        members = {"Type": self.kind} if self.kind else {}
        return AwsError(self.error, self.message.format(most=self.most, **values), self.status, **members)


STATE_DATA = Limit(
    262_144,
    "bytes of UTF-8, without spaces between the parts, that a task, a state or an execution takes or gives",
    "States.DataLimitExceeded",
    "The state/task '{name}' returned a result with a size exceeding the maximum number of bytes service limit.",
    _STATES,
    0,
)
EXECUTION_HISTORY = Limit(
    25_000,
    "events of an execution's history, the one that ends it included",
    "States.Runtime",
    "The execution reached the maximum number of history events ({most}).",
    _STATES,
    0,
)
EXECUTION_INPUT = Limit(
    262_144,
    "bytes of UTF-8 of StartExecution's input",
    "ValidationException",
    "1 validation error detected: Value at 'input' failed to satisfy constraint: Member must have length less than or "
    "equal to {most}",
    _STATES,
)
INVOCATION_REQUEST = Limit(
    6_291_456,
    "bytes of the payload of a synchronous invocation",
    "RequestEntityTooLargeException",
    "Request must be smaller than {most} bytes for the InvokeFunction operation",
    _LAMBDA,
    413,
    "User",
)
INVOCATION_RESPONSE = Limit(
    6_291_556,
    "bytes of a function's result",
    "Function.ResponseSizeTooLarge",
    "Response payload size exceeded maximum allowed payload size ({most} bytes).",
    _LAMBDA,
    0,
)
FUNCTION_TIMEOUT = Limit(
    900,
    "seconds",
    "ValidationException",
    "1 validation error detected: Value '{value}' at 'timeout' failed to satisfy constraint: Member must have value "
    "less than or equal to {most}",
    _LAMBDA,
)
FUNCTION_MEMORY = Limit(
    10_240,
    "MB",
    "ValidationException",
    "1 validation error detected: Value '{value}' at 'memorySize' failed to satisfy constraint: Member must have value "
    "less than or equal to {most}",
    _LAMBDA,
)
FUNCTION_STORAGE = Limit(
    10_240,
    "MB of /tmp",
    "ValidationException",
    "1 validation error detected: Value '{value}' at 'ephemeralStorage.size' failed to satisfy constraint: Member must "
    "have value less than or equal to {most}",
    _LAMBDA,
)
FUNCTION_VARIABLES = Limit(
    4_096,
    "bytes of the variables as JSON",
    "InvalidParameterValueException",
    "Lambda was unable to configure your environment variables because the environment variables you have provided "
    "exceeded the 4KB limit. String measured: {measured}",
    _LAMBDA,
    kind="User",
)
FUNCTION_UNZIPPED = Limit(
    262_144_000,
    "bytes that a deployment package holds unzipped",
    "InvalidParameterValueException",
    "Unzipped size must be smaller than {most} bytes",
    _LAMBDA,
    kind="User",
)
FUNCTION_ZIPPED = Limit(
    52_428_800,
    "bytes of a deployment package that a request brings",
    "RequestEntityTooLargeException",
    "Zipped size must be smaller than {most} bytes",
    _LAMBDA,
    413,
)
CREATE_REQUEST = Limit(
    70_167_211,
    "bytes of a request that creates a function",
    "RequestEntityTooLargeException",
    "Request must be smaller than {most} bytes for the CreateFunction operation",
    _LAMBDA,
    413,
)
EVENT_REQUEST = Limit(
    1_048_576,
    "bytes of the payload of an asynchronous invocation",
    "RequestEntityTooLargeException",
    "Request must be smaller than {most} bytes for the InvokeFunction operation",
    _LAMBDA,
    413,
    "User",
)
ENDPOINT_BODY = Limit(
    6_291_456,
    "bytes of InvokeEndpoint's body",
    "413",  # AWS's front end refuses it, without a code
    "HTTP content length exceeded {most} bytes.",
    _ENDPOINTS,
    413,
)
ENDPOINT_SECONDS = Limit(
    60,
    "seconds that a model may take for an answer",
    "ModelError",
    "Your invocation timed out while waiting for a response from container primary. Review the latency metrics for "
    "each container in Amazon CloudWatch, resolve the issue, and try again.",
    _ENDPOINTS,
    424,
)
