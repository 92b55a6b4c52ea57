"""Removes resources of the kinds that the workflow makes, given their ARNs, in an order in which that works.

The endpoint goes first: it alone costs by the hour.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from harness.project.bucket import delete_bucket, own_buckets
from harness.project.machines import delete_state_machine
from harness.project.presence import Found, is_gone
from harness.project.stack import delete_stack
from harness.project.steps import Step

if TYPE_CHECKING:
    import boto3

_JOBS_LOG_GROUP = "/aws/sagemaker/TrainingJobs"
STACK_TAG = "aws:cloudformation:stack-name"
_OFTEN = {"Delay": 5, "MaxAttempts": 360}


def _delete_endpoint(session: boto3.Session, found: Found) -> None:
    sagemaker = session.client("sagemaker")
    try:
        sagemaker.delete_endpoint(EndpointName=found.name)
    except sagemaker.exceptions.ClientError as error:
        if "Could not find" in str(error):
            return
        if "Cannot update in-progress" not in str(error) and "in progress" not in str(error):
            raise
        # What is being created or updated can be deleted only afterwards.
        with contextlib.suppress(Exception):
            sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=found.name, WaiterConfig=_OFTEN)
        sagemaker.delete_endpoint(EndpointName=found.name)
    sagemaker.get_waiter("endpoint_deleted").wait(EndpointName=found.name, WaiterConfig=_OFTEN)


def _delete_job(session: boto3.Session, found: Found) -> None:
    sagemaker = session.client("sagemaker")
    if sagemaker.describe_training_job(TrainingJobName=found.name)["TrainingJobStatus"] in ("InProgress", "Stopping"):
        with contextlib.suppress(sagemaker.exceptions.ClientError):  # it may end just now
            sagemaker.stop_training_job(TrainingJobName=found.name)
        sagemaker.get_waiter("training_job_completed_or_stopped").wait(TrainingJobName=found.name, WaiterConfig=_OFTEN)
    # The job goes last: as long as it is there, its log is found.
    _delete_job_logs(session.client("logs"), found.name)
    sagemaker.delete_training_job(TrainingJobName=found.name)


def _delete_job_logs(logs: Any, job: str) -> None:
    """Remove a job's log; the group is that of all jobs of the account, and stays."""
    with contextlib.suppress(logs.exceptions.ResourceNotFoundException):
        for page in logs.get_paginator("describe_log_streams").paginate(
            logGroupName=_JOBS_LOG_GROUP, logStreamNamePrefix=f"{job}/"
        ):
            for stream in page["logStreams"]:
                logs.delete_log_stream(logGroupName=_JOBS_LOG_GROUP, logStreamName=stream["logStreamName"])


def _delete_function(session: boto3.Session, found: Found) -> None:
    functions = session.client("lambda")
    with contextlib.suppress(functions.exceptions.ResourceNotFoundException):
        functions.delete_function(FunctionName=found.name)


def _delete_group(session: boto3.Session, found: Found) -> None:
    logs = session.client("logs")
    with contextlib.suppress(logs.exceptions.ResourceNotFoundException):
        logs.delete_log_group(logGroupName=found.name)


def _delete_schedules(session: boto3.Session, found: Found) -> None:
    scheduler = session.client("scheduler")
    with contextlib.suppress(scheduler.exceptions.ResourceNotFoundException):
        scheduler.delete_schedule_group(Name=found.name)  # and all schedules in it


def _delete_stack(session: boto3.Session, found: Found) -> None:
    cfn, iam = session.client("cloudformation"), session.client("iam")
    # A role that was given policies since, as by a test that broke off, is not CloudFormation's to delete.
    for page in cfn.get_paginator("list_stack_resources").paginate(StackName=found.arn):
        for resource in page["StackResourceSummaries"]:
            if resource["ResourceType"] == "AWS::IAM::Role" and resource.get("PhysicalResourceId"):
                with contextlib.suppress(iam.exceptions.NoSuchEntityException):
                    _delete_policies(iam, resource["PhysicalResourceId"])
    delete_stack(cfn, found.name)


def _delete_role(session: boto3.Session, found: Found) -> None:
    iam = session.client("iam")
    with contextlib.suppress(iam.exceptions.NoSuchEntityException):
        _delete_policies(iam, found.name)
        iam.delete_role(RoleName=found.name)


def _delete_policies(iam: Any, role: str) -> None:
    for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        iam.delete_role_policy(RoleName=role, PolicyName=policy)


ORDER: dict[str, Callable[[boto3.Session, Found], None]] = {
    "endpoint": _delete_endpoint,
    "training job": _delete_job,
    "schedule group": _delete_schedules,
    "endpoint configuration": lambda session, found: session.client("sagemaker").delete_endpoint_config(
        EndpointConfigName=found.name
    ),
    "model": lambda session, found: session.client("sagemaker").delete_model(ModelName=found.name),
    "state machine": lambda session, found: delete_state_machine(session.client("stepfunctions"), found.arn),
    "function": _delete_function,
    "stack": _delete_stack,
    "role": _delete_role,
    "log group": _delete_group,
    "bucket": lambda session, found: delete_bucket(own_buckets(session), found.name),
}
"""What removes a resource, by kind, in the order in which they go."""
GUARD = ("schedule group", "stack", "role")
"""The watchdog: its schedule, and its role with the stack that holds it. It is needed as long as an endpoint runs."""


def in_order(found: Iterable[Found]) -> list[Found]:
    """Return what is to be removed one by one, first things first; what belongs to a stack that goes is the stack's."""
    everything = set(found)
    stacks = {item.name for item in everything if item.kind == "stack"}
    order = list(ORDER)
    mine = [item for item in everything if item.kind == "stack" or item.tags.get(STACK_TAG) not in stacks]
    return sorted(mine, key=lambda item: (order.index(item.kind) if item.kind in order else len(order), item.arn))


def remove_all(found: Iterable[Found], session: boto3.Session, on_step: Step = lambda line: None) -> list[str]:
    """Remove resources; what fails does not keep the rest from going, but for what guards an endpoint that stays.

    Args:
        found: what there is to remove, in any order.
        session: leads to the account and region.
        on_step: told of each resource removed.

    Returns:
        What could not be removed, and why, a line each.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    failed: list[str] = []
    endpoint_stays = False
    for item in in_order(found):
        if endpoint_stays and item.kind in GUARD:
            failed.append(f"{item}: stays, as the endpoint does, which it guards")
            continue
        remove = ORDER.get(item.kind)
        if remove is None:
            failed.append(f"{item.arn}: how to remove it is not known here")
            continue
        try:
            remove(session, item)
        except (BotoCoreError, ClientError, RuntimeError) as error:
            if isinstance(error, ClientError) and is_gone(error):
                continue
            failed.append(f"{item}: {error}")
            endpoint_stays = endpoint_stays or item.kind == "endpoint"
            continue
        on_step(f"deleted {item}")
    return failed
