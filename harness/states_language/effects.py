"""What an execution asks of the world, and what it is told: the whole contract between the language and its drivers.

An :class:`~harness.states_language.execution.Execution` does no I/O, holds no thread, no lock and no clock. It hands
out *effects* and is sent a *reply* for each of them, in any order, with the time at which it came::

    execution = Execution(machine, {"x": 1}, seed)
    effects = execution.start(now=0.0)
    while effects:
        effect = effects.pop(0)
        effects += execution.resolve(effect.id, reply_to(effect), now)
    print(execution.status, execution.output)

The history grows on the way: :attr:`Execution.events`. The same replies in the same order at the same times give the
same history, so that an execution is saved by what it was told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Json = Any
"""What :func:`json.loads` gives: None, bool, int, float, str, list, dict."""


@dataclass(frozen=True)
class Effect:
    """Something to do for the execution.

    Attributes:
        id: by which the reply is sent; unique in its execution.
        state: name of the state that asks.
        path: how that state is reached: names of the Parallel and Map states around it and the index of the branch or
            iteration in each, ``(("Each", 3),)``; empty at the top level.
    """

    id: int
    state: str
    path: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class CallResource(Effect):
    """Call a task's resource once, and answer as soon as the service has answered the call itself.

    Reply: :class:`Result` with the service's answer, or :class:`Failure`.

    Attributes:
        resource: the state's ``Resource`` as it is written.
        arguments: what its ``Parameters`` or ``Arguments`` came to (for a function's own ARN: the event).
        credentials: what ``Credentials`` came to, or None.
        attempt: tries before this one (``RetryCount``).
        timeout: seconds that the task has in all, None for no limit. The execution keeps the time itself, by a
            :class:`Wait`; a driver may use it to give the call up.
        token: the task token in the arguments of a ``.waitForTaskToken`` resource: what comes for it before
            :class:`AwaitToken` is handed out must be kept by the driver until then.
        context: the context object as the state sees it.
    """

    resource: str = ""
    arguments: Json = None
    credentials: Mapping[str, Json] | None = None
    attempt: int = 0
    timeout: float | None = None
    token: str | None = None
    context: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class AwaitJob(Effect):
    """Wait until what a ``.sync`` resource has started has ended. Reply: :class:`Result` or :class:`Failure`.

    Attributes:
        resource: as in :class:`CallResource`.
        arguments: as in :class:`CallResource`.
        submitted: what the service answered to the call that started it.
        token: the task token; what is sent for it ends the task before the job has ended.
    """

    resource: str = ""
    arguments: Json = None
    submitted: Json = None
    token: str | None = None


@dataclass(frozen=True)
class AwaitToken(Effect):
    """Wait until somebody sends a result, a failure or a heartbeat for *token*.

    Reply: :class:`Result`, :class:`Failure`, or :class:`Heartbeat` (after which the same effect stays open).
    """

    token: str = ""


@dataclass(frozen=True)
class AwaitActivity(Effect):
    """Offer a task to the workers of an activity.

    Reply: :class:`Scheduled` with the worker's name when one has taken it (the effect stays open), then as
    :class:`AwaitToken`.
    """

    activity: str = ""
    input: str = ""
    token: str = ""


@dataclass(frozen=True)
class Wait(Effect):
    """Wait until the clock says *until* (seconds since the epoch). Reply: None.

    Attributes:
        until: the moment.
        limit: whether it only limits what else is waited for (a time-out, a heartbeat): virtual time does not go there
            by itself, as it does to the end of a Wait state or of a retrier's interval.
    """

    until: float = 0.0
    limit: bool = False


@dataclass(frozen=True)
class RunMap(Effect):
    """Run a Distributed Map: read the items, start child executions, write the results.

    Reply: :class:`MapRunStarted` with the Map Run's ARN (the effect stays open), then :class:`Result` with what the
    state gives, or :class:`Failure` (``States.ItemReaderFailed``, ``States.ExceedToleratedFailureThreshold``, ...).

    Attributes:
        items: the items where the state has them itself; None where *reader* says where they are.
        reader: the ``ItemReader``, evaluated: Resource, ReaderConfig, Parameters or Arguments.
        selector: gives an item's input: ``selector(index, item, key, source)``; raises as any evaluation.
        batcher: the ``ItemBatcher``, evaluated (MaxItemsPerBatch, MaxInputBytesPerBatch, BatchInput), or None.
        writer: the ``ResultWriter``, evaluated (Resource, Parameters or Arguments, WriterConfig), or None.
        processor: the state machine of the children.
        execution_type: of the children, ``STANDARD`` or ``EXPRESS``.
        max_concurrency: children at once; 0 for the most.
        tolerated_count: of failed items; None where the state does not say.
        tolerated_percentage: of failed items; None where the state does not say.
        label: of the Map state.
    """

    items: list[Json] | None = None
    reader: Mapping[str, Json] | None = None
    selector: Any = None
    batcher: Mapping[str, Json] | None = None
    writer: Mapping[str, Json] | None = None
    processor: Any = None
    execution_type: str = "STANDARD"
    max_concurrency: int = 0
    tolerated_count: int | None = None
    tolerated_percentage: float | None = None
    label: str = ""


@dataclass(frozen=True)
class Cancel(Effect):
    """Give up what the effect *target* asked for: it has timed out, or a branch beside it has failed. No reply."""

    target: int = 0


@dataclass(frozen=True)
class Result:
    """It went well.

    Attributes:
        value: what came of it.
        text: *value* as JSON text, where the very characters matter (a function's own answer), or None.
    """

    value: Json
    text: str | None = None


@dataclass(frozen=True)
class Failure:
    """It went wrong.

    Attributes:
        error: the error's name, ``Lambda.TooManyRequestsException``.
        cause: in words, or None where AWS has none.
        kind: the event that tells it: ``failed``, ``start_failed`` (``TaskStartFailed``), ``submit_failed``,
            ``timed_out``.
    """

    error: str | None
    cause: str | None
    kind: str = "failed"


@dataclass(frozen=True)
class Heartbeat:
    """Who has a token is alive."""


@dataclass(frozen=True)
class Scheduled:
    """A worker has taken an activity's task."""

    worker: str | None


@dataclass(frozen=True)
class MapRunStarted:
    """The Map Run has been made, or is redriven (``MapRunRedriven``).

    Attributes:
        arn: of the Map Run.
        redrives: how often it was redriven, this time included.
    """

    arn: str
    redrives: int = 0


Reply = Result | Failure | Heartbeat | Scheduled | MapRunStarted | None
