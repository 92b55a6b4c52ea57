"""What CloudFormation keeps: stacks, their resources and events, change sets."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from harness.emulator.access.sessions import Actor
from harness.emulator.cloudformation.documents import Document
from harness.emulator.cloudformation.parameters import Parameter
from harness.emulator.cloudformation.providers.base import Made


def now() -> datetime:
    """Return the time, as CloudFormation dates things."""
    return datetime.now(UTC)


@dataclass
class Resource:
    """A resource of a stack.

    Attributes:
        definition: its part of the template.
        properties: as it was last made with them.
        before: logical ids of those that had to be there first.
        token: of its physical name.
    """

    logical_id: str
    kind: str
    definition: Mapping[str, Any]
    properties: Mapping[str, Any]
    made: Made
    before: tuple[str, ...]
    token: str
    status: str = ""
    reason: str | None = None
    changed: datetime = field(default_factory=now)

    @property
    def ref(self) -> str:
        """What ``Ref`` gives."""
        return self.made.physical_id if self.made.ref is None else self.made.ref

    def copy(self) -> Resource:
        """Copy the resource as it is now."""
        return replace(self, made=replace(self.made))


@dataclass(frozen=True)
class Event:
    """One line of what happened to a stack."""

    logical_id: str
    physical_id: str
    kind: str
    status: str
    reason: str | None
    properties: str | None = None
    token: str | None = None
    time: datetime = field(default_factory=now)
    id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(frozen=True)
class Wanted:
    """What a stack is to be.

    Attributes:
        original: the template as it was given.
        template: the same with all transforms carried out.
    """

    original: str
    template: Document
    parameters: Mapping[str, Parameter]
    tags: Mapping[str, str]
    capabilities: tuple[str, ...] = ()
    notifications: tuple[str, ...] = ()
    role: str | None = None
    description: str | None = None

    @property
    def runtimes(self) -> frozenset[str]:
        """Runtimes of the functions that the template has."""
        found = (
            (resource.get("Properties") or {}).get("Runtime")
            for resource in self.template["Resources"].values()
            if resource.get("Type") == "AWS::Lambda::Function"
        )
        return frozenset(runtime for runtime in found if isinstance(runtime, str))


@dataclass
class Stack:
    """A stack.

    Attributes:
        wanted: what it was last made to be; None before its first change set is carried out.
        caller: as whom its resources are made.
        imports: names of exports that it uses.
        parents: ids of the stacks within which it was made, the root first.
    """

    name: str
    id: str
    region: str
    account: str
    caller: Actor | None = None
    status: str = "REVIEW_IN_PROGRESS"
    reason: str | None = None
    wanted: Wanted | None = None
    resources: dict[str, Resource] = field(default_factory=dict)
    outputs: list[dict[str, str]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    change_sets: dict[str, ChangeSet] = field(default_factory=dict)
    imports: set[str] = field(default_factory=set)
    tags: Mapping[str, str] = field(default_factory=dict)
    disable_rollback: bool = False
    on_failure: str = "ROLLBACK"
    protected: bool = False
    parents: tuple[str, ...] = ()
    policy: str | None = None
    change_set_id: str | None = None
    created: datetime = field(default_factory=now)
    updated: datetime | None = None
    deleted: datetime | None = None

    @property
    def exports(self) -> dict[str, str]:
        """The values that it exports, by name."""
        return {output["ExportName"]: output["OutputValue"] for output in self.outputs if "ExportName" in output}

    @property
    def is_gone(self) -> bool:
        """Whether it was deleted."""
        return self.status == "DELETE_COMPLETE"

    @property
    def is_busy(self) -> bool:
        """Whether something is under way."""
        return self.status.endswith("_IN_PROGRESS") and self.status != "REVIEW_IN_PROGRESS"

    def tell(self, status: str, reason: str | None = None) -> None:
        """Give the stack another status, and have an event say so."""
        self.status = status
        if reason is not None or status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            self.reason = reason
        self.events.append(
            Event(self.name, self.id, "AWS::CloudFormation::Stack", status, reason, time=self._next_time())
        )

    def tell_of(self, resource: Resource, status: str, reason: str | None = None) -> None:
        """Give a resource another status, and have a stack event say so.

        Args:
            resource: of this stack.
            status: ``ResourceStatus``, e.g. ``CREATE_COMPLETE``.
            reason: ``ResourceStatusReason``; None: none.
        """
        resource.status, resource.reason, resource.changed = status, reason, now()
        time = self._next_time()
        event = Event(resource.logical_id, resource.made.physical_id, resource.kind, status, reason, time=time)
        stamp = event.time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{event.time.microsecond // 1000:03d}Z"
        self.events.append(replace(event, id=f"{resource.logical_id}-{status}-{stamp}"))

    def _next_time(self) -> datetime:
        """Return the time of another event: tools sort them by their milliseconds, so no two share one."""
        time = now()
        return max(time, self.events[-1].time + timedelta(milliseconds=1)) if self.events else time


@dataclass
class ChangeSet:
    """What would be done to a stack.

    Attributes:
        kind: ``CREATE`` or ``UPDATE``.
        changes: as DescribeChangeSet tells them.
    """

    name: str
    id: str
    kind: str
    wanted: Wanted
    changes: list[dict[str, Any]]
    status: str = "CREATE_COMPLETE"
    execution: str = "AVAILABLE"
    reason: str | None = None
    description: str | None = None
    caller: Actor | None = None
    on_failure: str | None = None
    created: datetime = field(default_factory=now)
