"""The embedded target: the emulator in this very process, on a free loopback port."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from harness.settings import Settings, surrounding_authorities, surrounding_proxy
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
    from harness.emulator.lambda_.provided import provided
    from harness.emulator.process.surroundings import without_surroundings
    from harness.emulator.sagemaker.frameworks import framework_environments

    emulator = Emulator(
        host=settings.host,
        port=port,
        region=settings.region,
        account_id=settings.account_id,
        upstream_proxy=surrounding_proxy(os.environ),
        authorities=surrounding_authorities(os.environ),
        recipe=settings.recipe,
        capture_seconds=settings.capture_seconds,
        frameworks=framework_environments(settings),
        enforce_policies=settings.iam == "enforced",
        mocks=Path(settings.sfn_mock_config) if settings.sfn_mock_config else None,
        provided=provided(settings),
        skip_unsupported=settings.unsupported == "skip",
        boundary=Boundary(settings.host, token=settings.control_token),
    )
    with without_surroundings(os.environ), emulator:
        environment = emulator.environment() | emulator.control_variables()
        target = Target("embedded", environment, is_local=True, control_url=emulator.url)
        with environment_of(target):
            yield target
