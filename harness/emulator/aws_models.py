"""What botocore's service models say: the models themselves, and the errors that AWS documents for an operation.

Reading them is a good part of what a first request costs: for each model, moto and every boto3 session look through the
folders of all 400 services, and parse up to 3 MB of JSON. Here one loader does it for all of the emulator.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from harness.emulator.door.errors import AwsError
from harness.emulator.door.members import Members

if TYPE_CHECKING:
    from botocore.model import ServiceModel

_LIKE_ANYBODY = {"ThrottlingException": 400, "AccessDeniedException": 403, "ServiceUnavailable": 503}
"""Errors that every service may answer, which models leave out.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/CommonErrors.html
"""


class Loader(Protocol):
    """What is used here of botocore's loader."""

    def load_service_model(self, service_name: str, type_name: str, api_version: str | None = None) -> Members:
        """Load a part of a service's model.

        Args:
            service_name: e.g. ``s3``.
            type_name: e.g. ``service-2``.
            api_version: e.g. ``2006-03-01``; None: the latest.
        """

    def list_available_services(self, type_name: str) -> Sequence[str]:
        """List the names of all services.

        Args:
            type_name: of the part of the model that they have.
        """

    def load_data(self, name: str) -> Members:
        """Load a file of botocore's."""


@lru_cache(1)
def models_loader() -> Loader:
    """Return the loader of service models, made once, as botocore's sessions and moto take it."""
    from botocore.session import Session

    from harness.emulator.model_files import ModelFiles

    loader = Session().get_component("data_loader")
    loader.file_loader = ModelFiles()
    found: Loader = loader
    return found


class ClientsLoader:
    """The same models, as sessions take them whose clients call S3.

    botocore's clients take ``/{Bucket}`` out of the paths of S3's model, and moto, which finds operations by these
    paths, would then answer S3's errors with 500: the clients get a copy.
    """

    def __init__(self) -> None:
        self._loader = models_loader()
        self._lock = threading.Lock()
        self._copies: dict[tuple[str, str | None], Members] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def load_service_model(self, service_name: str, type_name: str, api_version: str | None = None) -> Members:
        """Load a part of a service's model, as botocore's loader does.

        Args:
            service_name: e.g. ``s3``.
            type_name: ``service-2``, ``paginators-1``, ``waiters-2`` or ``endpoint-rule-set-1``.
            api_version: e.g. ``2006-03-01``; None: the latest.
        """
        if service_name != "s3" or type_name != "service-2":
            return self._loader.load_service_model(service_name, type_name, api_version)
        with self._lock:
            if (type_name, api_version) not in self._copies:
                found = self._loader.load_service_model(service_name, type_name, api_version)
                self._copies[type_name, api_version] = copy.deepcopy(found)
            return self._copies[type_name, api_version]


@lru_cache(128)
def service_model(service: str) -> ServiceModel:
    """Return the model of boto3 service *service*, read once.

    Raises:
        botocore.exceptions.UnknownServiceError: botocore has none.
    """
    from botocore.model import ServiceModel

    return ServiceModel(models_loader().load_service_model(service, "service-2"), service)


@lru_cache(16)
def modelled_errors(service: str, operation: str) -> Mapping[str, int]:
    """HTTP statuses by error code, of the errors in the operation's model."""
    found = {}
    for shape in service_model(service).operation_model(operation).error_shapes:
        error = shape.metadata.get("error", {})
        code = error.get("code", shape.name)
        found[code] = found[shape.name] = error.get("httpStatusCode", 500 if shape.metadata.get("fault") else 400)
    return MappingProxyType(found)


@lru_cache(256)
def message_member(service: str, code: str) -> str | None:
    """Say what the message of error *code* is called in the service's model, None where it does not say."""
    try:
        shape = service_model(service).shape_for_error_code(code)
    except Exception:  # a signing name without a model
        return None
    members = getattr(shape, "members", None) or {}
    return next((name for name in members if name.lower() == "message"), None)


def documented_errors(service: str, operation: str) -> Mapping[str, int]:
    """HTTP statuses by error code, of the errors in the operation's model and of those that every service has."""
    return {**_LIKE_ANYBODY, **modelled_errors(service, operation)}


def service_error(service: str, operation: str, code: str, message: str, status: int | None = None) -> AwsError:
    """Return the error *code* of an operation, with its documented status unless *status* says otherwise.

    Args:
        service: boto3's name of the service, e.g. ``stepfunctions``.
        operation: e.g. ``StartExecution``.
        code: as the service's model names it, e.g. ``ExecutionAlreadyExists``.
        message: in AWS's words.
        status: HTTP status; None: the model's, or 400 where it has none.
    """
    return AwsError(code, message, status or documented_errors(service, operation).get(code, 400))
