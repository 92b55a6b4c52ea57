"""The one way to a service: a :class:`~harness.emulator.door.call.Call` goes in, the operation's output comes out.

HTTP, the integrations of Step Functions, CloudFormation, schedules, event sources and restored state all enter here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Protocol

from harness.emulator.door.call import Call
from harness.emulator.door.errors import AwsError
from harness.emulator.door.members import Members

Operation = Callable[[Call], Members]
"""Carries out an operation. Takes and gives what botocore's model names: datetimes for timestamps, bytes for blobs.

Raises:
    AwsError: as AWS refuses.
"""


Preparation = Callable[[Call], None]
"""Is told of a call before moto carries it out.

Raises:
    AwsError: AWS refuses the call, and moto would not.
"""


class Keeper(Protocol):
    """What has something that outlives a restart."""

    def kept(self) -> Iterable[tuple[str, str, Members]]:
        """Yield what outlives a restart: kind, key and JSON-like members of each record (with bytes and datetimes)."""

    def restore(self, kind: str, key: str, record: Members) -> None:
        """Take back what :meth:`kept` gave.

        Args:
            kind: of the record.
            key: of the record, as :meth:`kept` gave it.
            record: its data.
        """


class Service(Keeper, Protocol):
    """A service that is ours: a table of operations and a life cycle.

    Attributes:
        name: boto3's name, ``stepfunctions``.
        operations: by the operations' names, ``StartExecution``.
        kept_by_moto: operations that moto answers.
    """

    name: str
    operations: Mapping[str, Operation]
    kept_by_moto: frozenset[str]

    def tagged(self, region: str) -> Iterable[tuple[str, str, Mapping[str, str]]]:
        """ARN, type (``states:stateMachine``) and tags of each resource of a region whose tags are not moto's."""

    def start(self) -> None:
        """Begin to work; every neighbour can be called from now on."""

    def flush(self) -> None:
        """Write what is buffered."""

    def close(self) -> None:
        """End what is under way."""


class Stateless:
    """A :class:`Service` of which nothing outlives a restart, and nothing runs but what is asked for."""

    name = ""
    operations: Mapping[str, Operation] = MappingProxyType({})
    kept_by_moto: frozenset[str] = frozenset()

    def tagged(self, region: str) -> Iterable[tuple[str, str, Mapping[str, str]]]:
        """Nothing."""
        return ()

    def kept(self) -> Iterable[tuple[str, str, Members]]:
        """Nothing."""
        return ()

    def restore(self, kind: str, key: str, record: Members) -> None:
        """Nothing is kept.

        Args:
            kind: of the record.
            key: of the record.
            record: its data.
        """

    def start(self) -> None:
        """Nothing runs before the first call."""

    def flush(self) -> None:
        """Nothing is buffered."""

    def close(self) -> None:
        """Nothing is under way."""


class Services:
    """Everything that answers.

    Args:
        check: refuses what the caller of a call may not do.
        others: carries out calls to services that are not ours.
    """

    def __init__(self, check: Callable[[Call], None], others: Operation) -> None:
        self.check = check
        self._others = others
        self._services: dict[str, Service] = {}
        self._here: dict[str, Service] = {}
        self._preparations: dict[str, Preparation] = {}

    def add(self, service: Service, here: bool = True) -> None:
        """Have *service* answer, unless others answer for it: it is not *here*, and only ends with the rest."""
        self._services[service.name] = service
        if here:
            self._here[service.name] = service

    def before(self, service: str, prepare: Preparation) -> None:
        """Have *prepare* told of each call to *service*, which moto carries out."""
        self._preparations[service] = prepare

    def prepare(self, call: Call) -> None:
        """Tell of *call*, which moto is to carry out.

        Raises:
            AwsError: AWS refuses it.
        """
        if prepare := self._preparations.get(call.service):
            prepare(call)

    def has(self, service: str) -> bool:
        """Whether *service*, by boto3's name, is ours."""
        return service in self._here

    def all(self) -> tuple[Service, ...]:
        """Return the services that are ours, in the order in which they were added."""
        return tuple(self._services.values())

    def close(self) -> None:
        """End what is under way, the services that were added last first."""
        for service in reversed(self.all()):
            service.close()

    def tagged(self, region: str) -> Iterator[tuple[str, str, Mapping[str, str]]]:
        """ARN, type and tags of each resource of a region, of all services that are ours."""
        for service in self._services.values():
            yield from service.tagged(region)

    def is_kept_by_moto(self, call: Call) -> bool:
        """Whether moto answers *call*, for a service of ours as well."""
        service = self._here.get(call.service)
        return service is None or call.operation in service.kept_by_moto

    def call(self, call: Call) -> Members:
        """Carry out *call*.

        Raises:
            AwsError: as AWS refuses, or 501 ``NotImplemented`` for an operation that is not emulated.
        """
        service = self._here.get(call.service)
        if service is None or call.operation in service.kept_by_moto:
            return self._others(call)  # checked where it arrives
        self.check(call)
        operation = service.operations.get(call.operation)
        if operation is None:
            raise AwsError("NotImplemented", f"not emulated: {call.service}.{call.operation}", 501)
        return operation(call)
