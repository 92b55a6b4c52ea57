"""Where a program runs: the variables that lead it to a target, and the script alone."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from harness.programs.execution_role import as_execution_role
from harness.settings import Settings
from harness.targets.target import with_variables

COMMANDS = Path(__file__).parent / "bin"
"""Commands that say what is missing where the program's own machine has no such command."""


class ScriptError(RuntimeError):
    """A script or notebook cannot be run; the message says why."""


@contextlib.contextmanager
def target_environment(settings: Settings) -> Iterator[tuple[dict[str, str], str]]:
    """Give the environment of a child process that is led to the target, and in words where that is.

    The emulator that runs for this folder is used; without one, the embedded target lives as long as the block.
    """
    from harness.emulator.process.endpoint_file import find_announced
    from harness.targets import open_target

    surroundings = own_commands_first(os.environ)
    announced = find_announced(settings.cache) if settings.target == "embedded" else None
    if announced is not None:
        yield with_variables(surroundings, announced), f"the emulator at {announced['AWS_ENDPOINT_URL']}"
        return
    with open_target(settings) as target:
        variables = dict(target.environment)
        if target.name == "compose":
            variables |= as_execution_role(settings.account_id)
        yield with_variables(surroundings, variables), f"the {target.name} target"


def own_commands_first(environ: Mapping[str, str]) -> dict[str, str]:
    """Return *environ* with this interpreter's commands first on ``PATH``.

    ``!pip install`` lands in the environment that runs the notebook, ``!python`` is its interpreter. What the machine
    lacks comes last, as a command that says what to install.
    """
    path = [str(Path(sys.executable).parent), environ.get("PATH", os.defpath), str(COMMANDS)]
    variables = {"PATH": os.pathsep.join(path)}
    if sys.prefix != sys.base_prefix:
        variables["VIRTUAL_ENV"] = sys.prefix
    return {**environ, **variables}


def run_script(script: Path, arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a Python script; return its exit code.

    Args:
        script: path of the script.
        arguments: its ``sys.argv[1:]``.
        environment: all variables that it sees.
    """
    return subprocess.call([sys.executable, str(script), *arguments], env=dict(environment))
