"""Which parts of a state machine executions have exercised: states, transitions, choice branches, retriers, catchers.

https://states-language.net/spec.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

KINDS = ("state", "transition", "branch", "retrier", "catcher")
END = "(end)"
_NOT_CAUGHT_BY_ALL = ("States.DataLimitExceeded", "States.Runtime")
_FAILED = ("Failed", "TimedOut")
_BEGUN = ("Scheduled", "StateStarted")


@dataclass(frozen=True, order=True)
class Item:
    """Something of a state machine that a suite can exercise."""

    kind: str
    state: str
    which: str = ""
    """Where a transition leads, what a branch asks, which errors a retrier or catcher is for."""

    def __str__(self) -> str:
        return f"{self.kind} {self.state}{' -> ' if self.kind == 'transition' else ' '}{self.which}".rstrip()


@dataclass
class MachineCoverage:
    """A state machine, and how often its parts were exercised."""

    machine: str
    definition: Mapping[str, Any]
    counts: dict[Item, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._states = dict(all_states(self.definition))
        self.counts = dict.fromkeys(_items(self._states), 0)

    @property
    def missed(self) -> list[Item]:
        """What was never exercised."""
        return [item for item, count in self.counts.items() if not count]

    @property
    def percent(self) -> float:
        """Share of parts that were exercised, 0 to 100."""
        return 100 * (1 - len(self.missed) / len(self.counts)) if self.counts else 100.0

    def share(self, kind: str) -> tuple[int, int]:
        """Exercised, and all, of one kind."""
        counts = [count for item, count in self.counts.items() if item.kind == kind]
        return sum(map(bool, counts)), len(counts)

    def add(self, trace: Mapping[str, Any]) -> None:
        """Count what an execution went through.

        Args:
            trace: ``events`` in brief (``id``, ``previous``, ``type``, ``name`` of the state, ``error``), and
                ``chosen``: states and the index of the rule that was taken, null for the default.
        """
        events = {event["id"]: event for event in trace["events"]}
        after: dict[int, list[dict[str, Any]]] = {}
        for event in events.values():
            after.setdefault(event["previous"], []).append(event)
        for event in events.values():
            if event["type"].endswith("StateEntered"):
                self._count(Item("state", event["name"]))
            elif event["type"].endswith("StateExited"):
                self._left(event, events, after)
            elif event["type"].endswith(_FAILED) and any(
                later["type"].endswith(_BEGUN) for later in after.get(event["id"], ())
            ):
                self._handled("retrier", _state_of(event, events), _error_of(event, events), None)
        for state, index in trace.get("chosen", ()):
            rules = self._states.get(state, {}).get("Choices", [])
            self._count(Item("branch", state, _branch(rules[index], index) if index is not None else "Default"))

    def _left(
        self, event: dict[str, Any], events: Mapping[int, Any], after: Mapping[int, list[dict[str, Any]]]
    ) -> None:
        name, state = event["name"], self._states.get(event["name"], {})
        entered = next((later["name"] for later in after.get(event["id"], ()) if later["name"] is not None), None)
        before = events.get(event["previous"])
        if before is not None and before["type"].endswith(_FAILED):
            self._handled("catcher", name, _error_of(before, events), entered)
        elif state.get("Next") is not None and entered == state["Next"]:
            self._count(Item("transition", name, entered))
        elif state.get("End"):
            self._count(Item("transition", name, END))

    def _handled(self, kind: str, state: str | None, error: str | None, following: str | None) -> None:
        member = "Retry" if kind == "retrier" else "Catch"
        for index, handler in enumerate(self._states.get(state or "", {}).get(member, ())):
            if following is not None and handler.get("Next") != following:
                continue
            if error is None or _matches(handler["ErrorEquals"], error):
                self._count(Item(kind, state or "", _handler(handler, index)))
                return

    def _count(self, item: Item) -> None:
        if item in self.counts:
            self.counts[item] += 1


def measure(traces: Iterable[Mapping[str, Any]]) -> list[MachineCoverage]:
    """Measure the coverage of each state machine that *traces* are of; a machine that was changed is another."""
    found: dict[tuple[str, str], MachineCoverage] = {}
    for trace in traces:
        key = trace["machine"], trace["definition"]
        if key not in found:
            found[key] = MachineCoverage(trace["machine"], json.loads(trace["definition"]))
        found[key].add(trace)
    return sorted(found.values(), key=lambda coverage: coverage.machine)


def all_states(definition: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the states of a machine, also those within Map and Parallel states, with their names."""
    for name, state in definition.get("States", {}).items():
        yield name, state
        inner = [*state.get("Branches", ()), state.get("ItemProcessor"), state.get("Iterator")]
        for part in filter(None, inner):
            yield from all_states(part)


def _items(states: Mapping[str, Mapping[str, Any]]) -> Iterator[Item]:
    for name, state in states.items():
        yield Item("state", name)
        if state.get("Next"):
            yield Item("transition", name, state["Next"])
        elif state.get("End"):
            yield Item("transition", name, END)
        for index, rule in enumerate(state.get("Choices", ())):
            yield Item("branch", name, _branch(rule, index))
        if state.get("Default"):
            yield Item("branch", name, "Default")
        for index, handler in enumerate(state.get("Retry", ())):
            yield Item("retrier", name, _handler(handler, index))
        for index, handler in enumerate(state.get("Catch", ())):
            yield Item("catcher", name, _handler(handler, index))


def _branch(rule: Mapping[str, Any], index: int) -> str:
    return f"{index + 1} -> {rule['Next']}"


def _handler(handler: Mapping[str, Any], index: int) -> str:
    return f"{index + 1}: {', '.join(handler['ErrorEquals'])}"


def _matches(expected: list[str], error: str) -> bool:
    if error in expected:
        return True
    if "States.ALL" in expected and error not in _NOT_CAUGHT_BY_ALL:
        return True
    return "States.TaskFailed" in expected and error != "States.Timeout" and error not in _NOT_CAUGHT_BY_ALL


def _error_of(event: Mapping[str, Any], events: Mapping[int, Any]) -> str | None:
    """Return the error of a failure; a Map or Parallel state's is that of what failed in it."""
    if event["error"] is not None:
        return str(event["error"])
    if event["type"].endswith("TimedOut"):
        return "States.Timeout"
    earlier = [other for other in events.values() if other["id"] < event["id"] and other["error"] is not None]
    return str(max(earlier, key=lambda other: int(other["id"]))["error"]) if earlier else None


def _state_of(event: Mapping[str, Any], events: Mapping[int, Any]) -> str | None:
    """Return the state that an event belongs to: the one entered last on the way to it, and not left."""
    left: set[str] = set()
    current: Mapping[str, Any] | None = event
    while current is not None:
        if current["type"].endswith("StateExited"):
            left.add(current["name"])
        elif current["type"].endswith("StateEntered"):
            if current["name"] not in left:
                return str(current["name"])
            left.discard(current["name"])
        current = events.get(current["previous"])
    return None
