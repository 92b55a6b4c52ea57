"""What the workflow's deployments are called, by parameters of its template.

On AWS, buckets' and roles' names are one space over all regions of an account (buckets': over all accounts), so there
they carry the region; stacks, endpoints, functions, state machines and schedules are their region's own.

https://docs.aws.amazon.com/IAM/latest/UserGuide/introduction.html#intro-features
https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.project.configuration import Configuration
from harness.project.plan import plan_stack
from harness.project.stack import StackPlan
from harness.settings import Settings

STACK = "scones-unlimited"
TEMPLATE = "template.yaml"
SAGEMAKER_ROLE = "scones-sagemaker-execution"
_CODE_PREFIX = "deploy/"
"""Where in the bucket the template's files are put, by their digests."""


def bucket_name(settings: Settings, account: str, region: str = "") -> str:
    """Return the name of a deployment's bucket.

    Args:
        settings: of the project.
        account: its number.
        region: where the deployment is on AWS; none elsewhere.
    """
    return "-".join(filter(None, (settings.bucket, account, region)))


def role_arn(name: str, account: str, region: str = "") -> str:
    """Return the ARN of a role of the template, as it is called in a deployment.

    Args:
        name: of the role in the template, without the region.
        account: its number.
        region: where the deployment is on AWS; none elsewhere.
    """
    return f"arn:aws:iam::{account}:role/{name}{region and f'-{region}'}"


def plan_workflow(
    root: Path,
    settings: Settings,
    account: str,
    region: str,
    *,
    on_aws: bool = False,
    tags: Sequence[dict[str, str]] = (),
    model_object: str = "-",
    live: Path | None = None,
) -> StackPlan:
    """Return the stack that ``template.yaml`` below *root* declares, as any project's, under the names of a deployment.

    Args:
        root: the folder of ``template.yaml``.
        settings: of the project.
        account: its number.
        region: where the deployment is.
        on_aws: whether on AWS, where names carry the region and the transform is carried out beforehand.
        tags: of the stack.
        model_object: ``BUCKET/KEY`` of a model in another bucket.
        live: a folder whose functions run from there.

    Raises:
        harness.project.template.TemplateError: the template cannot be deployed.
    """
    bucket = bucket_name(settings, account, region if on_aws else "")
    parameters = {
        "BucketName": bucket,
        "EndpointName": settings.endpoint,
        "RoleSuffix": f"-{region}" if on_aws else "",
        "PermissionsBoundary": settings.permissions_boundary if on_aws else "",
        "Threshold": str(settings.threshold),
        "ModelObject": model_object,
    }
    configuration = Configuration(root / TEMPLATE, STACK, parameters)
    return plan_stack(configuration, bucket, region, list(tags), _CODE_PREFIX, expanded=on_aws, live=live)
