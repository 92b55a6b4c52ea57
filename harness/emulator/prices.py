"""The Price List API: the emulator has no prices."""

from __future__ import annotations

from harness.emulator.services import Stateless


class NoPrices(Stateless):
    """The service ``pricing``: each of its operations is not emulated, and says so."""

    name = "pricing"
