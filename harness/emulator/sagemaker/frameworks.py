"""AWS's framework containers: which image is which framework, and the environment that stands in for it here.

https://docs.aws.amazon.com/sagemaker/latest/dg-ecr-paths/sagemaker-algo-docker-registry-paths.html
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from harness.emulator.sagemaker.images import repository_of
from harness.settings import Settings


@dataclass(frozen=True)
class Framework:
    """A framework as AWS's containers have it."""

    name: str
    """As the SDK's ``image_uris`` has it: ``sklearn``."""
    module: str
    """What a script imports: ``sklearn``."""
    distribution: str
    """What is installed: ``scikit-learn``."""
    container: str
    """How AWS's container calls itself: ``sagemaker_sklearn_container``."""
    version: str = ""
    """AWS's container's, ``1.2``; empty where the image does not tell."""


_REPOSITORIES = {
    "sagemaker-scikit-learn": Framework("sklearn", "sklearn", "scikit-learn", "sagemaker_sklearn_container"),
    "sagemaker-xgboost": Framework("xgboost", "xgboost", "xgboost", "sagemaker_xgboost_container"),
    "pytorch": Framework("pytorch", "torch", "torch", "sagemaker_pytorch_container"),
    "huggingface-pytorch": Framework("huggingface", "transformers", "transformers", "sagemaker_pytorch_container"),
    "tensorflow": Framework("tensorflow", "tensorflow", "tensorflow", "sagemaker_tensorflow_container"),
}
_VERSION = re.compile(r":(\d+\.\d+(?:\.\d+)?)")
_PROGRAMS = Path(__file__).parents[2] / "algorithms" / "script_mode"


def framework_of(image: str) -> Framework | None:
    """Return the framework whose container *image* is; None for any other image."""
    repository = re.sub(r"-(training|inference)$", "", repository_of(image))
    found = _REPOSITORIES.get(repository)
    if found is None:
        return None
    version = re.search(rf"{found.distribution}(\d+\.\d+(?:\.\d+)?)", image) or _VERSION.search(image)
    return replace(found, version=version[1] if version else "")


def frameworks_by_name() -> dict[str, Framework]:
    """All frameworks, as the SDK calls them."""
    return {framework.name: framework for framework in _REPOSITORIES.values()}


class MissingFrameworkError(RuntimeError):
    """Nothing here stands in for the framework's container; the message says what would help."""


class FrameworkEnvironments:
    """Finds the Python that stands in for a framework's container.

    Args:
        chosen: the user's own: a virtual environment or an interpreter; None to look for one.
        prepared: the folder of the environments that ``harness sagemaker prepare`` has made.
    """

    def __init__(self, chosen: Path | None = None, prepared: Path = Path(".harness/sagemaker")) -> None:
        self._chosen = chosen
        self._prepared = prepared
        self._versions: dict[tuple[Path, str], str | None] = {}

    def python_for(self, framework: Framework) -> tuple[Path, str]:
        """Return the interpreter, and the framework's version that it has.

        Raises:
            MissingFrameworkError: there is none.
        """
        if self._chosen is not None:
            candidates = [self._chosen]
        else:
            wanted = f"{framework.name}=={framework.version}"
            found = sorted(self._prepared.glob(f"{framework.name}==*"), reverse=True)
            candidates = sorted(found, key=lambda folder: not folder.name.startswith(wanted))
            candidates += [Path(sys.executable)] if find_spec(framework.module) is not None else []
        for candidate in candidates:
            python = candidate / "bin" / "python" if candidate.is_dir() else candidate
            version = self._version(python, framework)
            if version is not None:
                return python.absolute(), version
        wanted = f"{framework.name}=={framework.version}" if framework.version else framework.name
        where = f"{self._chosen} (HARNESS_SAGEMAKER_ENV) lacks" if self._chosen else "no Python here has"
        raise MissingFrameworkError(
            f"{where} {framework.distribution}, which AWS's {framework.name} container has. Make an environment with "
            f"it: harness sagemaker prepare {wanted}; or name one of your own in HARNESS_SAGEMAKER_ENV."
        )

    def _version(self, python: Path, framework: Framework) -> str | None:
        key = (python, framework.distribution)
        if key not in self._versions:
            code = "import sys, importlib.metadata as m; print(m.version(sys.argv[1]))"
            command = [str(python), "-c", code, framework.distribution]
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            except OSError:
                return None
            self._versions[key] = done.stdout.strip() or None
        return self._versions[key]


def framework_environments(settings: Settings) -> FrameworkEnvironments:
    """Return the environments that *settings* name."""
    chosen = Path(settings.sagemaker_env) if settings.sagemaker_env else None
    return FrameworkEnvironments(chosen, prepared_in(settings.cache))


def prepared_in(cache: Path) -> Path:
    """Return the folder of the environments that were prepared."""
    return cache / "sagemaker"


@dataclass(frozen=True)
class FrameworkCommand:
    """How a framework's program is run here."""

    command: tuple[str, ...]
    variables: Mapping[str, str]
    notes: tuple[str, ...]
    """What differs from AWS's container: first in the log."""


def framework_command(
    environments: FrameworkEnvironments, image: str, root: Path, arguments: tuple[str, ...]
) -> FrameworkCommand:
    """Return the command that runs a framework's container.

    Args:
        environments: Python environments that have frameworks, by version.
        image: URI of the container.
        root: the directory that stands in for ``/opt/ml``.
        arguments: ``train``, ``serve``, or a command of the job's own.

    Raises:
        MissingFrameworkError: no environment has the framework.
    """
    framework = framework_of(image)
    assert framework is not None
    python, version = environments.python_for(framework)
    packages = root.parent / "packages"  # what a job's requirements.txt installs must not stay in the environment
    variables = {
        "PATH_FIRST": str(python.parent),
        "PIP_TARGET": str(packages),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PYTHONPATH": str(packages),
    }
    launch = (sys.executable, str(_PROGRAMS / "launch.py"), str(root))
    notes = []
    if framework.version and version != framework.version and not version.startswith(f"{framework.version}."):
        notes.append(
            f"[harness] AWS's container has {framework.distribution} {framework.version}; this process has {version}."
        )
    if arguments in (("train",), ("serve",)):
        if arguments == ("serve",) and framework.name == "tensorflow":
            raise MissingFrameworkError("not emulated: TensorFlow Serving, which serves in TensorFlow's container.")
        program = str(_PROGRAMS / f"{arguments[0]}.py")
        variables["SM_FRAMEWORK"] = framework.name
        if framework.name == "xgboost":  # without a script, it is a built-in algorithm
            variables["SM_BUILT_IN"] = str(_PROGRAMS / "xgboost_built_in.py")
        command = (*launch, "preferred", str(python), program, f"{framework.container}.training:main")
        return FrameworkCommand(command, variables, tuple(notes))
    if not arguments:
        raise MissingFrameworkError(f"The job names no entry point to run in {image}.")
    return FrameworkCommand((*launch, "required", *arguments), variables, tuple(notes))
