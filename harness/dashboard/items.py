"""One item of a Map at a time: which there are, how they fared, and the steps of the one that is picked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.dashboard.steps import Step, status_of

MOST_STEPS = 300
"""Steps of an execution up to which all items are shown, unless one is picked."""
ALL = "all"


@dataclass(frozen=True)
class Picker:
    """The items of a Map that ran.

    Attributes:
        step: the Map.
        name: of the form's field: ``item-12`` for the Map that event 12 entered.
        statuses: of its items, in their order.
        picked: number of the one that is shown, from 0; None for all.
    """

    step: Step
    name: str
    statuses: dict[int, str]
    picked: int | None


def picked(steps: list[Step], asked: Mapping[str, str]) -> tuple[list[Step], list[Picker]]:
    """Return the steps to be shown, and a picker for each Map among them that had more than one item.

    Without a choice all are shown while they are few; else the first item that failed, or the first of all.

    Args:
        steps: of an execution.
        asked: by a picker's name the number of an item, or :data:`ALL`.
    """
    pickers: list[Picker] = []
    shown = steps
    for step in steps:
        if step.kind != "Map" or step not in shown:
            continue
        inside: dict[int, list[Step]] = {}
        for other in shown:
            if other.parent is step and other.iteration is not None:
                inside.setdefault(other.iteration, []).append(other)
        if len(inside) < 2:
            continue
        statuses = {number: status_of(those) for number, those in sorted(inside.items())}
        name = f"item-{step.number}"
        number = _number(asked.get(name, ""), statuses, len(shown) > MOST_STEPS)
        pickers.append(Picker(step, name, statuses, number))
        if number is not None:
            shown = [other for other in shown if _item_of(other, step) in (None, number)]
    return shown, pickers


def _number(asked: str, statuses: Mapping[int, str], many: bool) -> int | None:
    if asked.isdecimal() and int(asked) in statuses:
        return int(asked)
    if asked == ALL or not many:
        return None
    return next((number for number, status in statuses.items() if status == "FAILED"), min(statuses))


def _item_of(step: Step, around: Step) -> int | None:
    """Which item of the Map *around* a step belongs to; None where it is not inside of it."""
    while step.parent is not None:
        if step.parent is around:
            return step.iteration
        step = step.parent
    return None
