"""The stacks that an emulator has, and how requests name them and their change sets."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from harness.emulator.cloudformation.documents import invalid
from harness.emulator.cloudformation.stack import ChangeSet, Stack
from harness.emulator.door.call import Call
from harness.emulator.door.errors import AwsError
from harness.emulator.door.members import text


class KnownStacks:
    """Stacks by their ARNs, those that were deleted among them, in the order in which they were made."""

    def __init__(self) -> None:
        self._stacks: dict[str, Stack] = {}

    def __iter__(self) -> Iterator[Stack]:
        return iter(list(self._stacks.values()))

    def __contains__(self, stack: Stack) -> bool:
        return stack.id in self._stacks

    def add(self, stack: Stack) -> None:
        """Know *stack* from now on."""
        self._stacks[stack.id] = stack

    def in_region(self, region: str) -> list[Stack]:
        """Stacks of a region that are not deleted, the oldest first."""
        return [stack for stack in self if stack.region == region and not stack.is_gone]

    def check_unused(self, export: str, region: str, verb: str) -> None:
        """Refuse that an export is changed or removed that other stacks import.

        Args:
            export: its name.
            region: of its stack.
            verb: what would be done, ``updated`` or ``deleted``.

        Raises:
            AwsError: ValidationError, naming those stacks.
        """
        users = [stack.name for stack in self.in_region(region) if export in stack.imports]
        if users:
            raise invalid(f"Export {export} cannot be {verb} as it is in use by {', '.join(users)}")

    def find(self, call: Call) -> Stack:
        """Return the stack that a request names.

        Raises:
            AwsError: ValidationError, there is none.
        """
        named = text(call.parameters, "StackName", "")
        found = self.lookup(named, call.region)
        if found is None:
            raise invalid(f"Stack with id {named} does not exist")
        return found

    def lookup(self, named: str, region: str) -> Stack | None:
        """Return the stack of an ARN, or the one of a name that is not deleted; None where there is none."""
        by_id = self._stacks.get(named)
        if by_id is not None:
            return by_id
        for stack in reversed(self._stacks.values()):
            if stack.name == named and stack.region == region and not stack.is_gone:
                return stack
        return None

    @staticmethod
    def new(call: Call) -> Stack:
        """Return a stack as a request names it, not yet known."""
        name = text(call.parameters, "StackName")
        arn = f"arn:aws:cloudformation:{call.region}:{call.account}:stack/{name}/{uuid.uuid4()}"
        return Stack(name, arn, call.region, call.account)

    def find_change_set(self, call: Call) -> tuple[Stack, ChangeSet]:
        """Return the change set that a request names, and its stack.

        Raises:
            AwsError: ``ChangeSetNotFound``, or a ValidationError.
        """
        named = text(call.parameters, "ChangeSetName")
        for stack in self._stacks.values():
            if named in stack.change_sets:
                return stack, stack.change_sets[named]
        if call.parameters.get("StackName"):
            stack = self.find(call)
            for change_set in stack.change_sets.values():
                if change_set.name == named:
                    return stack, change_set
        elif not named.startswith("arn:"):
            raise invalid("StackName must be specified if ChangeSetName is not specified as an ARN.")
        raise AwsError("ChangeSetNotFound", f"ChangeSet [{named}] does not exist", 404)
