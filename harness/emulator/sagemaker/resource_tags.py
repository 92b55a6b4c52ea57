"""AddTags, DeleteTags and ListTags: moto has the tags of what it keeps, pipelines and schedules have theirs here.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_AddTags.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from harness.emulator.door.call import Call
from harness.emulator.door.members import Members, structures, text, texts
from harness.emulator.door.validation import check
from harness.emulator.sagemaker.job_lists import part_of
from harness.emulator.sagemaker.names import refusal
from harness.emulator.services import Operation

_MOST = 50


class ResourceTags:
    """The tags of SageMaker's resources.

    Args:
        keep: has moto answer a call.
        find: the record of a resource that moto does not keep, by its ARN, or None; its tags are its ``Tags``.
    """

    def __init__(self, keep: Operation, find: Callable[[str], dict[str, Any] | None]) -> None:
        self._keep = keep
        self._find = find
        self.operations: Mapping[str, Operation] = {
            "AddTags": self.add,
            "DeleteTags": self.delete,
            "ListTags": self.list,
        }

    def add(self, call: Call) -> Members:
        """Answer AddTags: a key that is there gets the new value."""
        check("sagemaker", "AddTags", call.parameters)
        given = structures(call.parameters, "Tags")
        found = self._find(text(call.parameters, "ResourceArn"))
        if found is not None:
            found["Tags"] = _with(found.get("Tags") or (), given)
            return {"Tags": found["Tags"]}
        keys = [text(tag, "Key") for tag in given]
        self._kept(replace(call, operation="DeleteTags", parameters=_place(call) | {"TagKeys": keys}))
        return self._kept(call)

    def delete(self, call: Call) -> Members:
        """Answer DeleteTags."""
        check("sagemaker", "DeleteTags", call.parameters)
        found = self._find(text(call.parameters, "ResourceArn"))
        if found is None:
            return self._kept(call)
        keys = set(texts(call.parameters, "TagKeys"))
        found["Tags"] = [tag for tag in found.get("Tags") or () if tag["Key"] not in keys]
        return {}

    def list(self, call: Call) -> Members:
        """Answer ListTags."""
        check("sagemaker", "ListTags", call.parameters)
        found = self._find(text(call.parameters, "ResourceArn"))
        if found is None:
            return self._kept(call)
        return part_of("Tags", list(found.get("Tags") or ()), call.parameters, _MOST)

    def _kept(self, call: Call) -> Members:
        try:
            return self._keep(call)
        except (AttributeError, LookupError):  # moto looks for no resource before it asks for its tags
            raise refusal("Requested resource not found.") from None


def _place(call: Call) -> dict[str, object]:
    return {"ResourceArn": text(call.parameters, "ResourceArn")}


def _with(tags: Iterable[Members], more: Iterable[Members]) -> list[Members]:
    by_key = {text(tag, "Key"): tag for tag in (*tags, *more)}
    return list(by_key.values())
