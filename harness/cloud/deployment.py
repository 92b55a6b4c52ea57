"""Scones Unlimited's workflow on AWS: planned, priced, held against the account's quotas, deployed.

What is planned is a list of actions. A dry run prints them, a deployment carries the very same out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cloud.estimate import Estimate, estimate_run
from harness.cloud.names import STACK, bucket_name, role_arn, stack_parameters
from harness.cloud.quotas import ENDPOINT, SPOT, TRAINING, read_quotas, require_instance
from harness.cloud.registries import built_in_image_on_aws
from harness.cloud.tags import Tags, expiry_of, make_tags
from harness.cloud.watchdog import set_watchdog, watchdog_time
from harness.project.bucket import ensure_bucket, is_own_bucket, own_buckets, require_protected
from harness.project.expand import Expanded, expand
from harness.project.install import Deployment, Step
from harness.project.stack import StackChange, deploy_stack, find_stack, preview
from harness.project.template import Plan, read_plan
from harness.scones.dataset.load import changed_files, load
from harness.scones.endpoint import EndpointPlan, current_configuration, deploy_endpoint, tag_endpoint
from harness.scones.training import TrainingPlan, find_job, plan_training, train
from harness.scones.workflow import MODEL_PREFIX, TEMPLATE, Scones
from harness.settings import Settings
from harness.targets.target import Target

if TYPE_CHECKING:
    import boto3

    from harness.scones.dataset.transform import Dataset

_AFTER_TRAINING_MINUTES = 60
"""What an endpoint's start and a run of the suite take, at least."""
_BEFORE_TRAINING = timedelta(hours=1)
"""What stack and images take, at most, while a training has not begun."""
_SAGEMAKER_ROLE, _WATCHDOG_ROLE = "scones-sagemaker-execution", "scones-watchdog"


class CloudError(RuntimeError):
    """The workflow cannot be deployed as asked; the message says why, and nothing was made."""


@dataclass(frozen=True)
class CloudPlan:
    """What is to be deployed on AWS, and under which names, before anything is."""

    account_id: str
    region: str
    bucket: str
    endpoint: str
    instance_type: str
    capture_uri: str
    expanded: Expanded
    resources: Plan
    """What the stack is made of, with all values resolved."""
    tags: Tags
    """Of all but the endpoint, whose life begins when it is made, and ends no later."""
    lifetime: timedelta
    """Of the endpoint."""
    dataset: Dataset | None
    training: TrainingPlan | None
    """None where a model is brought along."""
    model: Path | str | None
    """The ``model.tar.gz`` that is brought along, a file or its ``s3://`` address."""

    def role(self, name: str) -> str:
        """ARN of one of the stack's roles."""
        return role_arn(name, self.account_id, self.region)

    def endpoint_plan(self, model_data: str) -> EndpointPlan:
        """The endpoint that serves *model_data*."""
        return EndpointPlan(
            name=self.endpoint,
            role_arn=self.role(_SAGEMAKER_ROLE),
            image=built_in_image_on_aws(self.region),
            instance_type=self.instance_type,
            capture_uri=self.capture_uri,
            model_data=model_data,
        )

    @property
    def model_key(self) -> str:
        """Where in the bucket a model that is a file goes."""
        assert isinstance(self.model, Path)
        return f"{MODEL_PREFIX}/{hashlib.sha256(self.model.read_bytes()).hexdigest()[:8]}/model.tar.gz"


@dataclass(frozen=True)
class Action:
    """One thing that a deployment does."""

    text: str
    """``create bucket scones-unlimited-123456789012``; a line for each change where it is several."""
    run: Callable[[], None]


