"""What this machine provides to functions: Pythons that the user names, and folders that stand for layers.

https://docs.aws.amazon.com/lambda/latest/dg/chapter-layers.html
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.settings import Settings

_OF_LAYERS = ("python", "nodejs", "java", "ruby", "bin", "lib")
"""Folders at the top of a layer that Lambda's runtimes look into."""


@dataclass(frozen=True)
class Provided:
    """What the user has named.

    Attributes:
        pythons: programs, by runtime: ``python3.12``.
        layers: folders, by a layer's name or ARN, with or without its version.
        takes_ended: whether functions may be made of runtimes that AWS no longer makes functions of.
        refuses_pending: whether a new function is not invoked before somebody has waited for it.
    """

    pythons: Mapping[str, str] = field(default_factory=dict)
    layers: Mapping[str, Path] = field(default_factory=dict)
    takes_ended: bool = False
    refuses_pending: bool = False

    def layer(self, arn: str) -> Path | None:
        """Return the folder that stands for a layer's version; None where the user named none."""
        unversioned = arn.rpartition(":")[0]
        for name in (arn, unversioned, unversioned.rpartition(":")[2]):
            if name in self.layers:
                return self.layers[name]
        return None


def provided(settings: Settings, layers: Iterable[str] = ()) -> Provided:
    """Read what the user has named.

    Args:
        settings: names Pythons, and layers that functions of every run have.
        layers: ``ARN=FOLDER`` or ``ARN=REQUIREMENT``; a requirement is installed by pip, once, into the cache.

    Raises:
        ValueError: it is neither, or pip cannot install it.
    """
    given = [text.strip() for text in settings.layers.split(";") if text.strip()] + list(layers)
    found = dict(_read(text, settings.cache / "layers") for text in given)
    return Provided(settings.pythons, found, settings.ended_runtimes == "take", settings.pending == "refuse")


def _read(text: str, cache: Path) -> tuple[str, Path]:
    name, sign, place = text.partition("=")
    if not sign or not name or not place:
        raise ValueError(f"layer {text!r}: expected ARN=FOLDER, or ARN=REQUIREMENT of a package on PyPI")
    folder = Path(place).expanduser()
    if folder.is_dir():
        return name, folder.resolve()
    if "/" in place or place.startswith("."):
        raise ValueError(f"layer {name}: there is no folder {place}")
    return name, _installed(place, name, cache)


def _installed(requirement: str, name: str, cache: Path) -> Path:
    version = _python_of(name)
    digest = hashlib.sha256(f"{requirement}\n{version}".encode()).hexdigest()[:16]
    folder = cache / digest
    if not folder.is_dir():
        unfinished = cache / f"{digest}.unfinished"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(unfinished / "python")]
        if version is not None:
            command += ["--python-version", version, "--only-binary", ":all:"]
        done = subprocess.run([*command, requirement], capture_output=True, text=True, check=False)
        if done.returncode:
            raise ValueError(f"layer {name}: pip could not install {requirement}: {done.stderr.strip()[-500:]}")
        unfinished.rename(folder)
    return folder.resolve()


def _python_of(name: str) -> str | None:
    """Return the version of Python that a public layer's name tells: ``AWSSDKPandas-Python311`` is for 3.11."""
    match = re.search(r"[Pp]ython3(\d{1,2})(?!\d)", name)
    return f"3.{match[1]}" if match else None


def is_root(folder: Path) -> bool:
    """Whether *folder* is a layer as it is published, rather than the packages that belong in its ``python``."""
    return any((folder / name).is_dir() for name in _OF_LAYERS)
