"""Parallel and Map states: branches and iterations beside one another, and Distributed Maps."""

from __future__ import annotations

import itertools
from collections.abc import Generator, Mapping
from typing import Any

from harness.states_language.distributed import run_distributed, selected, tell_started, tolerated
from harness.states_language.effects import Failure, Json
from harness.states_language.errors import EvaluationError
from harness.states_language.machine import Map, Parallel
from harness.states_language.run import Run
from harness.states_language.strands import Ended, Position, Progress, StateFailed, Strand
from harness.states_language.text import Payload, dumps

INLINE_AT_ONCE = 40
"""Iterations of an inline Map that run at a time, at most."""

_ABORTED = ("Task", "Wait", "Parallel", "Map")


def run_parallel(run: Run) -> Generator[object, Any, Payload]:
    """Run a Parallel state once, and return its output."""
    state, execution, strand = run.state, run.execution, run.strand
    assert isinstance(state, Parallel)
    arguments = run.take()
    payload = run.effective if state.parameters is None else Payload(arguments)
    before = _before(run)
    if before is None:
        run.tell("ParallelStateStarted")
    mocked = _mocked(run)
    if mocked is not None:
        return mocked
    started = strand.previous
    children: list[Strand] = []
    for index, branch in enumerate(state.branches):
        if index not in strand.results:
            child = _child(run, index, started)
            children.append(child)
            execution.spawn(child, branch, payload, _resumed(child, before))
    for _ in children:
        ended: Ended = yield from _ended(strand)
        strand.previous = ended.child.previous
        if ended.failure is not None:
            _abort(run, children, ended)
            raise ended.failure
        assert ended.result is not None
        strand.results[ended.child.index] = ended.result
    execution.add("ParallelStateSucceeded", strand.previous)
    return run.give(Payload.of_list([strand.results[index] for index in range(len(state.branches))]))


def _before(run: Run) -> Progress | None:
    """Return how far the state's branches or iterations had come before a redrive, if it is one."""
    progress = run.execution.progress(run.strand, run.state.name)
    run.strand.results = dict(progress.results) if progress and run.again else {}
    return progress if run.again else None


def _resumed(child: Strand, before: Progress | None) -> Position | None:
    """Have *child* stand where the one before a redrive stood, and return that place."""
    stood = before.stopped.get(child.index) if before else None
    if stood is None or stood.position is None:
        return None
    child.variables, child.item = stood.variables, stood.item
    child.previous = stood.position.entered or stood.position.previous
    return stood.position


def run_map(run: Run) -> Generator[object, Any, Payload]:
    """Run a Map state once, and return its output."""
    state, execution = run.state, run.execution
    assert isinstance(state, Map)
    run.take()
    items = None if state.reader is not None else _items(run, state)
    concurrency = run.limit(state.concurrency) or 0
    if concurrency < 0:
        raise EvaluationError("States.Runtime", "MaxConcurrency cannot be negative.")
    run.note("maxConcurrency", concurrency)
    before = None if state.distributed else _before(run)
    if before is None and not (run.again and state.distributed):
        tell_started(run, items)
    if execution.single and not run.strand.path and execution.single.mock is not None:
        return _mocked_map(run, state, items)
    if state.distributed:
        return (yield from run_distributed(run, state, items, concurrency))
    assert items is not None
    return (yield from _inline(run, state, items, concurrency, before))


def _mocked(run: Run) -> Payload | None:
    """Return what TestState says that the state comes to, if it does."""
    single = run.execution.single
    if single is None or single.mock is None or run.strand.path:
        return None
    if isinstance(single.mock, Failure):
        raise StateFailed(single.mock.error, single.mock.cause)
    payload = Payload(single.mock.value, single.mock.text)
    return run.give(payload)


