"""A discrete-event simulation of a batch: queues, buckets of tokens and throttling, which a closed form leaves out.

Child executions are started at the Map Run's rate and take batches; each image takes tokens to start executions and for
its transitions, then three functions one after the other. A function that finds none of the account's concurrency free
is throttled and tried again, with exponential backoff and full jitter, as the state machine's retriers do. The second
of the three waits for one of the endpoint's CPUs while it runs.

Needs simpy: ``pip install 'aws-ml-harness[plan]'``. https://simpy.readthedocs.io
"""

from __future__ import annotations

import math
import random
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from harness.evaluation.plan import Estimate, children_a_second, starts_of_item, transitions_of_item
from harness.evaluation.quotas import ENDPOINT_CPUS

_SPREAD = 0.3
"""Standard deviation of the logarithm of a duration."""
_FIRST_BACKOFF = 1.0
_LONGEST_BACKOFF = 16.0


@dataclass(frozen=True)
class Simulated:
    """What a simulation came to.

    Attributes:
        seconds: until the last batch had ended.
        throttled: calls of functions that were refused.
        functions_busy: mean share of the account's concurrency in use.
        endpoint_busy: and of the endpoint's CPUs.
    """

    seconds: float
    throttled: int
    functions_busy: float
    endpoint_busy: float


class _Bucket:
    """Tokens that come at a steady rate; who takes some waits until they have come."""

    def __init__(self, env: Any, rate: float) -> None:
        self._env = env
        self._rate = rate
        self._free = 0.0

    def take(self, tokens: float) -> Any:
        """Return a time-out until *tokens* are there."""
        begins = max(self._free, self._env.now)
        self._free = begins + tokens / self._rate
        return self._env.timeout(max(0.0, begins - self._env.now))


def simulate(wanted: Estimate, seed: int = 0) -> Simulated:
    """Run the batch that *wanted* is an estimate of.

    Raises:
        RuntimeError: simpy is not installed.
    """
    try:
        import simpy
    except ImportError:
        raise RuntimeError("the simulation needs simpy: pip install 'aws-ml-harness[plan]'") from None
    plan, times, chance = wanted.plan, wanted.plan.times, random.Random(seed)
    env = simpy.Environment()
    functions = int(plan.functions)
    cpus = simpy.Resource(env, ENDPOINT_CPUS * wanted.instances)
    starts = _Bucket(env, plan.starts)
    transitions = _Bucket(env, plan.transitions)
    dispatch = _Bucket(env, children_a_second(plan))
    used = throttled = 0
    busy = computed = 0.0

    def lasts(mean: float) -> float:
        return chance.lognormvariate(math.log(mean) - _SPREAD**2 / 2, _SPREAD)

    def function(mean: float, inference: bool) -> Generator[Any, Any, None]:
        nonlocal used, throttled, busy, computed
        attempt = 0
        while used >= functions:
            throttled += 1
            longest = min(_LONGEST_BACKOFF, _FIRST_BACKOFF * 2**attempt)
            attempt += 1
            yield env.timeout(chance.uniform(0, longest))
        used += 1
        began = env.now
        yield env.timeout(lasts(mean))
        if inference:
            with cpus.request() as cpu:
                yield cpu
                duration = chance.expovariate(1 / times.inference)
                computed += duration
                yield env.timeout(duration)
        used -= 1
        busy += env.now - began

    per_item_starts = starts_of_item(plan, wanted.batch)
    per_item_transitions = transitions_of_item(plan, wanted.batch)

    def item() -> Generator[Any, Any, None]:
        if per_item_starts:
            yield starts.take(per_item_starts)
        if per_item_transitions:
            yield transitions.take(per_item_transitions)
        yield env.timeout(lasts(3 * times.transition + (times.start if plan.workflow == "nested" else 0)))
        for mean, inference in ((times.serialize, False), (times.classify, True), (times.threshold, False)):
            yield from function(mean, inference)

    left = plan.items

    def child() -> Generator[Any, Any, None]:
        nonlocal left
        while left > 0:
            count = min(wanted.batch, left)
            left -= count
            yield dispatch.take(1)
            yield env.timeout(lasts(2 * times.start))
            for _ in range(count):
                yield from item()

    children = [env.process(child()) for _ in range(wanted.concurrency)]
    env.run(until=simpy.AllOf(env, children))
    seconds = float(env.now)
    capacity = seconds * functions
    return Simulated(seconds, throttled, busy / capacity, computed / (seconds * cpus.capacity))
