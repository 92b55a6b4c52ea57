"""What an execution was told, as the store keeps it: told the same again, it is where it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from harness.states_language.effects import (
    Effect,
    Failure,
    Heartbeat,
    Json,
    MapRunStarted,
    Reply,
    Result,
    Scheduled,
)
from harness.states_language.execution import Execution

_KINDS: dict[str, type[Any]] = {kind.__name__: kind for kind in (Result, Failure, Heartbeat, Scheduled, MapRunStarted)}


class Told:
    """Tells an execution, and remembers it.

    Args:
        execution: is told.
        record: what it was told before, as :attr:`record` gave it.
    """

    def __init__(self, execution: Execution, record: Sequence[Json] = ()) -> None:
        self._execution = execution
        self._record: list[tuple[Any, ...]] = []
        for kind, *values in record:
            match kind:
                case "start":
                    self.start(values[0])
                case "reply":
                    number, reply, now = values
                    self.reply(number, None if reply is None else _KINDS[reply["kind"]](**reply["members"]), now)
                case "stop":
                    self.stop(*values)
                case "time_out":
                    self.time_out(values[0])
                case "redrive":
                    self.redrive(values[0])

    @property
    def record(self) -> list[Json]:
        """What it was told, as JSON."""
        return [
            ["reply", entry[1], _shown(entry[2]), entry[3]] if entry[0] == "reply" else list(entry)
            for entry in self._record
        ]

    def start(self, now: float) -> list[Effect]:
        """Have it start."""
        self._record.append(("start", now))
        return self._execution.start(now)

    def reply(self, number: int, reply: Reply, now: float) -> list[Effect]:
        """Send the execution the reply to an effect, and remember it.

        Args:
            number: id of the effect.
            reply: the result, the failure, or word that it goes on.
            now: seconds since the epoch.

        Returns:
            the effects that come next.
        """
        self._record.append(("reply", number, reply, now))
        return self._execution.resolve(number, reply, now)

    def stop(self, error: str | None, cause: str | None, now: float) -> list[Effect]:
        """Have the execution stop, and remember it.

        Args:
            error: ``error`` of StopExecution, or None.
            cause: ``cause`` of StopExecution, or None.
            now: seconds since the epoch.

        Returns:
            the effects that come next.
        """
        self._record.append(("stop", error, cause, now))
        return self._execution.stop(error, cause, now)

    def time_out(self, now: float) -> list[Effect]:
        """Have it be over, for it has taken too long."""
        self._record.append(("time_out", now))
        return self._execution.time_out(now)

    def redrive(self, now: float) -> list[Effect]:
        """Have it go on from where it has failed.

        Raises:
            ValueError: it cannot.
        """
        effects = self._execution.redrive(now)
        self._record.append(("redrive", now))
        return effects


def _shown(reply: Reply) -> Json:
    return None if reply is None else {"kind": type(reply).__name__, "members": asdict(reply)}
