"""Reads the states of a definition: what each type needs, what it may have in its query language, where it leads."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from harness.states_language import timestamps
from harness.states_language.diagnostics import DUPLICATE, ENDLESS, INVALID_NAME, MISSING, Diagnostics
from harness.states_language.effects import Json
from harness.states_language.fields import (
    Evaluator,
    constant,
    is_jsonata,
)
from harness.states_language.known_fields import BRANCH, PROCESSOR, of_type
from harness.states_language.machine import (
    Choice,
    Fail,
    Flow,
    Map,
    Parallel,
    Pass,
    State,
    Succeed,
    Task,
    Wait,
)
from harness.states_language.map_fields import MapFields
from harness.states_language.state_fields import MAX_TIMEOUT
from harness.states_language.static_values import warn_of_static

_TYPES = ("Task", "Wait", "Pass", "Succeed", "Fail", "Choice", "Parallel", "Map")
_NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,80}")


class FlowReader:
    """Reads a machine's states, those of branches and item processors with them.

    Args:
        found: collects what is wrong.
        kind: ``STANDARD`` or ``EXPRESS``.
        jsonata: whether states are JSONata's where they do not say.
        known: tells of a ``Resource`` whether it is one.
    """

    def __init__(self, found: Diagnostics, kind: str, jsonata: bool, known: Callable[[str], bool] | None) -> None:
        self.found = found
        self.kind = kind
        self.jsonata = jsonata
        self.known = known
        self.labels: set[str] = set()
        self._names: set[str] = set()

    @contextmanager
    def of_kind(self, kind: str | None) -> Iterator[None]:
        """Read what follows as states of a machine of *kind*, a Distributed Map's children; None changes nothing."""
        before, self.kind = self.kind, kind or self.kind
        yield
        self.kind = before

    def flow(self, scope: Json, at: str) -> Flow | None:
        """Read what has ``StartAt`` and ``States``, at the location *at*."""
        if not self.found.typed(scope, dict, at or "/"):
            return None
        if at:
            self.found.fields(scope, PROCESSOR if at.endswith(("/ItemProcessor", "/Iterator")) else BRANCH, at)
        missing = [name for name in ("States", "StartAt") if name not in scope]
        if missing:
            self.found.add(f"These fields are required: [{', '.join(missing)}]", at or "/")
            return None
        states = scope["States"]
        if not self.found.typed(states, dict, f"{at}/States"):
            return None
        if not states:
            self.found.add("Value cannot be empty", f"{at}/States")
            return None
        read: dict[str, State] = {}
        targets: list[tuple[str, str, str | None]] = []
        if self.found.text(scope["StartAt"], f"{at}/StartAt"):
            targets.append((f"{at}/StartAt", scope["StartAt"], None))
        for name, state in states.items():
            reader = StateReader(self, name, state, f"{at}/States/{name}", targets)
            made = reader.read()
            if made is not None:
                read[name] = made
        for where, target, _ in targets:
            if target not in states:
                self.found.add(f"Missing 'Next' target: {target}", where, MISSING)
        reached = {target for _, target, origin in targets if origin != target}
        if not at and not any(_ends(state) for state in states.values()):
            self.found.add("Workflow has no terminal state", code=ENDLESS)
            reached = set(states)
        for name in states:
            if name not in reached:
                self.found.add(f'State "{name}" is not reachable.', f"{at}/States/{name}", MISSING)
        for name in states:
            if name in self._names:
                self.found.add(f"Duplicate State name: {name}", f"{at}/States/{name}", DUPLICATE)
            self._names.add(name)
        return Flow(start_at=scope["StartAt"], states=read)


def _ends(state: Json) -> bool:
    """Whether a state is the last one, or leads nowhere, which is told of it then."""
    if not isinstance(state, dict) or state.get("Type") in ("Succeed", "Fail"):
        return True
    return "Choices" not in state and "Next" not in state


