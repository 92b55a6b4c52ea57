"""``harness run``: a script or a notebook, unmodified, against a target."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from harness.settings import Settings
from harness.targets.target import with_variables


class ScriptError(RuntimeError):
    """A script or notebook cannot be run; the message says why."""


@contextlib.contextmanager
def target_environment(settings: Settings) -> Iterator[tuple[dict[str, str], str]]:
    """The environment of a child process that is led to the target, and in words where that is.

    The emulator that runs for this folder is used; without one, the embedded target lives as long as the block.
    """
    from harness.emulator.process.announcement import find_announced
    from harness.targets import open_target

    announced = find_announced(settings.cache) if settings.target == "embedded" else None
    if announced is not None:
        yield with_variables(os.environ, announced), f"the emulator at {announced['AWS_ENDPOINT_URL']}"
        return
    with open_target(settings) as target:
        yield with_variables(os.environ, target.environment), f"the {target.name} target"


def run_script(script: Path, arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a Python script; its exit code."""
    return subprocess.call([sys.executable, str(script), *arguments], env=dict(environment))


def run_notebook(
    notebook: Path, output: Path, environment: Mapping[str, str], on_cell: Callable[[int, int], None]
) -> str | None:
    """Run a notebook and write it with its results to *output*, even when a cell fails.

    Args:
        notebook: what to run, in its own folder.
        output: where the executed notebook goes.
        environment: variables of the kernel.
        on_cell: told before each code cell: its number, and how many there are.

    Returns:
        what the failing cell said, None when all cells ran.

    Raises:
        ScriptError: it is no notebook, or what runs notebooks is not installed.
    """
    try:
        nbformat: Any = import_module("nbformat")  # without types
        from jupyter_client.kernelspec import KernelSpecManager
        from nbclient import NotebookClient
        from nbclient.exceptions import CellExecutionError, DeadKernelError
    except ImportError:
        raise ScriptError("running a notebook needs: pip install 'aws-ml-harness[notebook]'") from None
    try:
        document: Any = nbformat.read(notebook, as_version=4)
    except Exception as error:
        raise ScriptError(f"{notebook} is no notebook: {error}") from None
    name = document.metadata.get("kernelspec", {}).get("name", "python3")
    if name not in KernelSpecManager().find_kernel_specs():
        name = "python3"  # SageMaker's own kernels, conda_python3 and the like, exist nowhere else
    cells = [index for index, cell in enumerate(document.cells) if cell.cell_type == "code"]
    client = NotebookClient(
        document,
        timeout=None,
        kernel_name=name,
        resources={"metadata": {"path": str(notebook.parent)}},
        on_cell_start=lambda cell, cell_index: (
            on_cell(cells.index(cell_index) + 1, len(cells)) if cell_index in cells else None
        ),
    )
    failure = None
    try:
        client.execute(env=dict(environment))
    except (CellExecutionError, DeadKernelError) as error:
        failure = str(error)
    scratch = output.with_name(f".{output.name}.partial")
    nbformat.write(document, scratch)
    scratch.replace(output)
    return failure
