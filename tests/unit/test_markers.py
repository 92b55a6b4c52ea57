"""Markers are pytest's own: any expression of ``-m`` takes the tests that it names."""

import subprocess
import sys

import pytest

MODULE = """
import pytest

@pytest.mark.workflow
def test_quick():
    pass

@pytest.mark.workflow
@pytest.mark.slow
def test_slow():
    pass

@pytest.mark.local
def test_here():
    pass
"""


def collected(folder, expression, *arguments):
    command = [sys.executable, "-m", "pytest", "-q", "--collect-only", "-p", "no:cacheprovider", "-m", expression]
    done = subprocess.run([*command, *arguments], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED), done.stdout + done.stderr
    return {line for line in done.stdout.splitlines() if "::" in line}


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("local and not slow", {"test_quick", "test_here"}),
        ("aws", {"test_quick", "test_slow"}),
        ("(aws) and not slow", {"test_quick"}),
        ("not local", set()),
    ],
)
def test_a_projects_workflow_runs_where_the_expression_says(tmp_path, expression, found):
    (tmp_path / "test_workflow.py").write_text(MODULE)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    slow: takes long\n")
    assert {test.partition("::")[2] for test in collected(tmp_path, expression)} == found


OF_TIERS = {
    "tests/unit/test_schedule_expressions.py": "local",
    "tests/emulator/test_history_length.py": "slow",
    "tests/browser/test_foreign_pages.py": "browser",
}


@pytest.mark.parametrize(
    ("expression", "tiers"),
    [("local and not slow", {"local"}), ("local or slow", {"local", "slow"}), ("not slow", {"local", "browser"})],
)
def test_the_tiers_of_this_suite(root, expression, tiers):
    found = collected(root, expression, *OF_TIERS)
    assert {OF_TIERS[test.partition("::")[0]] for test in found} == tiers
