"""What a deployment on AWS is called.

Buckets' and roles' names are one space over all regions of an account (buckets': over all accounts), so they carry the
region; stacks, endpoints, functions, state machines and schedules are their region's own.

https://docs.aws.amazon.com/IAM/latest/UserGuide/introduction.html#intro-features
https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
"""

from __future__ import annotations

from harness.settings import Settings

STACK = "scones-unlimited"


def bucket_name(settings: Settings, account: str, region: str) -> str:
    """Return the name of the bucket of the deployment in a region.

    Args:
        settings: of the project.
        account: its number.
        region: where the deployment is.
    """
    return f"{settings.bucket}-{account}-{region}"


def role_arn(name: str, account: str, region: str) -> str:
    """Return the ARN of a role of the template, as it is called in a region.

    Args:
        name: of the role in the template, without the region.
        account: its number.
        region: where the deployment is.
    """
    return f"arn:aws:iam::{account}:role/{name}-{region}"


def stack_parameters(settings: Settings, account: str, region: str) -> dict[str, str]:
    """Return the parameters of the template that say what things are called.

    Args:
        settings: of the project.
        account: its number.
        region: where the deployment is.
    """
    return {
        "BucketName": bucket_name(settings, account, region),
        "EndpointName": settings.endpoint,
        "RoleSuffix": f"-{region}",
        "PermissionsBoundary": settings.permissions_boundary,
        "Threshold": str(settings.threshold),
    }
