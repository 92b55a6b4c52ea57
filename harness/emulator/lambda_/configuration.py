"""Checks a function's configuration before moto stores it.

https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from harness.emulator.door.errors import AwsError
from harness.emulator.door.validation import check
from harness.emulator.limits import FUNCTION_MEMORY, FUNCTION_STORAGE, FUNCTION_TIMEOUT, FUNCTION_VARIABLES

_RESERVED = frozenset(
    {
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
    }
)
"""https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime"""


def check_configuration(operation: str, parameters: Mapping[str, Any]) -> None:
    """Refuse what Lambda refuses of a configuration.

    Args:
        operation: ``CreateFunction`` or ``UpdateFunctionConfiguration``.
        parameters: the request's body.

    Raises:
        AwsError: ``ValidationException`` for a member out of its range, ``InvalidParameterValueException`` for
            variables that are reserved or too many.
    """
    # The service model's own maxima are those of managed instances, which are not emulated.
    for limit, value in (
        (FUNCTION_TIMEOUT, parameters.get("Timeout")),
        (FUNCTION_MEMORY, parameters.get("MemorySize")),
        (FUNCTION_STORAGE, (parameters.get("EphemeralStorage") or {}).get("Size")),
    ):
        if isinstance(value, int) and value > limit.most:
            raise limit.refusal(value=value)
    check("lambda", operation, {"FunctionName": "in-the-path", **parameters})
    variables = (parameters.get("Environment") or {}).get("Variables") or {}
    reserved = sorted(_RESERVED & set(variables))
    if reserved:
        raise AwsError(
            "InvalidParameterValueException",
            "Lambda was unable to configure your environment variables because the environment variables you have "
            "provided contains reserved keys that are currently not supported for modification. Reserved keys used in "
            f"this request: {', '.join(reserved)}",
            Type="User",
        )
    measured = json.dumps(variables, separators=(",", ":"), ensure_ascii=False)
    if len(measured.encode()) > FUNCTION_VARIABLES.most:
        raise FUNCTION_VARIABLES.refusal(measured=measured)
