"""The page on the emulator's own port: made when it is first asked for, so that starting costs nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.dashboard.app import Dashboard


class MountedDashboard:
    """A WSGI application that becomes the page of an emulator.

    Args:
        url: where the emulator answers.
        environment: the emulator's variables.
        control: whether executions may be started and faults switched from the page.
    """

    def __init__(self, url: str, environment: Mapping[str, str], control: bool) -> None:
        self._url = url
        self._environment = environment
        self._control = control
        self._lock = threading.Lock()
        self._page: Dashboard | None = None

    @classmethod
    def beside(cls, url: str, environment: Mapping[str, str], host: str) -> MountedDashboard:
        """Make the page of an emulator that listens on *host*; on this machine alone, it may start and switch things.

        Whoever reaches the emulator can do so without the page; but where others reach it, a page that drives it would
        do so for whoever sits before it.

        Args:
            url: the emulator's address.
            environment: the ``AWS_*`` variables that lead to it.
            host: the address it listens on.
        """
        from harness.emulator.door.boundary import is_loopback

        return cls(url, environment, control=is_loopback(host))

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        """Answer a request, as a WSGI application; the page is made for the first one."""
        with self._lock:
            if self._page is None:
                self._page = self._make()
        return self._page(environ, start_response)

    def close(self) -> None:
        """End what is being told to browsers."""
        if self._page is not None:
            self._page.close()

    def _make(self) -> Dashboard:
        import boto3

        from harness.dashboard.app import Dashboard
        from harness.dashboard.clients import clients_of
        from harness.testing.control import TOKEN_VARIABLE

        token = self._environment.get(TOKEN_VARIABLE, "")
        clients = clients_of(boto3.session.Session(), "embedded", self._url, self._environment, token)
        return Dashboard(clients, control=self._control)
