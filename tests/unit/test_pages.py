"""README and docs/: they answer a newcomer's questions, and name only what is there."""

import json
import re
import tomllib
from functools import lru_cache
from pathlib import Path

import click
import pytest
import yaml

from harness.cli import main

ROOT = Path(__file__).parents[2]
PAGES = [
    *sorted(ROOT.glob("docs/*.md")),
    *(ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")),
]
QUESTIONS = {
    "Can I test my SAM project with this?": "can-i-test.md",
    "How do I add an operation?": "add-an-operation.md",
    "Is it safe?": "security.md",
}
ELSEWHERE = {"HARNESS_USER", "HARNESS_PROJECT"}
"""Variables of docker-compose.yml."""


def text_of(name):
    return (ROOT / name).read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def sources():
    return [path.read_text(encoding="utf-8") for path in ROOT.glob("harness/**/*.py")]


def blocks(text, *languages):
    return [found[2] for found in re.finditer(r"^```(\w+)\n(.*?)^```", text, re.M | re.S) if found[1] in languages]


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_newcomers_question_is_answered_by_one_page(question):
    page = QUESTIONS[question]
    assert text_of(f"docs/{page}").startswith(f"# {question}\n")
    assert re.search(rf"^\| {re.escape(question)} \| \[[^]]+\]\(docs/{page}\)", text_of("README.md"), re.M)
    assert f"{question}: {page}\n" in text_of("mkdocs.yml")


def test_the_readme_is_short_and_says_early_what_is_unproved():
    lines = text_of("README.md").splitlines()
    assert len(lines) <= 150
    assert any("has not run on real AWS yet" in line for line in lines[:30])


def test_every_page_is_in_the_navigation():
    navigation = yaml.load(text_of("mkdocs.yml"), yaml.BaseLoader)["nav"]
    named = set(re.findall(r"[\w-]+\.md", json.dumps(navigation)))
    assert {path.name for path in ROOT.glob("docs/*.md")} <= named


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_are_there(page):
    named = re.findall(r"`((?:harness|tests|docs|examples|lambdas|fixtures|compose|\.ci)/[\w./-]+)`", page.read_text())
    assert [name for name in named if not (ROOT / name).exists()] == []


def command_of(words):
    """The command that *words* name, and what is left of them."""
    command, left = main, words
    while left and isinstance(command, click.Group) and left[0] in command.commands:
        command, left = command.commands[left[0]], left[1:]
    return command, left


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_options_that_are_named_are_there(page):
    text = page.read_text(encoding="utf-8")
    lines = [line for block in blocks(text, "sh", "text") for line in block.replace("\\\n", " ").splitlines()]
    called = [line.split("#")[0] for line in lines] + re.findall(r"`([^`\n]+)`", text)
    for line in called:
        for call in re.findall(r"(?:^|[;&(=] ?|\bpython -m )harness ([a-z][^;&|)>]*)", line):
            command, left = command_of(call.split())
            assert command is not main, line
            assert not isinstance(command, click.Group) or not left or left[0].startswith("-") or "|" in line, line
            known = {name for parameter in command.params for name in parameter.opts + parameter.secondary_opts}
            options = {word.partition("=")[0] for word in left if word.startswith("--")} - {"--help"}
            assert isinstance(command, click.Group) or options <= known, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_settings_and_make_targets_that_are_named_are_there(page):
    text = page.read_text(encoding="utf-8")
    settings = text_of("harness/settings.py")
    for name in set(re.findall(r"\bHARNESS_[A-Z_]*[A-Z]\b", text)) - ELSEWHERE:
        field = name.removeprefix("HARNESS_").lower()
        assert f"    {field}: " in settings or any(name in each for each in sources()), name
    targets = set(re.findall(r"^([a-z-]+):", text_of("Makefile"), re.M))
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", text, re.M)) <= targets


def test_examples_of_additions_are_the_code_itself():
    code = [re.sub(r"\s+", "", each) for each in sources()]
    for block in blocks(text_of("docs/add-an-operation.md"), "python"):
        if not block.startswith("def test_"):
            wanted = re.sub(r"\s+", "", re.sub(r"  # .*", "", block))
            assert any(wanted in each for each in code), block


def test_every_extra_is_explained():
    extras = tomllib.loads(text_of("pyproject.toml"))["project"]["optional-dependencies"]
    explained = set(re.findall(r"^\| `([\w-]+)`", text_of("docs/install.md"), re.M))
    assert explained == set(extras)
