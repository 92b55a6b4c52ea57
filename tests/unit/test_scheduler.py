"""The thread that drives executions."""

import threading

from harness.emulator.stepfunctions.clock import Clock
from harness.emulator.stepfunctions.scheduler import Scheduler


def test_every_action_is_carried_out_in_order_however_many_wait():
    scheduler = Scheduler(Clock())
    held, done, seen = threading.Event(), threading.Event(), []
    try:
        scheduler.post(held.wait)  # so that the others wait together
        for number in range(1000):
            scheduler.post(lambda number=number: seen.append(number))
        scheduler.post(done.set)
        held.set()
        assert done.wait(5)
        assert seen == list(range(1000))
    finally:
        scheduler.close()
