"""Strands: what runs beside one another in an execution, each a generator that waits for replies.

The top level is a strand, and so is every branch of a Parallel state and every iteration of a Map state. A strand runs
until it waits (``yield None``, and is sent what comes: an effect's reply, or a child that has ended) or lets the others
have a turn (``yield TURN``); the order in which they do is the order of the history.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.states_language.effects import Json, Reply
from harness.states_language.text import Payload

TURN = object()
"""What a strand yields to go on after the others have."""


class StateFailed(Exception):
    """A state, branch or execution fails.

    Attributes:
        error: the error's name, or None.
        cause: in words, or None.
        also: a further name under which retriers and catchers know it (``States.HeartbeatTimeout``).
    """

    def __init__(self, error: str | None, cause: str | None, also: str | None = None) -> None:
        super().__init__(error)
        self.error = error
        self.cause = cause
        self.also = also

    @property
    def fatal(self) -> bool:
        """Whether neither retriers nor catchers see it: ``States.Runtime`` fails the execution."""
        return self.error == "States.Runtime"

    def output(self) -> dict[str, Json]:
        """Return the error output."""
        cause = "" if self.cause is None and self.error == "States.Timeout" else self.cause
        return {"Error": self.error, "Cause": cause}


@dataclass(frozen=True, slots=True)
class Replied:
    """An effect's reply has come."""

    effect: int
    reply: Reply


@dataclass(frozen=True, slots=True)
class Ended:
    """A child strand has ended."""

    child: Strand
    failure: StateFailed | None
    result: Payload | None


Message = Replied | Ended | None
Steps = Generator[object, Message, Any]


@dataclass(slots=True, eq=False)
class Strand:
    """One strand.

    Attributes:
        path: of the states around it, with the index of its branch or iteration in each.
        variables: by name, those of the states around it among them.
        previous: id of its last event.
        step: what *previous* was when it was last sent something.
        item: ``Map.Item`` of the context object, or None.
        parent: the strand that waits for it.
        index: among its siblings.
        steps: the generator.
        open: ids of effects that it waits for.
        children: that have not ended.
        inside: type of the state that it is in.
        inbox: what has come and not been sent to it.
        waiting: whether it waits.
        done: whether it has ended or been given up.
        position: the state that it is in.
        results: of its branches or iterations that have ended, by index.
    """

    path: tuple[tuple[str, int], ...] = ()
    variables: dict[str, Json] = field(default_factory=dict)
    previous: int = 0
    step: int = 0
    item: dict[str, Json] | None = None
    parent: Strand | None = None
    index: int = 0
    steps: Steps | None = None
    open: set[int] = field(default_factory=set)
    children: list[Strand] = field(default_factory=list)
    inside: str | None = None
    inbox: deque[Message] = field(default_factory=deque)
    waiting: bool = False
    done: bool = False
    position: Position | None = None
    results: dict[int, Payload] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Position:
    """Where a strand is: in *state*, with *input*, entered with the event *entered* (None: to be entered anew)."""

    state: str
    input: Payload
    entered: int | None
    previous: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the branches or iterations of a state that failed had come.

    Attributes:
        results: of those that had ended well, by index.
        stopped: those that had not.
    """

    results: Mapping[int, Payload]
    stopped: Mapping[int, Strand]
