"""What is installed, what is missing, and what to do about it."""

from __future__ import annotations

import importlib.util
import os
import re
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, packages_distributions, requires, version
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.commands.options import read_settings
from harness.version import __version__

if TYPE_CHECKING:
    from harness.emulator.moto.patches import Patch

_PACKAGE = "aws-ml-harness"
_SHOWN = ("boto3", "botocore", "moto", "awslambdaric", "numpy")
_EXTRAS = {
    "reports": "plots, reports and frames of harness demo, dataset, capture, monitor, evaluate",
    "compose": "the compose target",
    "sagemaker": "SageMaker's Python SDK",
    "sagemaker-frameworks": "scripts for scikit-learn's and XGBoost's containers, without Docker",
    "serve": "models that are served fast",
    "train": "training by the recipes aws and fast",
    "notebook": "harness run NOTEBOOK.ipynb",
    "captures": "SQL over Data Capture files",
    "plan": "harness plan",
}


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        what: was looked at.
        told: what was found.
        remedy: what to do about it; empty where nothing need be done.
        fails: whether the harness does not work like this.
    """

    what: str
    told: str
    remedy: str = ""
    fails: bool = False


@click.command()
@click.option("--patches", is_flag=True, help="Also list each attribute of moto that the emulator replaces, and why.")
def doctor(patches: bool) -> None:
    """Say what is installed, what is missing, and what to do about it; exit with 1 where something does not work."""
    findings = [*_python(), *_packages(), *_extras(), *_port(), *_docker(), *_moto()]
    for finding in findings:
        mark = "FAILS" if finding.fails else "  !  " if finding.remedy else "  ok "
        click.echo(f"{mark} {finding.what}: {finding.told}")
        if finding.remedy:
            click.echo(f"        {finding.remedy}")
    if patches:
        for patch in _patches():
            click.echo(f"      {patch.module}.{patch.attribute}: {patch.reason} ({patch.issue})")
    if any(finding.fails for finding in findings):
        raise SystemExit(1)


def _python() -> Iterator[Finding]:
    here = ".".join(map(str, sys.version_info[:3]))
    old = sys.version_info < (3, 11)
    yield Finding("Python", here, "Python 3.11 or later is needed." if old else "", old)
    if sys.platform == "win32":
        yield Finding("system", "Windows", "Functions run on Linux and macOS: use WSL.", fails=True)
    own = Path(__file__).parents[1]
    found = importlib.util.find_spec("harness")
    places = [Path(place).resolve() for place in (found.submodule_search_locations or [])] if found else []
    if own.resolve() not in places:
        remedy = "Another package or folder of this name comes first: rename it, or start from another folder."
        yield Finding("the import name harness", ", ".join(map(str, places)), remedy, fails=True)
    others = sorted(set(packages_distributions().get("harness", ())) - {_PACKAGE})
    if others:
        remedy = f"They overwrite each other's files: pip uninstall {' '.join(others)}; then install {_PACKAGE} again."
        yield Finding("the import name harness", f"also installed by {', '.join(others)}", remedy, fails=True)


def _packages() -> Iterator[Finding]:
    try:
        yield Finding(_PACKAGE, version(_PACKAGE))
    except PackageNotFoundError:
        yield Finding(_PACKAGE, f"{__version__}, not installed", "pip install -e .")
    for name in _SHOWN:
        try:
            yield Finding(name, version(name))
        except PackageNotFoundError:
            yield Finding(name, "missing", f"pip install {name}", fails=True)


def _extras() -> Iterator[Finding]:
    needed: dict[str, list[str]] = {}
    for line in requires(_PACKAGE) or []:
        requirement, _, marker = line.partition(";")
        of = re.search(r"""extra == ["']([^"']+)["']""", marker)
        name = re.match(r"[\w.-]+", requirement)
        if of and name and name[0] != _PACKAGE:
            needed.setdefault(of[1], []).append(name[0])
    for extra, purpose in _EXTRAS.items():
        missing = [name for name in needed.get(extra, []) if not _is_installed(name)]
        told = f"without {', '.join(missing)}: no {purpose}" if missing else purpose
        yield Finding(f"extra [{extra}]", told, f"pip install '{_PACKAGE}[{extra}]'" if missing else "")


def _is_installed(name: str) -> bool:
    try:
        return bool(version(name))
    except PackageNotFoundError:
        return False


def _port() -> Iterator[Finding]:
    from harness.emulator.process.endpoint_file import find_announced

    settings = read_settings()
    port = settings.port
    if port == 0:
        return
    try:
        with socket.create_server((settings.host, port)):
            yield Finding(f"port {port}", "free")
    except OSError as error:
        if find_announced(settings.cache) is not None:
            yield Finding(f"port {port}", "an emulator of this folder runs")
        else:
            yield Finding(f"port {port}", os.strerror(error.errno or 0), "harness up --port 0, or HARNESS_PORT=...")


def _docker() -> Iterator[Finding]:
    if not _is_installed("docker"):
        return
    import docker
    from docker.errors import DockerException

    try:
        client = docker.from_env(timeout=3)
        told = str(client.version().get("Version"))
        client.close()
    except DockerException:
        words = "Only the compose target and images need one: start Docker for those."
        yield Finding("Docker engine", "none answers", words)
    else:
        yield Finding("Docker engine", told)


def _moto() -> Iterator[Finding]:
    from harness.emulator.moto.patches import PatchError, Patches

    try:
        listed = _patches()
        Patches().check(listed)
    except (PatchError, ImportError) as error:
        yield Finding("patches of moto", "do not fit", str(error), fails=True)
    else:
        yield Finding("patches of moto", f"{len(listed)}, all of what they replace is there")


def _patches() -> tuple[Patch, ...]:
    from harness.emulator.access.permissions import Permissions
    from harness.emulator.identity import developer_of
    from harness.emulator.moto.catalogue import all_patches
    from harness.emulator.moto.iam import MotoIam

    account = "123456789012"
    return all_patches(Permissions(MotoIam(account), account, developer_of(account)))
