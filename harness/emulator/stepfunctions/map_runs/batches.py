"""Puts items together as the inputs of child executions, as ItemBatcher says.

https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itembatcher.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from harness.emulator.stepfunctions.integrations.values import as_text

MOST_BYTES = 262_144
"""Of a child execution's input."""


class BatchError(Exception):
    """An item does not fit into any batch."""


def in_batches(
    items: Iterable[Any], most_items: int | None, most_bytes: int | None, batch_input: Any = None
) -> Iterator[tuple[str, int]]:
    """Yield the inputs of child executions, each with how many items it holds.

    Args:
        items: JSON values.
        most_items: ``MaxItemsPerBatch``; None: as many as fit.
        most_bytes: ``MaxInputBytesPerBatch``; None: as many as an input may have.
        batch_input: ``BatchInput``, in each of them; None: none.

    Raises:
        BatchError: an item alone is larger than a batch may be.
    """
    frame = {"BatchInput": batch_input} if batch_input is not None else {}
    empty = len(as_text({**frame, "Items": []}).encode())
    limit = min(most_bytes or MOST_BYTES, MOST_BYTES)
    batch: list[str] = []
    size = empty
    for item in items:
        text = as_text(item)
        added = len(text.encode()) + bool(batch)
        if batch and (size + added > limit or (most_items and len(batch) >= most_items)):
            yield _input(frame, batch), len(batch)
            batch, size, added = [], empty, len(text.encode())
        if size + added > limit:
            raise BatchError(f"An item of {len(text.encode())} bytes is larger than a batch may be ({limit} bytes)")
        batch.append(text)
        size += added
    if batch:
        yield _input(frame, batch), len(batch)


def _input(frame: dict[str, Any], batch: list[str]) -> str:
    start = as_text(frame)[:-1] + ("," if frame else "")
    return f'{start}"Items":[{",".join(batch)}]}}'
