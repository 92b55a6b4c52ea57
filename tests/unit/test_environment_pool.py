"""The pool of execution environments, with stand-ins for their processes and a short clock."""

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

from harness.emulator.lambda_.pool import EnvironmentPool
from tests.waiting import until

FUNCTION = SimpleNamespace(arn="arn", version="$LATEST", revision=("arn", 1))
BURST, FEW = 200, 4


class Environment:
    starting = False
    alive = True

    def __init__(self, function):
        self.function = function

    @property
    def takes_events(self):
        return self.alive

    def close(self):
        self.alive = False


def test_two_hundred_slow_invocations_at_once_leave_few_environments():
    started, all_there = [], threading.Barrier(BURST)

    def start(function):
        started.append(Environment(function))
        return started[-1]

    pool = EnvironmentPool(start, comfortable=BURST, idle=0.2, look=0.01)

    def invoke(_):
        with pool.environment(FUNCTION) as environment:
            all_there.wait(60)
            return environment

    with ThreadPoolExecutor(BURST) as threads:
        used = set(threads.map(invoke, range(BURST)))
    assert len(used) == len(started) == BURST
    until(lambda: len(pool.environments()) <= FEW)
    until(lambda: sum(each.alive for each in started) == len(pool.environments()))
    with pool.environment(FUNCTION) as environment:
        assert environment.alive and environment in used  # one that was kept
    pool.close()
    assert not any(each.alive for each in started)


def test_environments_that_are_in_use_stay():
    pool = EnvironmentPool(Environment, comfortable=9, idle=0.0, look=0.01)
    with pool.environment(FUNCTION) as busy:
        for _ in range(3):
            with pool.environment(FUNCTION), pool.environment(FUNCTION), pool.environment(FUNCTION):
                pass
        until(lambda: len(pool.environments()) <= 3)
        assert busy.alive
    pool.close()
