"""The boto3 clients through which the page sees a target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.project.bucket import own_buckets

if TYPE_CHECKING:
    import boto3

    from harness.testing.control import ControlApi


@dataclass(frozen=True)
class Clients:
    """A client for each service that the page asks, and the emulator's own API where the target has one."""

    target: str
    """The target's name."""
    states: Any
    s3: Any
    sagemaker: Any
    functions: Any
    """AWS Lambda."""
    logs: Any
    iam: Any
    stacks: Any
    """AWS CloudFormation."""
    runtime: Any
    """SageMaker's, which asks endpoints."""
    metrics: Any
    """AWS CloudWatch."""
    trail: Any
    """AWS CloudTrail."""
    control: ControlApi | None = None

    @property
    def is_local(self) -> bool:
        """Whether asking often costs nobody anything."""
        return self.target != "aws"


def clients_of(
    session: boto3.Session,
    target: str,
    control_url: str | None = None,
    environment: Mapping[str, str] | None = None,
    token: str = "",
) -> Clients:
    """Return the clients that *session* makes.

    Args:
        session: leads to the target.
        target: its name.
        control_url: address of the emulator's own API, None where the target has none.
        environment: a target's variables, where this process's own do not lead there.
        token: what that API wants to be told.
    """
    from botocore.config import Config

    from harness.emulator.clients import OWN_ACCESS_KEY
    from harness.testing.control import ControlApi

    config = Config(connect_timeout=5, read_timeout=30, max_pool_connections=16, s3={"addressing_style": "path"})
    given: dict[str, Any] = {"config": config}
    if environment is not None:
        given |= {
            "endpoint_url": environment["AWS_ENDPOINT_URL"],
            "region_name": environment["AWS_REGION"],
            "aws_access_key_id": environment["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": environment["AWS_SECRET_ACCESS_KEY"],
        }
    # A fault in a bucket is for those who are tried, not for the page that shows how they fare.
    unharmed = {} if control_url is None else {"aws_access_key_id": OWN_ACCESS_KEY, "aws_secret_access_key": "harness"}
    return Clients(
        target,
        states=session.client("stepfunctions", **given),
        s3=own_buckets(session, **given) if target == "aws" else session.client("s3", **(given | unharmed)),
        sagemaker=session.client("sagemaker", **given),
        functions=session.client("lambda", **given),
        logs=session.client("logs", **given),
        iam=session.client("iam", **given),
        stacks=session.client("cloudformation", **given),
        runtime=session.client("sagemaker-runtime", **given),
        metrics=session.client("cloudwatch", **given),
        trail=session.client("cloudtrail", **given),
        control=None if control_url is None else ControlApi(control_url, token),
    )
