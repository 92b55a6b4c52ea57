"""Versions of state machines, and the aliases that lead to them.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-cd-aliasing-versioning.html
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from harness.emulator.door.call import Call
from harness.emulator.door.errors import AwsError
from harness.emulator.door.members import Members, number, optional_text, structures, text
from harness.emulator.stepfunctions.arns import check_arn, machine_of, qualifier_of
from harness.emulator.stepfunctions.machine_records import Alias, Machine, Revision, Route, moment
from harness.emulator.stepfunctions.machines import Machines, does_not_exist
from harness.emulator.stepfunctions.pages import page_of

_INITIAL = "INITIAL"
"""Name of a revision that no update has made."""


class Versions:
    """The operations on them.

    Args:
        machines: the state machines.
        now: the time, in seconds since the epoch.
    """

    def __init__(self, machines: Machines, now: Callable[[], float]) -> None:
        self._machines = machines
        self._now = now
        self._random = random.Random()

    def route(self, arn: str) -> tuple[Machine, Revision, str | None, str | None]:
        """Return what StartExecution on *arn* runs: the machine, its revision, ARNs of version and alias if there are.

        Raises:
            AwsError: StateMachineDoesNotExist, StateMachineDeleting.
        """
        machine = self._machines.find(arn, deleting=False)
        qualifier = qualifier_of(arn)
        if qualifier is None:
            return machine, machine.revision, None, None
        alias = machine.aliases.get(qualifier)
        number, alias_arn = qualifier, None
        if alias is not None:
            alias_arn = arn
            versions = [each["stateMachineVersionArn"] for each in alias.routing]
            weights = [each["weight"] for each in alias.routing]
            number = str(qualifier_of(self._random.choices(versions, weights)[0]))
        version = machine.version(number)
        if version is None:
            raise does_not_exist(arn)
        return machine, self._machines.revision(version.revision), f"{machine.arn}:{number}", alias_arn

    # Versions

    def publish(self, call: Call) -> Members:
        """PublishStateMachineVersion."""
        arn, wanted = text(call.parameters, "stateMachineArn"), call.parameters.get("revisionId")
        check_arn(arn, "stateMachine")
        with self._machines.lock:
            machine = self._machines.find(arn, deleting=False)
            if qualifier_of(arn) is not None:
                raise does_not_exist(arn)
            revision = machine.revision
            if wanted is not None and wanted != (revision.number if revision.updated else _INITIAL):
                raise AwsError(
                    "ConflictException",
                    f"Failed to publish the State Machine version for revision {wanted}. The current State Machine "
                    f"revision is {revision.number if revision.updated else _INITIAL}.",
                )
            version = self._machines.publish_revision(machine, optional_text(call.parameters, "description"))
            return {"stateMachineVersionArn": f"{arn}:{version.number}", "creationDate": moment(version.made)}

    def list_versions(self, call: Call) -> Members:
        """ListStateMachineVersions, the youngest first."""
        arn = text(call.parameters, "stateMachineArn")
        check_arn(arn, "stateMachine")
        with self._machines.lock:
            machine = self._machines.peek(arn)
            items = [
                {"stateMachineVersionArn": f"{arn}:{version.number}", "creationDate": moment(version.made)}
                for version in reversed(machine.versions if machine is not None else ())
            ]
        return page_of(items, "stateMachineVersions", call.parameters)

    def delete_version(self, call: Call) -> Members:
        """DeleteStateMachineVersion; there need not be one."""
        arn = text(call.parameters, "stateMachineVersionArn")
        check_arn(arn, "stateMachine")
        with self._machines.lock:
            machine = self._machines.peek(machine_of(arn))
            version = machine.version(qualifier_of(arn) or "") if machine is not None else None
            if machine is None or version is None:
                return {}
            used = [name for name, alias in machine.aliases.items() if arn in _arns(alias.routing)]
            if used:
                raise AwsError(
                    "ConflictException",
                    "Version to be deleted must not be referenced by an alias. Current list of aliases referencing "
                    f"this version: [{', '.join(used)}]",
                )
            machine.versions.remove(version)
            self._machines.save(machine)
        return {}

    # Aliases

    def create_alias(self, call: Call) -> Members:
        """CreateStateMachineAlias; asked again the same, it answers the same."""
        given = call.parameters
        routing, name = _routing(given), text(given, "name")
        description = optional_text(given, "description")
        with self._machines.lock:
            machine = self._routed(routing)
            alias = machine.aliases.get(name)
            if alias is None:
                now = self._now()
                alias = machine.aliases[name] = Alias(name, routing, now, now, description)
                self._machines.save(machine)
            elif (alias.routing, alias.description) != (routing, description):
                raise AwsError(
                    "ConflictException",
                    "Failed to create alias because an alias with the same name and a different routing configuration "
                    "already exists.",
                )
            return {"stateMachineAliasArn": f"{machine.arn}:{name}", "creationDate": moment(alias.made)}

    def update_alias(self, call: Call) -> Members:
        """UpdateStateMachineAlias."""
        given = call.parameters
        description, routing = optional_text(given, "description"), _routing(given)
        if description is None and given.get("routingConfiguration") is None:
            raise AwsError(
                "ValidationException", "Either the description or the RoutingConfiguration must be specified"
            )
        with self._machines.lock:
            machine, alias = self._alias(text(given, "stateMachineAliasArn"))
            if given.get("routingConfiguration") is not None:
                self._routed(routing)
                alias.routing = routing
            if description is not None:
                alias.description = description
            alias.updated = self._now()
            self._machines.save(machine)
            return {"updateDate": moment(alias.updated)}

    def describe_alias(self, call: Call) -> Members:
        """DescribeStateMachineAlias."""
        arn = text(call.parameters, "stateMachineAliasArn")
        with self._machines.lock:
            _, alias = self._alias(arn)
            answer: dict[str, object] = {
                "stateMachineAliasArn": arn,
                "name": alias.name,
                "routingConfiguration": alias.routing,
                "creationDate": moment(alias.made),
                "updateDate": moment(alias.updated),
            }
            if alias.description is not None:
                answer["description"] = alias.description
            return answer

    def list_aliases(self, call: Call) -> Members:
        """ListStateMachineAliases of a machine, or of one of its versions."""
        arn = text(call.parameters, "stateMachineArn")
        check_arn(arn, "stateMachine")
        with self._machines.lock:
            machine = self._machines.find(arn)
            items = [
                {"stateMachineAliasArn": f"{machine.arn}:{alias.name}", "creationDate": moment(alias.made)}
                for alias in machine.aliases.values()
                if qualifier_of(arn) is None or arn in _arns(alias.routing)
            ]
        return page_of(items, "stateMachineAliases", call.parameters)

    def delete_alias(self, call: Call) -> Members:
        """DeleteStateMachineAlias."""
        with self._machines.lock:
            arn = text(call.parameters, "stateMachineAliasArn")
            check_arn(arn, "stateMachine")
            machine = self._machines.peek(machine_of(arn))
            if machine is not None and machine.aliases.pop(qualifier_of(arn) or "", None) is not None:
                self._machines.save(machine)
            return {}

    def _alias(self, arn: str) -> tuple[Machine, Alias]:
        check_arn(arn, "stateMachine")
        machine = self._machines.peek(machine_of(arn))
        alias = machine.aliases.get(qualifier_of(arn) or "") if machine is not None else None
        if machine is None or alias is None:
            raise AwsError("ResourceNotFound", "Request references a resource that does not exist.")
        return machine, alias

    def _routed(self, routing: Sequence[Route]) -> Machine:
        """Return the machine whose versions an alias is to lead to."""
        arns = _arns(routing)
        shown = f"[{', '.join(arns)}]"
        if len(set(arns)) < len(arns):
            raise _invalid(f"Routing configuration must contain distinct state machine version ARNs. Received: {shown}")
        weights = [each["weight"] for each in routing]
        if sum(weights) != 100:
            raise _invalid(f"Sum of routing configuration weights must equal 100. Received: {weights}")
        machine: Machine | None = None
        for arn in arns:
            check_arn(arn, "stateMachine")
            number = qualifier_of(arn)
            if number is None or not number.isdigit():
                raise _invalid(f"Routing configuration must contain state machine version ARNs. Received: {shown}")
            machine = self._machines.peek(machine_of(arn))
            if machine is None or machine.version(number) is None:
                raise AwsError("ResourceNotFound", "Request references a resource that does not exist.")
            if machine.deleting:
                raise AwsError("StateMachineDeleting", f"State Machine is being deleted: '{machine.arn}'")
        if len({machine_of(arn) for arn in arns}) > 1 or machine is None:
            raise _invalid(f"Routing configuration must contain versions of the same state machine. Received: {shown}")
        return machine


def _routing(given: Members) -> list[Route]:
    asked = structures(given, "routingConfiguration")
    return [
        {"stateMachineVersionArn": text(each, "stateMachineVersionArn"), "weight": number(each, "weight")}
        for each in asked
    ]


def _arns(routing: Sequence[Route]) -> list[str]:
    return [each["stateMachineVersionArn"] for each in routing]


def _invalid(words: str) -> AwsError:
    return AwsError("ValidationException", words)
