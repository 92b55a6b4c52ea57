"""The docs' pictures are of the pages as they are."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.browser


def test_the_docs_pictures_are_of_these_pages(root):
    """Where it fails: python docs/pictures.py, and look at what changed."""
    done = subprocess.run(
        [sys.executable, "docs/pictures.py", "--check"], cwd=root, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_a_page_that_changed_is_found(root, monkeypatch):
    monkeypatch.syspath_prepend(root / "docs")
    import pictures

    monkeypatch.setitem(pictures.SOURCES, "dashboard", ("harness/dashboard/templates/page.html",))
    assert "dashboard" in pictures.outdated()
    monkeypatch.setattr(pictures, "__version__", "0.0.0")
    assert pictures.outdated() == sorted(pictures.SOURCES)
