"""``arn:aws:states:::aws-sdk:SERVICE:operation``: any operation of any service, as AWS's SDK for Java 2 calls it.

https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from harness.emulator.aws_models import service_model
from harness.emulator.stepfunctions.integrations.java import (
    boto3_service,
    operation,
    sdk_exception,
    sdk_member,
    sdk_service_name,
)
from harness.emulator.stepfunctions.integrations.reach import Caller, Reach, Refused, Unreachable
from harness.emulator.stepfunctions.integrations.values import as_text, iso_text, to_json, to_request
from harness.states_language.effects import Failure, Json, Result

if TYPE_CHECKING:
    from botocore.model import OperationModel


@lru_cache(256)
def operation_model(service: str, action: str) -> OperationModel | None:
    """Return the operation that an SDK integration names, by Java's name of its service; None where there is none."""
    name = boto3_service(service)
    if name is None or not action[:1].islower():
        return None
    model = service_model(name)
    found = operation(action)
    return model.operation_model(found) if found in model.operation_names else None


def call(reach: Reach, service: str, action: str, arguments: Json, caller: Caller) -> Result | Failure:
    """Call an operation that there is.

    Args:
        reach: calls services.
        service: as the Task's ARN names it, ``arn:aws:states:::aws-sdk:<service>:...``.
        action: likewise, e.g. ``getObject``.
        arguments: ``Parameters`` or ``Arguments``, evaluated.
        caller: for whom, and where.

    Raises:
        Unusable: *arguments* do not fit it.
    """
    model = operation_model(service, action)
    assert model is not None
    name = sdk_service_name(model.service_model.service_id)
    parameters = to_request(model.input_shape, arguments, sdk_member)
    try:
        answer = reach(model.service_model.service_name, model.name, parameters, caller)
    except Unreachable as error:
        return Failure(f"{name}.SdkClientException", str(error))
    except Refused as error:
        if error.code == "404":  # the answer to a HEAD request has no body to say what is missing
            code = _MISSING.get(model.name, error.code)
            error = Refused(code, "null", error.status, error.request_id, error.extended_id)
        return Failure(f"{name}.{_exception(model, error.code, name)}", sdk_cause(name, error))
    value = to_json(model.output_shape, answer.output, sdk_member, iso_text)
    return Result(value, as_text(value))


def sdk_cause(service: str, error: Refused) -> str:
    """Return the words of AWS's SDK for Java 2 about *error*."""
    parts = [f"Service: {service}", f"Status Code: {error.status}", f"Request ID: {error.request_id}"]
    if error.extended_id is not None:
        parts.append(f"Extended Request ID: {error.extended_id}")
    return f"{error.message} ({', '.join(parts)})"


_MISSING = {"HeadObject": "NoSuchKey", "HeadBucket": "NoSuchBucket"}
"""What the SDK takes a 404 without a body for."""


_QUERY_CODES = {"NonExistentQueue": "QueueDoesNotExist", "QueueAlreadyExists": "QueueNameExists"}
"""Of SQS, which has codes of its old protocol beside the names of its errors."""


def _exception(model: OperationModel, code: str, service: str) -> str:
    """Name the error's class, where the service's model has one, else the class of all of the service's errors."""
    code = code.removeprefix("AWS.SimpleQueueService.")
    code = _QUERY_CODES.get(code, code)
    for shape in model.service_model.error_shapes:
        if code in (shape.name, shape.metadata.get("error", {}).get("code")):
            return sdk_exception(shape.name)
    return f"{service}Exception"
