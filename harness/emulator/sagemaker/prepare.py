"""Makes the virtual environment that stands in for a framework's container."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from pathlib import Path

from harness.emulator.sagemaker.frameworks import frameworks_by_name, prepared_in
from harness.settings import Settings

_BESIDE = ("numpy", "pandas", "joblib", "boto3")
"""What AWS's containers have beside the framework."""
_TOOLKITS = ("sagemaker-training",)
"""AWS's own. sagemaker-inference is not among them: its server is AWS's Multi Model Server, a Java program, and what is
left, reading and writing of arrays, AWS's scikit-learn and XGBoost containers do by themselves."""


def prepare_environment(settings: Settings, wanted: str, python: str | None = None) -> tuple[Path, str]:
    """Make the environment for *wanted* below the cache folder; one that is there already is made anew.

    Args:
        settings: say where the cache is.
        wanted: ``sklearn==1.2-1``, a framework and the version of AWS's container.
        python: interpreter to make it with, None for this one.

    Returns:
        The folder, and what it has installed: the version asked for, or the one nearest to it that can be had.

    Raises:
        RuntimeError: no such framework, or nothing of it can be installed.
    """
    name, _, version = wanted.partition("==")
    framework = frameworks_by_name().get(name)
    if framework is None:
        raise RuntimeError(f"no framework {name!r}; there are {', '.join(sorted(frameworks_by_name()))}")
    version = version.partition("-")[0]
    folder = prepared_in(settings.cache) / f"{name}=={version or 'latest'}"
    if folder.exists():
        shutil.rmtree(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        _run([python or sys.executable, "-m", "venv", str(folder)])
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        choices = [f"{framework.distribution}=={version}.*"] if version else []
        for choice in (*choices, framework.distribution):
            try:
                _install(pip, choice, framework.module)
            except RuntimeError as error:
                failure = error
            else:
                for toolkit in _TOOLKITS:
                    with contextlib.suppress(RuntimeError):  # ours does what it would
                        _run([*pip, toolkit])
                code = "import sys, importlib.metadata as m; print(m.version(sys.argv[1]))"
                found = _run([str(folder / "bin" / "python"), "-c", code, framework.distribution]).strip()
                return folder, f"{framework.distribution} {found}"
        raise failure
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _install(pip: list[str], choice: str, module: str) -> None:
    """Install *choice*, and see that it can be imported: versions of before 2024 do not say that they need NumPy 1."""
    _run([*pip, choice, *_BESIDE])
    imports = [pip[0], "-c", f"import {module}"]
    try:
        _run(imports)
    except RuntimeError:
        _run([*pip, choice, *_BESIDE, "numpy<2"])
        _run(imports)


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise RuntimeError(f"{command[0]}: {error.strerror}") from None
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise RuntimeError(f"{' '.join(command[:4])} failed: {''.join(last)}")
    return done.stdout
