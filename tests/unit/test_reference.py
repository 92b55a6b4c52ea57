"""The generated pages of the site, and the description of the emulator's own API."""

import importlib.util
import json
import re
import urllib.error
import urllib.request
from dataclasses import fields

import pytest

from harness.settings import Settings


@pytest.fixture(scope="module")
def reference(root):
    found = importlib.util.spec_from_file_location("reference", root / "docs" / "reference.py")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_commands_settings_and_fixtures_are_all_there(reference):
    commands = reference.commands()
    assert "## harness run" in commands and "--map URL=FILE" in commands and "## harness capture parse" in commands
    settings = reference.settings()
    assert all(f"`HARNESS_{field.name.upper()}`" in settings for field in fields(Settings))
    fixtures = reference.fixtures()
    assert {"stack", "run", "clock", "faults", "mocks", "events"} <= set(re.findall(r"^\| `(\w+)` ", fixtures, re.M))
    assert "`--asl-cov`" in fixtures and "`--target`" in fixtures


def test_links_lead_to_pages_or_name_files(reference, root):
    said = reference.relinked("[a](../ARCHITECTURE.md) [b](../Makefile) [c](captures.md#any-size)", root / "docs")
    assert said == "[a](architecture.md) b (`Makefile`) [c](captures.md#any-size)"


def described(root):
    paths = json.loads((root / "docs" / "control-api.json").read_text())["paths"]
    return [(method.upper(), path) for path, operations in paths.items() for method in operations]


def test_every_call_that_is_described_is_answered(root, target):
    for method, path in described(root):
        if method == "DELETE" and path == "/_harness/faults":
            continue  # it is shared with other tests
        filled = re.sub(r"\{\w+\}", "none", path)
        request = urllib.request.Request(
            target.control_url + filled, method=method, data=b"[]" if method != "GET" else None
        )
        request.add_header("Content-Type", "application/json")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            status, said = 200, opener.open(request, timeout=10).read().decode()
        except urllib.error.HTTPError as error:
            status, said = error.code, error.read().decode()
        assert status in (200, 400) or (status == 404 and "{" in path and f"no {method} " not in said), (method, path)


def test_every_call_that_is_answered_is_described(root):
    source = (root / "harness" / "emulator" / "control.py").read_text()
    answered = set(re.findall(r'case (?:"\w+"(?: \| "\w+")*), \["(\w+)"', source))
    described_heads = {path.split("/")[2] for _, path in described(root)}
    assert answered and answered <= described_heads
