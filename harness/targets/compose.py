"""The compose target: the containers of ``docker-compose.yml``, on this machine."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from harness.settings import Settings, surrounding_authorities, surrounding_proxy
from harness.targets.target import Target, TargetError, environment_of

_ANSWER = 5.0
_PAUSE = 0.5


class StackError(TargetError):
    """The stack cannot be used; the message says which service, and what would help."""


@contextlib.contextmanager
def compose(settings: Settings) -> Iterator[Target]:
    """Lead boto3 to the running stack while the block lasts.

    A relay on a free loopback port answers programs that name AWS's hosts themselves; it passes their requests on to
    the containers, so that none can reach real AWS.

    Args:
        settings: where the services answer, region and account.

    Raises:
        StackError: a service does not answer, or an address is AWS's own.
    """
    from localstack_client.config import get_service_endpoint

    from harness.emulator.clients import endpoint_variable
    from harness.emulator.door.certificates import CertificateAuthority
    from harness.emulator.door.forward_proxy import ForwardProxy
    from harness.emulator.door.relay import Relay
    from harness.emulator.door.server import HttpServer
    from harness.emulator.process.variables import local_variables

    localstack = settings.localstack_url or str(get_service_endpoint("s3"))
    addresses = {
        "s3": localstack,
        "iam": localstack,
        "sts": localstack,
        "logs": localstack,
        "cloudformation": settings.lambda_url,
        "stepfunctions": settings.stepfunctions_url,
        "lambda": settings.lambda_url,
        "sagemaker": settings.sagemaker_url,
        "sagemaker-runtime": settings.sagemaker_url,
    }
    _require(addresses, settings.stack_patience)
    with tempfile.TemporaryDirectory(prefix="harness-") as name:
        folder = Path(name)
        authority = CertificateAuthority(folder, surrounding_authorities(os.environ))
        signed_for = {**addresses, "states": settings.stepfunctions_url}
        relay = Relay(lambda service: signed_for.get(service, localstack))
        server = HttpServer(relay, "127.0.0.1", 0, ForwardProxy(authority, surrounding_proxy(os.environ)))
        hosts = sorted({urlsplit(url).hostname or "" for url in addresses.values()})
        # LocalStack takes twelve digits in place of a key for the account.
        variables = local_variables(
            server.url, authority, settings.region, settings.account_id, config=folder / "aws-config", direct=hosts
        )
        variables |= {endpoint_variable(service): url for service, url in addresses.items()}
        variables["AWS_ENDPOINT_URL"] = localstack
        target = Target("compose", variables, is_local=True)
        server.start()
        try:
            with environment_of(target):
                yield target
        finally:
            server.stop()


def _require(addresses: Mapping[str, str], patience: float) -> None:
    from harness.emulator.door.forward_proxy import is_aws

    for service, url in addresses.items():
        if is_aws(urlsplit(url).hostname or ""):
            raise StackError(f"{url}, where {service} is to answer, is AWS's own: the compose target never leads there")
    until = time.monotonic() + patience
    for url in sorted(set(addresses.values())):
        while (error := _trouble(url)) is not None and time.monotonic() < until:
            time.sleep(_PAUSE)
        if error is not None:
            services = ", ".join(service for service, address in addresses.items() if address == url)
            raise StackError(f"nothing answers at {url} ({services}): {error}. {_advice(url)}")


def _advice(url: str) -> str:
    host = urlsplit(url).hostname or ""
    if host.isalpha() and host != "localhost":  # a service's name, seen from another container
        return (
            f"Its container has not started, or has ended: `docker compose ps -a {host}` and "
            f"`docker compose logs {host}` say why; `docker compose up` tries again."
        )
    return (
        "Start the stack with `docker compose up`, or set HARNESS_LOCALSTACK_URL, HARNESS_STEPFUNCTIONS_URL, "
        "HARNESS_LAMBDA_URL, HARNESS_SAGEMAKER_URL to where it is."
    )


def _trouble(url: str) -> Exception | None:
    """Why *url* does not answer, None when it does."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        direct.open(url, timeout=_ANSWER).close()
    except urllib.error.HTTPError:
        return None  # an answer all the same
    except (OSError, ValueError, HTTPException) as error:
        return error
    return None
