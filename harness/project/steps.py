"""How what is done is told."""

from __future__ import annotations

from collections.abc import Callable

Step = Callable[[str], None]
"""Told what was done, a line a thing: ``created bucket images``."""
