"""Deploys Scones Unlimited's workflow on AWS: a plan becomes a list of actions.

A dry run prints them, a deployment carries the very same out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cloud.watchdog import set_watchdog, watchdog_time
from harness.project.bucket import bucket_tags, ensure_bucket, is_own_bucket, own_buckets, require_protected
from harness.project.rehearsal import Rehearsal, Request
from harness.project.stack import StackChange, deploy_stack, find_stack, preview, read_stack
from harness.project.steps import Step
from harness.scones.aws.plan import CloudError, CloudPlan
from harness.scones.dataset.load import changed_files, load
from harness.scones.endpoint import current_configuration, deploy_endpoint, tag_endpoint
from harness.scones.names import STACK, bucket_name
from harness.scones.training import find_job, train
from harness.scones.workflow import Scones
from harness.settings import Settings
from harness.targets.target import Target

if TYPE_CHECKING:
    import boto3

_WATCHDOG_ROLE = "scones-watchdog"


@dataclass(frozen=True)
class Action:
    """One thing that a deployment does."""

    text: str
    """``create bucket scones-unlimited-123456789012``; a line for each change where it is several."""
    run: Callable[[], None]
    changes: tuple[StackChange, ...] = ()
    """What of a stack it changes."""


def plan_actions(
    plan: CloudPlan,
    session: boto3.Session,
    on_step: Step = lambda line: None,
    on_state: Callable[[str], None] = lambda line: None,
) -> list[Action]:
    """Return what there is to do until all is as *plan* says; nothing is made by asking.

    Args:
        plan: what there is to be.
        session: leads to the target.
        on_step: told, by the actions, of each thing made.
        on_state: told, by the training, of each state it passes through.
    """
    s3 = own_buckets(session)
    actions: list[Action] = []

    def add(text: str, run: Callable[[], None], changes: tuple[StackChange, ...] = ()) -> None:
        actions.append(Action(text, run, changes))

    there = is_own_bucket(s3, plan.bucket)
    if there:
        require_protected(s3, plan.bucket)
    present = _keys(s3, plan.bucket) if there else set()
    if not there or bucket_tags(s3, plan.bucket) != plan.tags.as_dict():
        add(f"{'tag' if there else 'create'} bucket {plan.bucket}", lambda: _put_bucket(s3, plan))
    for (bucket, key), content in plan.stack.files.items():
        if key not in present:
            add(
                f"upload s3://{bucket}/{key}, {len(content)} bytes",
                lambda key=key, content=content: s3.put_object(Bucket=plan.bucket, Key=key, Body=content),  # type: ignore[misc]
            )
    changes = preview(plan.stack, session)
    if changes:
        lines = "".join(f"\n    {change}" for change in changes)
        add(
            f"change stack {STACK}, {len(changes)} resources:{lines}",
            lambda: _deploy_stack(plan, session, on_step),
            changes,
        )
    dataset = plan.dataset
    if dataset is not None:
        count = len(changed_files(dataset, s3, plan.bucket) if there else dataset.files())
        if count:
            add(f"load {count} files to s3://{plan.bucket}", lambda: _load(plan, s3, on_step))
    model_data = _known_model(plan, session)
    if isinstance(plan.model, Path) and plan.model_key not in present:
        add(f"upload {plan.model.name} to {model_data}", lambda: _upload_model(plan, s3))
    if plan.training is not None and model_data is None:
        name, status = find_job(plan.training, session)
        spot = ", managed spot" if plan.training.spot else ""
        verb = "await training job" if status else "train: job"
        text = f"{verb} {name} on one {plan.training.instance_type}{spot}, at most {plan.training.minutes} minutes"
        add(text, lambda: _train(plan, session, on_step, on_state))
    if not _is_guarded(plan, session):
        hours = plan.lifetime / timedelta(hours=1)
        add(
            f"schedule the deletion of endpoint {plan.endpoint}, {hours:g} hours from then on",
            lambda: _guard(plan, session, on_step),
        )
    current = current_configuration(plan.endpoint, session)
    if model_data is None or current != plan.endpoint_plan(model_data).revision:
        add(
            f"{'create' if current is None else 'update'} endpoint {plan.endpoint} on one {plan.instance_type}, "
            f"capturing to {plan.capture_uri}",
            lambda: _deploy_endpoint(plan, session, on_step),
        )
    return actions


def deploy_cloud(
    plan: CloudPlan,
    session: boto3.Session,
    on_step: Step = lambda line: None,
    on_state: Callable[[str], None] = lambda line: None,
) -> Scones:
    """Have the workflow deployed as *plan* says; what is so already stays. Consent is the caller's to have.

    Args:
        plan: what there is to do.
        session: leads to the account.
        on_step: told of each action as it begins.
        on_state: told, by the training, of each state it passes through.

    Raises:
        botocore.exceptions.ClientError: AWS refuses.
        harness.project.stack.StackFailure: the stack could not be made.
        harness.scones.training.TrainingError: there is no model.
    """
    for action in plan_actions(plan, session, on_step, on_state):
        on_step(action.text.partition(":\n")[0])
        action.run()
    return _scones(session, plan.bucket, plan.endpoint, plan.capture_uri)


def rehearse(plan: CloudPlan, actions: Sequence[Action]) -> dict[str, list[Request]]:
    """Return what each action would send to change something, in its order, by the action's text; nothing is made.

    Args:
        plan: what there is to be.
        actions: what there is to do for it, as :func:`plan_actions` says.

    Raises:
        botocore.exceptions.ClientError: AWS refuses to tell what is there.
    """
    changes = next((action.changes for action in actions if action.changes), ())
    rehearsal = Rehearsal({STACK: changes}, region_name=plan.region)
    found = {}
    for action in plan_actions(plan, rehearsal):
        rehearsal.requests.clear()
        action.run()
        found[action.text] = list(rehearsal.requests)
    return found


def find_scones(target: Target, session: boto3.Session, settings: Settings) -> Scones:
    """Find the workflow that is deployed already.

    Args:
        target: the account and region.
        session: leads to them.
        settings: with the names of bucket and endpoint.

    Raises:
        CloudError: it is not, or its endpoint does not serve.
    """
    assert target.account_id is not None and target.region is not None
    stack = find_stack(session.client("cloudformation"), STACK)
    serves = current_configuration(settings.endpoint, session) is not None
    if stack is None or not serves:
        what = f"endpoint {settings.endpoint}" if stack is not None else f"stack {STACK}"
        raise CloudError(
            f"there is no {what} in account {target.account_id}, {target.region}: deploy the workflow first, with "
            "`harness deploy --target aws`."
        )
    bucket = bucket_name(settings, target.account_id, target.region)
    return _scones(session, bucket, settings.endpoint, f"s3://{bucket}/{settings.capture_prefix}")


def _scones(session: boto3.Session, bucket: str, endpoint: str, capture_uri: str) -> Scones:
    stack = read_stack(STACK, session)
    return Scones(session, bucket, endpoint, f"{capture_uri}/{endpoint}", stack, stack.tags)


def _put_bucket(s3: Any, plan: CloudPlan) -> None:
    # A bucket without tags for however short a time is one that a sweep does not find, should this end just then.
    if not ensure_bucket(s3, plan.bucket, plan.tags.as_dict()):
        s3.put_bucket_tagging(Bucket=plan.bucket, Tagging={"TagSet": plan.tags.as_list()})
    require_protected(s3, plan.bucket)


def _keys(s3: Any, bucket: str) -> set[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return {item["Key"] for page in pages for item in page.get("Contents", [])}


def _deploy_stack(plan: CloudPlan, session: boto3.Session, on_step: Step) -> None:
    def show(changes: tuple[StackChange, ...]) -> None:
        for change in changes:
            on_step(f"  {change}")

    deploy_stack(plan.stack, session, on_step, show)


def _load(plan: CloudPlan, s3: Any, on_step: Step) -> None:
    assert plan.dataset is not None
    report = load(plan.dataset, s3, plan.bucket)
    on_step(f"loaded {report.uploaded} files to s3://{plan.bucket}, {report.unchanged} were there")


def _upload_model(plan: CloudPlan, s3: Any) -> None:
    assert isinstance(plan.model, Path)
    s3.put_object(Bucket=plan.bucket, Key=plan.model_key, Body=plan.model.read_bytes())


def _known_model(plan: CloudPlan, session: boto3.Session) -> str | None:
    """Where the model is or will be; None while it is still to be trained."""
    if isinstance(plan.model, Path):
        return f"s3://{plan.bucket}/{plan.model_key}"
    if plan.model is not None:
        return plan.model
    assert plan.training is not None
    name, status = find_job(plan.training, session)
    if status != "Completed":
        return None
    job = session.client("sagemaker").describe_training_job(TrainingJobName=name)
    return str(job["ModelArtifacts"]["S3ModelArtifacts"])


def _train(plan: CloudPlan, session: boto3.Session, on_step: Step, on_state: Callable[[str], None]) -> None:
    assert plan.training is not None
    train(plan.training, session, plan.tags.as_list(), on_step, on_state)


def _is_guarded(plan: CloudPlan, session: boto3.Session) -> bool:
    """Whether AWS is to delete the endpoint within its lifetime, and not before half of it."""
    end, latest = watchdog_time(session, plan.endpoint), plan.endpoint_tags().expiry
    return end is not None and datetime.now(UTC) + plan.lifetime / 2 < end <= latest


def _guard(plan: CloudPlan, session: boto3.Session, on_step: Step) -> None:
    tags = plan.endpoint_tags()
    set_watchdog(session, plan.endpoint, plan.role(_WATCHDOG_ROLE), tags, on_step)
    tag_endpoint(plan.endpoint, session, tags.as_list())


def _deploy_endpoint(plan: CloudPlan, session: boto3.Session, on_step: Step) -> None:
    model_data, end = _known_model(plan, session), watchdog_time(session, plan.endpoint)
    assert model_data is not None, "the training has ended with a model"
    assert end is not None, "the watchdog has been set"
    tags = replace(plan.tags, expiry=end)
    deploy_endpoint(plan.endpoint_plan(model_data), session, on_step, tags.as_list())
