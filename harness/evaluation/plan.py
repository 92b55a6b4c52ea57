"""How long a batch takes on AWS, what it costs and what holds it up: in closed form, from quotas and measured times.

The rate of a batch is the least that any of its parts allows: child executions at a time (Little's law: rate = number
at a time / seconds that each takes), executions started a second, state transitions a second, functions at a time,
requests that the endpoint's instances answer, S3's. :mod:`harness.evaluation.simulate` checks it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from harness.evaluation.quotas import ENDPOINT_CPUS, EXPRESS_MB, LIST_PAGE, PRICES, QUOTAS, Times

WORKFLOWS = ("nested", "inline", "express")
_BUSY = 0.7
"""Share of an instance's rate that is to be used where instances are proposed, so that queues stay short."""
_FREE = 0.9
"""Share of Lambda's concurrency that it is planned for: past that, refused calls wait for their backoff."""
_LAMBDA = "Lambda (functions at a time)"
_SURE_STATES = {"nested": 2, "inline": 4}
"""States of the batch's workflow for an image that is sure: see statemachine/image_batch*.asl.json."""
_IMAGE_STATES = 3
_START = 2
"""Transitions that an execution counts beyond its states: AWS's console shows 5 for the image workflow's 3."""
_HEADROOM = 1.25
"""Child executions beyond what the bottleneck needs, so that it never waits for one."""
_UNSURE_MORE = {"nested": 2, "inline": 0}
_BATCH_STATES = 2
"""Of a batch: the child's task, and the Map in the batch's workflow."""
_EVENTS = {"nested": 14, "inline": 26, "express": 26}
"""Of the batch's history, for an image."""
_ITEM_BYTES = 130
_MOST_BYTES = 262_144
_MOST_BATCH = 100


@dataclass(frozen=True)
class Plan:
    """What is asked for.

    Attributes:
        items: images.
        workflow: ``nested``, ``inline``, or ``express``: as inline, in an Express workflow for each batch.
        concurrency: MaxConcurrency; None for what is proposed, as with the two that follow.
        memory_gb: of each function.
        unsure: share of images under the threshold.
        times: measured.
        starts: executions a second, and so on: quotas, if AWS has raised them for you.
    """

    items: int
    workflow: str = "nested"
    concurrency: int | None = None
    batch: int | None = None
    instances: int | None = None
    memory_gb: float = 0.25
    unsure: float = 0.4
    times: Times = field(default_factory=Times)
    starts: float = QUOTAS["starts"].value
    express_starts: float = QUOTAS["express_starts"].value
    dispatch: float = QUOTAS["map_dispatch"].value
    express_dispatch: float = QUOTAS["map_express_dispatch"].value
    transitions: float = QUOTAS["transitions"].value
    functions: float = QUOTAS["lambda_concurrency"].value
    s3_gets: float = QUOTAS["s3_gets"].value

    def __post_init__(self) -> None:
        if self.items < 1:
            raise ValueError(f"there have to be items: {self.items}")
        if self.workflow not in WORKFLOWS:
            raise ValueError(f"no such workflow: {self.workflow}; there are {', '.join(WORKFLOWS)}")


@dataclass(frozen=True)
class Estimate:
    """What comes of a plan.

    Attributes:
        rates: images a second that each part allows, by its name.
        seconds: of the batch.
        costs: dollars by what they are for.
        concurrency: MaxConcurrency, as given or proposed; so are the next two.
    """

    plan: Plan
    rates: dict[str, float]
    seconds: float
    costs: dict[str, float]
    concurrency: int
    batch: int
    instances: int

    @property
    def bottleneck(self) -> str:
        """The part that allows least."""
        return min(self.rates, key=lambda name: self.rates[name])

    @property
    def rate(self) -> float:
        """Images a second."""
        return self.rates[self.bottleneck]

    @property
    def cost(self) -> float:
        """Dollars, all together."""
        return sum(self.costs.values())


def item_seconds(plan: Plan) -> float:
    """Of an image in its batch, nothing held up."""
    times = plan.times
    inner = times.functions + 2 * times.transition
    return inner + (times.start if plan.workflow == "nested" else 0) + times.transition


def batch_seconds(plan: Plan, batch: int) -> float:
    """Of a child execution: its own start, that of the batch's workflow, and the images one after the other."""
    return 2 * plan.times.start + batch * item_seconds(plan)


def children_a_second(plan: Plan) -> float:
    """Child executions that Step Functions starts for a Map Run in a second, at most."""
    return plan.express_dispatch if plan.workflow == "express" else plan.dispatch


def starts_of_item(plan: Plan, batch: int) -> float:
    """Return how many Standard executions are started for an image."""
    if plan.workflow == "express":
        return 0.0
    return (1 if plan.workflow == "nested" else 0) + 2 / batch


def transitions_of_item(plan: Plan, batch: int) -> float:
    """State transitions that are paid for an image."""
    if plan.workflow == "express":
        return 0.0
    states = _SURE_STATES[plan.workflow] + plan.unsure * _UNSURE_MORE[plan.workflow]
    nested = _IMAGE_STATES + _START if plan.workflow == "nested" else 0
    return states + nested + (_BATCH_STATES + 2 * _START) / batch


