"""What an emulator is told before it starts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from harness.emulator.door.boundary import Boundary
from harness.settings import Settings, surrounding_authorities, surrounding_proxy

if TYPE_CHECKING:
    from harness.emulator.lambda_.provided import Provided
    from harness.emulator.sagemaker.frameworks import FrameworkEnvironments

SERVICES = {
    "s3": ("s3",),
    "iam": ("iam",),
    "sts": ("sts",),
    "logs": ("logs",),
    "lambda": ("lambda",),
    "cloudformation": ("cloudformation",),
    "stepfunctions": ("stepfunctions",),
    "sagemaker": ("sagemaker", "sagemaker-runtime"),
}
"""What ``--services`` takes, and the boto3 clients that each stands for."""
_SIGNING_NAMES = {"stepfunctions": "states"}
"""Services whose requests are signed for another name than the one in :data:`SERVICES`."""


@dataclass(frozen=True)
class EmulatorOptions:
    """How an emulator is to be.

    Attributes:
        host: address to listen on.
        port: port to listen on; 0 picks a free one.
        region: region for requests that name none.
        account_id: the account that answers.
        services: names out of :data:`SERVICES` to run here, None for all. Calls to the others go where boto3's
            ``AWS_ENDPOINT_URL_<SERVICE>`` variables point.
        upstream_proxy: the HTTP proxy by which this machine reaches other hosts, None where it needs none.
        authorities: PEM file of the certificate authorities that this machine trusts, None for the usual ones.
        recipe: how built-in algorithms train: ``aws``, ``fast``, ``linear``, or ``auto``, which is what is installed.
        capture_seconds: for how long a Data Capture file gathers records.
        pace_of_aws: whether who looks late finds training jobs and endpoints still on their way, as on AWS.
        frameworks: the environments that stand in for SageMaker's framework containers, None for the usual ones.
        enforce_policies: whether functions and state machines may do only what the policies of their roles allow.
        http_hosts: that ``http:invoke`` may call beside this machine's own.
        skip_unsupported: whether stacks leave out, with a note, types of resources that are not emulated.
        refuse_past_schedules: whether a schedule ``at()`` a time in the past is refused, not carried out at once.
        live: folder below which functions may run from the folders that are edited, or None.
        provided: what the user has named for functions: Pythons, folders of layers; None for nothing.
        boundary: says who may ask; programs on this machine alone unless given.
        mocks: a MockConfigFile of Step Functions Local, or None.
        state: folder in which buckets, roles, logs, models, jobs and endpoints outlive this emulator, or None.
        cache: folder for what would be made anew at each start: what SAM's translator made of templates, and what of
            the Lambda runtime another Python has compiled; or None.

    Raises:
        ValueError: a service that the emulator does not have.
    """

    host: str = "127.0.0.1"
    port: int = 0
    region: str = "us-east-1"
    account_id: str = "123456789012"
    services: frozenset[str] | None = None
    upstream_proxy: str | None = None
    authorities: Path | None = None
    recipe: str = "auto"
    capture_seconds: float = 60.0
    pace_of_aws: bool = False
    frameworks: FrameworkEnvironments | None = None
    enforce_policies: bool = True
    skip_unsupported: bool = False
    refuse_past_schedules: bool = False
    http_hosts: frozenset[str] = frozenset()
    live: Path | None = None
    provided: Provided | None = None
    boundary: Boundary = field(default_factory=lambda: Boundary("127.0.0.1"))
    mocks: Path | None = None
    state: Path | None = None
    cache: Path | None = None

    def __post_init__(self) -> None:
        unknown = sorted((self.services or frozenset()) - SERVICES.keys())
        if unknown:
            raise ValueError(f"no such service: {', '.join(unknown)}; there are {', '.join(SERVICES)}")

    def runs(self, service: str) -> bool:
        """Tell whether *service* is answered here."""
        return self.services is None or service in self.services

    @property
    def signing_names(self) -> frozenset[str] | None:
        """What requests to the services that run here are signed for; None for all."""
        if self.services is None:
            return None
        return frozenset(_SIGNING_NAMES.get(service, service) for service in self.services)

    @property
    def boto3_names(self) -> frozenset[str] | None:
        """The boto3 clients of the services that run here; None for all."""
        if self.services is None:
            return None
        return frozenset(name for service in self.services for name in SERVICES[service])


def boto3_name_of(signing_name: str) -> str:
    """Return the boto3 client of the service that requests are signed for as *signing_name*."""
    return {signed: name for name, signed in _SIGNING_NAMES.items()}.get(signing_name, signing_name)


def options_of(
    settings: Settings,
    environ: Mapping[str, str],
    boundary: Boundary,
    *,
    host: str,
    port: int = 0,
    services: frozenset[str] | None = None,
    layers: Iterable[str] = (),
    state: Path | None = None,
    live: Path | None = None,
) -> EmulatorOptions:
    """Put together what *settings*, the environment and a command say.

    Args:
        settings: of the project.
        environ: names this machine's proxy and certificate authorities.
        boundary: says who may ask.
        host: address to listen on.
        port: 0 takes a free one.
        services: names of those that run here; None: all.
        layers: what stands for layers of other accounts, see :func:`~harness.emulator.lambda_.provided.provided`.
        state: folder that outlives a restart; None: there is none.
        live: folder whose functions run from there; None: none do.

    Raises:
        ValueError: there is no such service, or a layer cannot be had.
    """
    from harness.emulator.lambda_.provided import provided
    from harness.emulator.sagemaker.frameworks import framework_environments

    return EmulatorOptions(
        host=host,
        port=port,
        region=settings.region,
        account_id=settings.account_id,
        services=services,
        upstream_proxy=surrounding_proxy(environ),
        authorities=surrounding_authorities(environ),
        recipe=settings.recipe,
        capture_seconds=settings.capture_seconds,
        pace_of_aws=settings.pace != "quick",
        frameworks=framework_environments(settings),
        enforce_policies=settings.iam == "enforced",
        skip_unsupported=settings.unsupported == "skip",
        refuse_past_schedules=settings.past_schedules == "refuse",
        http_hosts=frozenset(filter(None, map(str.strip, settings.http_hosts.split(",")))),
        live=live,
        provided=provided(settings, layers),
        boundary=boundary,
        cache=settings.cache,
        mocks=Path(settings.sfn_mock_config) if settings.sfn_mock_config else None,
        state=state,
    )
