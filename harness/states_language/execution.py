"""Executions: a machine, an input, and what has come of them so far.

An :class:`Execution` does no I/O and has no clock: it hands out effects and is sent replies
(:mod:`harness.states_language.effects`).
"""

from __future__ import annotations

import base64
import hashlib
import random
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from harness.states_language import events as event
from harness.states_language.context_object import Identity, about, context_object
from harness.states_language.effects import (
    Cancel,
    Effect,
    Failure,
    Heartbeat,
    Json,
    MapRunStarted,
    Reply,
    Result,
    Scheduled,
    Wait,
)
from harness.states_language.errors import EvaluationError
from harness.states_language.events import MAX_EVENTS, Event
from harness.states_language.machine import Flow, Machine, State
from harness.states_language.running import Transition, run_flow
from harness.states_language.strands import TURN, Ended, Message, Position, Progress, Replied, StateFailed, Strand
from harness.states_language.text import Payload
from harness.states_language.timestamps import iso

_STAYS_OPEN = (Heartbeat, Scheduled, MapRunStarted)


@dataclass(frozen=True, kw_only=True)
class Single:
    """One state alone is run, as TestState does it: the execution ends when the state is left, or would be tried again.

    Its status may then also be ``RETRIABLE`` or ``CAUGHT_ERROR``.

    Attributes:
        mock: what a Map or Parallel state comes to in place of its iterations or branches; None to run them.
        retries: tries before this one.
        failed_iterations: of a mocked Map state.
    """

    mock: Result | Failure | None = None
    retries: int = 0
    failed_iterations: int = 0


