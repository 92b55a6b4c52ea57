"""Drives the Map Run that a Distributed Map asks for: reads items, has children run, writes results.

Everything here happens on the thread that drives executions; what blocks is handed to the host, to be done aside.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from harness.emulator.stepfunctions.integrations.reach import Caller, Reach
from harness.emulator.stepfunctions.integrations.values import as_text
from harness.emulator.stepfunctions.map_runs.batches import BatchError, in_batches
from harness.emulator.stepfunctions.map_runs.readers import ItemReaderError, read_items
from harness.emulator.stepfunctions.map_runs.results import ResultWriterError, results
from harness.emulator.stepfunctions.map_runs.run import Child, Ended, MapRun
from harness.states_language.effects import Failure, Json, MapRunStarted, Result, RunMap
from harness.states_language.errors import EvaluationError

Inputs = list[tuple[str, int]]
_OVER = Failure("States.ExceedToleratedFailureThreshold", "The specified tolerated failure threshold was exceeded")


class Host(Protocol):
    """What a Map Run needs of the service around it."""

    def now(self) -> float:
        """Return the time, in seconds since the epoch."""

    def reply(self, reply: MapRunStarted | Result | Failure) -> None:
        """Tell the execution whose Distributed Map it is."""

    def refusal(self) -> str | None:
        """Why the execution's role may not start executions of its state machine, or None."""

    def aside(self, job: Callable[[], Json], done: Callable[[Json | Failure], None]) -> None:
        """Do *job*, which blocks, elsewhere, then *done* here with what it gave; a BaseException becomes a Failure."""

    def start(self, run: MapRun, child: Child) -> None:
        """Start *child* (redriven where it has ended before); :meth:`MapRunDriver.ended` is told its end."""

    def stop(self, child: Child) -> None:
        """Abort *child*; its end is told as any other."""

    def keep(self, run: MapRun) -> None:
        """Keep *run* as it is now, to be listed and described."""


