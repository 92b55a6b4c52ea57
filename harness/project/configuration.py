"""What a project says of itself: ``[tool.harness]`` in ``pyproject.toml``, ``samconfig.toml``, its files' names.

https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-cli-config.html
"""

from __future__ import annotations

import os
import re
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.project.template import TemplateError

CDK_OUT = "cdk.out"
_BUILT = Path(".aws-sam", "build", "template.yaml")
_TEMPLATES = ("template.yaml", "template.yml", "template.json")


@dataclass(frozen=True)
class Configuration:
    """A project, as far as it says so itself.

    Attributes:
        template: a template, or a folder that ``cdk synth`` has written.
        stack: name of the stack.
        parameters: of the template.
        tags: of the stack.
        allow_unsupported: whether types that are not emulated are left out.
        is_terraform: whether *template* is a root module of Terraform.
    """

    template: Path
    stack: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    allow_unsupported: bool = False
    is_terraform: bool = False

    @property
    def is_cdk(self) -> bool:
        """Whether it is an application of the CDK, synthesized."""
        return self.template.is_dir() and not self.is_terraform


def read_configuration(
    folder: Path,
    template: Path | None = None,
    stack: str | None = None,
    parameters: Mapping[str, str] | None = None,
    allow_unsupported: bool = False,
) -> Configuration:
    """Read how the project in *folder* is deployed; what is given here counts more than what its files say.

    Args:
        folder: with ``pyproject.toml``, ``samconfig.toml``, ``template.yaml`` or ``cdk.out``, whichever there are.
        template: a template or a ``cdk.out``, relative to *folder*; None: as the files say, or found by its usual name.
        stack: the stack's name; None: as the files say, or the folder's name.
        parameters: values of the template's parameters, by name.
        allow_unsupported: leave out resources that are not emulated, and say so, where they would refuse the template.

    Raises:
        TemplateError: there is no template, or a file cannot be read.
    """
    require_readable(folder)
    ours = _table(folder / "pyproject.toml").get("tool", {}).get("harness", {})
    if module := not template and ours.get("terraform"):
        values = {**_texts(ours.get("parameters", {})), **(parameters or {})}
        path = (folder / str(module)).resolve()
        if not list(path.glob("*.tf")):
            raise TemplateError(f"there is no *.tf in {path}")
        return Configuration(path, stack or folder.resolve().name, values, is_terraform=True)
    sam = _sam(folder / "samconfig.toml")
    named = template or ours.get("template") or sam.get("template_file") or sam.get("template")
    path = _find(folder) if named is None else folder / named
    if path.is_dir() and not (path / "manifest.json").is_file():
        path = _find(path)
    if not path.exists():
        raise TemplateError(f"there is no {path}")
    values = {
        **_overrides(sam.get("parameter_overrides", ())),
        **_texts(ours.get("parameters", {})),
        **(parameters or {}),
    }
    tags = {**_overrides(sam.get("tags", ())), **_texts(ours.get("tags", {}))}
    name = stack or ours.get("stack") or sam.get("stack_name") or _stack_name(folder)
    skip = allow_unsupported or ours.get("allow_unsupported") is True
    return Configuration(path, str(name), values, tags, skip)


def require_readable(folder: Path) -> None:
    """Refuse a project whose files this user may not read, as those of another user's container.

    Raises:
        TemplateError: naming what cannot be read, and what helps.
    """
    for path in (folder, *(folder / name for name in _TEMPLATES)):
        if not os.access(path, os.R_OK) and (path == folder or path.exists()):
            raise TemplateError(
                f"{path} cannot be read by user {os.getuid()}, perhaps for a clone made with umask 077: "
                "`chmod -R go+rX` the project, or start Compose with HARNESS_USER=$(id -u):$(id -g)"
            )


def parameters_of(pairs: tuple[str, ...]) -> dict[str, str]:
    """Values of ``--parameter K=V``.

    Raises:
        TemplateError: one is none.
    """
    for pair in pairs:
        if "=" not in pair:
            raise TemplateError(f"--parameter {pair}: expected Name=Value")
    return dict(pair.split("=", 1) for pair in pairs)


def _find(folder: Path) -> Path:
    for name in (_BUILT, *_TEMPLATES):
        if (folder / name).is_file():
            return folder / name
    if (folder / CDK_OUT / "manifest.json").is_file():
        return folder / CDK_OUT
    raise TemplateError(
        f"there is no template in {folder}: neither {', '.join(_TEMPLATES)} nor {CDK_OUT}. Name one, or begin with "
        "`harness init`."
    )


def _table(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TemplateError(f"{path}: {error}") from None


def _sam(path: Path) -> dict[str, Any]:
    """Read the parameters of ``sam deploy`` in the environment ``default``."""
    default = _table(path).get("default", {})
    found: dict[str, Any] = {}
    for command in ("global", "deploy"):
        found |= default.get(command, {}).get("parameters", {})
    return found


def _overrides(given: Any) -> dict[str, str]:
    """``Name=Value`` pairs, in one text or a list."""
    if isinstance(given, Mapping):
        return _texts(given)
    words = shlex.split(given) if isinstance(given, str) else [str(item) for item in given]
    return dict(word.split("=", 1) for word in words if "=" in word)


def _texts(given: Mapping[str, Any]) -> dict[str, str]:
    def text(value: Any) -> str:
        if isinstance(value, list):
            return ",".join(map(text, value))
        return str(value).lower() if isinstance(value, bool) else str(value)

    return {key: text(value) for key, value in given.items()}


def _stack_name(folder: Path) -> str:
    """Make a stack's name out of a folder's."""
    name = re.sub(r"[^A-Za-z0-9-]+", "-", folder.resolve().name).strip("-")
    return name if name[:1].isalpha() else f"stack-{name}".strip("-")