class Execution:
    """One execution of a machine.

    Args:
        machine: what is executed.
        input: its input: a JSON value, or a :class:`Payload` with the text as it was given.
        seed: of what is random: tokens, jitter, ``States.UUID``.
        identity: who it is.
        context: members of the context object in place of the execution's own (TestState's ``context``).
        variables: that exist from the beginning.
        item: ``Map.Item`` of the context object, for a child of a Distributed Map.
        single: run the first state alone; ``next_state`` says where it leads.
        inspect: gather ``inspection`` data of the states that run.
        max_events: events that the history may have; None for no limit (Express).
        refusal: why a task with this resource and these arguments is not even scheduled, or None.

    Attributes:
        status: ``RUNNING``, ``SUCCEEDED``, ``FAILED``, ``TIMED_OUT`` or ``ABORTED``.
        output: the output, a :class:`Payload`, once it has succeeded.
        error: the error's name, once it has failed.
        cause: in words.
        events: the history.
        transitions: every state that was left: where to, and by which rule, catcher or retrier.
        next_state: of *single*.
        inspection: of *inspect*: ``afterInputPath``, ``afterParameters``, ``result``, ..., JSON texts, but numbers and
            ``errorDetails``.
        redrives: how often it was redriven.
    """

    def __init__(
        self,
        machine: Machine | Flow,
        input: Json,
        seed: int = 0,
        identity: Identity | None = None,
        *,
        context: Mapping[str, Json] | None = None,
        variables: Mapping[str, Json] | None = None,
        item: Mapping[str, Json] | None = None,
        single: Single | None = None,
        inspect: bool = False,
        max_events: int | None = MAX_EVENTS,
        refusal: Callable[[str, Json], str | None] = lambda resource, arguments: None,
    ) -> None:
        self.machine = machine
        self.input = input if isinstance(input, Payload) else Payload(input)
        self.seed = seed
        self.identity = identity or Identity()
        self.single = single
        self.inspect = inspect
        self.status = "RUNNING"
        self.output: Payload | None = None
        self.error: str | None = None
        self.cause: str | None = None
        self.events: list[Event] = []
        self.transitions: list[Transition] = []
        self.next_state: str | None = None
        self.inspection: dict[str, Any] = {"input": self.input.text} if inspect else {}
        self.redrives = 0
        self.now = 0.0
        self.random = random.Random(seed)
        self._given_context = context
        self.max_events = max_events
        self.refusal = refusal
        self._effects: list[Effect] = []
        self._open: dict[int, Strand] = {}
        self._last_effect = 0
        self._last_token = 0
        self._ready: deque[Strand] = deque()
        self._root = Strand(variables=dict(variables or {}), item=dict(item) if item else None)
        self._deadline: int | None = None
        self._execution: dict[str, Json] = {}
        self._progress: dict[tuple[tuple[tuple[str, int], ...], str], Progress] = {}

    @property
    def variables(self) -> Mapping[str, Json]:
        """Its variables, as the states at the top see them now."""
        return self._root.variables

    # For drivers

    def start(self, now: float) -> list[Effect]:
        """Start, and return the first effects.

        Args:
            now: seconds since the epoch.
        """
        self.now = now
        self._execution = self.identity.as_context(self.input.value, now)
        details: dict[str, Any] = {**event.given(self.input.text), "roleArn": self.identity.role_arn}
        if self.identity.version_arn:
            details["stateMachineVersionArn"] = self.identity.version_arn
        if self.identity.alias_arn:
            details["stateMachineAliasArn"] = self.identity.alias_arn
        self.add("ExecutionStarted", 0, details)
        self._begin(run_flow(self, self._root, self.machine, self.input))
        return self._run()

    def resolve(self, effect_id: int, reply: Reply, now: float) -> list[Effect]:
        """Send the *reply* to an effect, and return what is to be done next. What has been given up is not heard.

        Args:
            effect_id: as the effect had it.
            reply: the result, the failure, or one that leaves the effect open (``Heartbeat``, ``Scheduled``,
                ``MapRunStarted``).
            now: seconds since 1970; the execution has no clock of its own.

        Returns:
            the effects that a driver is to carry out.
        """
        self.now = now
        if effect_id == self._deadline and self.status == "RUNNING":
            self._deadline = None
            return self.time_out(now)
        strand = self._open.get(effect_id)
        if strand is None or self.status != "RUNNING":
            return []
        if not isinstance(reply, _STAYS_OPEN):
            del self._open[effect_id]
            strand.open.discard(effect_id)
        self._send(strand, Replied(effect_id, reply))
        return self._run()

    def stop(self, error: str | None, cause: str | None, now: float) -> list[Effect]:
        """Abort, and return what is to be given up.

        Args:
            error: ``error`` of StopExecution, or None.
            cause: ``cause`` of StopExecution, or None.
            now: seconds since 1970.
        """
        if self.status != "RUNNING":
            return []
        self.now = now
        return self._end("ABORTED", "ExecutionAborted", error, cause, 0)

    def time_out(self, now: float) -> list[Effect]:
        """End as one that has taken too long, and return what is to be given up."""
        if self.status != "RUNNING":
            return []
        self.now = now
        effects = self._end("TIMED_OUT", "ExecutionTimedOut", "States.Timeout", None, 0)
        self.error = None  # the event alone names it
        return effects

    def redrive(self, now: float) -> list[Effect]:
        """Go on from where it has failed, timed out or been stopped, and return the first effects.

        Raises:
            ValueError: it runs, or has succeeded.
        """
        if self.status in ("RUNNING", "SUCCEEDED"):
            raise ValueError(f"Execution is {self.status} and cannot be redriven")
        self.now = now
        self.redrives += 1
        position = self._root.position or Position(self.machine.start_at, self.input, None)
        self.status, self.error, self.cause = "RUNNING", None, None
        self._execution = {**self._execution, "RedriveCount": self.redrives, "RedriveTime": iso(now)}
        self.add("ExecutionRedriven", self.events[-1].id, {"redriveCount": self.redrives})
        self._root = Strand(variables=self._root.variables, item=self._root.item)
        self._root.previous = position.entered or self.events[-1].id
        self._begin(run_flow(self, self._root, self.machine, position.input, position))
        return self._run()

    # For the states

    def add(self, event_type: str, previous: int, details: Mapping[str, Any] | None = None) -> int:
        """Add an event to the history, and return its id.

        Args:
            event_type: AWS's, e.g. ``TaskSucceeded``.
            previous: ``previousEventId``; 0: none.
            details: members of the event's details as GetExecutionHistory has them; None: it has none.
        """
        number = len(self.events) + 1
        self.events.append(Event(number, previous, self.now, event_type, details))
        return number

    def tell(self, strand: Strand, event_type: str, details: Mapping[str, Any] | None = None) -> int:
        """Add an event that follows from the strand's last one, and return its id.

        Args:
            strand: the branch or iteration that it happens in.
            event_type: AWS's, e.g. ``TaskSucceeded``.
            details: members of the event's details; None: it has none.

        Raises:
            StateFailed: ``States.Runtime``, where the history is full.
        """
        if self.max_events is not None and len(self.events) >= self.max_events - 1:
            words = f"The execution reached the maximum number of history events ({self.max_events})."
            raise StateFailed("States.Runtime", words)
        strand.previous = self.add(event_type, strand.previous, details)
        return strand.previous

    def ask(self, strand: Strand, effect: Effect) -> int:
        """Hand out *effect*, and return the id it is given."""
        self._last_effect += 1
        self._effects.append(replace(effect, id=self._last_effect))
        self._open[self._last_effect] = strand
        strand.open.add(self._last_effect)
        return self._last_effect

    def cancel(self, strand: Strand, effect_id: int) -> None:
        """Give an effect up, if it is still open."""
        if self._open.pop(effect_id, None) is not None:
            strand.open.discard(effect_id)
            self._last_effect += 1
            self._effects.append(Cancel(self._last_effect, "", target=effect_id))

    def spawn(self, child: Strand, flow: Flow, payload: Payload, position: Position | None = None) -> None:
        """Start *child* after the strands that are ready.

        Args:
            child: the strand of a branch or an iteration, or of the execution itself.
            flow: the states that it runs.
            payload: input of its first state.
            position: where it goes on, after a redrive or in a restored execution; None: at ``StartAt``.
        """
        child.steps = run_flow(self, child, flow, payload, position)
        if child.parent is not None:
            child.parent.children.append(child)
        self._ready.append(child)
        child.inbox.append(None)

    def keep_progress(self, strand: Strand, failed: Strand | None = None) -> None:
        """Remember how far branches or iterations have come, *failed* among them, for a redrive."""
        stopped = {child.index: child for child in (*strand.children, *([failed] if failed else []))}
        if strand.position is None or not stopped:
            return
        for child in strand.children:
            self.keep_progress(child)
        self._progress[strand.path, strand.position.state] = Progress(dict(strand.results), stopped)

    def progress(self, strand: Strand, state: str) -> Progress | None:
        """Return, once, how far the branches or iterations of *state* had come when it failed."""
        return self._progress.pop((strand.path, state), None)

    def give_up_children(self, strand: Strand) -> None:
        """End what runs below *strand*."""
        for child in strand.children:
            self.give_up(child)
        strand.children = []

    def give_up(self, strand: Strand) -> None:
        """End *strand* and those below it, whatever they wait for."""
        strand.done = True
        self.give_up_children(strand)
        for effect_id in sorted(strand.open):
            self.cancel(strand, effect_id)
        if strand.steps is not None:
            strand.steps.close()

    def context(self, strand: Strand, state: State, entered_at: float, retries: int | None) -> dict[str, Json]:
        """Return the context object as *state* sees it.

        Args:
            strand: the branch or iteration that the state is in, which knows ``Map.Item``.
            state: the state that looks.
            entered_at: ``State.EnteredTime``, in seconds since 1970.
            retries: ``State.RetryCount``; None leaves it out, as AWS does before a first retry.
        """
        if self._given_context is not None:
            own = {"Map": {"Item": strand.item}} if strand.item is not None and "Map" not in self._given_context else {}
            return {**self._given_context, **own}
        return context_object(self.identity, self._execution, strand.item, about(state.name, entered_at, retries))

    def token(self) -> str:
        """Return a new task token."""
        self._last_token += 1
        name = f"{self.identity.execution_arn}:{self.seed}:{self._last_token}"
        return "AQCEAAAAKgAAAAMAAAAA" + base64.b64encode(hashlib.shake_256(name.encode()).digest(240)).decode()

    # Inside

    def _begin(self, steps: Any) -> None:
        timeout = self.machine.timeout if isinstance(self.machine, Machine) else None
        if timeout is not None:
            self._deadline = self.ask(self._root, Wait(0, "", until=self.now + timeout, limit=True))
        self._root.steps = steps
        self._root.inbox.append(None)
        self._ready.append(self._root)

    def _send(self, strand: Strand, message: Message) -> None:
        strand.inbox.append(message)
        if strand.waiting:
            strand.waiting = False
            self._ready.append(strand)

    def _run(self) -> list[Effect]:
        while self._ready and self.status == "RUNNING":
            strand = self._ready.popleft()
            if not strand.done:
                self._advance(strand)
        effects, self._effects = self._effects, []
        return effects

    def _advance(self, strand: Strand) -> None:
        assert strand.steps is not None
        strand.step = strand.previous
        message = strand.inbox.popleft()
        failure, result = None, None
        try:
            asked = strand.steps.send(message)
        except StopIteration as end:
            result = end.value
        except StateFailed as failed:
            failure = failed
        except (EvaluationError, RecursionError) as error:  # outside what the states themselves answer for
            failure = StateFailed("States.Runtime", getattr(error, "cause", "The JSON value is nested too deeply."))
        else:
            if asked is TURN:
                strand.inbox.appendleft(None)
            if strand.inbox:
                self._ready.append(strand)
            else:
                strand.waiting = True
            return
        strand.done = True
        if strand.parent is not None:
            if strand in strand.parent.children:
                strand.parent.children.remove(strand)
            self._send(strand.parent, Ended(strand, failure, result))
        elif failure is not None:
            status = (
                "RETRIABLE" if self.single and "retryIndex" in self.inspection.get("errorDetails", ()) else "FAILED"
            )
            self._finish(status, "ExecutionFailed", failure.error, failure.cause, strand.previous)
        else:
            assert result is not None
            self.output = result
            self.status = "CAUGHT_ERROR" if self.single and self.error is not None else "SUCCEEDED"
            self.add("ExecutionSucceeded", strand.previous, event.gave(result.text))
            self._drop_deadline()

    def _finish(self, status: str, event_type: str, error: str | None, cause: str | None, previous: int) -> None:
        self.status, self.error, self.cause = status, error, cause
        self.add(event_type, previous, event.failure(error, cause))
        self.keep_progress(self._root)
        self.give_up(self._root)
        self._drop_deadline()
        self._ready.clear()

    def _end(self, status: str, event_type: str, error: str | None, cause: str | None, previous: int) -> list[Effect]:
        self._finish(status, event_type, error, cause, previous)
        effects, self._effects = self._effects, []
        return effects

    def _drop_deadline(self) -> None:
        if self._deadline is not None:
            self.cancel(self._root, self._deadline)
            self._deadline = None
