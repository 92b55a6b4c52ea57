"""A state machine's definition as a drawing's nodes and edges, whatever is nested in it.

Where the boxes stand is the page's graph library's to say; here is only what there is and what leads where.

https://states-language.net/spec.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from harness.dashboard.history import name_of_function

START, END = "(start)", "(end)"
_WORDS = {
    "Equals": "=",
    "LessThanEquals": "≤",
    "GreaterThanEquals": "≥",
    "LessThan": "<",
    "GreaterThan": ">",
    "Matches": "matches",
}
_KINDS = ("String", "Numeric", "Boolean", "Timestamp")


def graph_of(definition: str) -> dict[str, Any]:
    """Nodes and edges of a definition, a level for each Map and branch of a Parallel.

    Returns:
        ``comment`` and ``nodes``: each with ``id``, ``kind``, ``what`` (in words, what it does), ``retries`` and, for
        Map and Parallel, ``branches``, each a graph of its own; ``edges``: each with ``from``, ``to``, ``label``,
        ``kind`` (``next``, ``choice``, ``otherwise``, ``catch``). Two nodes that are no states are named
        :data:`START` and :data:`END`. An unreadable definition has no nodes.
    """
    try:
        document = json.loads(definition)
        graph = _level(document)
        ends = [name for name, state in document.get("States", {}).items() if state.get("End") or _ends(state)]
        comment = str(document.get("Comment", ""))
    except (ValueError, TypeError, AttributeError, LookupError):
        return {"comment": "", "nodes": [], "edges": []}
    nodes: list[dict[str, Any]] = graph["nodes"]
    edges: list[dict[str, Any]] = graph["edges"]
    if nodes:
        nodes.insert(0, {"id": START, "kind": "Start", "what": "", "retries": "", "distributed": False, "branches": []})
        nodes.append({"id": END, "kind": "End", "what": "", "retries": "", "distributed": False, "branches": []})
        if document.get("StartAt") in document["States"]:
            edges.insert(0, _edge(START, document["StartAt"]))
        edges.extend(_edge(name, END) for name in ends)
    return {"comment": comment, "nodes": nodes, "edges": edges}


def _ends(state: Mapping[str, Any]) -> bool:
    return state.get("Type") in ("Succeed", "Fail")


def states_in(graph: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """All states of a graph, a container's before what follows it."""
    for node in graph["nodes"]:
        if node["id"] not in (START, END):
            yield node
            for branch in node["branches"]:
                yield from states_in(branch)


def not_reached(graph: Mapping[str, Any], reached: Mapping[str, Any]) -> Iterator[str]:
    """States that an execution did not come to; those in a Distributed Map that ran are its children's to reach."""
    for node in graph["nodes"]:
        if node["id"] in (START, END):
            continue
        if node["id"] not in reached:
            yield node["id"]
        if not (node["distributed"] and node["id"] in reached):
            for branch in node["branches"]:
                yield from not_reached(branch, reached)


def elsewhere(graph: Mapping[str, Any], reached: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """By state of a Distributed Map that ran, that it ran in other executions."""
    found: dict[str, dict[str, Any]] = {}
    for node in graph["nodes"]:
        for branch in node["branches"]:
            if node["distributed"] and node["id"] in reached:
                found |= {inner["id"]: {"status": "", "elsewhere": True} for inner in states_in(branch)}
            else:
                found |= elsewhere(branch, reached)
    return found


def state_in(definition: str, name: str) -> tuple[dict[str, Any], str] | None:
    """Find a state of a definition, however deep, and the query language it is written in; None where it is not."""

    def found(flow: Mapping[str, Any], language: str) -> tuple[dict[str, Any], str] | None:
        language = flow.get("QueryLanguage", language)
        for key, state in flow.get("States", {}).items():
            if key == name:
                return dict(state), str(state.get("QueryLanguage", language))
            for inner in (*state.get("Branches", []), state.get("ItemProcessor"), state.get("Iterator")):
                result = found(inner, language) if inner else None
                if result is not None:
                    return result
        return None

    try:
        return found(json.loads(definition), "JSONPath")
    except (ValueError, TypeError, AttributeError):
        return None


def fails_of(definition: str) -> dict[str, tuple[str, str]]:
    """By Fail state, the error and the cause that its definition gives it."""

    def fails(document: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, str]]]:
        for name, state in document.get("States", {}).items():
            if state.get("Type") == "Fail":
                yield name, (str(state.get("Error", "")), str(state.get("Cause", "")))
            for inner in [*state.get("Branches", []), state.get("ItemProcessor"), state.get("Iterator")]:
                if inner:
                    yield from fails(inner)

    try:
        return dict(fails(json.loads(definition)))
    except (ValueError, TypeError, AttributeError, LookupError):
        return {}


