"""Plain English and docstrings: what a check can hold."""

import ast
import re
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
AVOIDED = {
    r"\bwhat takes long\b": "slow tests",
    r"\bfits? (?:the )?\w+ out from outside\b": "patches",
    r"\bbefalls?\b": "the fault applied to",
    r"\bwhose credentials these are\b": "the session for an access key",
    r"\bno call can slip\b": "say what is covered",
    r"\butilize\b": "use",
    r"\bleverage\b": "use",
}
"""Words that were hard to read or are no longer true, and what to write instead."""
LONGEST_SUBJECT = 72
SINCE = "a06e0d2"
"""Commits after this one are held to the length."""


def texts():
    for pattern in ("*.md", "docs/*.md", "harness/**/*.py", "lambdas/**/*.py"):
        yield from (path for path in ROOT.glob(pattern) if path.name != "CHANGELOG.md")


def test_no_word_that_was_put_into_plain_english_comes_back():
    found = [
        f"{path.relative_to(ROOT)}: {match[0]!r}, write {better!r}"
        for path in texts()
        for word, better in AVOIDED.items()
        if (match := re.search(word, path.read_text(encoding="utf-8"), re.IGNORECASE))
    ]
    assert found == []


@lru_cache(maxsize=1)
def functions():
    return [
        (path, node)
        for path in sorted((ROOT / "harness").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_")
    ]


def parameters(node):
    every = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
    return [each.arg for each in every if each.arg not in ("self", "cls")]


def test_functions_of_three_or_more_parameters_name_them():
    lacking = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path, node in functions()
        if len(parameters(node)) >= 3
        and (text := ast.get_docstring(node)) is not None
        and "Args:" not in text
        and not any("click" in ast.unparse(decorator) for decorator in node.decorator_list)
    ]
    assert lacking == []


def test_args_name_parameters_that_are_there():
    wrong = []
    for path, node in functions():
        text = ast.get_docstring(node) or ""
        if "Args:" not in text:
            continue
        section = re.split(r"\n\n(?=\S)|\n(?:Returns|Raises|Yields):", text.partition("Args:")[2])[0]
        named = re.findall(r"^    (\*{0,2}\w+):", section, re.MULTILINE)
        there = {*parameters(node), *(each.arg for each in (node.args.vararg, node.args.kwarg) if each)}
        wrong += [f"{path.relative_to(ROOT)}:{node.lineno} {name}" for name in named if name.lstrip("*") not in there]
    assert wrong == []


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_commit_subjects_are_short():
    listed = subprocess.run(
        ["git", "log", "--format=%s", f"{SINCE}..HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("this is no clone with that commit")
    long = [subject for subject in listed.stdout.splitlines() if len(subject) >= LONGEST_SUBJECT]
    assert long == []
