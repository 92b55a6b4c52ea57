"""What every emulated service is given to work with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from werkzeug import Request, Response

from harness.emulator.access.permissions import Permissions
from harness.emulator.clients import Clients
from harness.emulator.door.gateway import Observer
from harness.emulator.faults import Faults
from harness.emulator.logs.writer import LogWriter
from harness.emulator.services import Services


@dataclass(frozen=True)
class EmulatorContext:
    """The surroundings of an emulated service, handed down by the emulator that runs it."""

    account_id: str
    region: str
    endpoint_url: str
    """Address of this emulator, for child processes and printed hints."""
    clients: Clients
    """boto3 clients for calls to other services."""
    logs: LogWriter
    moto: Callable[[Request], Response]
    """Answers a request with moto's implementation: for the actions that we leave to it."""
    folder: Path
    """Scratch folder of this emulator; removed when it stops."""
    permissions: Permissions
    """Whose a request is, and what that role may do."""
    faults: Faults
    """What calls are made to suffer."""
    services: Services
    """The way to every neighbour."""
    observers: list[Observer]
    """Told of each change that a service has made which only keeps things: what events come from."""