def _level(document: Mapping[str, Any]) -> dict[str, Any]:
    states: Mapping[str, Mapping[str, Any]] = document.get("States", {})
    # As they follow each other, so that a drawing's text equivalent reads as the drawing does.
    ordered = list(_in_order(document.get("StartAt", ""), states))
    ordered += [name for name in states if name not in ordered]
    nodes = [_node(name, states[name]) for name in ordered]
    edges = [edge for name in ordered for edge in _edges(name, states[name]) if edge["to"] in states]
    return {"nodes": nodes, "edges": edges}


def _in_order(first: str, states: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    seen, waiting = set(), [first]
    while waiting:
        name = waiting.pop(0)
        if name in seen or name not in states:
            continue
        seen.add(name)
        yield name
        waiting.extend(edge["to"] for edge in _edges(name, states[name]))


def _node(name: str, state: Mapping[str, Any]) -> dict[str, Any]:
    branches: list[Mapping[str, Any]] = []
    if state.get("Type") == "Parallel":
        branches = list(state.get("Branches", []))
    elif state.get("Type") == "Map":
        branches = [state.get("ItemProcessor") or state.get("Iterator") or {}]
    tries = sum(int(retrier.get("MaxAttempts", 3)) for retrier in state.get("Retry", []))
    return {
        "id": name,
        "kind": str(state.get("Type", "")),
        "what": _what(state),
        "comment": str(state.get("Comment", "")),
        "retries": f"tried again up to {tries} times" if tries else "",
        "distributed": (state.get("ItemProcessor") or {}).get("ProcessorConfig", {}).get("Mode") == "DISTRIBUTED",
        "branches": [_level(branch) for branch in branches],
    }


def _what(state: Mapping[str, Any]) -> str:
    kind = state.get("Type")
    if kind == "Task":
        resource = str(state.get("Resource", ""))
        parameters = state.get("Parameters") or state.get("Arguments") or {}
        function = parameters.get("FunctionName", "") if isinstance(parameters, Mapping) else ""
        if ":function:" in resource:
            return f"Lambda {name_of_function(resource)}"
        if resource.startswith("arn:aws:states:::lambda:") and function and not str(function).startswith("{%"):
            return f"Lambda {name_of_function(str(function))}"
        if ":activity:" in resource:
            return f"activity {resource.rpartition(':')[2]}"
        parts = resource.partition(":::")[2].split(".")[0].removeprefix("aws-sdk:").split(":")
        return " ".join(filter(None, parts))
    if kind == "Wait":
        for member, words in (("Seconds", "{} s"), ("Timestamp", "until {}")):
            if member in state:
                return words.format(_short(str(state[member])))
            if f"{member}Path" in state:
                return words.format(_short(str(state[f"{member}Path"])))
    if kind == "Map":
        most = state.get("MaxConcurrency")
        mode = (state.get("ItemProcessor") or {}).get("ProcessorConfig", {}).get("Mode", "")
        words = "for each item" if not most else f"for each item, {most} at once"
        return f"{words} (distributed)" if mode == "DISTRIBUTED" else words
    if kind == "Parallel":
        return f"{len(state.get('Branches', []))} branches at once"
    if kind == "Fail":
        return str(state.get("Error", ""))
    return ""


def _edges(name: str, state: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if "Next" in state:
        yield _edge(name, state["Next"])
    for rule in state.get("Choices", []):
        yield _edge(name, rule.get("Next", ""), choice_in_words(rule), "choice")
    if state.get("Default"):
        yield _edge(name, state["Default"], "otherwise", "otherwise")
    for catcher in state.get("Catch", []):
        errors = ", ".join(catcher.get("ErrorEquals", []))
        yield _edge(name, catcher.get("Next", ""), "any error" if errors == "States.ALL" else errors, "catch")


def _edge(start: str, end: str, label: str = "", kind: str = "next") -> dict[str, Any]:
    return {"from": start, "to": end, "label": label, "kind": kind}


def choice_in_words(rule: Mapping[str, Any]) -> str:
    """Say what a rule of a Choice asks: ``$.confidence > 0.9``, ``a and b``, or a JSONata expression."""
    if "Condition" in rule:
        return str(rule["Condition"]).removeprefix("{%").removesuffix("%}").strip()
    for member, word in (("And", " and "), ("Or", " or ")):
        if member in rule:
            return word.join(_grouped(part) for part in rule[member])
    if "Not" in rule:
        return f"not {_grouped(rule['Not'])}"
    variable = str(rule.get("Variable", ""))
    for member, value in rule.items():
        if member.startswith("Is"):
            thing = member.removeprefix("Is").lower()
            return f"{variable} is {'' if value else 'not '}{thing}"
        for kind in _KINDS:
            if member.startswith(kind):
                asked = member.removeprefix(kind).removesuffix("Path")
                return f"{variable} {_WORDS.get(asked, asked)} {value if kind == 'String' else json.dumps(value)}"
    return variable


def _grouped(rule: Mapping[str, Any]) -> str:
    words = choice_in_words(rule)
    return f"({words})" if "And" in rule or "Or" in rule else words


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"
