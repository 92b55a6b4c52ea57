"""The requests of a deployment on AWS before any is sent: each action is rehearsed, by the code that carries it out."""

from __future__ import annotations

from collections.abc import Sequence

from harness.cloud.deployment import Action, plan_actions
from harness.cloud.names import STACK
from harness.cloud.plan import CloudPlan
from harness.project.rehearsal import Rehearsal, Request


def rehearse(plan: CloudPlan, actions: Sequence[Action]) -> dict[str, list[Request]]:
    """What each action would send to change something, in its order, by the action's text; nothing is made.

    Args:
        plan: what there is to be.
        actions: what there is to do for it, as :func:`~harness.cloud.deployment.plan_actions` says.

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
