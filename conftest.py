"""Fixtures of the project's own tests; ``target`` and ``control`` come from harness.testing's plugin."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent
REAL_DATA = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the project's folder."""
    return ROOT


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Real inputs and what AWS made of them; they are not part of the project, so a clone alone has none."""
    if not REAL_DATA.is_dir():
        pytest.skip(f"the real data is not beside the project, at {REAL_DATA}")
    return REAL_DATA