def estimate(plan: Plan) -> Estimate:
    """Duration, bottleneck and cost of *plan*, with what it leaves open proposed."""
    batch = plan.batch or _proposed_batch(plan)
    fixed = _fixed_rates(plan, batch)
    goal = min(fixed.values())
    each = batch_seconds(plan, batch) / batch
    # Where Lambda is what holds it up, more children would only be refused.
    headroom = 1.0 if goal == fixed[_LAMBDA] else _HEADROOM
    batches = math.ceil(plan.items / batch)
    wanted = math.ceil(goal * each * headroom)
    if wanted * _HEADROOM > batches:
        wanted = batches  # a last round of few would take as long as one of all
    concurrency = plan.concurrency or min(int(QUOTAS["map_concurrency"].value), wanted)
    of_map = concurrency / each
    one = ENDPOINT_CPUS / plan.times.inference
    instances = plan.instances or max(1, math.ceil(min(goal, of_map) / (_BUSY * one)))
    rates = {
        "MaxConcurrency (child executions at a time)": of_map,
        **fixed,
        f"endpoint ({instances} ml.m5.xlarge)": instances * one,
    }
    rate = min(rates.values())
    # Nothing is faster than its batches, one after the other, once the last child has been started.
    rounds = math.ceil(batches / concurrency)
    begun = min(batches, concurrency) / children_a_second(plan)
    seconds = max(plan.items / rate, rounds * batch_seconds(plan, batch) + begun)
    return Estimate(plan, rates, seconds, _costs(plan, batch, instances, seconds), concurrency, batch, instances)


def transform(plan: Plan, instances: int) -> tuple[float, float]:
    """SageMaker batch transform of the same images: seconds and dollars.

    It reads images from S3 and writes answers there, each instance's CPUs busy; no threshold, no workflow, no retries
    of single images. https://docs.aws.amazon.com/sagemaker/latest/dg/batch-transform.html
    """
    seconds = plan.times.instance_start + plan.items * plan.times.inference / (ENDPOINT_CPUS * instances)
    hours = instances * seconds / 3600
    requests = plan.items * (PRICES["s3_get"].value + PRICES["s3_put"].value)
    return seconds, hours * PRICES["transform_hour"].value + requests


def scaled(each: Estimate, factor: float = 20.0, rounds: int = 8) -> Plan:
    """Return the plan of an account that has *factor* times less of everything: what a simulation can run.

    Args:
        each: the estimate whose plan it is; what it proposed is kept.
        factor: by how much quotas and concurrency are divided.
        rounds: batches for each child execution, at most.
    """
    plan = each.plan
    concurrency = max(1, round(each.concurrency / factor))
    return replace(
        plan,
        items=max(1, min(round(plan.items / factor), rounds * concurrency * each.batch)),
        concurrency=concurrency,
        batch=each.batch,
        instances=None,
        starts=plan.starts / factor,
        express_starts=plan.express_starts / factor,
        dispatch=plan.dispatch / factor,
        express_dispatch=plan.express_dispatch / factor,
        transitions=plan.transitions / factor,
        functions=max(1, round(plan.functions / factor)),
        s3_gets=plan.s3_gets / factor,
    )


def _proposed_batch(plan: Plan) -> int:
    """As large as helps: starting a batch is then little beside its images, and a failed one repeats few."""
    most = min(
        int(_MOST_BYTES / _ITEM_BYTES), int(QUOTAS["history"].value / _EVENTS[plan.workflow]), _MOST_BATCH, plan.items
    )
    if plan.workflow == "express":  # five minutes are all that one may take
        return max(1, min(most, int(240 / item_seconds(plan))))
    wanted = 40 if plan.workflow == "nested" else _MOST_BATCH
    return max(1, min(most, wanted))


def _fixed_rates(plan: Plan, batch: int) -> dict[str, float]:
    """Return what does not depend on what is proposed."""
    rates = {
        _LAMBDA: _FREE * plan.functions / plan.times.functions,
        "Lambda (requests a second)": plan.functions * QUOTAS["lambda_requests"].value / 3,
        "S3 (GET requests of one prefix)": plan.s3_gets,
        "Map Run (child executions started)": children_a_second(plan) * batch,
    }
    if plan.workflow == "express":
        rates["StartExecution (Express)"] = plan.express_starts * batch
    else:
        rates["StartExecution"] = plan.starts / starts_of_item(plan, batch)
        rates["state transitions"] = plan.transitions / transitions_of_item(plan, batch)
    return rates


def _costs(plan: Plan, batch: int, instances: int, seconds: float) -> dict[str, float]:
    items, times = plan.items, plan.times
    costs = {
        "Lambda requests": 3 * items * PRICES["lambda_request"].value,
        "Lambda GB-seconds": items * times.functions * plan.memory_gb * PRICES["lambda_gb_second"].value,
        f"endpoint, {instances} instances": instances * seconds / 3600 * PRICES["endpoint_hour"].value,
        "S3 requests": items * PRICES["s3_get"].value + math.ceil(items / LIST_PAGE) * PRICES["s3_put"].value,
    }
    if plan.workflow == "express":
        children = math.ceil(items / batch)
        memory = EXPRESS_MB / 1024
        costs["Express requests"] = children * PRICES["express_request"].value
        price = PRICES["express_gb_second"].value
        costs["Express GB-seconds"] = children * batch_seconds(plan, batch) * memory * price
    else:
        costs["state transitions"] = items * transitions_of_item(plan, batch) * PRICES["transition"].value
    return dict(sorted(costs.items(), key=lambda item: -item[1]))