def plan_cloud(
    target: Target, session: boto3.Session, settings: Settings, root: Path, dataset: Dataset | None, model: str | None
) -> CloudPlan:
    """The plan of the workflow that ``template.yaml`` below *root* declares.

    Args:
        target: the account and region.
        session: leads there.
        settings: names, instance types, limits, owner.
        root: folder with ``template.yaml``.
        dataset: images to load, and to train on.
        model: ``s3://...`` or a file with a ``model.tar.gz``; None to train one.

    Raises:
        CloudError: the model is not there, or there are no images to train on.
        harness.project.bucket.BucketError: the bucket is another account's.
        harness.project.template.TemplateError: the template cannot be deployed.
        ValueError: AWS's container is not to be had in the region.
    """
    assert target.account_id is not None and target.region is not None and target.caller is not None
    account, region = target.account_id, target.region
    bucket = bucket_name(settings, account, region)
    is_own_bucket(own_buckets(session), bucket)
    image = built_in_image_on_aws(region)
    brought: Path | str | None = model
    if model and not model.startswith("s3://"):
        brought = Path(model)
        if not brought.is_file():
            raise CloudError(f"there is no model {model}")
    if not model and dataset is None:
        raise CloudError("there is neither a model to serve nor images to train one on")
    if not model and settings.lifetime_hours * 60 < settings.training_minutes + _AFTER_TRAINING_MINUTES:
        raise CloudError(
            f"a lifetime of {settings.lifetime_hours:g} hours is less than a training of {settings.training_minutes} "
            f"minutes and {_AFTER_TRAINING_MINUTES} for the endpoint: raise HARNESS_LIFETIME_HOURS, or lower "
            "HARNESS_TRAINING_MINUTES"
        )
    training = None
    if not model and dataset is not None:
        training = plan_training(
            settings.endpoint,
            dataset,
            role_arn=role_arn(_SAGEMAKER_ROLE, account, region),
            image=image,
            instance_type=settings.training_instance,
            bucket=bucket,
            minutes=settings.training_minutes,
            spot=settings.spot == "yes",
        )
    parameters = stack_parameters(settings, account, region)
    if isinstance(brought, str) and not brought.startswith(f"s3://{bucket}/"):
        parameters["ModelObject"] = brought.removeprefix("s3://")
    return CloudPlan(
        account,
        region,
        bucket,
        settings.endpoint,
        settings.endpoint_instance,
        f"s3://{bucket}/{settings.capture_prefix}",
        expand(root / TEMPLATE, bucket, parameters, session),
        read_plan(root / TEMPLATE, parameters, account_id=account, region=region),
        _tags(session, settings, target.caller, region, training),
        timedelta(hours=settings.lifetime_hours),
        dataset,
        training,
        brought or None,
    )


def _tags(session: boto3.Session, settings: Settings, caller: str, region: str, training: TrainingPlan | None) -> Tags:
    """The tags of what is there already, while they last for half the lifetime; else new ones."""
    before = timedelta() if training is None else _BEFORE_TRAINING + training.longest
    hours = settings.lifetime_hours + before / timedelta(hours=1)
    wanted = make_tags(settings.owner, caller, hours, region)
    stack = find_stack(session.client("cloudformation"), STACK)
    present = {tag["Key"]: tag["Value"] for tag in (stack or {}).get("Tags", ())}
    expiry = expiry_of(present)
    lasting = datetime.now(UTC) + timedelta(hours=settings.lifetime_hours / 2)
    if expiry is not None and lasting < expiry <= wanted.expiry:
        kept = replace(wanted, expiry=expiry)
        if kept.as_dict().items() <= present.items():
            return kept
    return wanted


def _endpoint_tags(plan: CloudPlan) -> Tags:
    """Tags of an endpoint whose life begins now."""
    end = (datetime.now(UTC) + plan.lifetime).replace(microsecond=0)
    return replace(plan.tags, expiry=min(end, plan.tags.expiry))


def _is_guarded(plan: CloudPlan, session: boto3.Session) -> bool:
    """Whether AWS is to delete the endpoint within its lifetime, and not before half of it."""
    end, latest = watchdog_time(session, plan.endpoint), _endpoint_tags(plan).expiry
    return end is not None and datetime.now(UTC) + plan.lifetime / 2 < end <= latest


# Money


def trains(plan: CloudPlan, session: boto3.Session) -> bool:
    """Whether a deployment would start a training job, or wait for one."""
    return plan.training is not None and find_job(plan.training, session)[1] != "Completed"


def price(plan: CloudPlan, session: boto3.Session, settings: Settings) -> Estimate:
    """Estimate what it costs, with nothing asked and nothing made.

    Args:
        plan: what there is to do.
        session: leads to the account, to see what is there already.
        settings: instance types, the job's time limit, hours until the watchdog deletes the endpoint.

    Raises:
        harness.cloud.prices.PriceError: a price is not known.
    """
    return estimate_run(session, settings, plan.region, trains=trains(plan, session))


def check_quotas(plan: CloudPlan, session: boto3.Session, settings: Settings) -> list[str]:
    """Return the limits in force for what is still to be made, a line each.

    Args:
        plan: what there is to do.
        session: leads to the account.
        settings: the training's instance type, and whether it is on Spot.

    Raises:
        harness.cloud.quotas.QuotaError: the account may not have it, or the region has it not.
    """
    needed = []
    if trains(plan, session):
        needed.append((settings.training_instance, SPOT if settings.spot else TRAINING))
    if current_configuration(plan.endpoint, session) is None:
        needed.append((plan.instance_type, ENDPOINT))
    if not needed:
        return []
    quotas = read_quotas(session)
    found = [require_instance(quotas, instance, purpose, plan.region) for instance, purpose in needed]
    return [f"quota {quota.name}: {quota.value:g}" for quota in found]


# Deploying


