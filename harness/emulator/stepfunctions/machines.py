"""State machines: what CreateStateMachine makes, and what of it there was and is.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict

from harness.emulator.door.call import Call
from harness.emulator.door.errors import AwsError
from harness.emulator.door.members import (
    Members,
    flag,
    optional_text,
    structure,
    text,
)
from harness.emulator.stepfunctions.arns import check_arn, check_name, machine_of, qualifier_of
from harness.emulator.stepfunctions.definitions import Definitions
from harness.emulator.stepfunctions.execution_logs import ExecutionLogs
from harness.emulator.stepfunctions.machine_checks import MachineChecks
from harness.emulator.stepfunctions.machine_records import Machine, Revision, Version, machine_from, moment
from harness.emulator.stepfunctions.store import Store
from harness.emulator.stepfunctions.tag_members import check_tags, tags_of


class Machines:
    """The state machines of an emulator, and the operations on them.

    Args:
        store: keeps them.
        definitions: reads what they are.
        checks: refuse what is not to be.
        logs: where state machines log.
        now: the time, in seconds since the epoch.
    """

    def __init__(
        self,
        store: Store,
        definitions: Definitions,
        checks: MachineChecks,
        logs: ExecutionLogs,
        now: Callable[[], float],
    ) -> None:
        self._store, self._definitions, self._checks, self._logs = store, definitions, checks, logs
        self._now = now
        self.lock = threading.RLock()
        self._machines = {arn: machine_from(record) for arn, record in store.resources("machine")}
        self.deleted: Callable[[Machine], None] = lambda machine: None
        """Told when DeleteStateMachine is called."""

    # For others

    def find(self, arn: str, *, deleting: bool = True) -> Machine:
        """Return the state machine of *arn*, which may name a version or an alias.

        Raises:
            AwsError: StateMachineDoesNotExist, or StateMachineDeleting where it must not be.
        """
        machine = self._machines.get(machine_of(arn))
        if machine is None:
            raise does_not_exist(arn)
        if machine.deleting and not deleting:
            raise AwsError("StateMachineDeleting", f"State Machine is being deleted: '{machine.arn}'")
        return machine

    def peek(self, arn: str) -> Machine | None:
        """Return the state machine of *arn*, or None."""
        return self._machines.get(arn)

    def revision(self, number: str) -> Revision:
        """Return the revision *number*."""
        found = self._store.revision(number)
        assert found is not None
        return Revision(**found)

    def of(self, region: str, account: str) -> list[Machine]:
        """Return the state machines of a region of an account."""
        prefix = f"arn:aws:states:{region}:{account}:"
        with self.lock:
            return [machine for arn, machine in self._machines.items() if arn.startswith(prefix)]

    def save(self, machine: Machine) -> None:
        """Keep *machine* as it is now."""
        self._store.put("machine", machine.arn, machine.as_record())

    def forget(self, machine: Machine) -> None:
        """Have *machine* be gone, with its executions."""
        with self.lock:
            self._machines.pop(machine.arn, None)
            self._store.remove(machine.arn)
            self._store.forget_executions(machine.arn)

    def tagged(self, region: str) -> Iterator[tuple[str, Mapping[str, str]]]:
        """ARN and tags of each state machine of a region."""
        for machine in list(self._machines.values()):
            if machine.arn.split(":")[3] == region:
                yield machine.arn, machine.tags

    # Operations

    def create(self, call: Call) -> Members:
        """CreateStateMachine. Asked again the same, it answers the same; roles and tags do not count."""
        given = call.parameters
        name, definition = text(given, "name"), text(given, "definition")
        check_name(name)
        self._checks.description(given)
        arn = f"arn:aws:states:{call.region}:{call.account}:stateMachine:{name}"
        kind = text(given, "type", "STANDARD")
        logging = self._checks.logging(call, structure(given, "loggingConfiguration"))
        tracing = {"enabled": flag(structure(given, "tracingConfiguration"), "enabled")}
        self._checks.encryption(given)
        self._definitions.check(definition, kind)
        with self.lock:
            machine = self._machines.get(arn)
            if machine is None:
                self._checks.role(call, text(given, "roleArn"), arn, kind, definition, logging)
                machine = self._make(call, arn, kind, logging, tracing)
            else:
                if machine.deleting:
                    raise AwsError("StateMachineDeleting", f"State Machine is being deleted: '{arn}'")
                now = machine.revision
                if (now.definition, machine.type, now.logging, now.tracing) != (definition, kind, logging, tracing):
                    raise AwsError("StateMachineAlreadyExists", f"State Machine Already Exists: '{arn}'")
            return {"stateMachineArn": arn, "creationDate": moment(machine.made), **self._published(machine, given)}

    def update(self, call: Call) -> Members:
        """UpdateStateMachine."""
        given = call.parameters
        arn = text(given, "stateMachineArn")
        check_arn(arn, "stateMachine")
        members = ("definition", "roleArn", "loggingConfiguration", "tracingConfiguration", "encryptionConfiguration")
        with self.lock:
            if qualifier_of(arn) is not None:
                raise does_not_exist(arn)
            machine = self.find(arn, deleting=False)
            if all(given.get(member) is None for member in members):
                raise AwsError(
                    "MissingRequiredParameter",
                    "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration "
                    "must be specified",
                )
            self._checks.description(given)
            now = machine.revision
            definition = optional_text(given, "definition") or now.definition
            role = optional_text(given, "roleArn") or now.role
            logging, tracing = now.logging, now.tracing
            if given.get("loggingConfiguration") is not None:
                logging = self._checks.logging(call, structure(given, "loggingConfiguration"))
            if given.get("tracingConfiguration") is not None:
                tracing = {"enabled": flag(structure(given, "tracingConfiguration"), "enabled")}
            encryption = structure(given, "encryptionConfiguration") or now.encryption
            self._checks.encryption(given)
            if given.get("definition") is not None:
                self._definitions.check(definition, machine.type)
            if role != now.role:
                self._checks.role(call, role, arn, machine.type, definition, logging)
            elif logging != now.logging:
                self._checks.log_delivery(logging, role)
            moment_ = self._now()
            if _differs(definition, now.definition) or (role, logging, tracing, encryption) != (
                now.role,
                now.logging,
                now.tracing,
                now.encryption,
            ):
                machine.revision = Revision(
                    str(uuid.uuid4()),
                    arn,
                    machine.type,
                    definition,
                    role,
                    logging,
                    tracing,
                    encryption,
                    moment_,
                    updated=True,
                )
                self._store.put_revision(machine.revision.number, arn, asdict(machine.revision))
                if logging != now.logging:
                    self._logs.delivered(call.region, logging)
                self.save(machine)
            answer: dict[str, object] = {"updateDate": moment(moment_)}
            if machine.revision.updated:
                answer["revisionId"] = machine.revision.number
            return {**answer, **self._published(machine, given)}

    def _published(self, machine: Machine, given: Members) -> Members:
        """Publish the version that is asked for, where one is; returns what is answered of it."""
        if not flag(given, "publish"):
            return {}
        version = self.publish_revision(machine, optional_text(given, "versionDescription"))
        return {"stateMachineVersionArn": f"{machine.arn}:{version.number}"}

    def publish_revision(self, machine: Machine, description: str | None) -> Version:
        """Publish the revision of now; returns the version that it is, a new one where there is none."""
        for version in machine.versions:
            if version.revision == machine.revision.number:
                return version
        version = Version(machine.next_version, machine.revision.number, self._now(), description)
        machine.next_version += 1
        machine.versions.append(version)
        self.save(machine)
        return version

    def delete(self, call: Call) -> Members:
        """DeleteStateMachine: it is gone once none of its executions runs."""
        arn = text(call.parameters, "stateMachineArn")
        check_arn(arn, "stateMachine")
        if qualifier_of(arn) is not None:
            raise AwsError("ValidationException", f"Invalid State Machine ARN: '{arn}'")
        with self.lock:
            machine = self._machines.get(arn)
            if machine is not None:
                machine.deleting = True
                self.save(machine)
        if machine is not None:
            self.deleted(machine)
        return {}

    def _make(self, call: Call, arn: str, kind: str, logging: Members, tracing: Members) -> Machine:
        given = call.parameters
        now = self._now()
        tags = tags_of(call)
        check_tags(arn, tags)
        revision = Revision(
            str(uuid.uuid4()),
            arn,
            kind,
            text(given, "definition"),
            text(given, "roleArn"),
            logging,
            tracing,
            structure(given, "encryptionConfiguration") or None,
            now,
        )
        machine = Machine(arn, kind, now, revision, tags)
        self._logs.delivered(call.region, logging)
        self._store.put_revision(revision.number, arn, asdict(revision))
        self._machines[arn] = machine
        self.save(machine)
        return machine


def does_not_exist(arn: str) -> AwsError:
    """AWS's refusal of a state machine that is not there."""
    return AwsError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")


def _differs(one: str, other: str) -> bool:
    return one != other and json.loads(one) != json.loads(other)
