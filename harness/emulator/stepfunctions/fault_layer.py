"""Faults by state: they strike between an execution and whoever carries out its tasks."""

from __future__ import annotations

from harness.emulator.faults import Faults
from harness.emulator.stepfunctions.layers import Intercepted
from harness.emulator.stepfunctions.run import Run
from harness.states_language.effects import CallResource, Failure

_TIMEOUT = "States.Timeout"


class FaultLayer:
    """Has each attempt at a task ask once for the fault applied to it.

    Args:
        faults: those in force.
    """

    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    def __call__(self, run: Run, effect: CallResource) -> Intercepted | None:
        """Return the fault applied to *effect*, None where there is none."""
        machine = run.kept.machine.split(":")[6]
        strike = self._faults.strike("state", f"{machine}/{effect.state}", effect.state)
        if strike is None:
            return None
        reply = None
        if strike.error:
            kind = "timed_out" if strike.error == _TIMEOUT else "failed"
            reply = Failure(strike.error, strike.message, kind)
        return Intercepted(reply, latency=strike.latency)