class MapRunDriver:
    """Drives one Map Run.

    Args:
        effect: what the execution asks for.
        machine_arn: of its state machine, without a version.
        execution_arn: of the execution.
        reach: calls S3.
        caller: with the execution's rights.
        host: the service around it.
        before: the Map Run of this state that is redriven, or None.

    Attributes:
        run: the Map Run.
    """

    def __init__(
        self,
        effect: RunMap,
        machine_arn: str,
        execution_arn: str,
        reach: Reach,
        caller: Caller,
        host: Host,
        before: MapRun | None = None,
    ) -> None:
        self._effect = effect
        self._host = host
        self._reach = reach
        self._caller = caller
        self._failure: Failure | None = None
        self._writing = False
        self._done = False
        if before is not None:
            before.redrive(host.now())
        self.run = before or MapRun(
            state_machine_arn=machine_arn,
            execution_arn=execution_arn,
            label=effect.label or str(uuid.uuid4()),
            max_concurrency=int(effect.max_concurrency),
            tolerated_count=effect.tolerated_count,
            tolerated_percentage=effect.tolerated_percentage,
            started=host.now(),
            state=effect.state,
        )

    def start(self) -> None:
        """Begin."""
        self._host.keep(self.run)
        self._host.reply(MapRunStarted(self.run.arn, self.run.redrives))
        if self.run.children:
            self._begin([])
        else:
            self._host.aside(lambda: _inputs(self._s3, self._effect), self._begin)

    def ended(self, child: Child, ended: Ended) -> None:
        """Note what a child came to."""
        self.run.end(child, ended)
        if self._failure is None and self.run.is_over_threshold():
            self._give_up(_OVER)
        self._go_on()

    def changed(self) -> None:
        """See to what UpdateMapRun has changed."""
        if self._failure is None and self.run.is_over_threshold():
            self._give_up(_OVER)
        self._go_on()

    def cancel(self) -> None:
        """Stop every child: the execution has been stopped, or its state has timed out."""
        if self._done:
            return
        self._done = True
        self.run.status, self.run.stopped = "ABORTED", self._host.now()
        self._host.keep(self.run)
        for child in self.run.running:
            self._host.stop(child)

    def _begin(self, inputs: Json | Failure) -> None:
        if isinstance(inputs, Failure):
            self._end(inputs)
            return
        if self._done:
            return
        self.run.add(inputs)
        refused = self._host.refusal()
        if refused is not None:
            self._end(Failure("States.Permissions", refused))
        else:
            self._go_on()

    def _give_up(self, failure: Failure) -> None:
        self._failure = failure
        for child in self.run.running:
            self._host.stop(child)

    def _go_on(self) -> None:
        if self._done or self._writing:
            return
        while self._failure is None and (child := self.run.next()) is not None:
            self._host.start(self.run, child)
        if self.run.counts["running"][1] or (self.run.pending and self._failure is None):
            return
        self._writing = True
        self._host.aside(lambda: _results(self._s3, self.run, self._effect.writer), self._finish)

    def _finish(self, result: Json | Failure) -> None:
        failure = self._failure or (result if isinstance(result, Failure) else None)
        self._end(failure or Result(result))

    def _end(self, reply: Result | Failure) -> None:
        if self._done:
            return
        self._done = True
        self.run.status = "SUCCEEDED" if isinstance(reply, Result) else "FAILED"
        self.run.stopped = self._host.now()
        if isinstance(reply, Result):
            self.run.count_results()
            self.run.children = []  # what they came to is with the executions; nobody redrives it any more
        self._host.keep(self.run)
        self._host.reply(reply)

    def _s3(self, operation: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._reach("s3", operation, parameters, self._caller).output


def _inputs(s3: Callable[[str, Mapping[str, Any]], Mapping[str, Any]], effect: RunMap) -> Inputs | Failure:
    try:
        items = effect.items if effect.items is not None else read_items(s3, effect.reader or {})
        selected = _selected(effect, items)
        batcher = effect.batcher
        if not batcher:
            return [(as_text(item), 1) for item in selected]
        most_items, most_bytes = batcher.get("MaxItemsPerBatch"), batcher.get("MaxInputBytesPerBatch")
        return list(in_batches(selected, most_items, most_bytes, batcher.get("BatchInput")))
    except ItemReaderError as error:
        return Failure("States.ItemReaderFailed", str(error))
    except BatchError as error:
        return Failure("States.DataLimitExceeded", str(error))
    except EvaluationError as error:
        return Failure(error.error, error.cause)


def _selected(effect: RunMap, items: list[Json]) -> Iterator[Json]:
    if effect.selector is None:
        yield from items
        return
    source = _source(effect)
    for index, item in enumerate(items):
        key = item["Key"] if isinstance(item, dict) and item.keys() == {"Key", "Value"} else None
        yield effect.selector(index, item, key, source)


def _source(effect: RunMap) -> str | None:
    """Return what ``Map.Item.Source`` says of every item; None where each has its own object, which is not told here.

    https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html
    """
    if effect.items is not None:
        return "STATE_DATA"
    reader = effect.reader or {}
    config = reader.get("ReaderConfig") or {}
    given = reader.get("Parameters") or reader.get("Arguments") or {}
    if str(reader.get("Resource", "")).endswith(":listObjectsV2"):
        return None if config.get("Transformation") == "LOAD_AND_FLATTEN" else f"S3://{given.get('Bucket')}"
    if config.get("ManifestType") or config.get("InputType") == "MANIFEST":
        return None
    return f"S3://{given.get('Bucket')}/{given.get('Key')}"


def _results(
    s3: Callable[[str, Mapping[str, Any]], Mapping[str, Any]], run: MapRun, writer: Mapping[str, Json] | None
) -> Json | Failure:
    try:
        return results(s3, run, writer)
    except ResultWriterError as error:
        return Failure("States.ResultWriterFailed", str(error))
