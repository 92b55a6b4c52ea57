"""Targets: the places where AWS answers."""

from __future__ import annotations

from contextlib import AbstractContextManager

from harness.settings import Settings
from harness.targets.target import Target


def open_target(settings: Settings) -> AbstractContextManager[Target]:
    """The target that *settings* names, as a context manager.

    Raises:
        ValueError: there is no such target.
    """
    if settings.target == "embedded":
        from harness.targets.embedded import embedded

        return embedded(settings)
    raise ValueError(f"no such target: {settings.target!r}; this version has: embedded")
