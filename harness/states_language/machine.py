"""A state machine as it was understood: immutable, every field compiled once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from harness.states_language.choice import Rule
from harness.states_language.effects import Json
from harness.states_language.fields import Evaluator

JSONPATH = "JSONPath"
JSONPATH = "JSONPath"


@dataclass(frozen=True, kw_only=True)
class Retrier:
    """One of a state's ``Retry``."""

    errors: tuple[str, ...]
    interval: float = 1.0
    max_attempts: int = 3
    backoff: float = 2.0
    max_delay: float | None = None
    full_jitter: bool = False


@dataclass(frozen=True, kw_only=True)
class Catcher:
    """One of a state's ``Catch``."""

    errors: tuple[str, ...]
    next: str
    result_path: tuple[str | int, ...] | None = ()
    output: Evaluator | None = None
    assign: Evaluator | None = None


@dataclass(frozen=True, kw_only=True)
class State:
    """What every state has.

    Attributes:
        name: of the state.
        type: ``Task``.
        jsonata: whether it evaluates JSONata.
        next: the state after it, None where it ends or fails.
        input_path: evaluates ``InputPath``; None for ``$``.
        parameters: evaluates ``Parameters`` or ``Arguments``.
        result_selector: evaluates ``ResultSelector``.
        result_path: steps of ``ResultPath``; None where the result is discarded.
        output_path: evaluates ``OutputPath``; None for ``$``.
        assign: evaluates ``Assign``.
        output: evaluates ``Output``.
        retry: in their order.
        catch: in their order.
        definition: as it is written.
    """

    name: str
    type: str
    jsonata: bool = False
    next: str | None = None
    input_path: Evaluator | None = None
    parameters: Evaluator | None = None
    result_selector: Evaluator | None = None
    result_path: tuple[str | int, ...] | None = ()
    output_path: Evaluator | None = None
    assign: Evaluator | None = None
    output: Evaluator | None = None
    retry: tuple[Retrier, ...] = ()
    catch: tuple[Catcher, ...] = ()
    definition: Mapping[str, Json] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True)
class Pass(State):
    """``Result`` is *parameters* where there is one."""

    result: Evaluator | None = None


@dataclass(frozen=True, kw_only=True)
class Succeed(State):
    """Ends its branch well."""


@dataclass(frozen=True, kw_only=True)
class Fail(State):
    """Ends its branch with *error* and *cause*."""

    error: Evaluator | None = None
    cause: Evaluator | None = None


@dataclass(frozen=True, kw_only=True)
class Wait(State):
    """Waits *seconds*, or until *timestamp*; *path* is the text of the ``...Path`` it is read from."""

    seconds: Evaluator | None = None
    timestamp: Evaluator | None = None
    path: str | None = None


@dataclass(frozen=True, kw_only=True)
class Choice(State):
    """Goes where the first of *rules* leads that holds, else to *default*."""

    rules: tuple[Rule, ...] = ()
    default: str | None = None


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A number that a state has or evaluates: a time-out, a number; *path* is the text of its ``...Path``."""

    evaluate: Evaluator
    field: str
    path: str | None = None


@dataclass(frozen=True, kw_only=True)
class Task(State):
    """Calls *resource*."""

    resource: str
    timeout: Limit | None = None
    heartbeat: Limit | None = None
    credentials: Evaluator | None = None


@dataclass(frozen=True, kw_only=True)
class Parallel(State):
    """Runs its branches beside one another."""

    branches: tuple[Flow, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Map(State):
    """Runs *processor* for each of its items.

    Attributes:
        items: evaluates ``ItemsPath`` or ``Items``; None for the input.
        items_path: its text where it is a path.
        selector: evaluates ``ItemSelector`` (or ``Parameters``) for an item.
        concurrency: ``MaxConcurrency(Path)``.
        tolerated_count: ``ToleratedFailureCount(Path)``.
        tolerated_percentage: ``ToleratedFailurePercentage(Path)``.
        distributed: whether it runs as a Distributed Map.
        execution_type: of a Distributed Map's children.
        reader: evaluates ``ItemReader``.
        batcher: evaluates ``ItemBatcher``.
        writer: evaluates ``ResultWriter``.
        label: of a Distributed Map.
        legacy: whether it is written with ``Iterator``.
    """

    processor: Flow
    items: Evaluator | None = None
    items_path: str | None = None
    selector: Evaluator | None = None
    concurrency: Limit | None = None
    tolerated_count: Limit | None = None
    tolerated_percentage: Limit | None = None
    distributed: bool = False
    execution_type: str = "STANDARD"
    reader: Mapping[str, Evaluator | Limit] | None = None
    batcher: Mapping[str, Evaluator | Limit] | None = None
    writer: Evaluator | None = None
    label: str = ""
    legacy: bool = False


@dataclass(frozen=True, kw_only=True)
class Flow:
    """States and the first of them: a machine, a branch or an item processor."""

    start_at: str
    states: Mapping[str, State]

    def walk(self) -> Iterator[State]:
        """Yield every state, also those of branches and item processors."""
        for state in self.states.values():
            yield state
            if isinstance(state, Parallel):
                for branch in state.branches:
                    yield from branch.walk()
            elif isinstance(state, Map):
                yield from state.processor.walk()


@dataclass(frozen=True, kw_only=True)
class Machine(Flow):
    """A whole state machine.

    Attributes:
        text: the definition as it was given.
        kind: ``STANDARD`` or ``EXPRESS``.
        timeout: ``TimeoutSeconds`` of the machine.
        jsonata: whether its states are JSONata's where they do not say.
        comment: its ``Comment``.
    """

    text: str = ""
    kind: str = "STANDARD"
    timeout: float | None = None
    jsonata: bool = False
    comment: str | None = None
