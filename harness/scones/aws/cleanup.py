"""Removes all that deployments on AWS have left, and looks whether it is gone."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from harness.cloud.removal import in_order, remove_all
from harness.cloud.tag_search import find_tagged, tags_of
from harness.cloud.tags import PROJECT, PROJECT_KEY
from harness.cloud.watchdog import GROUP
from harness.project.presence import Found, await_gone, is_there, resources_of
from harness.project.stack import find_stack, read_stack
from harness.project.steps import Step
from harness.scones.endpoint import endpoint_log_group, endpoint_resources
from harness.scones.names import STACK, bucket_name
from harness.scones.workflow import CleanupError
from harness.settings import Settings
from harness.targets.target import Target

if TYPE_CHECKING:
    import boto3


def find_deployment(target: Target, session: boto3.Session, settings: Settings) -> list[Found]:
    """All that deployments of the workflow have left in the account's region, by their tags, first things first.

    The tagging API lists late what was just made: what has a deployment's name is asked for its tags besides.

    Args:
        target: the account and region.
        session: leads there.
        settings: names.

    Raises:
        botocore.exceptions.ClientError: AWS refuses.
    """
    found = {item.arn.removesuffix(":*"): item for item in find_tagged(session, PROJECT_KEY, PROJECT)}
    for item in _named(target, session, settings):
        if item.arn not in found and _is_ours(item):
            found[item.arn] = item
    return in_order(item for item in found.values() if is_there(session, item))


def find_strangers(target: Target, session: boto3.Session, settings: Settings) -> list[Found]:
    """Return what has a deployment's name and not its tag: it is not this project's to change or to remove.

    Args:
        target: the account and region.
        session: leads there.
        settings: names.

    Raises:
        botocore.exceptions.ClientError: AWS refuses.
    """
    return [item for item in _named(target, session, settings) if not _is_ours(item)]


def _is_ours(item: Found) -> bool:
    # SageMaker makes an endpoint's log group anew, without tags, when its last words come late.
    return item.kind == "log group" or item.tags.get(PROJECT_KEY) == PROJECT


def _named(target: Target, session: boto3.Session, settings: Settings) -> Iterator[Found]:
    """Yield what is there under the names of a deployment, with its tags."""
    assert target.account_id is not None and target.region is not None
    account, region = target.account_id, target.region
    sagemaker = session.client("sagemaker")
    stack = find_stack(session.client("cloudformation"), STACK)
    named = [
        Found.named(kind, name, account, region)
        for kind, name in (
            ("bucket", bucket_name(settings, account, region)),
            ("endpoint", settings.endpoint),
            ("schedule group", GROUP),
            ("log group", endpoint_log_group(settings.endpoint)),
            *endpoint_resources(sagemaker, settings.endpoint),
        )
    ]
    named += [] if stack is None else [Found(stack["StackId"])]
    named += [
        Found(job["TrainingJobArn"])
        for page in sagemaker.get_paginator("list_training_jobs").paginate(NameContains=settings.endpoint)
        for job in page["TrainingJobSummaries"]
        if job["TrainingJobName"].startswith(f"{settings.endpoint}-")
    ]
    for item in filter(partial(is_there, session), named):
        yield item if item.kind == "log group" else Found(item.arn, tags_of(session, item))


def destroy_cloud(
    target: Target, session: boto3.Session, settings: Settings, on_step: Step = lambda line: None
) -> None:
    """Remove all that deployments of the workflow have left, the endpoint first, and look whether it is gone.

    Args:
        target: the account and region.
        session: leads there.
        settings: names.
        on_step: told of each thing removed.

    Raises:
        CleanupError: something is still there; what is not this project's by its tag is not removed.
    """
    made = _of_the_stack(target, session)
    failed = remove_all(find_deployment(target, session, settings), session, on_step)
    left = find_deployment(target, session, settings)
    if left:  # resources of a stack that could not be removed whole, and what was being made meanwhile
        failed = remove_all(left, session, on_step)
        left = find_deployment(target, session, settings)
    strangers = find_strangers(target, session, settings)
    strange = {str(item): f"{item} (without the tag {PROJECT_KEY}={PROJECT})" for item in strangers}
    left = in_order(await_gone(session, dict.fromkeys([*left, *made])))
    if left or strange:
        still = [*map(str, left), *strange.values()]
        raise CleanupError(f"still there: {', '.join(still)}. {'; '.join(failed)}")


def _of_the_stack(target: Target, session: boto3.Session) -> list[Found]:
    """Return what the stack has made, by name, whatever its tags say."""
    assert target.account_id is not None and target.region is not None
    if find_stack(session.client("cloudformation"), STACK) is None:
        return []
    return resources_of(read_stack(STACK, session), target.account_id, target.region)
