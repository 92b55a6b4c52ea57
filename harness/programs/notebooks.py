"""A notebook, unmodified, in a kernel that is led to a target."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from harness.programs.failures import failure
from harness.programs.scripts import ScriptError

_FIRST_LINES = ("__import__('logging').getLogger('botocore.configprovider').setLevel('WARNING')",)
"""What the kernel runs first: botocore tells at INFO, which the SageMaker SDK switches on, where AWS answers."""


def run_notebook(
    notebook: Path,
    output: Path,
    environment: Mapping[str, str],
    on_cell: Callable[[int, int], None],
    parameters: Mapping[str, str] | None = None,
    allow_errors: bool = False,
    account: str = "123456789012",
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
        account: the number of the account that answers.

    Returns:
        what each failing cell said, with the line at which it failed and hints.

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
    failures: list[str] = []
    options = [f"--InteractiveShellApp.exec_lines={line}" for line in _FIRST_LINES]
    client = NotebookClient(
        document,
        timeout=None,
        allow_errors=allow_errors,
        kernel_name=name,
        extra_arguments=options,
        resources={"metadata": {"path": str(notebook.parent)}},
        on_cell_start=lambda cell, cell_index: (
            on_cell(cells.index(cell_index) + 1, len(cells)) if cell_index in cells else None
        ),
        on_cell_error=lambda cell, cell_index, execute_reply: failures.append(
            failure(cells.index(cell_index) + 1, cell, execute_reply["content"], account)
        ),
    )
    try:
        client.execute(env=dict(environment))
    except CellExecutionError:
        pass  # told by on_cell_error, with its place
    except DeadKernelError as error:
        failures.append(str(error))
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
