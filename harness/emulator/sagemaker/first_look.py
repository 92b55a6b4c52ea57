"""What comes up fast is seen on its way by who looks late, as on AWS, where it takes minutes.

The SageMaker SDK's ``fit()`` looks for the first time after 5 seconds, ``deploy()`` after 30, and each prints what it
sees: without this, the end of a short job before its log, and no dash before the exclamation mark.
"""

from __future__ import annotations

import time
from collections.abc import Callable

_WITHIN = 30.0


class FirstLooks:
    """Knows what nobody has looked at yet.

    Args:
        late: seconds behind the start from which on a look is late.
        wanted: whether late looks are to find things on their way.
        clock: seconds, as :func:`time.monotonic` tells them.
    """

    def __init__(self, late: float, wanted: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._late = late
        self._wanted = wanted
        self._clock = clock
        self._begun: dict[tuple[str, str], tuple[float, str]] = {}

    def begin(self, name: str, region: str, status: str) -> None:
        """Something comes up from now on.

        Args:
            name: of it.
            region: its region.
            status: that it has until it is up.
        """
        self._begun[region, name] = (self._clock(), status)

    def status_for(self, name: str, region: str) -> str | None:
        """Return the status that a first, late look finds; None for any other look, which finds what there is."""
        began, status = self._begun.pop((region, name), (0.0, ""))
        waited = self._clock() - began
        return status if status and self._wanted and self._late <= waited <= self._late + _WITHIN else None