def plan_actions(
    plan: CloudPlan,
    session: boto3.Session,
    on_step: Step = lambda line: None,
    on_state: Callable[[str], None] = lambda line: None,
) -> list[Action]:
    """What there is to do until all is as *plan* says; nothing is made by asking.

    Args:
        plan: what there is to be.
        session: leads to the target.
        on_step: told, by the actions, of each thing made.
        on_state: told, by the training, of each state it passes through.
    """
    s3, tags = own_buckets(session), plan.tags.as_list()
    actions: list[Action] = []

    def add(text: str, run: Callable[[], None]) -> None:
        actions.append(Action(text, run))

    there = is_own_bucket(s3, plan.bucket)
    if there:
        require_protected(s3, plan.bucket)
    present = _keys(s3, plan.bucket) if there else set()
    if not there or _bucket_tags(s3, plan.bucket) != plan.tags.as_dict():
        add(f"{'tag' if there else 'create'} bucket {plan.bucket}", lambda: _put_bucket(s3, plan))
    for key, code in plan.expanded.packages.items():
        if key not in present:
            add(
                f"upload s3://{plan.bucket}/{key}, {len(code)} bytes",
                lambda key=key, code=code: s3.put_object(Bucket=plan.bucket, Key=key, Body=code),  # type: ignore[misc]
            )
    changes = preview(STACK, plan.expanded, session, tags)
    if changes:
        lines = "".join(f"\n    {change}" for change in changes)
        add(
            f"change stack {STACK}, {len(changes)} resources:{lines}",
            lambda: _deploy_stack(plan, session, tags, on_step),
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
    return scones_of(plan, session)


def scones_of(plan: CloudPlan, session: boto3.Session) -> Scones:
    """The workflow as it is once deployed."""
    return _scones(
        session,
        plan.account_id,
        plan.region,
        plan.bucket,
        plan.endpoint,
        plan.capture_uri,
        plan.resources,
        plan.tags.as_dict(),
    )


def find_scones(target: Target, session: boto3.Session, settings: Settings, root: Path) -> Scones:
    """Find the workflow that is deployed already.

    Args:
        target: the account and region.
        session: leads to them.
        settings: with the names of bucket and endpoint.
        root: the folder of ``template.yaml``.

    Raises:
        CloudError: it is not, or its endpoint does not serve.
        harness.project.template.TemplateError: ``template.yaml`` below *root* cannot be read.
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
    parameters = stack_parameters(settings, target.account_id, target.region)
    resources = read_plan(root / TEMPLATE, parameters, account_id=target.account_id, region=target.region)
    tags = {tag["Key"]: tag["Value"] for tag in stack.get("Tags", ())}
    capture_uri = f"s3://{bucket}/{settings.capture_prefix}"
    account, region = target.account_id, target.region
    return _scones(session, account, region, bucket, settings.endpoint, capture_uri, resources, tags)


def _scones(
    session: boto3.Session,
    account_id: str,
    region: str,
    bucket: str,
    endpoint: str,
    capture_uri: str,
    resources: Plan,
    tags: Mapping[str, str],
) -> Scones:
    functions = f"arn:aws:lambda:{region}:{account_id}:function"
    machines = f"arn:aws:states:{region}:{account_id}:stateMachine"
    deployment = Deployment(
        {role.name: f"arn:aws:iam::{account_id}:role/{role.name}" for role in resources.roles},
        {item.name: f"{functions}:{item.name}" for item in resources.functions},
        {item.name: f"{machines}:{item.name}" for item in resources.state_machines},
    )
    return Scones(session, bucket, endpoint, f"{capture_uri}/{endpoint}", resources, deployment, tags)


def _put_bucket(s3: Any, plan: CloudPlan) -> None:
    # A bucket without tags for however short a time is one that a sweep does not find, should this end just then.
    if not ensure_bucket(s3, plan.bucket, plan.tags.as_dict()):
        s3.put_bucket_tagging(Bucket=plan.bucket, Tagging={"TagSet": plan.tags.as_list()})
    require_protected(s3, plan.bucket)


def _bucket_tags(s3: Any, bucket: str) -> dict[str, str]:
    try:
        return {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=bucket)["TagSet"]}
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchTagSet":
            raise
        return {}


def _keys(s3: Any, bucket: str) -> set[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return {item["Key"] for page in pages for item in page.get("Contents", [])}


def _deploy_stack(plan: CloudPlan, session: boto3.Session, tags: list[dict[str, str]], on_step: Step) -> None:
    def show(changes: tuple[StackChange, ...]) -> None:
        for change in changes:
            on_step(f"  {change}")

    deploy_stack(STACK, plan.expanded, session, tags, on_step, show)


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


def _guard(plan: CloudPlan, session: boto3.Session, on_step: Step) -> None:
    tags = _endpoint_tags(plan)
    set_watchdog(session, plan.endpoint, plan.role(_WATCHDOG_ROLE), tags, on_step)
    tag_endpoint(plan.endpoint, session, tags.as_list())


def _deploy_endpoint(plan: CloudPlan, session: boto3.Session, on_step: Step) -> None:
    model_data, end = _known_model(plan, session), watchdog_time(session, plan.endpoint)
    assert model_data is not None, "the training has ended with a model"
    assert end is not None, "the watchdog has been set"
    tags = replace(plan.tags, expiry=end)
    deploy_endpoint(plan.endpoint_plan(model_data), session, on_step, tags.as_list())
