"""Resources that one operation makes of their properties and one removes: a line of a table each."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.emulator.cloudformation.providers.base import Made, Provider, Work, gone_is_fine
from harness.emulator.cloudformation.shapes import fit, takes, with_tags
from harness.emulator.door.errors import AwsError

_FIELD = re.compile(r"\{([\w.]+)\}")
_FIRST_LOOK, _SLOWEST_LOOK = 0.01, 0.5


def called(name: str, named: str, longest: int = 64) -> dict[str, Any]:
    """Return the arguments of a type whose name is made up where it is not given.

    Args:
        name: the property with the name.
        named: how operations call it.
        longest: characters, at most.
    """
    return {"name": name, "named": named, "longest": longest}


@dataclass(frozen=True)
class Declared(Provider):
    """A type whose properties are the parameters of an operation.

    Texts in braces are looked up in what the operation answered, then in what it was asked, then in the stack:
    ``{Vpc.VpcId}``, ``{region}``; ``{out.id}`` in the answer alone.

    Attributes:
        service: boto3's name of the service.
        make: the operation that makes one.
        physical_id: of what was made.
        remove: the operation that removes one; None where nothing does.
        by: the parameters of *remove*, and of *change* where they are not among the properties.
        change: the operation that changes one; None: another is made.
        name: the property with the name, made up where it is not given.
        named: how *make* calls the name.
        longest: of names.
        attributes: what ``Fn::GetAtt`` gives.
        ref: what ``Ref`` gives, where that is not the physical id.
        renamed: properties that operations have under another name.
        fixed: properties that only another resource can have otherwise.
        lower: whether names are in small letters.
        always: parameters of *make* that no property need give.
        changing: further parameters of *change*.
        removing: further parameters of *remove*.
        ignore: properties without an effect on anything here.
        afterwards: operations that set properties once it is there, with these properties.
        undone: by property, what takes it back where it is named no more.
        removed_in_turn: operations, with their parameters, that remove one, where it takes several.
        roles: properties with a role's name or ARN, of which the operation takes the latter.
        tagged: the operation that tags one, and its parameters.
        awaited: the operation that tells how it is, the member, good and bad values, the member with the reason.
    """

    service: str
    make: str
    physical_id: str
    remove: str | None = None
    by: Mapping[str, str] = field(default_factory=dict)
    change: str | None = None
    name: str | None = None
    named: str | None = None
    longest: int = 64
    attributes: Mapping[str, str] = field(default_factory=dict)
    ref: str | None = None
    renamed: Mapping[str, str] = field(default_factory=dict)
    fixed: frozenset[str] = frozenset()
    lower: bool = False
    always: Mapping[str, Any] = field(default_factory=dict)
    changing: Mapping[str, Any] = field(default_factory=dict)
    removing: Mapping[str, Any] = field(default_factory=dict)
    ignore: frozenset[str] = frozenset()
    afterwards: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    undone: Mapping[str, str] = field(default_factory=dict)
    removed_in_turn: tuple[tuple[str, Mapping[str, str]], ...] = ()
    roles: frozenset[str] = frozenset()
    tagged: tuple[str, Mapping[str, str]] | None = None
    awaited: tuple[str, str, tuple[str, ...], tuple[str, ...], str] | None = None

    @classmethod
    def made(
        cls, service: str, noun: str, physical_id: str, by: Mapping[str, str], change: str | None = None, **more: Any
    ) -> Declared:
        """Declare a type that ``CreateNoun`` makes and ``DeleteNoun`` removes.

        Args:
            service: boto3's name of the service.
            noun: what both operations' names end with.
            physical_id: of what was made.
            by: the parameters of both operations that tell which.
            change: the operation that changes one; None: another is made.
            more: any other attribute.
        """
        return cls(service, f"Create{noun}", physical_id, f"Delete{noun}", by, change, **more)

    def create(self, work: Work) -> Made:
        """Make the resource."""
        asked, left = self._parameters(work, self.make, None)
        made = self._made(work, asked, work.call(self.service, self.make, **asked), left)
        with self.removed_unless_whole(work, made):
            self._set_afterwards(work, made)
            self._await(work, made)
        return made

    def update(self, work: Work, made: Made) -> Made:
        """Change the resource."""
        if self.tagged is not None:
            operation, by = self.tagged
            tags = with_tags(self.service, operation, work.all_tags)
            work.call(self.service, operation, **self._identified(work, operation, by, made), **tags)
        if self.change is None:
            self._set_afterwards(work, made)
            return made
        asked, _ = self._parameters(work, self.change, made)
        answer = work.call(self.service, self.change, **asked)
        found = self._made(work, {**made.facts, **asked}, answer, [])
        found.physical_id = made.physical_id
        self._set_afterwards(work, found)
        self._await(work, found)
        return found

    def delete(self, work: Work, made: Made) -> None:
        """Remove the resource."""
        steps = self.removed_in_turn or (((self.remove, self.by),) if self.remove else ())
        for operation, by in steps:
            with gone_is_fine():
                work.call(self.service, operation, **self._identified(work, operation, by, made), **self.removing)

    def replaces(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
        """Whether another one must be made."""
        if self.change is None:
            apart = {name for names in self.afterwards.values() for name in names} | self.ignore | {"Tags"}
            names = frozenset(before.keys() | after.keys()) - apart
        else:
            names = self.fixed | ({self.name} if self.name else set())
        return any(before.get(name) != after.get(name) for name in names)

    def _parameters(self, work: Work, operation: str, made: Made | None) -> tuple[dict[str, Any], list[str]]:
        apart = {"Tags", self.name, *self.ignore, *(name for names in self.afterwards.values() for name in names)}
        given = {self.renamed.get(name, name): value for name, value in work.properties.items() if name not in apart}
        for name in self.roles & given.keys():
            if not str(given[name]).startswith("arn:"):
                given[name] = work.call("iam", "GetRole", RoleName=str(given[name]).rpartition("/")[2])["Role"]["Arn"]
        if self.name:
            member = self.named or self.name
            known = made.facts.get(member) if made else work.properties.get(self.name)
            given[member] = known or work.name(self.longest, lower=self.lower)
        given = {**self.always, **given} if made is None else {**given, **self.changing}
        asked, left = fit(self.service, operation, given)
        if made is not None:
            own = {name: text for name, text in self.by.items() if takes(self.service, operation, name)}
            return {**asked, **self._identified(work, operation, own, made)}, []
        return {**with_tags(self.service, operation, work.all_tags), **asked}, left

    def _identified(self, work: Work, operation: str, by: Mapping[str, str], made: Made) -> dict[str, Any]:
        found = {name: _looked_up(text, made.facts, work, made.physical_id) for name, text in by.items()}
        asked, _ = fit(self.service, operation, found)
        return asked

    def _set_afterwards(self, work: Work, made: Made) -> None:
        for operation, names in self.afterwards.items():
            given = {self.renamed.get(name, name): work.properties[name] for name in names if name in work.properties}
            if given:
                asked, left = fit(self.service, operation, given)
                for name in left:  # a property that has the operation's members in itself
                    if isinstance(given.get(name), Mapping):
                        asked |= fit(self.service, operation, given[name])[0]
                work.call(self.service, operation, **self._identified(work, operation, self.by, made), **asked)
        for name, operation in self.undone.items():
            if name in work.before and name not in work.properties:
                work.call(self.service, operation, **self._identified(work, operation, self.by, made))

    def _await(self, work: Work, made: Made) -> None:
        if self.awaited is None:
            return
        operation, member, good, bad, reason = self.awaited
        pause = _FIRST_LOOK
        while True:
            found = work.call(self.service, operation, **self._identified(work, operation, self.by, made))
            if found[member] in good:
                return
            if found[member] in bad:
                raise AwsError("NotStabilized", str(found.get(reason) or f"{member} is {found[member]}"))
            time.sleep(pause)
            pause = min(pause * 1.5, _SLOWEST_LOOK)

    def _made(self, work: Work, asked: Mapping[str, Any], answer: Mapping[str, Any], left: list[str]) -> Made:
        facts = {**asked, **answer, "out": {**answer}}
        facts.pop("ResponseMetadata", None)
        physical = str(_looked_up(self.physical_id, facts, work, ""))
        attributes = {name: _looked_up(text, facts, work, physical) for name, text in self.attributes.items()}
        ref = str(_looked_up(self.ref, facts, work, physical)) if self.ref else None
        return Made(physical, attributes, ref, left, facts)


def _looked_up(text: str, facts: Mapping[str, Any], work: Work, physical_id: str) -> Any:
    """*text* with what is in braces looked up; the very value where there is nothing else."""
    stack = {
        "region": work.region,
        "account": work.account,
        "id": physical_id,
        "stack": work.stack_name,
        "logical": work.logical_id,
        "url": work.services_url,
    }

    def find(path: str) -> Any:
        if path in stack:
            return stack[path]
        value: Any = facts
        for step in path.split("."):
            if isinstance(value, list):
                value = value[int(step)] if int(step) < len(value) else None
            else:
                value = value.get(step) if isinstance(value, Mapping) else None
        return value

    whole = _FIELD.fullmatch(text)
    if whole:
        return find(whole[1])
    return _FIELD.sub(lambda match: str(find(match[1])), text)
