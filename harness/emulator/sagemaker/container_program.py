"""Any other image's program: a Docker container on this machine's engine.

https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-running-container.html
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping
from typing import Any

from harness.emulator.sagemaker.program import ProgramError, ProgramSpec

PORT = "8080/tcp"
"""Port on which a serving container answers."""
_INSTALL = "install it with: pip install 'aws-ml-harness[compose]'"


class ContainerProgram:
    """An image's ``train`` or ``serve``, in a container that is removed when it has ended.

    Raises:
        ProgramError: there is no engine, or it has no such image.
    """

    def __init__(self, spec: ProgramSpec) -> None:
        self._client = _engine(spec.image)
        self._ended = threading.Event()
        self._code: int | None = None
        options: dict[str, Any] = {}
        if spec.serves:
            options["ports"] = {PORT: ("127.0.0.1", None)}
        if spec.entrypoint:
            options["entrypoint"] = list(spec.entrypoint)
        try:
            self._container = self._client.containers.run(
                spec.image,
                list(spec.arguments),
                detach=True,
                environment=dict(spec.environment),
                volumes={str(spec.root): {"bind": "/opt/ml", "mode": "rw"}},
                labels={"aws-ml-harness": "program"},
                **options,
            )
        except Exception as error:
            self._client.close()
            raise ProgramError(f"Docker cannot run the image {spec.image}: {error}") from None
        threading.Thread(target=self._follow, args=(spec,), name="container-output", daemon=True).start()

    @property
    def pid(self) -> None:
        """Return None: what runs in a container has no process of this machine that counts."""
        return None

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of this machine that lead to the container's port 8080.

        Raises:
            ProgramError: the container has ended.
        """
        self._container.reload()
        published = (self._container.ports or {}).get(PORT)
        if not published:
            raise ProgramError("the container has ended")
        return "127.0.0.1", int(published[0]["HostPort"])

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait until it has ended, *timeout* seconds at most; return its exit code, None where it still runs."""
        return self._code if self._ended.wait(timeout) else None

    def terminate(self) -> None:
        """Send SIGTERM."""
        with contextlib.suppress(Exception):
            self._container.kill("SIGTERM")

    def kill(self) -> None:
        """Send SIGKILL."""
        with contextlib.suppress(Exception):
            self._container.kill("SIGKILL")

    def _follow(self, spec: ProgramSpec) -> None:
        try:
            rest = b""
            for block in self._container.logs(stream=True, follow=True):
                *lines, rest = (rest + block).split(b"\n")
                for line in lines:
                    spec.on_line(line.decode("utf-8", "replace").rstrip("\r"))
            if rest:
                spec.on_line(rest.decode("utf-8", "replace"))
            self._code = int(self._container.wait()["StatusCode"])
        except Exception as error:
            spec.on_line(f"the Docker engine is gone: {error}")
            self._code = 255
        finally:
            with contextlib.suppress(Exception):
                self._container.remove(force=True)
            self._client.close()
            self._ended.set()


def labels_of(image: str) -> Mapping[str, str] | None:
    """Return the labels of an image that this machine's engine has; None where it lacks it, or there is no engine.

    Args:
        image: its URI.
    """
    try:
        client = _engine(image)
    except ProgramError:
        return None
    try:
        labels: Mapping[str, str] = client.images.get(image).labels
        return labels
    except Exception:  # whatever it is, the start of the container tells
        return None
    finally:
        client.close()


def _engine(image: str) -> Any:
    try:
        import docker
    except ImportError:
        raise ProgramError(
            f"the image {image} is no built-in algorithm of this emulator and needs Docker's client: {_INSTALL}"
        ) from None
    try:
        client = docker.from_env()
        client.ping()
    except Exception as error:
        raise ProgramError(
            f"the image {image} is no built-in algorithm of this emulator and needs a Docker engine, "
            f"but none answers: {error}"
        ) from None
    return client
