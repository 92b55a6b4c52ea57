"""What the states of an execution work with: its history, its effects, its strands, its context object."""

from __future__ import annotations

import base64
import hashlib
import random
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from harness.states_language.context_object import Identity, about, context_object
from harness.states_language.effects import (
    Cancel,
    Effect,
    Failure,
    Json,
    Result,
)
from harness.states_language.events import MAX_EVENTS, Event
from harness.states_language.machine import Flow, Machine, State
from harness.states_language.running import Transition
from harness.states_language.strands import Message, Position, Progress, StateFailed, Steps, Strand
from harness.states_language.text import Payload


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


class Workings:
    """The inside of an execution, which states write their history into and hand out their effects through.

    The arguments are those of :class:`~harness.states_language.execution.Execution`.
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
        child.steps = self._steps(child, flow, payload, position)
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

    # For executions

    def _steps(self, strand: Strand, flow: Flow, payload: Payload, position: Position | None = None) -> Steps:
        """Return what runs *flow* in a strand; the execution knows how."""
        raise NotImplementedError

    def _send(self, strand: Strand, message: Message) -> None:
        strand.inbox.append(message)
        if strand.waiting:
            strand.waiting = False
            self._ready.append(strand)
