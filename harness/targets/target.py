"""What every target hands out: where AWS answers, and as whom to call it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

ROUTING_PREFIXES = ("AWS_ENDPOINT_URL",)
ROUTING_VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_CA_BUNDLE",
)
"""Variables by which boto3 finds an account or an address; a target sets them all or has them unset."""


@dataclass(frozen=True)
class Target:
    """A place where AWS answers."""

    name: str
    """``embedded``, ``compose`` or ``aws``."""
    environment: Mapping[str, str]
    """The variables that lead boto3 there."""
    is_local: bool
    """Whether nothing leaves this machine and nothing costs money."""
    control_url: str | None = None
    """Address of the emulator's own API, where there is one."""


def with_variables(environ: Mapping[str, str], variables: Mapping[str, str]) -> dict[str, str]:
    """*environ* with a target's variables, and without any others that lead boto3 somewhere."""
    kept = {
        name: value
        for name, value in environ.items()
        if not name.startswith(ROUTING_PREFIXES) and name not in ROUTING_VARIABLES
    }
    return kept | dict(variables)


@contextlib.contextmanager
def environment_of(target: Target) -> Iterator[None]:
    """Lead all of this process's boto3 calls to *target* while the block lasts, and the child processes' too.

    Profiles, keys and endpoints of the surrounding shell are put aside, so that no call can slip to another place.
    """
    before = dict(os.environ)
    inside = with_variables(before, target.environment)
    os.environ.clear()
    os.environ.update(inside)
    _forget_default_session()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        _forget_default_session()


def _forget_default_session() -> None:
    # boto3's default session has read its credentials and region for good.
    import boto3

    boto3.DEFAULT_SESSION = None
