"""What the operations of Lambda's control plane share."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from harness.emulator.context import EmulatorContext
from harness.emulator.door.call import Call
from harness.emulator.door.members import Members
from harness.emulator.lambda_.codes import Codes
from harness.emulator.lambda_.live_code import LiveCode
from harness.emulator.lambda_.provided import Provided
from harness.emulator.lambda_.records import Configuration, Function, Store, new_revision
from harness.emulator.lambda_.references import Reference, reference_of
from harness.emulator.lambda_.refusals import function_not_found
from harness.emulator.lambda_.settling import Settling
from harness.emulator.lambda_.wording import check_request
from harness.emulator.services import Operation

Method = TypeVar("Method", bound=Callable[..., Members])
_ANSWERS = "answers"


def _nobody(function: Function) -> None:
    pass


def _ready(function: Function, qualifier: str) -> tuple[int, str]:
    return int(function.provisioned[qualifier]["Requested"]), "READY"


@dataclass
class ControlPlane:
    """The records, and what is around them.

    Attributes:
        context: the emulator's surroundings.
        store: all records.
        codes: packages of functions and layers.
        live: finds functions whose code is a folder.
        provided: what the user has named for functions.
        remark: what is to be said of functions of a runtime; None where they run as on AWS.
        changed: told of a function whose next environment differs.
        deleted: told of a function that is gone.
        provisioned: told of a function whose provisioned concurrency, or what it applies to, has changed.
        settling: knows which functions are being updated.
        readiness: how many environments of a qualifier are ready, and the status of its provisioned concurrency.
    """

    context: EmulatorContext
    store: Store
    codes: Codes
    live: LiveCode
    provided: Provided
    remark: Callable[[str], str | None]
    settling: Settling = field(default_factory=Settling)
    changed: Callable[[Function], None] = _nobody
    deleted: Callable[[Function], None] = _nobody
    provisioned: Callable[[Function], None] = _nobody
    readiness: Callable[[Function, str], tuple[int, str]] = _ready

    def function(self, call: Call) -> tuple[Reference, Function]:
        """Return the function that *call* is about, which has the qualifier that it names.

        Raises:
            AwsError: no such function or qualifier.
        """
        reference = reference_of(call)
        function = self.store.function(reference)
        if reference.qualifier is not None and not function.has(reference.qualifier):
            raise function_not_found(reference.arn)
        return reference, function

    def code_location(self, digest: str) -> str:
        """Where a package can be loaded from; AWS gives an address of S3 that was signed beforehand."""
        return f"{self.context.endpoint_url}/_harness/functions/code/{digest}"


def under_way(configuration: Configuration, **status: str) -> Configuration:
    """Return a configuration as the answer to the request that changes it has it."""
    return {**copy.deepcopy(configuration), **status}


CREATING = {"State": "Pending", "StateReason": "The function is being created.", "StateReasonCode": "Creating"}
UPDATING = {
    "LastUpdateStatus": "InProgress",
    "LastUpdateStatusReason": "The function is being created.",
    "LastUpdateStatusReasonCode": "Creating",
}


def settled(configuration: Configuration) -> None:
    """Have a configuration be as it is once the change is done, in place: that takes no time here."""
    configuration.update(State="Active", LastUpdateStatus="Successful", RevisionId=new_revision())


def answers(name: str) -> Callable[[Method], Method]:
    """Mark a method of :class:`PlaneOperations` as what answers the operation *name*."""

    def mark(method: Method) -> Method:
        setattr(method, _ANSWERS, name)
        return method

    return mark


class PlaneOperations:
    """Some of the control plane's operations: its methods that are marked by :func:`answers`.

    Args:
        plane: the records.
    """

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._store = plane.store

    def operations(self) -> dict[str, Operation]:
        """By name."""
        methods = (getattr(self, name) for name, method in vars(type(self)).items() if hasattr(method, _ANSWERS))
        return table({getattr(method, _ANSWERS): method for method in methods})


def table(operations: Mapping[str, Operation], checked: bool = True) -> dict[str, Operation]:
    """*operations*, each of which first holds the request against the service's model."""

    def held(operation: Operation) -> Operation:
        def call_checked(call: Call) -> Members:
            check_request(call.operation, call.parameters)
            return operation(call)

        return call_checked

    return {name: held(operation) if checked else operation for name, operation in operations.items()}
