"""Where a person looks at what runs on a target."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.targets.target import Target

_PAGE = "/_harness/dashboard/"


def dashboard_of(target: Target) -> str | None:
    """Address of the page that a target's emulator serves; None where it serves none."""
    if target.control_url is None:
        return None
    try:
        with urllib.request.urlopen(target.control_url + _PAGE, timeout=5):
            return target.control_url + _PAGE
    except (urllib.error.URLError, TimeoutError):
        return None
