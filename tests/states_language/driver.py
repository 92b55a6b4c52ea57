"""Drives an execution in plain Python: time jumps to what is waited for, tasks are answered by a function."""

import heapq
from collections.abc import Callable

from harness.states_language.effects import Cancel, Effect, Reply, Wait
from harness.states_language.execution import Execution


def drive(
    execution: Execution, answer: Callable[[Effect], Reply], now: float = 0.0, effects: list[Effect] | None = None
):
    """Run *execution* to its end, as far as *answer* replies; return the time."""
    pending = list(execution.start(now) if effects is None else effects)
    timers: list[tuple[float, int]] = []
    given_up: set[int] = set()
    while pending or timers:
        if pending:
            effect = pending.pop(0)
            if isinstance(effect, Cancel):
                given_up.add(effect.target)
            elif isinstance(effect, Wait):
                heapq.heappush(timers, (effect.until, effect.id))
            elif effect.id not in given_up and (reply := answer(effect)) is not None:
                pending += execution.resolve(effect.id, reply, now)
        else:
            until, number = heapq.heappop(timers)
            if number not in given_up:
                now = max(now, until)
                pending += execution.resolve(number, None, now)
    return now
