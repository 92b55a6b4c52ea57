"""Faults that can be switched on and off, through the emulator's own API, where the target has one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, abort, render_template, request

from harness.dashboard.clients import Clients
from harness.dashboard.history import name_of_function
from harness.dashboard.watch import Watch

SECONDS = 2
_MOST_LOGGED = 20


@dataclass(frozen=True)
class Switch:
    """A fault that is offered."""

    name: str
    """Of the kind of fault, for forms."""
    words: str
    given: Mapping[str, Any]
    """What is sent to the emulator."""
    number: int | None
    """Of the fault while it is on; None while it is off."""
    struck: int = 0


@dataclass(frozen=True)
class Victim:
    """Something that faults can strike."""

    kind: str
    """``function``, ``endpoint``, ``bucket`` or ``state``; a state's name is ``MACHINE/STATE``."""
    name: str
    switches: list[Switch]

    @property
    def words(self) -> str:
        """What it is, for people who do not know the service."""
        return self.kind.capitalize()


@dataclass(frozen=True)
class OtherFault:
    """A fault that was put in force elsewhere: by a test, or by ``harness fault add``."""

    number: int
    words: str
    struck: int


@dataclass(frozen=True)
class FaultBoard:
    """All that the page shows of faults."""

    victims: list[Victim] = field(default_factory=list)
    others: list[OtherFault] = field(default_factory=list)
    strikes: list[str] = field(default_factory=list)
    """What they did lately, the newest first."""
    on: int = 0


def board(clients: Clients) -> FaultBoard | None:
    """Return the faults that can be switched, and those in force; None where the target has no emulator to ask.

    Raises:
        OSError: it does not answer.
    """
    if clients.control is None:
        return None
    said = clients.control.get("faults")
    active = _active(said)
    victims = [_victim(kind, name, active) for kind, name in _victims(clients)]
    states = dict.fromkeys(str(given["state"]) for _, given, _ in active if "state" in given)
    struck_states = [_victim("state", name, active) for name in states]
    victims += [victim for victim in struck_states if any(each.number is not None for each in victim.switches)]
    taken = {each.number for victim in victims for each in victim.switches}
    others = [OtherFault(n, _words(given), struck) for n, given, struck in active if n not in taken]
    strikes = [_strike(entry) for entry in reversed(said["log"][-_MOST_LOGGED:])]
    return FaultBoard(victims, others, strikes, len(active))


def of_states(clients: Clients, machine: str, states: Iterable[str]) -> dict[str, Victim]:
    """By state, the faults that can be switched for its tasks; none where the target has no emulator to ask.

    Args:
        clients: with the emulator's own API.
        machine: name of the state machine.
        states: names of its states that are tasks.
    """
    if clients.control is None:
        return {}
    active = _active(clients.control.get("faults"))
    return {name: _victim("state", f"{machine}/{name}", active) for name in states}


def switch(clients: Clients, kind: str, name: str, offered: str, on: bool) -> None:
    """Switch one of the offered faults on or off.

    Args:
        clients: with the emulator's own API.
        kind: what it is applied to: ``function``, ``endpoint``, ``bucket`` or ``state``.
        name: its name.
        offered: the fault, as the page names it.
        on: False removes it, however often it was added.

    Raises:
        ValueError: there is no such fault, or the emulator refuses.
    """
    effect = next((effect for this, _, effect in _OFFERED.get(kind, ()) if this == offered), None)
    if clients.control is None or effect is None or not name:
        raise ValueError(f"no such fault: {kind} {name} {offered}")
    given = {kind: name, **effect}
    active = [int(fault["id"]) for fault in clients.control.get("faults")["faults"] if _given(fault) == given]
    if on and not active:
        clients.control.post("faults", given)
    for number in active if not on else []:
        clients.control.delete(f"faults/{number}")


