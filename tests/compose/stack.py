"""The compose stack as a resource: a project of its own, on free ports, from a copy of the files that it mounts."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

from harness.settings import Settings
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]
FILES = ("docker-compose.yml", "compose", "template.yaml", "lambdas", "statemachine", "fixtures")
SERVICES = ("localstack", "stepfunctions", "lambda", "sagemaker")
PORTS = ("LOCALSTACK_PORT", "STEPFUNCTIONS_PORT", "LAMBDA_PORT", "SAGEMAKER_PORT", "DASHBOARD_PORT")
COMMANDS = (["docker", "compose"], ["docker-compose"])
"""Compose v2 and docker-compose 1.29."""


def available():
    """The compose commands that this machine has."""

    def works(command):
        try:
            return subprocess.run([*command, "version"], capture_output=True).returncode == 0
        except FileNotFoundError:
            return False

    return [command for command in COMMANDS if works(command)]


class Stack:
    """A compose project.

    Args:
        folder: where its files are copied to, so that a test may edit them.
        name: of the project.
        command: the compose command.
    """

    def __init__(self, folder, name, command):
        self.folder, self.name, self._command = folder, name, command
        folder.chmod(0o755)  # the containers' user reads it
        for file in FILES:
            copy = shutil.copytree if (ROOT / file).is_dir() else shutil.copy
            copy(ROOT / file, folder / file)
        self.ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "HARNESS_"))},
            **{name: str(port) for name, port in self.ports.items()},
            "HARNESS_BASE_IMAGE": os.environ.get("HARNESS_BASE_IMAGE", ""),
        }
        # Images are built from the project, not from the copy; without registries, by what compose/offline.yml says.
        self._files = ["docker-compose.yml"]
        if self.environment["HARNESS_BASE_IMAGE"]:
            self._files.append("compose/offline.yml")

    def compose(self, *arguments, check=True, folder=None):
        """Run a compose command; its result with what it said."""
        files = [option for file in self._files for option in ("-f", file)]
        result = subprocess.run(
            [*self._command, "-p", self.name, *files, *arguments],
            cwd=folder or self.folder,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        assert not check or result.returncode == 0, result.stdout
        return result

    def build(self):
        """Have the images that are built here there."""
        self.compose("build", folder=ROOT)

    def up(self, *arguments):
        """Bring it up and wait until the deployment has ended; the seconds that this took."""
        began = time.monotonic()
        self.compose(*arguments, "up", "-d", "--no-build")
        service = "deploy-trained" if "trained" in arguments else "deploy"
        assert self.wait(service) == 0, self.logs(service)
        return time.monotonic() - began

    def container(self, service):
        """Inspect a service's container."""
        label = f"label=com.docker.compose.service={service}"
        project = f"label=com.docker.compose.project={self.name}"
        ids = docker("ps", "-a", "-q", "--filter", label, "--filter", project).split()
        assert len(ids) == 1, ids
        return json.loads(docker("inspect", ids[0]))[0]

    def wait(self, service):
        """Wait until a service's container has ended; its exit code."""
        return int(docker("wait", self.container(service)["Id"]))

    def healthy(self, service):
        """Wait until a service says that it is well."""
        until(
            lambda: self.container(service)["State"].get("Health", {}).get("Status"),
            seconds=60,
            every=0.2,
            enough=lambda status: status == "healthy",
        )

    def logs(self, service):
        """What a service has said."""
        return docker("logs", self.container(service)["Id"])

    def variables(self):
        """The HARNESS_* variables that lead the compose target to this stack."""
        names = ("HARNESS_LOCALSTACK_URL", "HARNESS_STEPFUNCTIONS_URL", "HARNESS_LAMBDA_URL", "HARNESS_SAGEMAKER_URL")
        urls = (f"http://127.0.0.1:{port}" for port in self.ports.values())
        return {"HARNESS_TARGET": "compose", **dict(zip(names, urls, strict=False))}

    def settings(self):
        """The settings that lead the compose target to this stack."""
        return Settings.from_environment(self.variables())

    def run(self, *command, **variables):
        """Run a Python program of the project's against this stack; its result with what it said."""
        return subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env={**self.environment, **self.variables(), **variables},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def down(self):
        """Remove all of it."""
        self.compose("--profile", "trained", "down", "--volumes", "--remove-orphans")


def docker(*arguments):
    """Run a docker command; what it said."""
    result = subprocess.run(["docker", *arguments], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert result.returncode == 0, result.stdout
    return result.stdout.strip()


def free_ports(count):
    """Ports of loopback that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in sockets]
    for listener in sockets:
        listener.close()
    return ports
