"""A state machine as a drawing, each part marked by how often it was exercised; plain SVG, no script."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from harness.testing.asl_coverage import END, Item, MachineCoverage
from harness.testing.asl_layout import END_HIGH, END_WIDE, HIGH, WIDE, Way, lay_out

_LETTERS = 24
"""Of a name, that fit into a box."""
_LOOP = 30
"""How far a line from a state to itself reaches."""


@dataclass(frozen=True)
class Edge:
    """A way from one state to another, and the part of the coverage that stands for it."""

    source: str
    target: str
    item: Item
    label: str = ""


def graphs(coverage: MachineCoverage) -> Iterator[tuple[str, str]]:
    """Yield a drawing of the machine, and one of what each of its Map and Parallel states has within: title and SVG."""
    yield from _level(coverage, coverage.definition, coverage.machine)


def _level(coverage: MachineCoverage, part: Mapping[str, Any], title: str) -> Iterator[tuple[str, str]]:
    states: Mapping[str, Any] = part.get("States", {})
    if not states:
        return
    yield title, _svg(coverage, part, title)
    for name, state in states.items():
        inner = [*state.get("Branches", ()), state.get("ItemProcessor"), state.get("Iterator")]
        within = [each for each in inner if each]
        for number, each in enumerate(within, 1):
            branch = f", branch {number} of {len(within)}" if len(within) > 1 else ""
            yield from _level(coverage, each, f"Within {name}{branch}")


def edges_of(states: Mapping[str, Any], coverage: MachineCoverage) -> list[Edge]:
    """All ways between the states of one level, in the order of the coverage's parts."""
    found = []
    for item in coverage.counts:
        if item.state not in states:
            continue
        state = states[item.state]
        if item.kind == "transition":
            found.append(Edge(item.state, item.which, item))
        elif item.kind == "branch":
            is_default = item.which == "Default"
            target = state["Default"] if is_default else item.which.partition(" -> ")[2]
            found.append(Edge(item.state, target, item, "default" if is_default else item.which.partition(" ")[0]))
        elif item.kind == "catcher":
            handler = state["Catch"][int(item.which.partition(":")[0]) - 1]
            found.append(Edge(item.state, handler["Next"], item, "catch"))
        elif item.kind == "retrier":
            found.append(Edge(item.state, item.state, item, "retry"))
    return found


def _svg(coverage: MachineCoverage, part: Mapping[str, Any], title: str) -> str:
    states: Mapping[str, Any] = part["States"]
    edges = edges_of(states, coverage)
    counts = coverage.counts
    onward = [edge for edge in edges if edge.source != edge.target]
    loops = {name: [edge for edge in edges if edge.source == edge.target == name] for name in states}
    room = {
        name: _LOOP + max(_wide(_words(edge, counts[edge.item])) for edge in own) for name, own in loops.items() if own
    }
    ways = [Way(edge.source, edge.target, "hit" if counts[edge.item] else "missed") for edge in onward]
    layout = lay_out(part.get("StartAt", next(iter(states))), states, ways, room)
    lines = [
        _line(edge, counts[edge.item], route.path, route.label)
        for edge, route in zip(onward, layout.routes, strict=True)
    ]
    for name, own in loops.items():
        x, y = layout.centres[name]
        for number, edge in enumerate(own):
            lines.append(_loop(edge, counts[edge.item], x + WIDE / 2, y + 17 * (number - (len(own) - 1) / 2)))
    boxes = [_box(name, counts.get(Item("state", name), 0), *at) for name, at in layout.centres.items()]
    return (
        f'<svg class="machine" role="img" aria-label="{escape(title)}: {_told(coverage, states)}" '
        f'viewBox="0 0 {layout.width:.0f} {layout.height:.0f}" width="{layout.width:.0f}" height="{layout.height:.0f}">'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0 8 4 0 8z"/></marker></defs>{"".join(lines)}{"".join(boxes)}</svg>'
    )


def _told(coverage: MachineCoverage, states: Mapping[str, Any]) -> str:
    missed = [str(item) for item in coverage.missed if item.state in states]
    return escape("all parts exercised" if not missed else f"missed: {'; '.join(missed)}")


def _box(name: str, count: int, x: float, y: float) -> str:
    if name == END:
        frame = f'<rect x="{x - END_WIDE / 2}" y="{y - END_HIGH / 2}" width="{END_WIDE}" height="{END_HIGH}" rx="14"/>'
        return f'<g class="end">{frame}{_text(x, y + 4, "end")}</g>'
    shown = name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…"
    mark = f"✓ {count:,} ×" if count else "✕ never"
    return (
        f'<g class="{"hit" if count else "missed"}"><title>{escape(name)}: {mark}</title>'
        f'<rect x="{x - WIDE / 2}" y="{y - HIGH / 2}" width="{WIDE}" height="{HIGH}" rx="8"/>'
        f"{_text(x, y - 3, shown)}{_text(x, y + 15, mark, 'told')}</g>"
    )


def _loop(edge: Edge, count: int, x: float, y: float) -> str:
    path = f"M{x} {y - 5} C{x + _LOOP} {y - 12} {x + _LOOP} {y + 12} {x} {y + 5}"
    return _line(edge, count, path, (x + _LOOP + _wide(_words(edge, count)) / 2, y + 4))


def _line(edge: Edge, count: int, path: str, where: tuple[float, float]) -> str:
    words = _words(edge, count)
    title = f"<title>{escape(str(edge.item))}: {count:,}</title>"
    (x, y), wide = where, _wide(words)
    behind = f'<rect class="words" x="{x - wide / 2:.1f}" y="{y - 12:.1f}" width="{wide}" height="15"/>'
    style = "hit" if count else "missed"
    return f'<g class="edge {style} {edge.item.kind}">{title}<path d="{path}"/>{behind}{_text(x, y, words)}</g>'


def _words(edge: Edge, count: int) -> str:
    return f"{edge.label} {'✓' if count else '✕'} {count:,}".strip()


def _wide(words: str) -> int:
    return 7 * len(words) + 4


def _text(x: float, y: float, words: str, style: str = "") -> str:
    css = f' class="{style}"' if style else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{css}>{escape(words)}</text>'
