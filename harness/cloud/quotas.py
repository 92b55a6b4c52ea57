"""Limits in force: whether the account may have the instances, and whether the region has them at all.

The quotas' names are AWS's, as ListServiceQuotas has them: ``ml.g4dn.xlarge for training job usage`` is L-3F53BF0F in
aws-samples/amazon-sagemaker-promote-code-not-models (terraform/main/service_quotas.tf) and in public listings.

https://docs.aws.amazon.com/general/latest/gr/sagemaker.html#limits_sagemaker
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import boto3

TRAINING, SPOT, ENDPOINT = "training job usage", "spot training job usage", "endpoint usage"
_GPU_TRAINING = ("ml.g4dn.xlarge", "ml.g4dn.2xlarge", "ml.g5.xlarge", "ml.g5.2xlarge", "ml.p3.2xlarge")
"""What the built-in image-classification algorithm trains on, cheapest first: it needs a GPU.

The document names the families P2, P3, G4dn and G5 (awsdocs/amazon-sagemaker-developer-guide at b01b6e4, 2023-05; no
later copy was seen). P2 is retired, and of G6 it says nothing.

https://docs.aws.amazon.com/sagemaker/latest/dg/image-classification.html#IC-instances
"""
_ENDPOINTS = ("ml.m5.large", "ml.m5.xlarge", "ml.c5.xlarge", "ml.t2.medium")
_SETTINGS = {
    TRAINING: "HARNESS_TRAINING_INSTANCE",
    SPOT: "HARNESS_TRAINING_INSTANCE",
    ENDPOINT: "HARNESS_ENDPOINT_INSTANCE",
}


class QuotaError(RuntimeError):
    """The account may not have what is needed; the message says what to do about it."""


@dataclass(frozen=True)
class Quota:
    """How many instances of one type the account may use for one purpose."""

    name: str
    """As Service Quotas calls it: ``ml.p3.2xlarge for training job usage``."""
    code: str
    value: float


def read_quotas(session: boto3.Session) -> dict[str, Quota]:
    """SageMaker's quotas of the account in the session's region, by name.

    Raises:
        botocore.exceptions.ClientError: Service Quotas refuses.
    """
    client = session.client("service-quotas")
    found = {}
    for operation in ("list_aws_default_service_quotas", "list_service_quotas"):  # what is applied outranks defaults
        for page in client.get_paginator(operation).paginate(ServiceCode="sagemaker"):
            for quota in page["Quotas"]:
                found[quota["QuotaName"]] = Quota(quota["QuotaName"], quota["QuotaCode"], quota["Value"])
    return found


def require_instance(quotas: dict[str, Quota], instance_type: str, purpose: str, region: str) -> Quota:
    """Return the quota for one instance of a type.

    Args:
        quotas: as :func:`read_quotas` gives them, by Service Quotas' names.
        instance_type: e.g. ``ml.m5.xlarge``.
        purpose: ``ENDPOINT``, ``TRAINING`` or ``SPOT``: each has a quota of its own.
        region: for the message, and the link by which to ask for more.

    Raises:
        QuotaError: the region does not offer the type, or the account may not use one.
    """
    quota = quotas.get(f"{instance_type} for {purpose}")
    setting = _SETTINGS[purpose]
    able = _able(quotas, purpose)
    others = f"this account may use {', '.join(able)}: set {setting}" if able else None
    if quota is None:
        offered = [name for name in _candidates(purpose) if f"{name} for {purpose}" in quotas]
        retiring = " AWS meant to retire P3 by 2025-12-20." if instance_type.startswith("ml.p3.") else ""
        links = [f"{name} at {request_link(quotas[f'{name} for {purpose}'].code, region)}" for name in offered]
        way = others or f"ask for a quota of 1, for {' or '.join(links)}"
        raise QuotaError(
            f"{region} does not offer {instance_type} for {purpose}.{retiring} "
            f"It offers {', '.join(offered) or 'none that would do'}; {way}. Nothing was made."
        )
    if quota.value < 1:
        new = ", as in every new account" if purpose != ENDPOINT else ""
        ways = [f"ask for 1 at {request_link(quota.code, region)} (granted within hours to days)"]
        rest = [name for name in _candidates(purpose) if f"{name} for {purpose}" in quotas and name != instance_type]
        ways.append(others or f"for one of {', '.join(rest)}, with {setting} set to it")
        if purpose != ENDPOINT:
            ways.append("serve a model that was trained elsewhere with --model, which trains nothing")
        raise QuotaError(
            f"the quota '{quota.name}' of this account in {region} is {quota.value:g}{new}. Either "
            f"{'; or '.join(ways)}. Nothing was made."
        )
    return quota


def request_link(code: str, region: str) -> str:
    """Return the console's page on which more of a quota is asked for."""
    return f"https://{region}.console.aws.amazon.com/servicequotas/home/services/sagemaker/quotas/{code}"


def _candidates(purpose: str) -> tuple[str, ...]:
    return _ENDPOINTS if purpose == ENDPOINT else _GPU_TRAINING


def _able(quotas: dict[str, Quota], purpose: str) -> list[str]:
    names = [(name, quotas.get(f"{name} for {purpose}")) for name in _candidates(purpose)]
    return [name for name, quota in names if quota is not None and quota.value >= 1]
