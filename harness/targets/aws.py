"""The aws target: a real account, found as boto3 finds it, or an emulator that stands in for one."""

from __future__ import annotations

import contextlib
import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import replace
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from harness.settings import Settings
from harness.targets.credentials import caller, explained, refuse_codes, refuse_other_keys
from harness.targets.target import ROUTING_PREFIXES, ROUTING_VARIABLES, Target, TargetError, environment_of

if TYPE_CHECKING:
    import boto3

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_SERVICES = (
    "s3",
    "iam",
    "sts",
    "logs",
    "lambda",
    "stepfunctions",
    "sagemaker",
    "sagemaker-runtime",
    "cloudformation",
    "scheduler",
    "service-quotas",
    "resourcegroupstaggingapi",
    "pricing",
    "sso",
    "sso-oidc",
)
"""What the workflow calls, and where its credentials are from; none of it may be led elsewhere."""
_ANSWER = 5.0


@contextlib.contextmanager
def aws(settings: Settings) -> Iterator[Target]:
    """Lead boto3 to the account that the shell's profile, SSO session or keys are of, while the block lasts.

    Nothing is made and nothing costs anything here: see :mod:`harness.cloud.consent` for what does.

    Args:
        settings: ``aws_account`` to be met; ``aws_stand_in`` for an emulator, or a recording, in place of AWS, and
            ``aws_stand_in_role`` for whom to be there.

    Raises:
        TargetError: a call would not reach AWS, or not the account that is meant; or the partition is not ``aws``.
    """
    refuse_old_boto3()
    if Path(settings.aws_stand_in).is_file():
        from harness.targets.replaying import replayed

        with replayed(Path(settings.aws_stand_in)) as target:
            _require_account(settings, str(target.account_id), str(target.caller))
            yield target
        return
    if settings.aws_stand_in:
        environment = _stand_in(settings.aws_stand_in, settings.aws_stand_in_role)
    else:
        environment = _own_variables(os.environ)
    # Programs that are started from here see the same region, wherever it came from; and so does what takes on a role.
    region = _region_in(environment)
    variables = {**environment, "AWS_REGION": region, "AWS_DEFAULT_REGION": region}
    found = Target("aws", variables, is_local=False, region=region, stand_in=bool(settings.aws_stand_in))
    with environment_of(found):
        identity = _identity(found)
        account, arn = str(identity["Account"]), str(identity["Arn"])
        _require_account(settings, account, arn)
        yield replace(found, account_id=account, caller=arn)


def _require_account(settings: Settings, account: str, arn: str) -> None:
    if settings.aws_account and account != settings.aws_account:
        raise TargetError(
            f"these credentials are of account {account} ({arn}), not of {settings.aws_account}, "
            "which is meant: nothing was run. Choose another AWS_PROFILE, or another --account."
        )


def refuse_old_boto3() -> None:
    """Refuse a boto3 that does not know how to remove all that is made here.

    Raises:
        TargetError: it has no DeleteTrainingJob, which came with 1.41.
    """
    import boto3

    if tuple(int(part) for part in boto3.__version__.split(".")[:2]) < (1, 41):
        raise TargetError(
            f"boto3 {boto3.__version__} cannot delete training jobs (DeleteTrainingJob): nothing was run. "
            "`pip install 'boto3>=1.41'`."
        )


def refuse_elsewhere(session: boto3.Session) -> None:
    """Refuse a session whose calls would go to another place than AWS.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html

    Raises:
        TargetError: naming what leads elsewhere, and how to be rid of it.
    """
    from harness.emulator.door.forward_proxy import is_aws
    from harness.emulator.identity import ACCESS_KEY_ID

    region = session.region_name or "us-east-1"
    for service in _SERVICES:
        address = session.client(service, region_name=region).meta.endpoint_url
        if not is_aws(urlsplit(address).hostname or ""):
            profile = session.profile_name
            raise TargetError(
                f"{service} would be called at {address}, not at AWS: `endpoint_url` or `services` of profile "
                f"{profile} in your AWS configuration leads there. Choose a profile without, or set "
                "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true."
            )
    credentials = session.get_credentials()
    if credentials is not None and credentials.access_key == ACCESS_KEY_ID:
        raise TargetError("the credentials are the emulator's, left over from `harness env`: open a new shell.")
    for variable in ("HTTPS_PROXY", "https_proxy"):
        proxy = os.environ.get(variable, "")
        if urlsplit(proxy).hostname in _LOOPBACK and _health(proxy) is not None:
            raise TargetError(f"{variable}={proxy} is an emulator, left over from `harness env`: open a new shell.")


