"""The environment variables that lead boto3, and SDKs that name AWS's hosts themselves, to a local address."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from harness.emulator.door.certificates import CertificateAuthority

_DIRECT = ("localhost", "127.0.0.1", "::1")
_PATH_STYLE = "[default]\ns3 =\n    addressing_style = path\n"
"""For S3 under a host's name: ``bucket.localstack`` is no host in a container network, ``localstack/bucket`` works."""


def local_variables(
    url: str,
    authority: CertificateAuthority,
    region: str,
    access_key_id: str,
    *,
    config: Path | None = None,
    direct: Iterable[str] = (),
) -> dict[str, str]:
    """Variables with which no boto3 program can reach real AWS.

    ``AWS_ENDPOINT_URL`` leads to *url* all who ask boto3 for an address. Those who name AWS's hosts themselves come
    through the proxy there, and could not get through any other way: they trust *authority*'s certificates alone.

    Args:
        url: ``http://host:port`` of an emulator.
        authority: signs its certificates.
        region: the region for clients that name none.
        access_key_id: as whom to call.
        config: where to put an AWS configuration file that has S3 addressed by path; None for no such file.
        direct: hosts, besides this machine, that are reached without the proxy.
    """
    if config is not None:
        config.write_text(_PATH_STYLE, encoding="utf-8")
    without_proxy = ",".join((*_DIRECT, *direct))
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": access_key_id,
        "AWS_SECRET_ACCESS_KEY": "harness",
        "AWS_SESSION_TOKEN": "harness",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",  # no sync-127.0.0.1 for StartSyncExecution
        "AWS_CONFIG_FILE": os.devnull if config is None else str(config),
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_CA_BUNDLE": str(authority.bundle),
        "REQUESTS_CA_BUNDLE": str(authority.wide_bundle),
        "HTTPS_PROXY": url,
        "https_proxy": url,
        "NO_PROXY": without_proxy,
        "no_proxy": without_proxy,
    }
