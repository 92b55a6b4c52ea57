"""The pages of the site that are generated: commands, fixtures, settings, the emulator's own API, files of the root.

MkDocs calls the hooks at the end (mkdocs.yml); ``make docs`` builds the site.
"""

import inspect
import json
import re
from dataclasses import MISSING, fields
from pathlib import Path

ROOT = Path(__file__).parents[1]
FROM_ROOT = {
    "index.md": "README.md",
    "architecture.md": "ARCHITECTURE.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
    "security-policy.md": "SECURITY.md",
    "states-language.md": "harness/states_language/README.md",
}
"""Pages that are files of other folders."""
LINK = re.compile(r"\[([^\]]*)\]\(([^)#:]+)(#[^)]*)?\)")


def commands() -> str:
    """Every command with its help, as click prints it."""
    import click

    from harness.cli import main

    lines = ["# Commands", "", "Generated from the commands themselves: `harness COMMAND --help` says the same.", ""]

    def add(command: click.Command, context: click.Context) -> None:
        if context.parent is not None:
            lines.extend([f"## {context.command_path}", "", "```text", command.get_help(context).rstrip(), "```", ""])
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                inner = command.get_command(context, name)
                if inner is not None:
                    add(inner, click.Context(inner, info_name=name, parent=context, max_content_width=110))

    add(main, click.Context(main, info_name="harness", max_content_width=110))
    return "\n".join(lines)


def settings() -> str:
    """Every HARNESS_ variable with its default and meaning, from the comments of the fields."""
    from harness import settings as module

    source = inspect.getsource(module.Settings)
    lines = [
        "# Settings",
        "",
        "Variables of the environment; commands' options come before them.",
        "",
    ]
    lines += ["| variable | default | meaning |", "|---|---|---|"]
    for field in fields(module.Settings):
        found = re.search(rf'^    {field.name}: [^\n]*\n    """(.*?)"""', source, re.MULTILINE | re.DOTALL)
        meaning = re.sub(r"\s+", " ", found[1]).replace("``", "`").replace("|", "\\|") if found else ""
        default = "" if field.default is MISSING else field.default
        lines.append(
            f"| `HARNESS_{field.name.upper()}` | `{default}` | {meaning} |"
            if default != ""
            else f"| `HARNESS_{field.name.upper()}` | | {meaning} |"
        )
    return "\n".join(lines) + "\n"


def fixtures() -> str:
    """The plugin's fixtures and options, from its own docstrings."""
    import pytest

    from harness.testing import asl_plugin, plugin, project_plugin

    lines = ["# Fixtures and options of pytest", "", "Installed with the package; nothing has to be imported.", ""]
    lines += ["| fixture | scope | gives |", "|---|---|---|"]
    for module in (plugin, project_plugin):
        for name, value in vars(module).items():
            definition = getattr(value, "_fixture_function_marker", None)
            if definition is None or name.startswith("_"):
                continue
            meaning = (inspect.getdoc(value._fixture_function) or "").split("\n\n")[0].replace("\n", " ")
            lines.append(f"| `{name}` | {definition.scope} | {meaning.replace('``', '`')} |")
    parser = pytest.Parser(_ispytest=True)
    for module in (plugin, asl_plugin):
        module.pytest_addoption(parser)
    lines += ["", "| option | meaning |", "|---|---|"]
    for group in parser._groups:
        for option in group.options:
            lines.append(f"| `{', '.join(option.names())}` | {option.attrs().get('help', '')} |")
    return "\n".join(lines) + "\n"


def control_api() -> str:
    """The emulator's own API, from its OpenAPI description."""
    described = json.loads((ROOT / "docs" / "control-api.json").read_text())
    lines = ["# The emulator's own API", "", described["info"]["description"], ""]
    lines += ["As [OpenAPI 3.1](control-api.json).", "", "| call | what it does | body |", "|---|---|---|"]
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            body = operation.get("requestBody", {}).get("description", "")
            lines.append(f"| `{method.upper()} {path}` | {operation['summary']} | {body} |")
    return "\n".join(lines) + "\n"


GENERATED = {"commands.md": commands, "settings.md": settings, "fixtures.md": fixtures, "control-api.md": control_api}


def relinked(text: str, folder: Path) -> str:
    """*text* of a file in *folder*, its links leading to the site's pages; other files are named."""
    pages = {(ROOT / source).resolve(): page for page, source in FROM_ROOT.items()}

    def link(found: re.Match[str]) -> str:
        text, path, anchor = found[1], found[2], found[3] or ""
        there = (folder / path).resolve()
        if there in pages:
            return f"[{text}]({pages[there]}{anchor})"
        if there.is_relative_to(ROOT / "docs") and there.exists():
            return f"[{text}]({there.relative_to(ROOT / 'docs').as_posix()}{anchor})"
        if there.exists():
            return f"{text} (`{there.relative_to(ROOT).as_posix()}`)"
        return found[0]  # what leads nowhere is MkDocs' to refuse

    return LINK.sub(link, text)


def on_files(files, config):
    """Add what is generated, and the files of other folders."""
    from mkdocs.structure.files import File

    for name, make in GENERATED.items():
        files.append(File.generated(config, name, content=make()))
    for name, source in FROM_ROOT.items():
        path = ROOT / source
        files.append(File.generated(config, name, content=relinked(path.read_text(encoding="utf-8"), path.parent)))
    return files


def on_page_markdown(markdown, page, **_):
    """Lead links out of docs/ to the site's pages."""
    return markdown if page.file.generated_by else relinked(markdown, ROOT / "docs")
