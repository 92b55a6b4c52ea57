"""Tags of state machines and activities."""

from __future__ import annotations

from collections.abc import Callable

from harness.emulator.door.call import Call
from harness.emulator.door.errors import AwsError
from harness.emulator.door.members import Members, text, texts
from harness.emulator.stepfunctions.activities import Activities
from harness.emulator.stepfunctions.arns import check_arn
from harness.emulator.stepfunctions.machines import Machines
from harness.emulator.stepfunctions.tag_members import check_tags, tags_of


class Tags:
    """The operations on them.

    Args:
        machines: have tags.
        activities: have tags, too.
    """

    def __init__(self, machines: Machines, activities: Activities) -> None:
        self._machines = machines
        self._activities = activities

    def add(self, call: Call) -> Members:
        """TagResource."""
        arn = text(call.parameters, "resourceArn")
        tags, save = self._find(arn)
        more = tags_of(call)
        check_tags(arn, {**tags, **more})
        tags.update(more)
        save()
        return {}

    def remove(self, call: Call) -> Members:
        """UntagResource."""
        tags, save = self._find(text(call.parameters, "resourceArn"))
        for key in texts(call.parameters, "tagKeys"):
            tags.pop(key, None)
        save()
        return {}

    def list(self, call: Call) -> Members:
        """ListTagsForResource."""
        tags, _ = self._find(text(call.parameters, "resourceArn"))
        return {"tags": [{"key": key, "value": value} for key, value in tags.items()]}

    def _find(self, arn: str) -> tuple[dict[str, str], Callable[[], None]]:
        kind = check_arn(arn, "stateMachine", "activity")[5]
        if kind == "activity":
            tags = self._activities.tags(arn)
            if tags is not None:
                return tags, lambda: self._activities.save(arn)
        machine = self._machines.peek(arn)
        if machine is None:
            raise AwsError("ResourceNotFound", f"Resource not found: '{arn}'", resourceName=arn)
        return machine.tags, lambda: self._machines.save(machine)
