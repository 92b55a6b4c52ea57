"""What is known of a state machine: its revisions, versions and aliases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, TypedDict

from harness.emulator.door.members import Members
from harness.emulator.stepfunctions.variable_references import variable_references


@dataclass(frozen=True)
class Revision:
    """What a state machine is, or was, for an execution.

    Attributes:
        number: tells it from others; ``revisionId`` where the machine was updated.
        machine: ARN of the state machine.
        type: ``STANDARD`` or ``EXPRESS``.
        definition: in the Amazon States Language.
        role: ARN of the role that tasks call services with.
        logging: ``loggingConfiguration``.
        tracing: ``tracingConfiguration``.
        encryption: ``encryptionConfiguration`` or None.
        made: when, in seconds since the epoch.
        updated: whether an update made it.
    """

    number: str
    machine: str
    type: str
    definition: str
    role: str
    logging: Members
    tracing: Members
    encryption: Members | None
    made: float
    updated: bool = False

    @property
    def name(self) -> str:
        """Of the state machine."""
        return self.machine.split(":")[6]

    def describe(self) -> Members:
        """Return what DescribeStateMachine and DescribeStateMachineForExecution both say of it."""
        answer: dict[str, object] = {
            "name": self.name,
            "definition": self.definition,
            "roleArn": self.role,
            "loggingConfiguration": self.logging,
            "tracingConfiguration": self.tracing,
        }
        if self.updated:
            answer["revisionId"] = self.number
        if self.encryption is not None:
            answer["encryptionConfiguration"] = self.encryption
        variables = variable_references(self.definition)
        if variables:
            answer["variableReferences"] = variables
        return answer


@dataclass
class Version:
    """A version of a state machine: a revision that never changes."""

    number: int
    revision: str
    made: float
    description: str | None = None


class Route(TypedDict):
    """A member of a routingConfiguration."""

    stateMachineVersionArn: str
    weight: int


@dataclass
class Alias:
    """An alias: a name for one version, or for two with weights."""

    name: str
    routing: list[Route]
    made: float
    updated: float
    description: str | None = None


@dataclass
class Machine:
    """A state machine."""

    arn: str
    type: str
    made: float
    revision: Revision
    tags: dict[str, str] = field(default_factory=dict)
    versions: list[Version] = field(default_factory=list)
    aliases: dict[str, Alias] = field(default_factory=dict)
    next_version: int = 1
    deleting: bool = False

    def version(self, number: str) -> Version | None:
        """Return the version *number*, or None."""
        return next((version for version in self.versions if str(version.number) == number), None)

    def as_record(self) -> dict[str, Any]:
        """As the store keeps it."""
        return asdict(self)


def machine_from(record: Mapping[str, Any]) -> Machine:
    """Make a state machine of what the store has kept of it."""
    return Machine(
        **{
            **record,
            "revision": Revision(**record["revision"]),
            "versions": [Version(**each) for each in record["versions"]],
            "aliases": {name: Alias(**each) for name, each in record["aliases"].items()},
        }
    )


def moment(seconds: float) -> datetime:
    """Seconds since the epoch as answers have them."""
    return datetime.fromtimestamp(seconds, UTC)
