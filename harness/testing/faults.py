"""Faults on demand, from a test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from harness.testing.control import ControlApi


@dataclass(frozen=True)
class FaultControl:
    """Puts faults in force, for as long as the test runs."""

    control: ControlApi
    named: Callable[[str], str] | None = None
    """The name of a function, an endpoint or a bucket by its logical id, where there is a stack."""

    def add(self, **fault: Any) -> int:
        """Put a fault in force; returns its number.

        Args:
            fault: ``function=``, ``endpoint=``, ``bucket=`` or ``state=`` with a name, ``*`` for all; what it does:
                ``error=`` (``message=``, ``status=``), ``latency=``, ``truncate=``, ``kill=True``; when: ``times=``,
                ``fraction=``, ``seed=``; ``prefix=`` of keys in a bucket.

        Raises:
            ValueError: naming the member that makes no sense.
        """
        if self.named is not None:
            fault |= {key: self.named(fault[key]) for key in ("function", "endpoint", "bucket") if key in fault}
        return int(self.control.post("faults", fault)["id"])

    def remove(self, number: int) -> None:
        """End one fault.

        Raises:
            ValueError: there is no such fault.
        """
        self.control.delete(f"faults/{number}")

    def clear(self) -> None:
        """End all faults, and forget the log."""
        self.control.delete("faults")

    def log(self) -> list[dict[str, Any]]:
        """Each strike: ``at``, ``fault``, what was struck and how."""
        return list(self.control.get("faults")["log"])
