"""The workflow on AWS for as long as a block lasts: agreed to before, deployed, and gone afterwards."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cloud.consent import require_consent
from harness.cloud.estimate import Estimate
from harness.cloud.watchdog import endpoint_deleted_at_exit
from harness.project.steps import Step
from harness.scones.aws.cleanup import destroy_cloud, find_deployment
from harness.scones.aws.deployment import deploy_cloud
from harness.scones.aws.plan import CloudError, check_quotas, plan_offered, price
from harness.scones.workflow import CleanupError, Scones
from harness.settings import Settings
from harness.targets.target import Target

if TYPE_CHECKING:
    import boto3

    from harness.scones.dataset.transform import Dataset


@contextlib.contextmanager
def deployed_on_aws(
    target: Target,
    session: boto3.Session,
    settings: Settings,
    root: Path,
    dataset: Dataset | None,
    *,
    on_step: Step = lambda line: None,
    on_state: Callable[[str], None] = lambda line: None,
    on_estimate: Callable[[Estimate], None] = lambda estimate: None,
    ask: Callable[[str], bool] | None = None,
) -> Iterator[Scones]:
    """Deploy the workflow once its price is agreed to; remove all of it when the block ends, however it ends.

    Args:
        target: the account and region.
        session: leads there.
        settings: names, limits, consent; ``model`` to serve in place of training one.
        root: folder with ``template.yaml``.
        dataset: images to train on.
        on_step: told of each thing made or removed.
        on_state: told of the training's states.
        on_estimate: shown the price before it is agreed to.
        ask: puts a question to a person; None for the terminal's own.

    Raises:
        CloudError: a deployment is there already, which is somebody's.
        harness.cloud.consent.ConsentError: the price was not agreed to.
        harness.cloud.quotas.QuotaError: the account may not have what is needed.
        CleanupError: after the block, when something could not be removed.
    """
    there = find_deployment(target, session, settings)
    if there:
        raise CloudError(
            f"a deployment is there already: {', '.join(map(str, there[:5]))}{', ...' if len(there) > 5 else ''}. "
            "Remove it with `harness destroy --target aws`, if it is yours to remove."
        )
    plan, settings, successor = plan_offered(target, session, settings, root, dataset, settings.model or None)
    estimate = price(plan, session, settings)
    on_estimate(estimate)
    for line in check_quotas(plan, session, settings):
        on_step(line)
    require_consent(target, settings, estimate, ask, successor)
    with endpoint_deleted_at_exit(session, plan.endpoint):
        try:
            yield deploy_cloud(plan, session, on_step, on_state)
        except BaseException as error:
            try:
                destroy_cloud(target, session, settings, on_step)
            except CleanupError as left:
                error.add_note(str(left))  # what came first is what is to be told first
                on_step(str(left))
            raise
        destroy_cloud(target, session, settings, on_step)
