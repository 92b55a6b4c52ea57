"""Layers between executions and services: faults, a script and mocks may answer a task in the service's place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.states_language.effects import CallResource, Reply

if TYPE_CHECKING:
    from harness.emulator.stepfunctions.run import Run


@dataclass(frozen=True)
class Intercepted:
    """The fault applied to a call.

    Attributes:
        reply: what answers it in the service's place; None leaves it to the service.
        final: what answers the job or the token that is waited for afterwards; None waits for it.
        latency: seconds before anything else happens.
        silent: nothing ever answers.
    """

    reply: Reply = None
    final: Reply = None
    latency: float = 0.0
    silent: bool = False


Layer = Callable[["Run", CallResource], Intercepted | None]
"""Looks at a call before it is made; None lets it pass. Called once for each attempt at a task."""
