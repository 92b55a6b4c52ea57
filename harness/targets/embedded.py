"""The embedded target: the emulator in this very process, on a free loopback port."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from harness.settings import Settings
from harness.targets.target import Target, environment_of


@contextlib.contextmanager
def embedded(settings: Settings, port: int = 0) -> Iterator[Target]:
    """Start the emulator, lead boto3 to it while the block lasts, and stop it.

    Args:
        settings: region and account.
        port: port to listen on; 0 picks a free one.

    Raises:
        OSError: the port is taken.
        RuntimeError: this process runs an emulator already.
    """
    from harness.emulator.door.boundary import Boundary
    from harness.emulator.emulator import Emulator
    from harness.emulator.options import options_of
    from harness.emulator.process.surroundings import without_surroundings

    boundary = Boundary(settings.host, token=settings.control_token)
    emulator = Emulator(options_of(settings, os.environ, boundary, host=settings.host, port=port))
    with without_surroundings(os.environ), emulator:
        environment = emulator.environment() | emulator.control_variables()
        target = Target("embedded", environment, is_local=True, control_url=emulator.url)
        with environment_of(target):
            yield target
