"""Targets: the places where AWS answers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager

from harness.settings import Settings
from harness.targets.target import Target, environment_of


def open_target(settings: Settings) -> AbstractContextManager[Target]:
    """Return the target that *settings* names, as a context manager.

    Raises:
        ValueError: there is no such target.
    """
    if settings.target == "embedded":
        from harness.targets.embedded import embedded

        return embedded(settings)
    if settings.target == "compose":
        from harness.targets.compose import compose

        return compose(settings)
    if settings.target == "aws":
        from harness.targets.aws import aws

        return aws(settings)
    raise ValueError(f"no such target: {settings.target!r}; there are embedded, compose and aws")


@contextlib.contextmanager
def open_standing_target(settings: Settings) -> Iterator[Target]:
    """Yield a target that outlives the block: instead of the embedded one, the emulator that runs for this folder.

    Raises:
        RuntimeError: none runs.
        ValueError: there is no such target.
    """
    if settings.target != "embedded":
        with open_target(settings) as target:
            yield target
        return
    from harness.emulator.process.endpoint_file import find_announced

    environment = find_announced(settings.cache)
    if environment is None:
        raise RuntimeError("no emulator runs for this folder: start one with `harness up`.")
    target = Target("emulator", environment, is_local=True, control_url=environment["AWS_ENDPOINT_URL"])
    with environment_of(target):
        yield target
