"""Distributed Maps: what is handed out to be carried out elsewhere, and what a Map has of it."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from harness.states_language import events as event
from harness.states_language.effects import Failure, Json, MapRunStarted, Result, RunMap
from harness.states_language.errors import EvaluationError
from harness.states_language.fields import Scope
from harness.states_language.machine import Limit, Map
from harness.states_language.run import Run
from harness.states_language.strands import StateFailed
from harness.states_language.text import Payload


def tell_started(run: Run, items: list[Json] | None) -> None:
    """Tell that the Map has started; of items that are read elsewhere the number is not known."""
    run.tell("MapStateStarted", {"length": 0 if items is None else len(items)})


def selected(run: Run, state: Map, item: Mapping[str, Json]) -> Json:
    """Apply ``ItemSelector`` or ``Parameters`` to an item.

    Args:
        run: the Map at work.
        state: the Map.
        item: ``Map.Item`` of the context object.
    """
    assert state.selector is not None
    context = {**run.context, "Map": {"Item": item}}
    execution = run.execution
    scope = Scope(run.effective.value, context, run.strand.variables, execution.random, now=execution.now)
    return state.selector(scope)


def run_distributed(
    run: Run, state: Map, items: list[Json] | None, concurrency: int
) -> Generator[object, Any, Payload]:
    """Hand out a Distributed Map, wait for its end, and return its output.

    Args:
        run: the Map at work.
        state: the Map.
        items: None where they are read elsewhere.
        concurrency: child executions at a time; 0 for as many as there may be.
    """
    count, percentage = tolerated(run, state)

    def select(index: int, item: Json, key: str | None = None, source: str | None = None) -> Json:
        about = {"Index": index, "Value": item}
        if key is not None:
            about["Key"] = key
        if source is not None:
            about["Source"] = source
        return item if state.selector is None else selected(run, state, about)

    execution, strand = run.execution, run.strand
    effect = RunMap(
        0,
        state.name,
        strand.path,
        items=items,
        reader=_evaluated(run, state.reader),
        selector=select,
        batcher=_evaluated(run, state.batcher),
        writer=None if state.writer is None else run.value(state.writer, run.effective.value),
        processor=state.processor,
        execution_type=state.execution_type,
        max_concurrency=concurrency,
        tolerated_count=count if state.tolerated_count is not None else None,
        tolerated_percentage=percentage if state.tolerated_percentage is not None else None,
        label=state.label,
    )
    execution.ask(strand, effect)
    begun = False
    while True:
        message = yield None
        reply = message.reply
        if isinstance(reply, MapRunStarted):
            begun = True
            if reply.redrives:
                run.tell("MapRunRedriven", {"mapRunArn": reply.arn, "redriveCount": reply.redrives})
                continue
            if run.again:  # it had no Map Run to go on with
                tell_started(run, items)
            run.tell("MapRunStarted", {"mapRunArn": reply.arn})
        elif isinstance(reply, Failure):
            if begun:
                run.tell("MapRunFailed", event.failure(reply.error, reply.cause))
            raise StateFailed(reply.error, reply.cause)
        elif isinstance(reply, Result):
            run.tell("MapRunSucceeded")
            payload = Payload(reply.value, reply.text)
            execution.add("MapStateSucceeded", strand.previous)
            return run.give(payload)


def tolerated(run: Run, state: Map) -> tuple[int, float]:
    """Return how many failed items, and which share of all, a Map tolerates."""
    count = run.limit(state.tolerated_count) or 0
    if count < 0:
        raise EvaluationError("States.Runtime", "ToleratedFailureCount cannot be negative.")
    percentage = run.limit(state.tolerated_percentage, "float") or 0.0
    if not 0 <= percentage <= 100:
        raise EvaluationError("States.Runtime", "ToleratedFailurePercentage must be between 0 and 100.")
    return count, percentage


def _evaluated(run: Run, members: Mapping[str, Any] | None) -> dict[str, Json] | None:
    """Evaluate the members of an ItemReader or ItemBatcher; a path in one of them stands for the number."""
    if members is None:
        return None
    made: dict[str, Json] = {}
    for name, member in members.items():
        holder, _, inner = name.rpartition("/")
        place = made.setdefault(holder, {}) if holder else made
        if isinstance(member, Limit):
            place[member.field] = run.limit(member)
        else:
            place[inner] = run.value(member, run.effective.value)
    return made
