"""``harness run``: a script or a notebook, unmodified, against a target."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from harness.settings import Settings
from harness.targets.target import with_variables

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_CELL_LINE = re.compile(r"^(?:Cell In\[\d+\]|Input In \[\d+\]).*?line (\d+)", re.MULTILINE)


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
    notebook: Path,
    output: Path,
    environment: Mapping[str, str],
    on_cell: Callable[[int, int], None],
    parameters: Mapping[str, str] | None = None,
    allow_errors: bool = False,
) -> list[str]:
    """Run a notebook and write it with its results to *output*, even when a cell fails.

    Args:
        notebook: what to run, in its own folder.
        output: where the executed notebook goes.
        environment: variables of the kernel.
        on_cell: told before each code cell: its number, and how many there are.
        parameters: names to be set, as papermill does: in a cell of their own behind the one tagged ``parameters``,
            else before all others. A value is JSON, or else a text.
        allow_errors: whether to go on behind a cell that fails.

    Returns:
        what each failing cell said, with the line at which it failed.

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
    if parameters:
        _set_parameters(document, parameters, nbformat.v4.new_code_cell)
    cells = [index for index, cell in enumerate(document.cells) if cell.cell_type == "code"]
    client = NotebookClient(
        document,
        timeout=None,
        allow_errors=allow_errors,
        kernel_name=name,
        resources={"metadata": {"path": str(notebook.parent)}},
        on_cell_start=lambda cell, cell_index: (
            on_cell(cells.index(cell_index) + 1, len(cells)) if cell_index in cells else None
        ),
    )
    failures = []
    try:
        client.execute(env=dict(environment))
    except CellExecutionError:
        pass  # told below, with its place
    except DeadKernelError as error:
        failures.append(str(error))
    failures += _failures([document.cells[index] for index in cells])
    scratch = output.with_name(f".{output.name}.partial")
    nbformat.write(document, scratch)
    scratch.replace(output)
    return failures


def _set_parameters(document: Any, parameters: Mapping[str, str], new_cell: Callable[[str], Any]) -> None:
    """Put a cell that sets *parameters* where papermill puts it."""
    source = "\n".join(f"{name} = {_value(text)!r}" for name, text in parameters.items())
    tagged = (i for i, cell in enumerate(document.cells) if "parameters" in cell.metadata.get("tags", ()))
    cell = new_cell(source)
    if document.nbformat_minor < 5:
        cell.pop("id", None)  # such notebooks know no ids of cells
    document.cells.insert(next(tagged, -1) + 1, cell)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _failures(cells: Sequence[Any]) -> list[str]:
    """What the failing ones of *cells* said, in their order: where, the error, and the kernel's own traceback."""
    found = []
    for number, cell in enumerate(cells, start=1):
        for output in cell.get("outputs", ()):
            if output.output_type != "error":
                continue
            traceback = _COLOURS.sub("", "\n".join(output.traceback))
            lines = cell.source.splitlines()
            at = [int(line) for line in _CELL_LINE.findall(traceback) if 0 < int(line) <= len(lines)]
            place = f"cell {number}" + (f", line {at[0]}: {lines[at[0] - 1].strip()}" if at else "")
            found.append(f"{place}\n{traceback}")
    return found
