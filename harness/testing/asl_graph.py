"""A state machine as a drawing, each part marked by how often it was exercised; plain SVG, no script."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from harness.testing.asl_coverage import END, Item, MachineCoverage

_WIDE, _HIGH, _ACROSS, _DOWN, _EDGE = 190, 46, 76, 64, 40
_LETTERS = 24
"""Of a name, that fit into a box."""


@dataclass(frozen=True)
class Edge:
    """A way from one state to another, and the part of the coverage that stands for it."""

    source: str
    target: str
    item: Item
    label: str = ""


def graphs(coverage: MachineCoverage) -> Iterator[tuple[str, str]]:
    """A drawing of the machine, and one of what each of its Map and Parallel states has within: title and SVG."""
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


def _layers(start: str, states: Mapping[str, Any], edges: list[Edge]) -> dict[str, tuple[int, int]]:
    """Row and column of each state: rows by the longest way there that does not turn back."""
    row: dict[str, int] = {}

    def visit(name: str, depth: int, path: frozenset[str]) -> None:
        if name in path or row.get(name, -1) >= depth:
            return
        row[name] = depth
        for edge in edges:
            if edge.source == name and edge.target not in (name, END):
                visit(edge.target, depth + 1, path | {name})

    visit(start, 0, frozenset())
    for name in states:
        row.setdefault(name, max(row.values(), default=-1) + 1)  # what nothing leads to
    if any(edge.target == END for edge in edges):
        row[END] = max(row.values()) + 1
    place: dict[str, tuple[int, int]] = {}
    used: dict[int, int] = {}
    for name, depth in row.items():
        place[name] = depth, used.get(depth, 0)
        used[depth] = used.get(depth, 0) + 1
    return place


def _svg(coverage: MachineCoverage, part: Mapping[str, Any], title: str) -> str:
    states: Mapping[str, Any] = part["States"]
    edges = edges_of(states, coverage)
    place = _layers(part.get("StartAt", next(iter(states))), states, edges)
    widest = max(sum(1 for row, _ in place.values() if row == depth) for depth in {row for row, _ in place.values()})
    rows = max(row for row, _ in place.values()) + 1
    width, height = widest * (_WIDE + _ACROSS) + 2 * _ACROSS + 60, rows * (_HIGH + _DOWN) - _DOWN + 16

    def centre(name: str) -> tuple[float, float]:
        row, column = place[name]
        here = sum(1 for other, _ in place.values() if other == row)
        x = width / 2 + (column - (here - 1) / 2) * (_WIDE + _ACROSS)
        return x, row * (_HIGH + _DOWN) + _HIGH / 2 + 6

    lines = [_line(edge, coverage.counts[edge.item], centre, place, number) for number, edge in enumerate(edges)]
    boxes = [_box(name, coverage.counts.get(Item("state", name), 0), *centre(name)) for name in place]
    return (
        f'<svg class="machine" role="img" aria-label="{escape(title)}: {_told(coverage, states)}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}">'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0 8 4 0 8z"/></marker></defs>{"".join(lines)}{"".join(boxes)}</svg>'
    )


def _told(coverage: MachineCoverage, states: Mapping[str, Any]) -> str:
    missed = [str(item) for item in coverage.missed if item.state in states]
    return escape("all parts exercised" if not missed else f"missed: {'; '.join(missed)}")


def _box(name: str, count: int, x: float, y: float) -> str:
    if name == END:
        frame = f'<rect x="{x - 30}" y="{y - 14}" width="60" height="28" rx="14"/>'
        return f'<g class="end">{frame}{_text(x, y + 4, "end")}</g>'
    shown = name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…"
    mark = f"✓ {count:,} ×" if count else "✕ never"
    return (
        f'<g class="{"hit" if count else "missed"}"><title>{escape(name)}: {mark}</title>'
        f'<rect x="{x - _WIDE / 2}" y="{y - _HIGH / 2}" width="{_WIDE}" height="{_HIGH}" rx="8"/>'
        f"{_text(x, y - 3, shown)}{_text(x, y + 15, mark, 'told')}</g>"
    )


def _line(edge: Edge, count: int, centre: Any, place: Mapping[str, tuple[int, int]], number: int) -> str:
    (x1, y1), style = centre(edge.source), "hit" if count else "missed"
    words = f"{edge.label} {'✓' if count else '✕'} {count:,}".strip()
    if edge.source == edge.target:
        x, y = x1 + _WIDE / 2, y1
        path = f"M{x} {y - 10} C{x + 40} {y - 24} {x + 40} {y + 24} {x} {y + 10}"
        where = (x + 38, y - 14)
    else:
        x2, y2 = centre(edge.target)
        down = place[edge.target][0] - place[edge.source][0]
        y2 -= 15 if edge.target == END else _HIGH / 2
        shift = (number % 3 - 1) * _EDGE
        if down == 1:
            y1 += _HIGH / 2
            path = f"M{x1 + shift} {y1} C{x1 + shift} {y1 + _DOWN / 2} {x2} {y2 - _DOWN / 2} {x2} {y2}"
            where = (0.75 * (x1 + shift) + 0.25 * x2, 0.65 * y1 + 0.35 * y2 + 4)
        else:  # past other rows, or back: around them
            side = -1 if number % 2 else 1
            far = side * (_WIDE / 2 + 24 + 8 * (number % 4))
            x1 += side * _WIDE / 2
            path = f"M{x1} {y1} C{x1 + far * 0.5} {y1} {x2 + far} {y2 - _DOWN} {x2 + side * 12} {y2}"
            where = (x1 + far * 0.36, y1 + 26)
    title = f"<title>{escape(str(edge.item))}: {count:,}</title>"
    (x, y), wide = where, 7 * len(words) + 4
    behind = f'<rect class="words" x="{x - wide / 2:.1f}" y="{y - 12:.1f}" width="{wide}" height="15"/>'
    return f'<g class="edge {style} {edge.item.kind}">{title}<path d="{path}"/>{behind}{_text(x, y, words)}</g>'


def _text(x: float, y: float, words: str, style: str = "") -> str:
    css = f' class="{style}"' if style else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{css}>{escape(words)}</text>'
