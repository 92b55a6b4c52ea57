"""The emulator as a whole: its services on one port, started and stopped as one resource."""

from __future__ import annotations

import contextlib
import gc
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from harness.emulator.options import EmulatorOptions

if TYPE_CHECKING:
    from types import TracebackType

    from harness.emulator.door.gateway import Page
    from harness.emulator.moto.patches import Patches
    from harness.emulator.services import Service
    from harness.emulator.wiring import Parts


_OBJECTS = 50_000
"""Objects made, and not freed, before garbage is looked for among them."""


class Emulator:
    """AWS on one loopback port, for as long as the ``with`` block lasts.

    Args:
        options: how it is to be; every service on a free port unless given.

    Raises:
        OSError: on entering, when the port is taken.
        StateError: on entering, when the state folder cannot be used.
        RuntimeError: on entering, when this process runs an emulator already.
    """

    _running = threading.Lock()
    """moto keeps one account to a process."""

    def __init__(self, options: EmulatorOptions | None = None) -> None:
        self._options = options or EmulatorOptions()
        self._started: Parts | None = None
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Emulator:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start all services and begin to answer."""
        if not self._running.acquire(blocking=False):
            raise RuntimeError("this process runs an emulator already, and moto keeps one account to a process")
        with contextlib.ExitStack() as stack:
            stack.callback(self._running.release)
            stack.enter_context(_rare_collections())
            with _no_collections():  # what is loaded now stays
                is_first = "harness.emulator.wiring" not in sys.modules
                from harness.emulator.wiring import assemble

                self._started = assemble(self._options, stack)
                if is_first:
                    # And need not be walked by any collection, pytest's at the end of its session among them (0.15 s
                    # each). A later emulator would only keep what its predecessors have left.
                    gc.freeze()
            self._stack = stack.pop_all()

    def stop(self) -> None:
        """Close the port, finish what is under way, write what is buffered, end all processes, forget all resources.

        Raises:
            RuntimeError: the state could not be saved; everything has been ended all the same.
        """
        if self._started is not None:
            self._started.server.stop()  # the emulator calls itself in its own process
        self._started = None
        self._stack.close()

    def mount(self, page: Page) -> None:
        """Have *page* answer below :data:`~harness.emulator.door.gateway.PAGE_PREFIX`, until the emulator stops."""
        self._parts.gateway.page = page
        self._stack.callback(page.close)

    @property
    def url(self) -> str:
        """``http://host:port``."""
        return self._parts.server.url

    @property
    def services(self) -> tuple[Service, ...]:
        """The services that are ours."""
        return self._parts.services.all()

    @property
    def patches(self) -> Patches:
        """What of moto is replaced."""
        return self._parts.patches

    def environment(self) -> dict[str, str]:
        """Return variables with which any boto3 program, or the AWS CLI, talks to this emulator and to nothing else."""
        return dict(self._parts.environment)

    def control_variables(self) -> dict[str, str]:
        """Return the variable with the token that the control API wants; none where this machine alone reaches it."""
        token = self._options.boundary.token
        return {"HARNESS_CONTROL_TOKEN": token} if token else {}

    def flush(self) -> None:
        """Write buffered logs and capture records now."""
        self._parts.logs.flush()
        for service in self.services:
            service.flush()

    @property
    def _parts(self) -> Parts:
        if self._started is None:
            raise RuntimeError("the emulator does not run")
        return self._started


@contextlib.contextmanager
def _rare_collections() -> Iterator[None]:
    """Have garbage looked for less often: each of AWS's models is a hundred thousand objects that stay.

    Walking them again and again took a fifth of the time to the first execution.
    """
    before = gc.get_threshold()
    if 0 < before[0] < _OBJECTS:
        gc.set_threshold(_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextlib.contextmanager
def _no_collections() -> Iterator[None]:
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()
