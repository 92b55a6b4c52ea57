"""Faults on demand: what functions, endpoints, buckets and states are made to suffer, and a log of it."""

from __future__ import annotations

import itertools
import logging
import random
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from harness.emulator.door.members import Members
from harness.emulator.stepfunctions.clock import Clock

logger = logging.getLogger(__name__)

KINDS = ("function", "endpoint", "bucket", "state")
_MOST_LOGGED = 10_000
_EFFECTS = ("error", "latency", "truncate", "kill")
_MEMBERS = (*KINDS, *_EFFECTS, "message", "status", "times", "fraction", "seed", "prefix")
_STATES_ERRORS = (
    "States.TaskFailed",
    "States.Timeout",
    "States.Permissions",
    "States.Runtime",
    "States.DataLimitExceeded",
)


class FaultError(ValueError):
    """A fault that makes no sense; the message names the member."""


@dataclass(frozen=True)
class Strike:
    """What a fault does to one call.

    Attributes:
        error: AWS's error code, or the error's name for a state; None for no error.
        message: the error's message or cause.
        status: HTTP status that the fault asks for; None for the error's usual one.
        latency: seconds before anything else happens.
        truncate: how many bytes of the answer's body get through; None for all.
        kill: whether the process that answers is killed meanwhile.
    """

    error: str | None = None
    message: str = "a fault that was asked for"
    status: int | None = None
    latency: float = 0.0
    truncate: int | None = None
    kill: bool = False


@dataclass
class Fault:
    """A fault, and how often it struck.

    ``times``: it strikes the first so many calls; ``fraction``: it strikes this share of calls, chosen by ``seed``.
    """

    number: int
    given: Members
    kind: str
    name: str
    strike: Strike
    latency: Callable[[random.Random], float]
    times: int | None
    fraction: float
    prefix: str
    random: random.Random = field(repr=False)
    struck: int = 0

    def describe(self) -> Members:
        """As the emulator's own API shows it."""
        return {"id": self.number, **self.given, "struck": self.struck}


