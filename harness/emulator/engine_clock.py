"""Has moto's Step Functions engine wait, time out and stamp its events by the emulator's test clock.

The engine's modules import ``threading``, ``time`` and ``datetime`` by name; those names are given others to hold.
"""

from __future__ import annotations

import datetime
import importlib
import threading
import types
from typing import Any

from harness.emulator.engine_seam import put_around
from harness.emulator.stepfunctions.clock import Clock

_ENGINE = "moto.stepfunctions.parser"
_EXECUTING = f"{_ENGINE}.asl.component"
_WITH_THREADS = (
    f"{_EXECUTING}.program.program",
    f"{_EXECUTING}.state.exec.execute_state",
    f"{_EXECUTING}.state.exec.state_map.iteration.inline_iteration_component",
    f"{_EXECUTING}.state.exec.state_map.iteration.job",
    f"{_EXECUTING}.state.exec.state_parallel.branch_worker",
    f"{_EXECUTING}.state.exec.state_parallel.branches_decl",
    f"{_EXECUTING}.state.exec.state_task.service.state_task_service_callback",
    f"{_ENGINE}.asl.eval.callback.callback",
    f"{_ENGINE}.asl.eval.environment",
    f"{_ENGINE}.backend.execution_worker",
)
_THREADS_KEPT = "TMP_THREADS"
_WITH_DATES = (
    f"{_ENGINE}.models",
    f"{_ENGINE}.backend.execution",
    f"{_EXECUTING}.state.state",
    f"{_EXECUTING}.state.exec.state_map.iteration.itemprocessor.map_run_record",
)


class _Forgetful(list[Any]):
    """Takes the threads that the engine would keep for ever, and keeps none."""

    def append(self, item: Any) -> None:
        pass


def keep_time(clock: Clock) -> None:
    """Have the engine go by *clock*."""
    threads = types.SimpleNamespace(Thread=clock.thread, Event=clock.event, Lock=threading.Lock, RLock=threading.RLock)
    for name in _WITH_THREADS:
        module = importlib.import_module(name)
        for attribute, value in (("threading", threads), ("Thread", clock.thread), ("Event", clock.event)):
            if hasattr(module, attribute):
                setattr(module, attribute, value)
        if hasattr(module, _THREADS_KEPT):
            setattr(module, _THREADS_KEPT, _Forgetful())
    dates = _dates(clock)
    for name in _WITH_DATES:
        importlib.import_module(name).datetime = dates  # type: ignore[attr-defined]
    from moto.stepfunctions.parser.asl.eval.event.event_manager import EventManager

    EventManager._get_current_timestamp = staticmethod(clock.now)
    _wait(clock)
    _retry(clock)
    _poll(clock)


def _dates(clock: Clock) -> Any:
    class ClockDatetime(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:  # type: ignore[override]
            return clock.now().astimezone(tz) if tz else clock.now().replace(tzinfo=None)

    return types.SimpleNamespace(
        datetime=ClockDatetime, date=datetime.date, timezone=datetime.timezone, timedelta=datetime.timedelta
    )


def _wait(clock: Clock) -> None:
    from moto.stepfunctions.parser.asl.component.state.wait.wait_function.timestamp import Timestamp
    from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction

    def wait_interval(self: Any, env: Any, wait_seconds: float) -> None:
        _sleep(clock, env, wait_seconds)

    def seconds_until(self: Any, env: Any) -> float:
        self.string.eval(env=env)
        text: str = env.stack.pop()
        moment = _moment(text)
        if moment is None:
            from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEventException

            raise FailureEventException(self._create_failure_event(env, text))
        return (moment - clock.now()).total_seconds()

    WaitFunction._wait_interval = wait_interval
    Timestamp._get_wait_seconds = seconds_until


def _moment(text: str) -> datetime.datetime | None:
    """An RFC 3339 timestamp as the states language has them: a capital T, and Z or an offset."""
    try:
        moment = datetime.datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo is not None and "T" in text else None


def _sleep(clock: Clock, env: Any, seconds: float) -> None:
    """Wait for the time, or for the end of what *env* is part of."""
    end = clock.monotonic() + seconds
    while env.is_running() and seconds > 0:
        if not env.program_state_event.wait(seconds, sleeping=True):
            return
        seconds = end - clock.monotonic()


def _retry(clock: Clock) -> None:
    """A retrier sleeps; it is told on whose behalf, so that a stopped execution does not go on sleeping."""
    from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl

    waiting = threading.local()

    def tell(original: Any) -> Any:
        def eval_body(self: Any, env: Any) -> None:
            waiting.env = env
            original(self, env)

        return eval_body

    put_around(retrier_decl.RetrierDecl, "_eval_body", tell)
    retrier_decl.time = types.SimpleNamespace(sleep=lambda seconds: _sleep(clock, waiting.env, seconds))


def _poll(clock: Clock) -> None:
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_callback

    state_task_service_callback.time = types.SimpleNamespace(sleep=clock.sleep)
