"""What starts the process of an execution environment: one class for each kind of runtime."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from harness.emulator.lambda_ import opt_folder
from harness.emulator.lambda_.invocation import FunctionVersion
from harness.emulator.lambda_.template import CopiedProcess, RuntimeTemplate

OF_PYTHON = {"LANG": "en_US.UTF-8", "PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1", "TZ": ":UTC"}
"""Variables that Python reads when it starts."""
_MOUNTING = Path(opt_folder.__file__)
_PACKAGES = "/var/lang/lib/{runtime}/site-packages"

Process = subprocess.Popen[bytes] | CopiedProcess


@dataclass(frozen=True)
class Mount:
    """What a process is to see at ``/opt``.

    Attributes:
        layers: folder of all layers.
        scratch: folder for what is mounted upon.
    """

    layers: Path
    scratch: Path

    def behind(self, path: Path) -> Path:
        """Where on this machine lies what the process sees at *path*."""
        return self.layers / path.relative_to(opt_folder.OPT)

    def command(self, command: list[str]) -> list[str]:
        """Return a command that runs *command* with the layers at ``/opt``."""
        return [sys.executable, "-I", "-S", str(_MOUNTING), str(self.layers), str(self.scratch), *command]


@dataclass(frozen=True)
class Beginning:
    """How the process of an environment begins.

    Attributes:
        folder: what stands in for ``/var/task``, where it starts.
        environment: all variables that it sees.
        descriptor: file descriptor that its output goes to, and that it inherits.
        mount: what it is to see at ``/opt``; None: this machine's.
    """

    folder: Path
    environment: Mapping[str, str]
    descriptor: int
    mount: Mount | None

    def run(self, command: list[str]) -> subprocess.Popen[bytes]:
        """Start a program, with its arguments, in a process group of its own."""
        return subprocess.Popen(
            command if self.mount is None else self.mount.command(command),
            cwd=self.folder,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=self.descriptor,
            stderr=self.descriptor,
            pass_fds=(self.descriptor,),
            start_new_session=True,
        )


class Runtime(Protocol):
    """Starts processes that ask the Runtime API for events."""

    @property
    def folder(self) -> Path | None:
        """The folder that stands for the runtime's own; None where it has its own file system."""

    @property
    def limits_data(self) -> bool:
        """Whether what a process allocates is near what it uses; V8 reserves as it likes."""

    def folder_on_aws(self, function: FunctionVersion) -> str:
        """Return what stack traces call that folder."""

    def variables(self, function: FunctionVersion, task_root: Path, layers_root: Path | None) -> dict[str, str]:
        """Return the environment variables of this kind of runtime.

        Args:
            function: that runs.
            task_root: what stands in for ``/var/task``.
            layers_root: what stands in for ``/opt``; None where it has no layers.
        """

    def start(self, function: FunctionVersion, beginning: Beginning) -> Process:
        """Start a process that runs the function's handler.

        Raises:
            OSError: it cannot be started.
        """

    def end(self, process: Process) -> None:
        """End what :func:`os.killpg` on the process does not reach."""


class PythonRuntime:
    """Python, under AWS's own awslambdaric.

    Args:
        template: of what processes are copies where they can be.
    """

    limits_data = True

    def __init__(self, template: RuntimeTemplate) -> None:
        self._template = template
        self.folder: Path | None = template.runtime_folder

    def folder_on_aws(self, function: FunctionVersion) -> str:
        """Return the folder of AWS's own packages."""
        return _PACKAGES.format(runtime=function.runtime)

    def variables(self, function: FunctionVersion, task_root: Path, layers_root: Path | None) -> dict[str, str]:
        """Return AWS's variables of a Python runtime, with the folders of modules.

        Args:
            function: that runs.
            task_root: what stands in for ``/var/task``.
            layers_root: what stands in for ``/opt``; None where it has no layers.
        """
        paths = [*self._roots(function, task_root, layers_root), self._template.runtime_folder]
        return {**OF_PYTHON, "PYTHONPATH": os.pathsep.join(map(str, paths))}

    def start(self, function: FunctionVersion, beginning: Beginning) -> Process:
        """Start awslambdaric, as a copy of the template's process where that can be."""
        environment, mount = beginning.environment, beginning.mount
        if "LD_LIBRARY_PATH" not in environment:  # which the system reads when a process begins
            first, *others = (Path(path) for path in environment["PYTHONPATH"].split(os.pathsep)[:-1])
            roots = [first, *(others if mount is None else map(mount.behind, others))]
            own = dict(function.variables)
            places = None if mount is None else (str(mount.layers), str(mount.scratch))
            copied = self._template.start(function.handler, roots, own, environment, beginning.descriptor, places)
            if copied is not None:
                return copied
        # -S leaves this machine's site-packages out: the handler sees what AWS's runtime brings, no more.
        command = [self._template.program, "-S", "-s", "-m", "awslambdaric", function.handler]
        return beginning.run(command)

    def end(self, process: Process) -> None:
        """Leave it: its process group is all there is."""
        pass

    @staticmethod
    def _roots(function: FunctionVersion, task_root: Path, layers_root: Path | None) -> list[Path]:
        """Folders of modules that a function brings, in AWS's order.

        https://docs.aws.amazon.com/lambda/latest/dg/python-layers.html
        """
        if layers_root is None:
            return [task_root]
        python = layers_root / "python"
        return [task_root, python / "lib" / function.runtime / "site-packages", python]
