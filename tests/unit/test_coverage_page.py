"""docs/coverage.md is of these tables of operations."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_is_what_the_tables_say():
    elsewhere = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    command = [sys.executable, "docs/coverage_page.py"]
    made = subprocess.run(command, cwd=ROOT, env=elsewhere, capture_output=True, text=True, check=True, timeout=60)
    assert made.stdout == (ROOT / "docs" / "coverage.md").read_text(), "run: python docs/coverage_page.py --write"
    assert "|  |" not in made.stdout, "an operation without a test that shows it"