class Faults:
    """The faults in force; safe between threads.

    Args:
        clock: stamps the log.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._faults: dict[int, Fault] = {}
        self._log: deque[dict[str, Any]] = deque(maxlen=_MOST_LOGGED)

    def add(self, given: Members) -> Fault:
        """Put a fault in force.

        Args:
            given: one of ``function``, ``endpoint``, ``bucket``, ``state`` with a name (``*`` for all; a state as
                ``State`` or ``Machine/State``), and any of ``error`` (with ``message``, ``status``), ``latency``
                (seconds, or a distribution), ``truncate`` (bytes), ``kill``; when: ``times``, ``fraction`` and
                ``seed``; for a bucket, ``prefix`` of the keys.

        Raises:
            FaultError: naming the member that makes no sense.
        """
        with self._lock:
            fault = _read(given, next(self._numbers))
            self._faults[fault.number] = fault
        return fault

    def remove(self, number: int | None = None) -> bool:
        """End one fault, or all; False when there is none of that number. The log stays until all are ended."""
        with self._lock:
            if number is not None:
                return self._faults.pop(number, None) is not None
            self._faults.clear()
            self._log.clear()
            return True

    def describe(self) -> Members:
        """Faults in force, and the log of strikes."""
        with self._lock:
            return {"faults": [fault.describe() for fault in self._faults.values()], "log": list(self._log)}

    def strike(self, kind: str, *names: str, key: str = "") -> Strike | None:
        """Return the fault applied to a call to any of *names*, the first that strikes; else None."""
        if not self._faults:
            return None
        with self._lock:
            for fault in self._faults.values():
                if fault.kind != kind or fault.name not in (*names, "*") or not key.startswith(fault.prefix):
                    continue
                if fault.times is not None and fault.struck >= fault.times:
                    continue
                if fault.fraction < 1 and fault.random.random() >= fault.fraction:
                    continue
                fault.struck += 1
                struck = replace(fault.strike, latency=fault.latency(fault.random))
                self._note(fault, names[0] + (f"/{key}" if key else ""), struck)
                return struck
        return None

    def _note(self, fault: Fault, what: str, strike: Strike) -> None:
        effects = {name: getattr(strike, name) for name in _EFFECTS if getattr(strike, name)}
        entry = {"at": self._clock.now().isoformat(), "fault": fault.number, fault.kind: what, **effects}
        self._log.append(entry)
        logger.info("fault %d strikes %s %s: %s", fault.number, fault.kind, what, effects)


def _read(given: Mapping[str, Any], number: int) -> Fault:
    unknown = sorted(set(given) - set(_MEMBERS))
    if unknown:
        raise FaultError(f"a fault has no {unknown[0]!r}; it has {', '.join(_MEMBERS)}")
    kinds = [kind for kind in KINDS if given.get(kind)]
    if len(kinds) != 1:
        raise FaultError(f"a fault strikes one of {', '.join(KINDS)}; this one has {', '.join(kinds) or 'none'}")
    (kind,) = kinds
    if not any(given.get(name) not in (None, False) for name in _EFFECTS):
        raise FaultError(f"a fault does something: {', '.join(_EFFECTS)}")
    if kind == "state" and (given.get("truncate") is not None or given.get("kill")):
        raise FaultError("a state has no body to 'truncate' and no process to 'kill'; its function has")
    if kind == "bucket" and given.get("kill"):
        raise FaultError("a bucket has no process to 'kill'")
    if kind == "state" and str(given.get("error")).startswith("States.") and given["error"] not in _STATES_ERRORS:
        raise FaultError(f"'error' is {given['error']!r}; a task can fail with {', '.join(_STATES_ERRORS)} or your own")
    if given.get("prefix") and kind != "bucket":
        raise FaultError("'prefix' is for buckets")
    strike = Strike(
        error=_typed(given, "error", str),
        message=_typed(given, "message", str) or Strike.message,
        status=_typed(given, "status", int, 100, 599),
        truncate=_typed(given, "truncate", int, 0),
        kill=bool(given.get("kill")),
    )
    fraction = _typed(given, "fraction", float, 0, 1)
    return Fault(
        number,
        dict(given),
        kind,
        str(given[kind]),
        strike,
        _latency(given.get("latency")),
        _typed(given, "times", int, 1),
        1.0 if fraction is None else fraction,
        _typed(given, "prefix", str) or "",
        random.Random(_typed(given, "seed", int) or 0),
    )


def _typed(given: Mapping[str, Any], name: str, kind: type, least: Any = None, most: Any = None) -> Any:
    value: Any = given.get(name)
    if value is None:
        return None
    if kind is float and type(value) is int:
        value = float(value)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise FaultError(f"{name!r} is {value!r}, expected {kind.__name__}")
    if (least is not None and not value >= least) or (most is not None and not value <= most):
        expected = f"at least {least:g}" if most is None else f"{least:g} to {most:g}"
        raise FaultError(f"{name!r} is {value!r}, expected {expected}")
    return value


def _latency(given: Any) -> Callable[[random.Random], float]:
    """Seconds: a number, ``{"uniform": [a, b]}``, ``{"exponential": mean}`` or ``{"lognormal": [median, sigma]}``."""
    if given is None:
        return lambda source: 0.0
    if isinstance(given, int | float) and not isinstance(given, bool) and given >= 0:
        return lambda source: float(given)
    try:
        ((name, values),) = given.items()
        if name == "exponential" and float(values) > 0:
            return lambda source: source.expovariate(1 / float(values))
        first, second = map(float, values)
        if name == "uniform" and 0 <= first <= second:
            return lambda source: source.uniform(first, second)
        if name == "lognormal" and first > 0 and second >= 0:
            return lambda source: first * source.lognormvariate(0, second)
    except (AttributeError, TypeError, ValueError):
        pass
    raise FaultError(
        f"'latency' is {given!r}, expected seconds, or one of uniform (two seconds), exponential (mean), lognormal "
        "(median and sigma)"
    )
