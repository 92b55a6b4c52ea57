"""Removes all that a run has made, and looks whether it is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.project.bucket import delete_bucket
from harness.project.install import Step, destroy
from harness.project.template import Plan
from harness.scones.endpoint import delete_endpoint, endpoint_resources

if TYPE_CHECKING:
    import boto3


def clean_up(
    plan: Plan, endpoint: str, bucket: str, session: boto3.Session, on_step: Step = lambda line: None
) -> list[str]:
    """Remove endpoint, functions, state machine, roles, log groups and bucket; the endpoint, which costs most, first.

    What is not there, after a run that broke off for instance, is passed over.

    Args:
        plan: roles, functions, state machines and log groups.
        endpoint: name of the endpoint.
        bucket: name of the bucket.
        session: leads to the target.
        on_step: told of each thing removed.

    Returns:
        What is still there afterwards, a line each; empty when all is gone.
    """
    delete_endpoint(endpoint, session, on_step)
    _delete_log_group(session.client("logs"), endpoint_log_group(endpoint), on_step)
    destroy(plan, session, on_step)
    delete_bucket(session.client("s3"), bucket, on_step)
    return leftovers(plan, endpoint, bucket, session)


def endpoint_log_group(endpoint: str) -> str:
    """Where SageMaker puts what an endpoint's containers write."""
    return f"/aws/sagemaker/Endpoints/{endpoint}"


def _delete_log_group(logs: Any, name: str, on_step: Step) -> None:
    try:
        logs.delete_log_group(logGroupName=name)
    except logs.exceptions.ResourceNotFoundException:
        return
    on_step(f"deleted log group {name}")


def leftovers(plan: Plan, endpoint: str, bucket: str, session: boto3.Session) -> list[str]:
    """Return what of a run is still there, found by listing; a line each.

    Args:
        plan: roles, functions, state machines and log groups.
        endpoint: name of the endpoint.
        bucket: name of the bucket.
        session: leads to the target.
    """
    sagemaker, functions = session.client("sagemaker"), session.client("lambda")
    states, iam = session.client("stepfunctions"), session.client("iam")
    logs, s3 = session.client("logs"), session.client("s3")
    wanted = {
        "endpoint": ({endpoint}, _names(sagemaker, "list_endpoints", "Endpoints", "EndpointName")),
        "function": (
            {function.name for function in plan.functions},
            _names(functions, "list_functions", "Functions", "FunctionName"),
        ),
        "state machine": (
            {machine.name for machine in plan.state_machines},
            _names(states, "list_state_machines", "stateMachines", "name"),
        ),
        "role": ({role.name for role in plan.roles}, _names(iam, "list_roles", "Roles", "RoleName")),
        "log group": (
            {endpoint_log_group(endpoint), *(group.name for group in plan.log_groups)},
            _names(logs, "describe_log_groups", "logGroups", "logGroupName"),
        ),
        "bucket": ({bucket}, {item["Name"] for item in s3.list_buckets()["Buckets"]}),
    }
    left = [f"{kind} {name}" for kind, (made, present) in wanted.items() for name in sorted(made & present)]
    return left + [f"{kind} {name}" for kind, name in endpoint_resources(sagemaker, endpoint)]


def _names(client: Any, operation: str, members: str, name: str) -> set[str]:
    return {item[name] for page in client.get_paginator(operation).paginate() for item in page[members]}
