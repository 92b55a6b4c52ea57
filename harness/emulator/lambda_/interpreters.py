"""Which program on this machine runs which runtime.

A function with ``python3.12`` runs on Python 3.12, where there is one: the one that ``HARNESS_PYTHON_3_12`` names, the
one that runs the emulator, ``python3.12`` on ``PATH``, pyenv's or uv's.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

OLDEST = (3, 10)
"""What awslambdaric and boto3 still run on."""
_PATIENCE = 20.0


@dataclass(frozen=True)
class Interpreter:
    """A program that runs functions.

    Attributes:
        program: its path.
        runtime: what Lambda calls its version.
    """

    program: str
    runtime: str

    @property
    def is_own(self) -> bool:
        """Whether it is the one that runs the emulator."""
        return self.program == sys.executable


OWN = Interpreter(sys.executable, f"python{sys.version_info.major}.{sys.version_info.minor}")
"""The Python that runs the emulator."""


class Interpreters:
    """Finds interpreters, each once.

    Args:
        named: programs that the user has named, by runtime.
    """

    def __init__(self, named: Mapping[str, str]) -> None:
        self._named = named
        self._found: dict[str, Interpreter] = {}
        self._lock = threading.Lock()

    def python(self, runtime: str) -> Interpreter:
        """Return the Python that runs functions of *runtime*: one of that version, else the emulator's own.

        Raises:
            ValueError: the program that the user has named is not of that version.
        """
        with self._lock:
            if runtime not in self._found:
                self._found[runtime] = self._find(runtime)
            return self._found[runtime]

    def remark(self, runtime: str) -> str | None:
        """Return what is to be said of a function of *runtime*; None where it runs as on AWS."""
        if not runtime.startswith("python"):
            return None
        try:
            found = self.python(runtime)
        except ValueError as error:
            return str(error)
        if found.runtime == runtime:
            return None
        return (
            f"not emulated: {runtime}. There is no such Python on this machine, so it runs on {found.runtime}, the "
            f"emulator's own: what differs between them shows. Install it, or name it in {variable(runtime)}"
        )

    def _find(self, runtime: str) -> Interpreter:
        named = self._named.get(runtime)
        if named is not None:
            if _version(named) != runtime:
                raise ValueError(f"{variable(runtime)}={named!r} is not {runtime}")
            return Interpreter(named, runtime)
        if runtime == OWN.runtime or _numbers(runtime) < OLDEST:
            return OWN
        return next(
            (Interpreter(program, runtime) for program in _candidates(runtime) if _version(program) == runtime), OWN
        )


def variable(runtime: str) -> str:
    """Return the environment variable that names the program for *runtime*."""
    return "HARNESS_" + runtime.replace("python", "python_").replace(".", "_").upper()


def _numbers(runtime: str) -> tuple[int, ...]:
    numbers = runtime.removeprefix("python").split(".")
    return tuple(int(each) for each in numbers) if all(each.isdigit() for each in numbers) else (0,)


def _candidates(runtime: str) -> Iterator[str]:
    number = runtime.removeprefix("python")
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    pyenv, shims = root / "versions", root / "shims"
    found = shutil.which(runtime)
    if found and Path(found).parent != shims:  # a shim takes its time, only to lead to one of pyenv's, or to none
        yield found
    share = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or share / "uv" / "python")
    for folder, pattern in ((pyenv, f"{number}*"), (uv, f"cpython-{number}.*")):
        for path in sorted(folder.glob(f"{pattern}/bin/{runtime}"), reverse=True):
            yield str(path)


def _version(program: str) -> str | None:
    """Ask *program* which version it is, as Lambda would call it; a shim of pyenv may say nothing."""
    asked = "import sys; print('python%d.%d' % sys.version_info[:2])"
    try:
        said = subprocess.run(
            [program, "-I", "-S", "-c", asked], capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return said.stdout.strip() or None