def _own_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what the shell says of the account, once nothing in it leads elsewhere."""
    ignored = environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true"
    leading = sorted(name for name in environ if name.startswith(ROUTING_PREFIXES) and environ[name])
    if leading and not ignored:
        shown = ", ".join(f"{name}={environ[name]}" for name in leading)
        raise TargetError(
            f"{shown}: left over from a shell for local work, and calls would go there, not to AWS: nothing was run. "
            f"Open a new shell, or `unset {' '.join(leading)}`."
        )
    return {name: environ[name] for name in ROUTING_VARIABLES if name in environ}


def _stand_in(url: str, role: str) -> dict[str, str]:
    """Return the variables of an emulator that stands in for AWS, once it has said it is one; as *role*, if any."""
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname not in _LOOPBACK or parts.port is None:
        raise TargetError(
            f"HARNESS_AWS_STAND_IN={url}: expected http://127.0.0.1:PORT, the address of an emulator on this machine, "
            "or a recording of requests."
        )
    if _health(url) is None:
        raise TargetError(
            f"HARNESS_AWS_STAND_IN={url}: no emulator answers there. Start one with `harness up --port 0`."
        )
    said: dict[str, str] = _ask(url, "environment")["environment"]
    environment = {**said, "AWS_ENDPOINT_URL": url.rstrip("/")}
    return {**environment, **_as_role(environment, role)} if role else environment


def _as_role(environment: Mapping[str, str], role: str) -> dict[str, str]:
    """Return the variables with which to act as *role* on an emulator."""
    from botocore.exceptions import ClientError, ParamValidationError

    with environment_of(Target("aws", environment, is_local=False, stand_in=True)):
        try:
            given = _session().client("sts").assume_role(RoleArn=role, RoleSessionName="harness")["Credentials"]
        except (ClientError, ParamValidationError) as error:
            raise TargetError(f"HARNESS_AWS_STAND_IN_ROLE={role}: {error}") from None
    return {
        "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
        "AWS_SESSION_TOKEN": given["SessionToken"],
    }


def _health(url: str) -> Any | None:
    """Return what an emulator at *url* says of itself; None where there is none."""
    try:
        said = _ask(url, "health")
    except (OSError, ValueError, HTTPException):
        return None
    return said if isinstance(said, dict) and said.get("status") == "running" and "version" in said else None


def _ask(url: str, what: str) -> Any:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(f"{url.rstrip('/')}/_harness/{what}", timeout=_ANSWER) as answer:
        return json.load(answer)


def _session() -> boto3.Session:
    import boto3

    with explained(os.environ):
        return boto3.Session()


def _region_in(environment: Mapping[str, str]) -> str:
    """Return the region that the shell or the profile says, of the partition that is known here."""
    with environment_of(Target("aws", environment, is_local=False, stand_in=True)):
        session = _session()
        # boto3 reads AWS_DEFAULT_REGION and the profile; AWS's other SDKs read AWS_REGION.
        region = os.environ.get("AWS_REGION") or session.region_name
        profile = session.profile_name
    if not region:
        raise TargetError(f"no region is set: set AWS_DEFAULT_REGION, or `region` of profile {profile}.")
    try:
        partition = session.get_partition_for_region(region)
    except Exception as error:  # botocore's UnknownRegionError, for a name that is none
        raise TargetError(f"region {region}: {error}") from None
    if partition != "aws":
        raise TargetError(
            f"region {region} is of the partition {partition}: the aws target knows the partition aws alone, whose "
            "prices, quotas and container images it has. Choose another region or AWS_PROFILE."
        )
    return str(region)


def _identity(target: Target) -> Any:
    """Who calls, once it is sure that AWS is asked."""
    session = _session()
    with explained(os.environ):
        if not target.stand_in:
            refuse_codes(os.environ)
            refuse_elsewhere(session)
        identity = caller(session, str(target.region))
    partition = identity["Arn"].split(":")[1]
    if partition != "aws":
        raise TargetError(
            f"{identity['Arn']} is of the partition {partition}: the aws target knows the partition aws alone."
        )
    if not target.stand_in:
        refuse_other_keys(identity, os.environ)
    return identity
