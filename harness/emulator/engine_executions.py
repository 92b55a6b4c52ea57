"""Keeps the executions of moto's Step Functions engine so that many of them cost what few do.

AWS keeps an execution's history for 90 days after its end, and this emulator for as long as it runs: a suite may look
at any. But the engine looks through all executions of a state machine whenever one starts, for one of the same name,
and keeps every history as objects (40 KB of them, for three tasks that pass a picture on), which the garbage collector
walks again and again.
"""

from __future__ import annotations

import collections
import contextlib
import logging
import os
import pickle
import tempfile
import threading
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, overload

from harness.emulator.engine_seam import put_around

logger = logging.getLogger(__name__)

KEPT_ELSEWHERE = "harness_kept_elsewhere"
"""Set on an execution that somebody else puts away when it ends."""
_AT_HAND = 64
"""Ended executions whose histories stay objects: whoever asks for one does so soon."""
_QUICKLY = 1
"""zlib's level: the same texts come again and again in a history, and any level finds them."""


def find_executions() -> None:
    """Have state machines find their executions by name, and those that run without looking at the others."""
    from moto.stepfunctions.models import ExecutionAlreadyExists, StateMachine, StateMachineInstance
    from moto.stepfunctions.parser.models import StepFunctionsParserBackend

    def keep_them_by_name(original: Any) -> Any:
        def init(self: Any, *arguments: Any, **named: Any) -> None:
            original(self, *arguments, **named)
            self.executions = _Executions(self.executions)

        return init

    def look_up(original: Any) -> Any:
        def handle_name_input_idempotency(self: Any, name: str, execution_input: str) -> Any:
            if not isinstance(self.executions, _Executions):
                return original(self, name, execution_input)
            found = self.executions.by_name.get(name)
            if found is None or (found.execution_input == execution_input and found.status == "RUNNING"):
                return found
            raise ExecutionAlreadyExists(f"Execution Already Exists: '{found.execution_arn}'")

        return handle_name_input_idempotency

    def look_at_those_that_run(original: Any) -> Any:
        def get_executions(self: Any, execution_status: Any = None) -> list[Any]:
            if execution_status != "RUNNING":
                found: list[Any] = original(self, execution_status)
                return found
            kept = [machine.executions for machine in self.state_machines]
            return [each for executions in kept for each in executions.running() if each.status == "RUNNING"]

        return get_executions

    put_around(StateMachineInstance, "__init__", keep_them_by_name)
    put_around(StateMachine, "_handle_name_input_idempotency", look_up)
    put_around(StepFunctionsParserBackend, "_get_executions", look_at_those_that_run)


class _Executions(list[Any]):
    """A state machine's executions, oldest first."""

    def __init__(self, executions: Sequence[Any] = ()) -> None:
        super().__init__(executions)
        self.by_name = {execution.name: execution for execution in executions}
        self._running = dict(self.by_name)

    def append(self, execution: Any) -> None:
        """Add one that is about to start."""
        super().append(execution)
        self.by_name[execution.name] = self._running[execution.name] = execution

    def forget(self, execution: Any) -> None:
        """Take out one that is kept elsewhere."""
        with contextlib.suppress(ValueError):
            self.remove(execution)
        for named in (self.by_name, self._running):
            named.pop(execution.name, None)

    def running(self) -> list[Any]:
        """Those that have not ended."""
        for name, execution in list(self._running.items()):
            if execution.exec_status not in (None, "RUNNING"):
                self._running.pop(name, None)
        return [execution for execution in list(self._running.values()) if execution.exec_status is not None]


class Shelf:
    """Histories of executions that have ended, in one file without a name.

    Args:
        folder: where the file lies.
    """

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (closed with the last history that is in it)
        self._lock = threading.Lock()
        self._size = 0
        self._at_hand: collections.deque[Any] = collections.deque()

    def ended(self, execution: Any) -> None:
        """Take note that *execution*, the engine's own object, has ended; one that did so before is put away."""
        if execution.__dict__.get(KEPT_ELSEWHERE):
            return
        self._at_hand.append(execution)
        try:
            oldest = self._at_hand.popleft() if len(self._at_hand) > _AT_HAND else None
        except IndexError:  # another thread took it
            oldest = None
        if oldest is not None:
            manager = oldest.exec_worker.env.event_manager
            try:
                manager._history_event_list = self.put(list(manager._history_event_list))
            except OSError as error:
                logger.warning("the history of %s stays in memory: %s", oldest.execution_arn, error)

    def put(self, events: list[Any]) -> ShelvedHistory:
        """Put a history away.

        Raises:
            OSError: there is no room.
        """
        data = zlib.compress(pickle.dumps(events, pickle.HIGHEST_PROTOCOL), _QUICKLY)
        with self._lock:
            begin = self._size
            self._size += len(data)
        os.pwrite(self._file.fileno(), data, begin)
        return ShelvedHistory(self, begin, len(data), len(events))

    def get(self, begin: int, length: int) -> list[Any]:
        """A history that was put away."""
        events: list[Any] = pickle.loads(zlib.decompress(os.pread(self._file.fileno(), length, begin)))
        return events


class ShelvedHistory(Sequence[Any]):
    """A history that is read again when somebody looks at it. It has ended: nothing is added to it."""

    __slots__ = ("_begin", "_count", "_length", "_shelf")

    def __init__(self, shelf: Shelf, begin: int, length: int, count: int) -> None:
        self._shelf, self._begin, self._length, self._count = shelf, begin, length, count

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        return self._shelf.get(self._begin, self._length)[index]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._shelf.get(self._begin, self._length))

    def __deepcopy__(self, memo: dict[int, Any]) -> list[Any]:
        return list(self)
