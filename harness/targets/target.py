"""What every target hands out: where AWS answers, and as whom to call it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

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
    account_id: str | None = None
    """The account, on the ``aws`` target."""
    region: str | None = None
    """The region, on the ``aws`` target."""
    caller: str | None = None
    """ARN of who calls, on the ``aws`` target."""
    stand_in: bool = False
    """Whether an emulator stands in for AWS, which the ``aws`` target was told."""

    @property
    def control_token(self) -> str:
        """What the emulator's own API wants to be told, empty where it wants nothing."""
        return self.environment.get("HARNESS_CONTROL_TOKEN", "")


class TargetError(RuntimeError):
    """The target cannot be used; the message says why, and what would help."""


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

    Profiles, keys and endpoints of the surrounding shell are put aside, so that no call
    goes elsewhere by them.

    Raises:
        TargetError: a local target would let a call reach real AWS.
    """
    if target.is_local:
        refuse_real_aws(target.name, target.environment)
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


def refuse_real_aws(name: str, environment: Mapping[str, str]) -> None:
    """Refuse variables of a local target that would lead a call to real AWS.

    Raises:
        TargetError: an address is AWS's own, or services without an address of their own have none at all.
    """
    from harness.emulator.door.forward_proxy import is_aws

    if not environment.get("AWS_ENDPOINT_URL"):
        raise TargetError(f"the {name} target has no AWS_ENDPOINT_URL, so calls would reach real AWS: nothing was run")
    for variable, value in environment.items():
        leads = variable.startswith(ROUTING_PREFIXES) or variable.upper() in ("HTTPS_PROXY", "HTTP_PROXY")
        if leads and is_aws(urlsplit(value).hostname or ""):
            raise TargetError(f"{variable}={value} leads the {name} target to real AWS: nothing was run. Unset it.")


def _forget_default_session() -> None:
    # boto3's default session has read its credentials and region for good.
    import boto3

    boto3.DEFAULT_SESSION = None
