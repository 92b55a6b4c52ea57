"""Concurrency: reserved and provisioned, and the account's.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
"""

from __future__ import annotations

from harness.emulator.door.call import Call
from harness.emulator.door.errors import AwsError
from harness.emulator.door.members import Members, number
from harness.emulator.lambda_.control_plane import PlaneOperations, answers
from harness.emulator.lambda_.paging import page
from harness.emulator.lambda_.provisioning import FAILED
from harness.emulator.lambda_.records import Function, now_text
from harness.emulator.lambda_.references import LATEST, Reference, reference_of
from harness.emulator.lambda_.refusals import alias_not_found, conflict, function_not_found, invalid, validation

ACCOUNT = 1000
"""Concurrent executions of an account."""
_LEFT = 100
"""Of those, what reserved concurrency must leave."""
_UNQUALIFIED = (
    "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please "
    "specify either a function name or an unqualified function ARN."
)


class Concurrency(PlaneOperations):
    """The operations on concurrency."""

    @answers("PutFunctionConcurrency")
    def put_reserved(self, call: Call) -> Members:
        """Reserve concurrency for a function, or 0 to stop it."""
        reference = reference_of(call)
        if reference.qualifier is not None:
            raise invalid(_UNQUALIFIED)
        function = self._store.function(Reference(reference.region, reference.account, reference.name, LATEST))
        wanted = number(call.parameters, "ReservedConcurrentExecutions")
        with self._store.lock:
            others = sum(each.reserved or 0 for each in self._store.in_region(call.region) if each is not function)
            if ACCOUNT - others - wanted < _LEFT:
                raise AwsError(
                    "InvalidParameterValueException",
                    "Specified ReservedConcurrentExecutions for function decreases account's "
                    f"UnreservedConcurrentExecution below its minimum value of [{_LEFT}].",
                )
            provisioned = sum(each["Requested"] for each in function.provisioned.values())
            if wanted < provisioned:
                raise AwsError(
                    "InvalidParameterValueException",
                    f" ReservedConcurrentExecutions  {wanted} should not be lower than function's total provisioned "
                    f"concurrency [{provisioned}].",
                )
            function.reserved = wanted
        return {"ReservedConcurrentExecutions": wanted}

    @answers("GetFunctionConcurrency")
    def get_reserved(self, call: Call) -> Members:
        """Return what is reserved for a function."""
        function = self._store.function(self._unqualified(call))
        return {} if function.reserved is None else {"ReservedConcurrentExecutions": function.reserved}

    @answers("DeleteFunctionConcurrency")
    def delete_reserved(self, call: Call) -> Members:
        """Reserve nothing any more."""
        self._store.function(self._unqualified(call)).reserved = None
        return {}

    @answers("PutProvisionedConcurrencyConfig")
    def put_provisioned(self, call: Call) -> Members:
        """Keep environments of a version ready."""
        wanted = number(call.parameters, "ProvisionedConcurrentExecutions")
        if wanted < 1:
            raise validation(f"'{wanted}'", "provisionedConcurrentExecutions", "have value greater than or equal to 1")
        reference = reference_of(call)
        if reference.qualifier == LATEST:
            raise invalid("Provisioned Concurrency Configs cannot be applied to unpublished function versions.")
        function = self._qualified(reference)
        qualifier = str(reference.qualifier)
        with self._store.lock:
            version = function.version_of(qualifier)
            if reference.is_alias:
                if version in function.provisioned:
                    raise conflict(
                        "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned "
                        "version"
                    )
            elif any(function.version_of(other) == version for other in function.provisioned if other != qualifier):
                raise conflict("Version is pointed by a Provisioned Concurrency alias")
            others = sum(each["Requested"] for name, each in function.provisioned.items() if name != qualifier)
            if function.reserved is not None and wanted + others > function.reserved:
                raise invalid(
                    "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for "
                    "function"
                )
            self._check_account(function, wanted)
            function.provisioned[qualifier] = {"Requested": wanted, "LastModified": now_text()}
            self._plane.provisioned(function)
            return self._told(function, qualifier, 0, "IN_PROGRESS")

    @staticmethod
    def _check_account(function: Function, wanted: int) -> None:
        if wanted > ACCOUNT:
            raise AwsError(
                "InvalidParameterValueException",
                f"Specified ConcurrentExecutions for function is greater than account's unreserved concurrency "
                f"[{ACCOUNT}].",
            )
        if ACCOUNT - wanted < _LEFT:
            raise AwsError(
                "InvalidParameterValueException",
                "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below "
                f"its minimum value of [{_LEFT}].",
            )

    @answers("GetProvisionedConcurrencyConfig")
    def get_provisioned(self, call: Call) -> Members:
        """Return what is kept ready of a version."""
        reference = reference_of(call)
        if reference.qualifier == LATEST:
            raise invalid("The function resource provided must be an alias or a published version.")
        function = self._qualified(reference)
        qualifier = str(reference.qualifier)
        if qualifier not in function.provisioned:
            raise AwsError(
                "ProvisionedConcurrencyConfigNotFoundException",
                "No Provisioned Concurrency Config found for this function",
                404,
                Type="User",
            )
        return self._described(function, qualifier)

    @answers("DeleteProvisionedConcurrencyConfig")
    def delete_provisioned(self, call: Call) -> Members:
        """Keep nothing ready any more."""
        reference = reference_of(call)
        if reference.qualifier == LATEST:
            raise invalid("The function resource provided must be an alias or a published version.")
        function = self._qualified(reference)
        function.provisioned.pop(str(reference.qualifier), None)
        self._plane.provisioned(function)
        return {}

    @answers("ListProvisionedConcurrencyConfigs")
    def list_provisioned(self, call: Call) -> Members:
        """List what is kept ready of a function."""
        function = self._store.function(self._unqualified(call))
        found = [
            {"FunctionArn": f"{function.arn}:{qualifier}", **self._described(function, qualifier)}
            for qualifier in function.provisioned
        ]
        return page(call, "ProvisionedConcurrencyConfigs", found)

    @answers("GetAccountSettings")
    def account(self, call: Call) -> Members:
        """Return the account's limits, and what it uses."""
        functions = list(self._store.in_region(call.region))
        sizes = sum(int(each["CodeSize"]) for function in functions for each in function.versions.values())
        layers = [layer for layer in self._store.layers.values() if layer.region == call.region]
        sizes += sum(version.size for layer in layers for version in layer.versions.values())
        return {
            "AccountLimit": {
                "TotalCodeSize": 80_530_636_800,
                "CodeSizeUnzipped": 262_144_000,
                "CodeSizeZipped": 52_428_800,
                "ConcurrentExecutions": ACCOUNT,
                "UnreservedConcurrentExecutions": ACCOUNT - sum(each.reserved or 0 for each in functions),
            },
            "AccountUsage": {"TotalCodeSize": sizes, "FunctionCount": len(functions)},
        }

    def _unqualified(self, call: Call) -> Reference:
        reference = reference_of(call)
        return Reference(reference.region, reference.account, reference.name)

    def _qualified(self, reference: Reference) -> Function:
        function = self._store.find(reference)
        if function is None or not function.has(str(reference.qualifier)):
            raise (alias_not_found if reference.is_alias else function_not_found)(reference.arn)
        return function

    def _described(self, function: Function, qualifier: str) -> Members:
        return self._told(function, qualifier, *self._plane.readiness(function, qualifier))

    @staticmethod
    def _told(function: Function, qualifier: str, ready: int, status: str) -> Members:
        kept = function.provisioned[qualifier]
        told = {
            "RequestedProvisionedConcurrentExecutions": kept["Requested"],
            "AvailableProvisionedConcurrentExecutions": min(ready, kept["Requested"]),
            "AllocatedProvisionedConcurrentExecutions": min(ready, kept["Requested"]),
            "Status": status,
            "LastModified": kept["LastModified"],
        }
        return {**told, "StatusReason": FAILED} if status == "FAILED" else told