def end(clients: Clients, number: int | None) -> None:
    """End one fault, or all.

    Raises:
        ValueError: there is no such fault.
    """
    if clients.control is None:
        raise ValueError("this target has no faults")
    clients.control.delete("faults" if number is None else f"faults/{number}")


_OFFERED: dict[str, tuple[tuple[str, str, dict[str, Any]], ...]] = {
    "function": (
        ("busy", "refuses calls", {"error": "TooManyRequestsException"}),
        ("fails", "fails", {"error": "FaultFromTheDashboard", "message": "a fault was switched on in the dashboard"}),
        ("slow", f"is {SECONDS} s late", {"latency": SECONDS}),
        ("killed", "dies mid-call", {"kill": True}),
    ),
    "endpoint": (
        ("fails", "fails", {"error": "ModelError", "message": "a fault was switched on in the dashboard"}),
        ("slow", f"is {SECONDS} s late", {"latency": SECONDS}),
        ("killed", "dies mid-call", {"kill": True}),
    ),
    "bucket": (
        ("busy", "refuses calls", {"error": "SlowDown"}),
        ("slow", f"is {SECONDS} s late", {"latency": SECONDS}),
    ),
    "state": (
        ("fails", "fails", {"error": "FaultFromTheDashboard", "message": "a fault was switched on in the dashboard"}),
        ("slow", f"is {SECONDS} s late", {"latency": SECONDS}),
    ),
}


_Active = list[tuple[int, dict[str, Any], int]]
"""Faults in force: number, what was given, and how often it struck."""


def _active(said: Mapping[str, Any]) -> _Active:
    return [(int(fault["id"]), _given(fault), int(fault["struck"])) for fault in said["faults"]]


def _victim(kind: str, name: str, active: _Active) -> Victim:
    switches = []
    for offered, words, effect in _OFFERED[kind]:
        given = {kind: name, **effect}
        number, struck = next(((n, s) for n, g, s in active if g == given), (None, 0))
        switches.append(Switch(offered, words, given, number, struck))
    return Victim(kind, name, switches)


def _victims(clients: Clients) -> list[tuple[str, str]]:
    functions = [
        item["FunctionName"]
        for page in clients.functions.get_paginator("list_functions").paginate()
        for item in page["Functions"]
    ]
    endpoints = [
        item["EndpointName"]
        for page in clients.sagemaker.get_paginator("list_endpoints").paginate()
        for item in page["Endpoints"]
    ]
    buckets = [item["Name"] for item in clients.s3.list_buckets().get("Buckets", [])]
    return [
        *(("function", name_of_function(name)) for name in sorted(functions)),
        *(("endpoint", name) for name in sorted(endpoints)),
        *(("bucket", name) for name in sorted(buckets)),
    ]


def _given(fault: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fault.items() if name not in ("id", "struck")}


def _words(given: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in given.items())


def _strike(entry: Mapping[str, Any]) -> str:
    at = str(entry.get("at", ""))[11:19]
    rest = ", ".join(f"{name} {value}" for name, value in entry.items() if name not in ("at", "fault"))
    return f"{at} {rest}"


def faults_on(clients: Clients) -> int:
    """How many faults are in force."""
    return 0 if clients.control is None else len(clients.control.get("faults")["faults"])


def add_faults(app: Flask, clients: Clients, watch: Watch) -> None:
    """Add the page of faults, which switches them.

    Args:
        app: the dashboard.
        clients: of the target.
        watch: sends changes to open pages.
    """

    @app.get("/faults", endpoint="faults")
    def show_faults() -> str:
        return render_template("faults.html", board=board(clients))

    @app.post("/faults", endpoint="switch")
    def switched() -> dict[str, str]:
        asked = request.get_json()
        try:
            if "end" in asked:
                end(clients, asked["end"])
            else:
                switch(clients, asked["kind"], asked["name"], asked["fault"], bool(asked["on"]))
        except (ValueError, KeyError) as error:
            abort(400, str(error))
        watch.look_now()
        return {"status": "done"}
