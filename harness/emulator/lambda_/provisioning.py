"""Provisioned concurrency: environments that are initialized before anybody invokes their version.

https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from harness.emulator.door.errors import AwsError
from harness.emulator.lambda_.environment import ExecutionEnvironment
from harness.emulator.lambda_.invocation import FunctionVersion
from harness.emulator.lambda_.records import Function

_ATTEMPTS = 6
"""How often Lambda tries to initialize an environment."""
FAILED = "FUNCTION_ERROR_INIT_FAILURE"


@dataclass
class _Kept:
    """The environments of one version."""

    version: FunctionVersion
    wanted: int = 0
    idle: list[ExecutionEnvironment] = field(default_factory=list)
    all: list[ExecutionEnvironment] = field(default_factory=list)
    failed: bool = False


class Provisioning:
    """Keeps environments ready.

    Args:
        start: starts an environment for a function version.
    """

    def __init__(self, start: Callable[[FunctionVersion], ExecutionEnvironment]) -> None:
        self._start = start
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, str], _Kept] = {}
        self._closed = False

    def refresh(self, function: Function, version_of: Callable[[str], FunctionVersion]) -> None:
        """Have the environments that *function*'s configuration now asks for; starts them in the background."""
        wanted: Counter[str] = Counter()
        for qualifier, config in function.provisioned.items():
            wanted[function.version_of(qualifier)] += int(config["Requested"])
        with self._lock:
            mine = {version for arn, version in self._kept if arn == function.arn}
            for version in mine | set(wanted):
                key = (function.arn, version)
                kept = self._kept.get(key) or self._kept.setdefault(key, _Kept(version_of(version)))
                kept.wanted, kept.failed = wanted[version], False
                for environment in kept.idle[kept.wanted :]:
                    self._end(kept, environment)
                del kept.idle[kept.wanted :]
                threading.Thread(target=self._fill, args=(kept,), name="provisioned-concurrency", daemon=True).start()

    def status(self, function: Function, qualifier: str) -> tuple[int, str]:
        """How many environments of a qualifier are ready, and ``READY``, ``IN_PROGRESS`` or ``FAILED``."""
        with self._lock:
            kept = self._kept.get((function.arn, function.version_of(qualifier)))
            if kept is None:
                return 0, "IN_PROGRESS"
            if kept.failed:
                return 0, "FAILED"
            ready = len(kept.all)
            return (ready, "READY") if ready >= kept.wanted else (0, "IN_PROGRESS")

    def is_free(self, arn: str, version: str) -> bool:
        """Whether a version has an environment that waits for an event."""
        with self._lock:
            kept = self._kept.get((arn, version))
            return kept is not None and bool(kept.idle)

    def take(self, arn: str, version: str) -> ExecutionEnvironment | None:
        """Take an environment that waits for an event; None where there is none, and one on demand is to be had."""
        with self._lock:
            kept = self._kept.get((arn, version))
            while kept is not None and kept.idle:
                environment = kept.idle.pop()
                if environment.takes_events:
                    return environment
                self._end(kept, environment)
            return None

    def give_back(self, environment: ExecutionEnvironment) -> None:
        """Take an environment back; one that is of no more use is replaced."""
        function = environment.function
        with self._lock:
            kept = self._kept.get((function.arn, function.version))
            if kept is None or self._closed:
                return
            if environment.alive and len(kept.all) <= kept.wanted:
                kept.idle.append(environment)
                return
            self._end(kept, environment)
        threading.Thread(target=self._fill, args=(kept,), name="provisioned-concurrency", daemon=True).start()

    def environments(self) -> list[ExecutionEnvironment]:
        """All that run."""
        with self._lock:
            return [environment for kept in self._kept.values() for environment in kept.all]

    def forget(self, arn: str) -> None:
        """End the environments of a function that was deleted."""
        with self._lock:
            for key in [key for key in self._kept if key[0] == arn]:
                kept = self._kept.pop(key)
                kept.wanted = 0
                for environment in list(kept.all):
                    self._end(kept, environment)

    def close(self) -> None:
        """End all environments."""
        with self._lock:
            self._closed = True
            environments = [environment for kept in self._kept.values() for environment in kept.all]
            self._kept.clear()
        for environment in environments:
            environment.close()

    def _fill(self, kept: _Kept) -> None:
        failures = 0
        while failures < _ATTEMPTS:
            with self._lock:
                if self._closed or kept.failed or len(kept.all) >= kept.wanted:
                    return
            try:
                environment = self._start(kept.version)
            except AwsError:
                break
            if not environment.await_init():
                environment.close()
                failures += 1
                continue
            with self._lock:
                if self._closed or len(kept.all) >= kept.wanted:
                    threading.Thread(target=environment.close, daemon=True).start()
                    return
                kept.all.append(environment)
                kept.idle.append(environment)
        with self._lock:
            kept.failed = True

    @staticmethod
    def _end(kept: _Kept, environment: ExecutionEnvironment) -> None:
        kept.all.remove(environment)
        threading.Thread(target=environment.close, daemon=True).start()
