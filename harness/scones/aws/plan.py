"""What is to be deployed of Scones Unlimited's workflow on AWS, what it costs, and whether the account may have it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cloud.estimate import Estimate
from harness.cloud.quotas import ENDPOINT, SPOT, TRAINING, read_quotas, require_instance
from harness.cloud.registries import built_in_image_on_aws
from harness.cloud.successor import Successor, propose_successor
from harness.cloud.tags import PROJECT_KEY, Tags, expiry_of, make_tags
from harness.project.bucket import is_own_bucket, own_buckets
from harness.project.stack import StackPlan, find_stack
from harness.scones.aws.cleanup import find_strangers
from harness.scones.aws.estimate import estimate_run
from harness.scones.endpoint import EndpointPlan, current_configuration
from harness.scones.names import SAGEMAKER_ROLE, STACK, bucket_name, plan_workflow, role_arn
from harness.scones.training import TrainingPlan, find_job, plan_training
from harness.scones.workflow import model_key
from harness.settings import Settings
from harness.targets.target import Target

if TYPE_CHECKING:
    import boto3

    from harness.scones.dataset.transform import Dataset

_AFTER_TRAINING_MINUTES = 60
"""What an endpoint's start and a run of the suite take, at least."""
_BEFORE_TRAINING = timedelta(hours=1)
"""What stack and images take, at most, while a training has not begun."""


class CloudError(RuntimeError):
    """The workflow cannot be deployed as asked; the message says why, and nothing was made."""


@dataclass(frozen=True)
class CloudPlan:
    """What is to be deployed on AWS, and under which names, before anything is."""

    account_id: str
    region: str
    stack: StackPlan
    endpoint: str
    instance_type: str
    capture_uri: str
    tags: Tags
    """Of all but the endpoint, whose life begins when it is made, and ends no later."""
    lifetime: timedelta
    """Of the endpoint."""
    dataset: Dataset | None
    training: TrainingPlan | None
    """None where a model is brought along."""
    model: Path | str | None
    """The ``model.tar.gz`` that is brought along, a file or its ``s3://`` address."""

    @property
    def bucket(self) -> str:
        """The bucket of images, models, captures and the stack's files."""
        return self.stack.bucket

    def role(self, name: str) -> str:
        """ARN of one of the stack's roles."""
        return role_arn(name, self.account_id, self.region)

    def endpoint_tags(self) -> Tags:
        """Tags of an endpoint whose life begins now."""
        end = (datetime.now(UTC) + self.lifetime).replace(microsecond=0)
        return replace(self.tags, expiry=min(end, self.tags.expiry))

    def endpoint_plan(self, model_data: str) -> EndpointPlan:
        """Return the endpoint that serves *model_data*."""
        return EndpointPlan(
            name=self.endpoint,
            role_arn=self.role(SAGEMAKER_ROLE),
            image=built_in_image_on_aws(self.region),
            instance_type=self.instance_type,
            capture_uri=self.capture_uri,
            model_data=model_data,
        )

    @property
    def model_key(self) -> str:
        """Where in the bucket a model that is a file goes."""
        assert isinstance(self.model, Path)
        return model_key(self.model)


def plan_cloud(
    target: Target, session: boto3.Session, settings: Settings, root: Path, dataset: Dataset | None, model: str | None
) -> CloudPlan:
    """Return the plan of the workflow that ``template.yaml`` below *root* declares.

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
    if strangers := find_strangers(target, session, settings):
        raise CloudError(
            f"not of this project, by the tag {PROJECT_KEY}: {', '.join(map(str, strangers))}. Nothing was changed: "
            "remove what is in the way, or use other names (HARNESS_BUCKET, HARNESS_ENDPOINT)."
        )
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
            role_arn=role_arn(SAGEMAKER_ROLE, account, region),
            image=image,
            instance_type=settings.training_instance,
            bucket=bucket,
            minutes=settings.training_minutes,
            spot=settings.spot == "yes",
        )
    elsewhere = isinstance(brought, str) and not brought.startswith(f"s3://{bucket}/")
    tags = _tags(session, settings, target.caller, region, training)
    stack = plan_workflow(
        root,
        settings,
        account,
        region,
        on_aws=True,
        tags=tags.as_list(),
        model_object=str(brought).removeprefix("s3://") if elsewhere else "-",
    )
    return CloudPlan(
        account,
        region,
        stack,
        settings.endpoint,
        settings.endpoint_instance,
        f"s3://{bucket}/{settings.capture_prefix}",
        tags,
        timedelta(hours=settings.lifetime_hours),
        dataset,
        training,
        brought or None,
    )


def plan_offered(
    target: Target, session: boto3.Session, settings: Settings, root: Path, dataset: Dataset | None, model: str | None
) -> tuple[CloudPlan, Settings, Successor | None]:
    """As :func:`plan_cloud`, with a successor to train on where the region lacks the instance type of *settings*.

    Args:
        target: the account and region.
        session: leads there.
        settings: names, instance types, limits, owner.
        root: folder with ``template.yaml``.
        dataset: images to load, and to train on.
        model: ``s3://...`` or a file with a ``model.tar.gz``; None to train one.

    Returns:
        The plan, the settings that it is for, and what has still to be agreed to; None where all is as asked for.

    Raises:
        CloudError: the model is not there, or there are no images to train on.
        harness.cloud.prices.PriceError: what a successor costs is not known.
    """
    plan = plan_cloud(target, session, settings, root, dataset, model)
    successor = propose_successor(session, settings, plan.region) if trains(plan, session) else None
    if successor is None:
        return plan, settings, None
    settings = replace(settings, training_instance=successor.instance_type)
    return plan_cloud(target, session, settings, root, dataset, model), settings, successor


def _tags(session: boto3.Session, settings: Settings, caller: str, region: str, training: TrainingPlan | None) -> Tags:
    """Return the tags of what is there already, while they last for half the lifetime; else new ones."""
    before = timedelta() if training is None else _BEFORE_TRAINING + training.longest
    hours = settings.lifetime_hours + before / timedelta(hours=1)
    wanted = make_tags(settings.owner, caller, hours, region)
    stack = find_stack(session.client("cloudformation"), STACK)
    present = {tag["Key"]: tag["Value"] for tag in (stack or {}).get("Tags", ())}
    expiry = expiry_of(present)
    lasting = datetime.now(UTC) + timedelta(hours=settings.lifetime_hours / 2) + before
    if expiry is not None and lasting < expiry <= wanted.expiry:
        kept = replace(wanted, expiry=expiry)
        if kept.as_dict().items() <= present.items():
            return kept
    return wanted


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
