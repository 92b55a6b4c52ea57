"""The execution environments of all functions: on demand, and provisioned.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
"""

from __future__ import annotations

import logging
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from harness.emulator.door.errors import AwsError
from harness.emulator.lambda_.environment import ExecutionEnvironment
from harness.emulator.lambda_.invocation import FunctionVersion
from harness.emulator.lambda_.pool import EnvironmentPool
from harness.emulator.lambda_.provisioning import Provisioning
from harness.emulator.lambda_.records import Function
from harness.emulator.lambda_.references import LATEST
from harness.emulator.lambda_.starting import EnvironmentStarter

logger = logging.getLogger(__name__)


class Fleet:
    """Has an environment for each invocation, within the function's concurrency.

    Args:
        starter: starts environments.
        version_of: a function's version as environments need it.
    """

    def __init__(self, starter: EnvironmentStarter, version_of: Callable[[Function, str], FunctionVersion]) -> None:
        self._starter = starter
        self._version_of = version_of
        self._pool = EnvironmentPool(starter.start, comfortable=max(4, 2 * (os.cpu_count() or 1)))
        self._provisioning = Provisioning(starter.start)
        self.readiness = self._provisioning.status
        self._lock = threading.Lock()
        self._running: Counter[str] = Counter()
        """Invocations under way on demand, by function."""

    @contextmanager
    def environment(self, function: FunctionVersion) -> Iterator[ExecutionEnvironment]:
        """Have an environment for one invocation, provisioned where one is free, else on demand.

        Raises:
            AwsError: too many of the function's invocations run, or nothing here runs it.
        """
        provisioned = self._provisioning.take(function.arn, function.version)
        if provisioned is not None:
            try:
                yield provisioned
            finally:
                self._provisioning.give_back(provisioned)
            return
        with self._lock:
            if self.is_throttled(function):
                raise throttled()
            self._running[function.arn] += 1
        try:
            with self._pool.environment(function) as environment:
                yield environment
        finally:
            with self._lock:
                self._running[function.arn] -= 1

    def is_throttled(self, function: FunctionVersion) -> bool:
        """Whether the function may run no more at once than already do."""
        if function.reserved is None or self._running[function.arn] < function.reserved:
            return False
        return not self._provisioning.is_free(function.arn, function.version)

    def process_ids(self) -> list[int]:
        """Process numbers of all environments."""
        return [each.pid for each in (*self._pool.environments(), *self._provisioning.environments())]

    def expect(self, runtimes: Iterable[str]) -> None:
        """Load, in the background, what processes of functions of *runtimes* will be copies of."""
        for runtime in runtimes:
            if runtime.startswith("python"):
                threading.Thread(target=self._starter.expect, args=(runtime,), daemon=True).start()

    def start_ahead(self, function: Function) -> None:
        """Start an environment of ``$LATEST`` before anybody invokes it."""
        try:
            version = self._version_of(function, LATEST)
        except AwsError as error:  # a folder that was live when the state was kept, and is gone
            logger.warning("%s cannot be invoked: %s", function.name, error.message)
            return
        if not version.runtime.startswith("python"):
            return

        def start() -> None:
            try:
                self._pool.start_ahead(version)
            except Exception as error:  # the first invocation meets it again, and reports it
                logger.debug("environment of %s did not start ahead: %s", function.name, error)

        threading.Thread(target=start, daemon=True).start()

    def provision(self, function: Function) -> None:
        """Have the environments that the function's provisioned concurrency asks for."""
        self._provisioning.refresh(
            function, lambda version: replace(self._version_of(function, version), is_provisioned=True)
        )

    def forget(self, arn: str) -> None:
        """End the environments of a function that was deleted."""
        self._pool.retire(arn)
        self._provisioning.forget(arn)

    def close(self) -> None:
        """End all environments."""
        self._pool.close()
        self._provisioning.close()
        self._starter.close()


def throttled() -> AwsError:
    """Return what is answered where no more may run at once."""
    return AwsError(
        "TooManyRequestsException",
        "Rate Exceeded.",
        429,
        Type="User",
        Reason="ReservedFunctionConcurrentInvocationLimitExceeded",
    )