class StateReader(MapFields):
    """Reads one state."""

    def read(self) -> State | None:
        """Return the state, or None where it is none; then something has been found."""
        state, at = self._state, self._at
        if not self._flow.found.typed(self._given, dict, at):
            return None
        if not _NAME.fullmatch(self._name):
            self._flow.found.add("State name must have 1 to 80 characters", at, INVALID_NAME)
        if "Type" not in state:
            self._wrong("These fields are required: [Type]", at)
            return None
        kind = state["Type"]
        if kind not in _TYPES:
            self._flow.found.one_of(kind, _TYPES, f"{at}/Type")
            return None
        self._language()
        self._flow.found.fields(state, of_type(kind), at)
        if not self._jsonata:
            warn_of_static(self._flow.found, state, at)
        common: dict[str, Any] = {"name": self._name, "type": kind, "jsonata": self._jsonata, "definition": state}
        if kind not in ("Choice", "Succeed", "Fail"):
            common["next"] = self._transition()
        common |= self._evaluated()
        if kind in ("Task", "Parallel", "Map"):
            for name, read in (("Retry", self._retrier), ("Catch", self._catcher)):
                items = self._items(name)
                made = (read(item, f"{at}/{name}[{index}]", index == len(items) - 1) for index, item in items)
                common[name.lower()] = tuple(each for each in made if each)
        state_of_kind: State | None = getattr(self, f"_{kind.lower()}")(common)
        return state_of_kind

    # The types

    def _pass(self, common: dict[str, Any]) -> State:
        result = constant(self._state["Result"]) if "Result" in self._state else None
        return Pass(**common, result=result)

    def _succeed(self, common: dict[str, Any]) -> State:
        return Succeed(**common)

    def _fail(self, common: dict[str, Any]) -> State:
        read: dict[str, Evaluator | None] = {}
        for name in ("Error", "Cause"):
            path = f"{name}Path"
            if name in self._state and path in self._state:
                self._wrong(f"There should only be one of the following fields: [{name}, {path}]", self._at)
            read[name.lower()] = self._named(path) if path in self._state else self._literal(name)
        return Fail(**common, error=read["error"], cause=read["cause"])

    def _wait(self, common: dict[str, Any]) -> State:
        names = ("Seconds", "SecondsPath", "Timestamp", "TimestampPath")
        given = [name for name in names if name in self._state]
        if len(given) != 1:
            self._wrong(f"Exactly one of these fields is required: [{', '.join(names)}]", self._at)
            return Wait(**common)
        name = given[0]
        value = self._state[name]
        at = f"{self._at}/{name}"
        if name.endswith("Path"):
            evaluate = self._named(name)
            if name == "SecondsPath":
                return Wait(**common, seconds=evaluate, path=value)
            return Wait(**common, timestamp=evaluate, path=value)
        if is_jsonata(value) and self._jsonata:
            evaluate = self._compiled(value, name)
        else:
            evaluate = constant(value)
            if name == "Seconds":
                self._flow.found.number(value, at, 0, MAX_TIMEOUT)
            elif self._flow.found.text(value, at) and timestamps.parse(value) is None:
                self._wrong("String does not match RFC3339 timestamp", at)
        if name == "Seconds":
            return Wait(**common, seconds=evaluate)
        return Wait(**common, timestamp=evaluate)

    def _choice(self, common: dict[str, Any]) -> State:
        rules = []
        if not self._require("Choices"):
            return Choice(**common)
        if self._state["Choices"] == []:
            self._wrong("Value cannot be empty", f"{self._at}/Choices")
        for index, item in self._items("Choices"):
            rule = self._rule(item, f"{self._at}/Choices[{index}]")
            if rule is not None:
                rules.append(rule)
        default = self._state.get("Default")
        if default is not None:
            self._leads("Default", default)
        return Choice(**common, rules=tuple(rules), default=default)

    def _task(self, common: dict[str, Any]) -> State | None:
        state, at = self._state, self._at
        if not self._require("Resource"):
            return None
        resource = state["Resource"]
        self._resource(resource, f"{at}/Resource")
        credentials = None
        if "Credentials" in state:
            given = state["Credentials"]
            if not isinstance(given, dict) or not {"RoleArn", "RoleArn.$"} & set(given):
                self._wrong("The field 'RoleArn' is required but was missing", f"{at}/Credentials")
            credentials = self._any(given, "Credentials")
        timeout = self._limit("TimeoutSeconds", 1, MAX_TIMEOUT)
        heartbeat = self._limit("HeartbeatSeconds", 1, MAX_TIMEOUT)
        longest, beat = state.get("TimeoutSeconds"), state.get("HeartbeatSeconds")
        if isinstance(longest, int) and isinstance(beat, int) and longest < beat:
            self._wrong("HeartbeatSeconds must be smaller than TimeoutSeconds", f"{at}/HeartbeatSeconds")
        return Task(
            **common,
            resource=resource if isinstance(resource, str) else "",
            timeout=timeout,
            heartbeat=heartbeat,
            credentials=credentials,
        )

    def _parallel(self, common: dict[str, Any]) -> State:
        branches: list[Flow] = []
        if self._require("Branches"):
            if self._state["Branches"] == []:
                self._wrong("Value cannot be empty", f"{self._at}/Branches")
            for index, item in self._items("Branches"):
                branch = self._flow.flow(item, f"{self._at}/Branches[{index}]")
                if branch is not None:
                    branches.append(branch)
        return Parallel(**common, branches=tuple(branches))

    def _map(self, common: dict[str, Any]) -> State | None:
        state, at = self._state, self._at
        member = "ItemProcessor" if "ItemProcessor" in state else "Iterator"
        if member not in state:
            self._wrong("These fields are required: [ItemProcessor]", at)
            return None
        config = self._processor_config(state[member], f"{at}/{member}/ProcessorConfig")
        distributed = config.get("Mode") == "DISTRIBUTED"
        with self._flow.of_kind(config.get("ExecutionType") if distributed else None):
            processor = self._flow.flow(state[member], f"{at}/{member}")
        if processor is None:
            return None
        selector = "ItemSelector" if "ItemSelector" in state else "Parameters"
        if selector == "Parameters":
            common.pop("parameters", None)
        items, items_path = None, None
        if "ItemsPath" in state:
            items_path = state["ItemsPath"]
            items = self._path("ItemsPath")
        elif "Items" in state:
            items = self._any(state["Items"], "Items")
        return Map(
            **common,
            processor=processor,
            items=items,
            items_path=items_path,
            selector=self._any(state[selector], selector) if selector in state else None,
            concurrency=self._limit("MaxConcurrency", 0),
            tolerated_count=self._limit("ToleratedFailureCount", 0),
            tolerated_percentage=self._limit("ToleratedFailurePercentage", 0.0, 100.0, whole=False),
            distributed=distributed,
            execution_type=config.get("ExecutionType", "STANDARD"),
            reader=self._reader(state["ItemReader"]) if "ItemReader" in state else None,
            batcher=self._batcher(state["ItemBatcher"]) if "ItemBatcher" in state else None,
            writer=self._writer(state["ResultWriter"]) if "ResultWriter" in state else None,
            label=self._label(),
            legacy=member == "Iterator",
        )
