"""Warm execution environments, kept for each function version."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from harness.emulator.lambda_.environment import ExecutionEnvironment
from harness.emulator.lambda_.invocation import FunctionVersion

_PATIENCE = 0.5
_IDLE, _KEPT, _LOOK = 20.0, 2, 5.0


class EnvironmentPool:
    """Hands out idle environments, the most recently used first, and starts new ones when none is idle.

    AWS starts as many as there are concurrent invocations. On a few cores more processes than that only wait for one
    another, so past *comfortable* an invocation waits for an environment to come free, and gets a new one only when
    none of the function's came free or started for half a second: slower than AWS at worst, but never stuck when a
    function calls itself.

    Args:
        start: starts an environment for a function version.
        comfortable: environments of one version beyond which an invocation waits first.
        idle: seconds after which idle environments end, but for a few.
        look: seconds between two looks for such.
    """

    def __init__(
        self,
        start: Callable[[FunctionVersion], ExecutionEnvironment],
        comfortable: int,
        idle: float = _IDLE,
        look: float = _LOOK,
    ) -> None:
        self._start = start
        self._idle_seconds, self._look = idle, look
        self._comfortable = comfortable
        self._lock = threading.Lock()
        self._freed: dict[tuple[object, ...], threading.Condition] = {}
        self._freed_at: dict[tuple[object, ...], float] = {}
        self._idle: dict[tuple[object, ...], list[ExecutionEnvironment]] = {}
        self._count: dict[tuple[object, ...], int] = {}
        self._current: dict[tuple[str, str], tuple[object, ...]] = {}
        self._all: set[ExecutionEnvironment] = set()
        self._ahead: dict[tuple[object, ...], int] = {}
        """Environments that are being started before anybody has asked for one."""
        self._claimed: dict[tuple[object, ...], int] = {}
        """Invocations that wait for one of those."""
        self._closed = False
        self._idle_since: dict[ExecutionEnvironment, float] = {}
        self._ended = threading.Event()
        self._sweeper: threading.Thread | None = None

    def start_ahead(self, function: FunctionVersion) -> None:
        """Start an environment, for the next invocation, where there is none yet."""
        revision = function.revision
        with self._lock:
            self._make_current(function)
            freed = self._freed.setdefault(revision, threading.Condition(self._lock))
            if self._count.get(revision, 0):
                return
            self._count[revision] = self._ahead[revision] = 1
        environment = None
        try:
            environment = self._start(function)
        finally:
            with self._lock:
                self._ahead[revision] -= 1
                if environment is None:
                    self._count[revision] -= 1
                else:
                    self._all.add(environment)
            if environment is not None:
                self._give_back(environment)
            with self._lock:
                freed.notify_all()

    @contextlib.contextmanager
    def environment(self, function: FunctionVersion) -> Iterator[ExecutionEnvironment]:
        """Have an environment of *function*'s present revision, for one invocation."""
        environment = self._take(function)
        try:
            yield environment
        finally:
            self._give_back(environment)

    def environments(self) -> list[ExecutionEnvironment]:
        """All that run, busy ones too."""
        with self._lock:
            return list(self._all)

    def retire(self, arn: str) -> None:
        """End the idle environments of a function that was deleted; busy ones end when they are done."""
        with self._lock:
            for key in [key for key in self._current if key[0] == arn]:
                self._retire(self._current.pop(key))

    def close(self) -> None:
        """End all environments."""
        self._ended.set()
        with self._lock:
            self._closed = True
            environments = list(self._all)
            self._all.clear()
            self._idle.clear()
        for environment in environments:
            environment.close()

    def _take(self, function: FunctionVersion) -> ExecutionEnvironment:
        revision = function.revision
        came = time.monotonic()
        with self._lock:
            self._make_current(function)
            freed = self._freed.setdefault(revision, threading.Condition(self._lock))
            while True:
                idle = self._idle.get(revision, [])
                while idle:
                    environment = idle.pop()
                    if environment.takes_events:
                        return environment
                    self._forget(environment)
                if self._claimed.get(revision, 0) < self._ahead.get(revision, 0):
                    self._claimed[revision] = self._claimed.get(revision, 0) + 1
                    freed.wait(_PATIENCE)
                    self._claimed[revision] -= 1
                    continue
                if self._count.get(revision, 0) < self._comfortable:
                    break
                if self._starting(revision):
                    freed.wait(_PATIENCE)
                    continue
                remaining = max(came, self._freed_at.get(revision, 0.0)) + _PATIENCE - time.monotonic()
                if remaining <= 0:
                    break
                freed.wait(remaining)
            self._count[revision] = self._count.get(revision, 0) + 1
        try:
            environment = self._start(function)
        except BaseException:
            with self._lock:
                self._count[revision] -= 1
            raise
        with self._lock:
            self._all.add(environment)
        return environment

    def _starting(self, revision: tuple[object, ...]) -> bool:
        return any(each.starting and each.function.revision == revision for each in self._all)

    def _make_current(self, function: FunctionVersion) -> None:
        key = (function.arn, function.version)
        previous = self._current.get(key)
        if previous != function.revision:
            self._current[key] = function.revision
            if previous is not None:
                self._retire(previous)

    def _retire(self, revision: tuple[object, ...]) -> None:
        for environment in self._idle.pop(revision, []):
            self._forget(environment)
        self._freed_at.pop(revision, None)

    def _give_back(self, environment: ExecutionEnvironment) -> None:
        function = environment.function
        with self._lock:
            wanted = self._current.get((function.arn, function.version)) == function.revision
            if environment.alive and wanted and not self._closed:
                self._idle.setdefault(function.revision, []).append(environment)
                self._idle_since[environment] = time.monotonic()
                self._sweep_later()
            else:
                self._forget(environment)
            self._freed_at[function.revision] = time.monotonic()
            self._freed[function.revision].notify()

    def _forget(self, environment: ExecutionEnvironment) -> None:
        self._all.discard(environment)
        self._idle_since.pop(environment, None)
        self._count[environment.function.revision] -= 1
        threading.Thread(target=environment.close, daemon=True).start()

    def _sweep_later(self) -> None:
        """Watch for environments that a burst has left."""
        if self._sweeper is None or not self._sweeper.is_alive():
            self._sweeper = threading.Thread(target=self._sweep, name="idle-environments", daemon=True)
            self._sweeper.start()

    def _sweep(self) -> None:
        while not self._ended.wait(self._look):
            now = time.monotonic()
            with self._lock:
                for idle in self._idle.values():
                    # The most recently used is at the end, and is handed out first.
                    while len(idle) > _KEPT and now - self._idle_since.get(idle[0], now) > self._idle_seconds:
                        self._forget(idle.pop(0))
