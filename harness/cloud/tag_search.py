"""Finds resources by their tags, whatever made them.

https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cloud.tags import REGION_KEY
from harness.project.bucket import bucket_tags, own_buckets
from harness.project.presence import Found
from harness.project.stack import find_stack

if TYPE_CHECKING:
    import boto3


def find_tagged(session: boto3.Session, key: str, value: str | None = None) -> list[Found]:
    """All resources of the account, in the session's region, that carry a tag.

    What is tagged for another region is left out, as roles are seen from every one. The tagging API does not know
    roles and schedule groups, so these are listed.

    Args:
        session: leads to the target.
        key: of the tag.
        value: of the tag; None for any.
    """
    wanted = {"Key": key, **({"Values": [value]} if value is not None else {})}
    tagging, iam, scheduler = (session.client(name) for name in ("resourcegroupstaggingapi", "iam", "scheduler"))
    found = [
        Found(item["ResourceARN"], {tag["Key"]: tag["Value"] for tag in item["Tags"]})
        for page in tagging.get_paginator("get_resources").paginate(TagFilters=[wanted])
        for item in page["ResourceTagMappingList"]
    ]
    for page in iam.get_paginator("list_roles").paginate(PathPrefix="/"):
        for role in page["Roles"]:
            if role["Path"].startswith("/aws-"):
                continue  # AWS's own
            try:
                tags = iam.list_role_tags(RoleName=role["RoleName"])["Tags"]
            except iam.exceptions.NoSuchEntityException:
                continue  # listed for a while after it has gone
            found.append(Found(role["Arn"], {tag["Key"]: tag["Value"] for tag in tags}))
    for page in scheduler.get_paginator("list_schedule_groups").paginate():
        for group in page["ScheduleGroups"]:
            if group["Name"] == "default":
                continue
            try:
                tags = scheduler.list_tags_for_resource(ResourceArn=group["Arn"]).get("Tags", [])
            except scheduler.exceptions.ResourceNotFoundException:
                continue
            found.append(Found(group["Arn"], {tag["Key"]: tag["Value"] for tag in tags}))
    region = session.region_name
    return [
        item
        for item in found
        if key in item.tags and value in (None, item.tags[key]) and item.tags.get(REGION_KEY, region) == region
    ]


def tags_of(session: boto3.Session, found: Found) -> dict[str, str]:
    """Return the tags of a bucket, stack, schedule group or resource of SageMaker, asked of its own service.

    Args:
        session: leads to the target.
        found: the resource.

    Raises:
        botocore.exceptions.ClientError: AWS refuses.
    """
    match found.kind:
        case "bucket":
            return bucket_tags(own_buckets(session), found.name)
        case "stack":
            stack = find_stack(session.client("cloudformation"), found.name)
            listed = (stack or {}).get("Tags", ())
        case "schedule group":
            listed = session.client("scheduler").list_tags_for_resource(ResourceArn=found.arn).get("Tags", ())
        case _:
            pages = session.client("sagemaker").get_paginator("list_tags").paginate(ResourceArn=found.arn)
            listed = [tag for page in pages for tag in page["Tags"]]
    return {tag["Key"]: tag["Value"] for tag in listed}