def _mocked_map(run: Run, state: Map, items: list[Json] | None) -> Payload:
    single = run.execution.single
    assert single is not None
    count, percentage = tolerated(run, state)
    if state.tolerated_count is not None:
        run.note("toleratedFailureCount", count)
    if state.tolerated_percentage is not None:
        run.note("toleratedFailurePercentage", float(percentage))
    failed = single.failed_iterations
    limited = state.tolerated_count is not None or state.tolerated_percentage is not None
    share = 100 * failed / len(items) if items else 0
    if limited and (failed > count if state.tolerated_count is not None else share > percentage):
        words = "The specified tolerated failure threshold was exceeded"
        raise StateFailed("States.ExceedToleratedFailureThreshold", words)
    mocked = _mocked(run)
    assert mocked is not None
    return mocked


def _items(run: Run, state: Map) -> list[Json]:
    items = run.effective.value if state.items is None else run.value(state.items, run.effective.value)
    if state.distributed and isinstance(items, dict):
        items = [{"Key": key, "Value": value} for key, value in items.items()]
    if isinstance(items, list):
        if not state.jsonata:
            run.note("afterItemsPath", dumps(items))
        return items
    if state.jsonata:
        if state.items is None:
            words = f"Map state input must be an array but was: {dumps(items)}"
            raise EvaluationError("States.QueryEvaluationError", words)
        raise run.unexpected("Items", state.definition["Items"], "array", items)
    path = (state.items_path or "$").replace("$$", "$", 1)
    raise EvaluationError("States.Runtime", f'Reference path "{path}" must point to array.')


def _inline(
    run: Run, state: Map, items: list[Json], concurrency: int, before: Progress | None
) -> Generator[object, Any, Payload]:
    strand, execution = run.strand, run.execution
    at_once = min(concurrency or INLINE_AT_ONCE, INLINE_AT_ONCE)
    started = strand.previous
    about = {"name": state.name}
    running: list[Strand] = []
    upcoming = iter([index for index in range(len(items)) if index not in strand.results])

    def begin(index: int, previous: int) -> None:
        child = _child(run, index, previous)
        child.item = {"Index": index, "Value": items[index]}
        payload = Payload(items[index])
        position = _resumed(child, before)
        if position is None:
            child.previous = execution.add("MapIterationStarted", previous, {**about, "index": index})
            if state.selector is not None:
                payload = Payload(selected(run, state, child.item))
        else:
            payload = position.input
        running.append(child)
        execution.spawn(child, state.processor, payload, position)

    for index in itertools.islice(upcoming, at_once):
        begin(index, started)
    while running:
        ended: Ended = yield from _ended(strand)
        child = ended.child
        if ended.failure is not None:
            strand.previous = child.previous
            execution.add("MapIterationFailed", child.previous, {**about, "index": child.index})
            _abort(run, running, ended, about)
            raise ended.failure
        running.remove(child)
        assert ended.result is not None
        strand.results[child.index] = ended.result
        strand.previous = execution.add("MapIterationSucceeded", child.previous, {**about, "index": child.index})
        for index in itertools.islice(upcoming, 1):
            begin(index, child.previous)
    execution.add("MapStateSucceeded", strand.previous)
    return run.give(Payload.of_list([strand.results[index] for index in range(len(items))]))


def _child(run: Run, index: int, previous: int) -> Strand:
    strand = run.strand
    return Strand(
        path=(*strand.path, (run.state.name, index)),
        variables=strand.variables,
        previous=previous,
        item=strand.item,
        parent=strand,
        index=index,
    )


def _ended(strand: Strand) -> Generator[object, Any, Ended]:
    while True:
        message = yield None
        if isinstance(message, Ended):
            return message


def _abort(run: Run, children: list[Strand], failed: Ended, iteration: Mapping[str, Any] | None = None) -> None:
    """Give up the branches beside one that has failed, and tell so; *iteration* names a Map's."""
    execution, previous = run.execution, failed.child.previous
    execution.keep_progress(run.strand, failed.child)
    for child in sorted(children, key=lambda strand: strand is not failed.child):
        if child is not failed.child:
            if child.done:
                continue
            if iteration is not None:
                execution.add("MapIterationAborted", previous, {**iteration, "index": child.index})
        if child.inside in _ABORTED:
            execution.add(f"{child.inside}StateAborted", previous)
        execution.give_up(child)
    run.strand.children = []
