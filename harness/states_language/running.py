"""How states follow one another: retriers, catchers, and what is told of the way."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.states_language.effects import Json
from harness.states_language.errors import EvaluationError
from harness.states_language.machine import Catcher, Fail, Flow, Map, Parallel, State, Task, Wait
from harness.states_language.nested import run_map, run_parallel
from harness.states_language.run import Run, until
from harness.states_language.simple import SIMPLE, run_wait
from harness.states_language.strands import TURN, Position, StateFailed, Steps, Strand
from harness.states_language.tasks import run_task
from harness.states_language.text import Payload

if TYPE_CHECKING:
    from harness.states_language.workings import Workings

_LONGEST_WAIT = 31_536_000 * 5


@dataclass(frozen=True, slots=True)
class Transition:
    """A state was left, or is tried again.

    Attributes:
        path: of the states around it.
        state: its name.
        next: where to; None at the end of a branch.
        rule: index of the choice rule that held, None for another state or for ``Default``.
        catcher: index of the catcher that caught.
        retrier: index of the retrier by which it is tried again; then it goes to itself.
        failed: whether it failed, with no catcher.
    """

    path: tuple[tuple[str, int], ...]
    state: str
    next: str | None
    rule: int | None = None
    catcher: int | None = None
    retrier: int | None = None
    failed: bool = False


def run_flow(
    execution: Workings, strand: Strand, flow: Flow, payload: Payload, position: Position | None = None
) -> Steps:
    """Run states to the end, and return the last output.

    Args:
        execution: that they belong to.
        strand: the branch or iteration that runs them.
        flow: the states, and which is the first.
        payload: the first one's input.
        position: the state to go on with instead, after a redrive or in a restored execution.
    """
    name: str | None = position.state if position else flow.start_at
    entered = position.entered if position else None
    while name is not None:
        payload, name = yield from run_state(execution, strand, flow.states[name], payload, entered)
        entered = None
        if execution.single and strand.parent is None:
            execution.next_state = name
            return payload
        if name is not None:
            yield TURN
    return payload


def run_state(
    execution: Workings, strand: Strand, state: State, payload: Payload, entered: int | None
) -> Generator[object, Any, tuple[Payload, str | None]]:
    """Run one state, as often as its ``Retry`` says.

    Args:
        execution: that it belongs to.
        strand: the branch or iteration that is in it.
        state: as the definition was read.
        payload: its input.
        entered: id of the event with which it was entered, where it was entered already; None: it is entered now.

    Returns:
        its output, and the name of the next state; None ends the flow.
    """
    top = strand.parent is None
    strand.position = Position(state.name, payload, entered, strand.previous)
    run = Run(execution, strand, state, payload, entered)
    if not isinstance(state, Fail):
        strand.position = Position(state.name, payload, run.entered)
    strand.inside = state.type
    counts = [run.retries] * len(state.retry)
    catcher_index: int | None = None
    while True:
        try:
            try:
                if isinstance(state, Task):
                    output = yield from run_task(run)
                elif isinstance(state, Parallel):
                    output = yield from run_parallel(run)
                elif isinstance(state, Map):
                    output = yield from run_map(run)
                elif isinstance(state, Wait):
                    output = yield from run_wait(run)
                else:
                    output = SIMPLE[state.type](run)
                break
            except EvaluationError as error:
                raise run.failed(error) from None
        except StateFailed as failure:
            execution.give_up_children(strand)
            delay, retrier = _retry(run, failure, counts)
            if delay is not None and execution.single and top:
                details = {"retryBackoffIntervalSeconds": _rounded(delay), "retryIndex": retrier}
                execution.inspection["errorDetails"] = details
                raise
            if delay is not None:
                execution.transitions.append(Transition(strand.path, state.name, state.name, retrier=retrier))
                if delay > 0:
                    yield from until(run, execution.now + delay)
                run.retries += 1
                run.context = {**run.context, "State": {**run.context["State"], "RetryCount": run.retries}}
                run.context.pop("Task", None)
                run.effective = run.raw
                run.again = False
                continue
            if isinstance(state, Map | Parallel) and not failure.fatal:
                run.tell(f"{state.type}StateFailed")
            caught = _caught(run, failure)
            if caught is None:
                execution.transitions.append(Transition(strand.path, state.name, None, failed=True))
                raise
            output, catcher_index = caught
            if execution.single and top:
                execution.error, execution.cause = failure.error or "", failure.cause
                execution.inspection["errorDetails"] = {"catchIndex": catcher_index}
            break
    run.leave(output)
    strand.inside = None
    where = Transition(strand.path, state.name, run.followed, rule=run.rule, catcher=catcher_index)
    execution.transitions.append(where)
    return output, run.followed


def _rounded(delay: float) -> float:
    return int(delay) if delay == int(delay) else delay


def matches(errors: tuple[str, ...], failure: StateFailed) -> bool:
    """Tell whether a retrier or catcher of *errors* is for *failure*."""
    names = {failure.error, failure.also} - {None}
    if "States.ALL" in errors or names.intersection(errors):
        return True
    return "States.TaskFailed" in errors and failure.error != "States.Timeout"


def _retry(run: Run, failure: StateFailed, counts: list[int]) -> tuple[float | None, int | None]:
    """Return how long to wait before the next try, and by which retrier; None for no further try."""
    if failure.fatal:
        return None, None
    for index, retrier in enumerate(run.state.retry):
        if not matches(retrier.errors, failure):
            continue
        if counts[index] >= retrier.max_attempts:
            return None, None
        try:
            delay = retrier.interval * float(retrier.backoff) ** counts[index]
        except OverflowError:
            delay = float("inf")
        delay = min(delay, retrier.max_delay if retrier.max_delay is not None else _LONGEST_WAIT)
        counts[index] += 1
        return (run.execution.random.uniform(0, delay) if retrier.full_jitter else delay), index
    return None, None


def _caught(run: Run, failure: StateFailed) -> tuple[Payload, int] | None:
    """Return the output by the first catcher for *failure*, and its index."""
    if failure.fatal:
        return None
    for index, catcher in enumerate(run.state.catch):
        if matches(catcher.errors, failure):
            run.followed = catcher.next
            run.assigned = {}
            try:
                return _catch_output(run, catcher, failure.output()), index
            except EvaluationError as error:
                raise run.failed(error) from None
    return None


def _catch_output(run: Run, catcher: Catcher, error: dict[str, Json]) -> Payload:
    if run.state.jsonata:
        seen = {"errorOutput": error}
        output = run.value(catcher.output, run.raw.value, seen) if catcher.output is not None else error
        run.assign(catcher.assign, run.raw.value, seen)
        return run.fits(Payload(output))
    run.assign(catcher.assign, error)
    return run.fits(run.combined(Payload(error), catcher.result_path))
