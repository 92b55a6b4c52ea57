"""Executions: a machine, an input, and what has come of them so far.

An :class:`Execution` does no I/O and has no clock: it hands out effects and is sent replies
(:mod:`harness.states_language.effects`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.states_language import events as event
from harness.states_language.effects import (
    Effect,
    Heartbeat,
    Json,
    MapRunStarted,
    Reply,
    Scheduled,
    Wait,
)
from harness.states_language.errors import EvaluationError
from harness.states_language.machine import Flow, Machine
from harness.states_language.running import run_flow
from harness.states_language.strands import (
    TURN,
    Ended,
    Position,
    Replied,
    StateFailed,
    Steps,
    Strand,
)
from harness.states_language.text import Payload
from harness.states_language.timestamps import iso
from harness.states_language.workings import Workings

_STAYS_OPEN = (Heartbeat, Scheduled, MapRunStarted)


class Execution(Workings):
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
        self._begin(self._steps(self._root, self.machine, self.input))
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
        self._begin(self._steps(self._root, self.machine, position.input, position))
        return self._run()

    # Inside

    def _steps(self, strand: Strand, flow: Flow, payload: Payload, position: Position | None = None) -> Steps:
        return run_flow(self, strand, flow, payload, position)

    def _begin(self, steps: Any) -> None:
        timeout = self.machine.timeout if isinstance(self.machine, Machine) else None
        if timeout is not None:
            self._deadline = self.ask(self._root, Wait(0, "", until=self.now + timeout, limit=True))
        self._root.steps = steps
        self._root.inbox.append(None)
        self._ready.append(self._root)

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
