"""Blue/green updates of endpoints: traffic shifted step by step, and back when an alarm goes off.

https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-blue-green.html
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from harness.emulator.door.members import Members, number, structure, structures, text
from harness.emulator.sagemaker.names import refusal

_LOOK = 0.2


class RolledBackError(RuntimeError):
    """An alarm went off; the message is the endpoint's failure reason."""


@dataclass(frozen=True)
class Deployment:
    """A DeploymentConfig."""

    shares: tuple[float, ...]
    """Of the traffic that the new fleet gets, step by step; the last is 1."""
    wait: float
    """Seconds behind each step in which the alarms are watched."""
    termination: float
    """Seconds that the old fleet stays then."""
    alarms: tuple[str, ...]

    @classmethod
    def read(cls, given: Members, instances: int) -> Deployment | None:
        """From UpdateEndpoint's request, for a fleet of *instances*; None where there is none.

        Raises:
            AwsError: it is not emulated, or cannot be.
        """
        if not given:
            return None
        if given.get("RollingUpdatePolicy"):
            raise refusal("not emulated: rolling updates. Use a BlueGreenUpdatePolicy.")
        policy = structure(given, "BlueGreenUpdatePolicy")
        routing = structure(policy, "TrafficRoutingConfiguration")
        alarms = structures(structure(given, "AutoRollbackConfiguration"), "Alarms")
        return cls(
            tuple(_shares(routing, instances)),
            number(routing, "WaitIntervalInSeconds", 0),
            number(policy, "TerminationWaitInSeconds", 0),
            tuple(text(alarm, "AlarmName") for alarm in alarms if alarm.get("AlarmName")),
        )

    def carry_out(
        self,
        shift: Callable[[float], None],
        in_alarm: Callable[[tuple[str, ...]], list[str]],
        goes_on: Callable[[], bool],
    ) -> None:
        """Shift the traffic.

        Args:
            shift: gives the new fleet a share of it.
            in_alarm: those of some alarms that are in state ALARM.
            goes_on: whether the endpoint is still there.

        Raises:
            RolledBackError: an alarm went off.
        """
        for share in self.shares:
            shift(share)
            self._watch(self.wait, in_alarm, goes_on)
        self._watch(self.termination, in_alarm, goes_on)

    def _watch(
        self, seconds: float, in_alarm: Callable[[tuple[str, ...]], list[str]], goes_on: Callable[[], bool]
    ) -> None:
        until = time.monotonic() + seconds
        while True:
            gone_off = in_alarm(self.alarms) if self.alarms else []
            if gone_off:
                raise RolledBackError(
                    f"The update was rolled back: the alarms {', '.join(gone_off)} are in state ALARM."
                )
            left = until - time.monotonic()
            if left <= 0:
                return
            if not goes_on():
                raise RuntimeError("the endpoint was deleted while it was updated")
            time.sleep(min(left, _LOOK))


def _shares(routing: Members, instances: int) -> Iterator[float]:
    kind = routing.get("Type")
    if kind == "CANARY":
        yield _size(routing, "CanarySize", instances)
    elif kind == "LINEAR":
        step = _size(routing, "LinearStepSize", instances)
        for steps in range(1, math.ceil(1 / step)):
            yield steps * step
    yield 1.0


def _size(routing: Members, name: str, instances: int) -> float:
    given = structure(routing, name)
    if not given:
        raise refusal(f"{name} is required for traffic routing of type {routing.get('Type')}.")
    share = number(given, "Value") / (instances if given["Type"] == "INSTANCE_COUNT" else 100)
    if not 0 < share <= 0.5:
        raise refusal(f"{name} must be at most 50% of the fleet of {instances} instances.")
    return share
