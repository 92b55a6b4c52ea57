"""The one way to a service: a :class:`~harness.emulator.door.call.Call` goes in, the operation's output comes out.

HTTP, the integrations of Step Functions, CloudFormation, schedules, event sources and restored state all enter here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from harness.emulator.door.call import Call
from harness.emulator.door.errors import AwsError

Operation = Callable[[Call], Mapping[str, Any]]
"""Carries out an operation. Takes and gives what botocore's model of it names: datetimes for timestamps, bytes for blobs.

Raises:
    AwsError: as AWS refuses.
"""


class Service(Protocol):
    """A service that is ours: a table of operations and a life cycle.

    Attributes:
        name: boto3's name, ``stepfunctions``.
        operations: by the operations' names, ``StartExecution``.
        kept_by_moto: operations that moto answers.
    """

    name: str
    operations: Mapping[str, Operation]
    kept_by_moto: frozenset[str]

    def start(self) -> None:
        """Begin to work; every neighbour can be called from now on."""

    def flush(self) -> None:
        """Write what is buffered."""

    def kept(self) -> Iterable[tuple[str, str, Mapping[str, Any]]]:
        """What outlives a restart: kind, key and JSON-like members of each record (bytes allowed)."""

    def restore(self, kind: str, key: str, record: Mapping[str, Any]) -> None:
        """Take back what :meth:`kept` gave."""

    def close(self) -> None:
        """End what is under way."""


class Services:
    """Everything that answers.

    Args:
        check: refuses what the caller may not do.
        moto: carries out the operations of services that only keep something.
    """

    def __init__(self, check: Callable[[Call], None], moto: Operation) -> None:
        self._check = check
        self._moto = moto
        self._services: dict[str, Service] = {}

    def add(self, service: Service) -> None:
        """Have *service* answer."""
        self._services[service.name] = service

    def call(self, call: Call) -> Mapping[str, Any]:
        """Carry out *call*.

        Raises:
            AwsError: as AWS refuses, or 501 ``NotImplemented`` for an operation that is not emulated.
        """
        self._check(call)
        service = self._services.get(call.service)
        if service is None or call.operation in service.kept_by_moto:
            return self._moto(call)
        operation = service.operations.get(call.operation)
        if operation is None:
            raise AwsError("NotImplemented", f"not emulated: {call.service}.{call.operation}", 501)
        return operation(call)
