"""The errors that AWS documents for an operation, as botocore's service models have them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from harness.emulator.errors import AwsError

_LIKE_ANYBODY = {"ThrottlingException": 400, "AccessDeniedException": 403, "ServiceUnavailable": 503}
"""Errors that every service may answer, which models leave out.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/CommonErrors.html
"""


@lru_cache(16)
def documented_errors(service: str, operation: str) -> Mapping[str, int]:
    """HTTP statuses by error code."""
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    model = ServiceModel(Loader().load_service_model(service, "service-2"), service)
    found = dict(_LIKE_ANYBODY)
    for shape in model.operation_model(operation).error_shapes:
        error = shape.metadata.get("error", {})
        code = error.get("code", shape.name)
        found[code] = found[shape.name] = error.get("httpStatusCode", 500 if shape.metadata.get("fault") else 400)
    return MappingProxyType(found)


def service_error(service: str, operation: str, code: str, message: str, status: int | None = None) -> AwsError:
    """The error *code* of an operation, with its documented status unless *status* says otherwise."""
    return AwsError(code, message, status or documented_errors(service, operation).get(code, 400))
