"""Functions that are container images, run by this machine's Docker.

https://docs.aws.amazon.com/lambda/latest/dg/images-create.html
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from harness.emulator.lambda_.invocation import FunctionVersion
from harness.emulator.lambda_.runtime import Beginning, Process

_FILES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE")
"""Variables that name files of this machine, which the container is given at the same place."""
_OURS = ("LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "_HANDLER", "TMPDIR", "_LAMBDA_TELEMETRY_LOG_FD")
"""Variables that the image sets itself."""
_PATIENCE = 10.0


class ImageRuntime:
    """A container for each environment. It shares this machine's network, where the Runtime API and AWS answer.

    Args:
        docker: Docker's command.
    """

    limits_data = False
    folder: Path | None = None

    def __init__(self, docker: str) -> None:
        self._docker = docker
        self._names: dict[int, str] = {}

    @classmethod
    def find(cls) -> ImageRuntime | None:
        """Docker's command, where its engine answers."""
        docker = shutil.which("docker")
        if docker is None:
            return None
        try:
            asked = [docker, "version", "--format", "{{.Server.Version}}"]
            subprocess.run(asked, capture_output=True, timeout=_PATIENCE, check=True)
        except (OSError, subprocess.SubprocessError):
            return None
        return cls(docker)

    def folder_on_aws(self, function: FunctionVersion) -> str:
        """Return nothing: an image's folders are named as on AWS."""
        return ""

    def variables(self, function: FunctionVersion, task_root: Path, layers_root: Path | None) -> dict[str, str]:
        """Return none: an image has its variables from its ``Dockerfile``.

        Args:
            function: that runs.
            task_root: not looked at, as the image has its code.
            layers_root: not looked at, as images have no layers.
        """
        return {}

    def start(self, function: FunctionVersion, beginning: Beginning) -> Process:
        """Run the image, on this machine's network, without the variables of this machine's processes."""
        name = f"harness-{function.name}-{uuid.uuid4().hex[:8]}"
        given = {key: value for key, value in beginning.environment.items() if key not in _OURS}
        command = [self._docker, "run", "--rm", "--name", name, "--network", "host"]
        command += ["--memory", f"{function.memory_mb}m"]
        for variable in _FILES:
            if path := given.get(variable):
                command += ["--volume", f"{path}:{path}:ro"]
        for key in given:
            command += ["--env", key]  # its value is in the command's own environment: other users see arguments
        image = function.image
        assert image is not None
        if image.entry_point:
            command += ["--entrypoint", image.entry_point[0]]
        if image.working_directory:
            command += ["--workdir", image.working_directory]
        command += [image.uri, *image.entry_point[1:], *image.command]
        process = replace(beginning, environment=_with_path(given), mount=None).run(command)
        self._names[process.pid] = name
        return process

    def end(self, process: Process) -> None:
        """Kill the container."""
        name = self._names.pop(process.pid, None)
        if name is not None:
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                subprocess.run([self._docker, "kill", name], capture_output=True, timeout=_PATIENCE, check=False)


def _with_path(given: Mapping[str, str]) -> dict[str, str]:
    """Add what Docker's command needs of this machine's variables to the container's."""
    own = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME") or key.startswith("DOCKER_")}
    return {**own, **given}
