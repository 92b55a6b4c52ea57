"""Stacks as plain data, for an emulator that keeps its state."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from harness.emulator.cloudformation.stack import Event, Resource, Stack, Wanted

_FIELDS: dict[str, Any] = {
    "name": str,
    "id": str,
    "region": str,
    "account": str,
    "status": str,
    "reason": str | None,
    "wanted": Wanted | None,
    "resources": dict[str, Resource],
    "outputs": list[dict[str, str]],
    "events": list[Event],
    "imports": set[str],
    "tags": dict[str, str],
    "disable_rollback": bool,
    "on_failure": str,
    "protected": bool,
    "parents": tuple[str, ...],
    "policy": str | None,
    "change_set_id": str | None,
    "created": datetime,
    "updated": datetime | None,
    "deleted": datetime | None,
}
"""What outlives a restart, and its types: all but change sets, and whoever it was made for."""


def record_of(stack: Stack) -> dict[str, Any]:
    """*stack* as plain data."""
    return {name: msgspec.to_builtins(getattr(stack, name), enc_hook=str) for name in _FIELDS}


def stack_of(record: Mapping[str, Any]) -> Stack:
    """Restore the stack that :func:`record_of` made *record* of; what was under way has failed.

    Raises:
        ValueError: the record is none of a stack.
    """
    record = {"parents": (), **record}  # which stacks had not until now
    try:
        stack = Stack(**{name: msgspec.convert(record[name], kind) for name, kind in _FIELDS.items()})
    except (KeyError, msgspec.ValidationError) as error:
        raise ValueError(f"no record of a stack: {error}") from None
    if stack.is_busy:
        stack.tell(f"{stack.status.partition('_')[0]}_FAILED", "The emulator was stopped.")
    return stack
