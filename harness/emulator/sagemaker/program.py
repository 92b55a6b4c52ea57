"""A container's program, run: as a process of ours for built-in algorithms, as a Docker container for other images.

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
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from harness.emulator.logs.process_output import ProcessOutput
from harness.emulator.process.surroundings import program_variables
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
        ProgramError: it needs a Docker engine and none answers, or the engine refuses.
    """
    if kind_of(spec.image) is ImageKind.BUILT_IN:
        return ProcessProgram(spec, options)
    from harness.emulator.sagemaker.container_program import ContainerProgram

    return ContainerProgram(spec)


class ProcessProgram:
    """The program of a built-in algorithm, as a process."""

    def __init__(self, spec: ProgramSpec, options: Sequence[str]) -> None:
        output = self._output = ProcessOutput(spec.on_line)
        command = [sys.executable, "-m", BUILT_IN[repository_of(spec.image)], *spec.arguments, *options]
        command += ["--root", str(spec.root), "--until-stdin-closes"]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,  # closes with this process, however it ends, and ends the program then
            stdout=output.descriptor,
            stderr=output.descriptor,
            env={**program_variables(os.environ, str(spec.root)), **spec.environment},
            start_new_session=True,  # Ctrl-C is for the emulator, which then stops it in order
        )
        output.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait(self, timeout: float | None = None) -> int | None:
        try:
            code = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None
        self._output.drain()
        if self._process.stdin is not None:
            self._process.stdin.close()
        return code

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        # The whole group: a program may have started others.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)
