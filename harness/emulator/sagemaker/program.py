"""A container's program, run: as a process for built-in algorithms and frameworks, else as a Docker container.

Both keep SageMaker's container contract: the program is ``train`` or ``serve``, a folder stands in for ``/opt/ml``.
https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms.html
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from harness.emulator.access.permissions import Permissions
from harness.emulator.access.sessions import RoleSession
from harness.emulator.logs.process_output import ProcessOutput
from harness.emulator.process.surroundings import program_variables
from harness.emulator.sagemaker.frameworks import FrameworkEnvironments, MissingFrameworkError, framework_command
from harness.emulator.sagemaker.images import BUILT_IN, ImageKind, kind_of, repository_of


class ProgramError(RuntimeError):
    """A program cannot be started; the message says why and what would help."""


@dataclass(frozen=True)
class ProgramSpec:
    """What to run."""

    image: str
    arguments: tuple[str, ...]
    """``("train",)`` or ``("serve",)``, or the job's own arguments for a container."""
    root: Path
    """The folder that stands in for ``/opt/ml``."""
    environment: Mapping[str, str]
    """Variables of the container."""
    on_line: Callable[[str], None]
    """Takes each line that the program writes."""
    entrypoint: tuple[str, ...] = ()
    """Replaces the image's own, where given."""
    serves: bool = False
    """Whether it listens for requests."""
    frameworks: FrameworkEnvironments | None = None
    """The environments that stand in for AWS's framework containers."""
    reach: Mapping[str, str] = field(default_factory=dict)
    """Variables by which a process reaches the emulator; a container has another loopback address than this machine."""


@dataclass(frozen=True)
class Programs:
    """How the programs of users are run."""

    permissions: Permissions
    frameworks: FrameworkEnvironments
    variables: Mapping[str, str]
    """Lead boto3 to the emulator."""

    def reach(self, session: RoleSession, region: str) -> dict[str, str]:
        """Return the variables by which a program reaches the emulator, as *session*."""
        acting = self.permissions.credentials(session)
        return {**self.variables, **acting, "AWS_REGION": region, "AWS_DEFAULT_REGION": region}


class RunningProgram(Protocol):
    """A program that was started."""

    @property
    def pid(self) -> int | None:
        """Its process number, None where it is no process of this machine's."""

    def wait(self, timeout: float | None = None) -> int | None:
        """Its exit code once it has ended and all its lines are read; None when it still runs after *timeout* s."""

    def terminate(self) -> None:
        """Ask it to stop (SIGTERM)."""

    def kill(self) -> None:
        """End it."""


def start_program(spec: ProgramSpec, options: Sequence[str] = ()) -> RunningProgram:
    """Start what *spec* names.

    Args:
        spec: the program.
        options: further options for the program of a built-in algorithm.

    Raises:
        ProgramError: no environment has the framework; or it needs a Docker engine and none answers, or that refuses.
    """
    kind = kind_of(spec.image)
    if kind is ImageKind.BUILT_IN:
        command = [sys.executable, "-m", BUILT_IN[repository_of(spec.image)], *spec.arguments, *options]
        return ProcessProgram(spec, (*command, "--root", str(spec.root), "--until-stdin-closes"), {})
    if kind is ImageKind.FRAMEWORK and spec.frameworks is not None:
        arguments = (*spec.entrypoint, *spec.arguments)
        try:
            found = framework_command(spec.frameworks, spec.image, spec.root, arguments)
        except MissingFrameworkError as error:
            raise ProgramError(str(error)) from None
        for note in found.notes:
            spec.on_line(note)
        return ProcessProgram(spec, found.command, found.variables)
    from harness.emulator.sagemaker.container_program import ContainerProgram

    return ContainerProgram(spec)


class ProcessProgram:
    """A program as a process, which ends when this process does."""

    def __init__(self, spec: ProgramSpec, command: Sequence[str], variables: Mapping[str, str]) -> None:
        output = self._output = ProcessOutput(spec.on_line)
        environment = {**program_variables(os.environ, str(spec.root)), **spec.reach, **spec.environment, **variables}
        first = environment.pop("PATH_FIRST", None)
        if first is not None:
            environment["PATH"] = os.pathsep.join((first, environment.get("PATH", os.defpath)))
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,  # closes with this process, however it ends, and ends the program then
            stdout=output.descriptor,
            stderr=output.descriptor,
            env=environment,
            start_new_session=True,  # Ctrl-C is for the emulator, which then stops it in order
        )
        output.start()

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self._process.pid

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait until it has ended, *timeout* seconds at most; return its exit code, None where it still runs."""
        try:
            code = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None
        self._output.drain()
        if self._process.stdin is not None:
            self._process.stdin.close()
        return code

    def terminate(self) -> None:
        """Send SIGTERM."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        # The whole group: a program may have started others.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)
