"""Where the states of one level stand in a drawing, and how the lines between them run around those between."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.testing.asl_coverage import END

WIDE, HIGH, DOWN = 190, 46, 64
"""A state's box, and the gap between two rows: there lines run sideways."""
END_WIDE, END_HIGH = 60, 28
_BESIDE, _LANE, _TURN = 28, 15, 40
"""Free room on either side of a box and of a lane, and how far a line that turns back reaches out of its row."""

Point = tuple[float, float]
_Lane = tuple[str, str, bool, int]
"""Target, the lines' group, whether they lead back, and the row that the lane passes."""
_Part = str | _Lane
"""What stands in a row: a state, by its name, or a lane."""


@dataclass(frozen=True)
class Way:
    """A line that is asked for, from one state to another one."""

    source: str
    target: str
    group: str
    """Lines of a group to one target share a lane past the rows between."""


@dataclass(frozen=True)
class Route:
    """A line as drawn."""

    path: str
    """As an SVG path."""
    label: Point
    """Where words about it stand."""


@dataclass(frozen=True)
class Layout:
    """A drawing's measures."""

    width: float
    height: float
    centres: Mapping[str, Point]
    routes: Sequence[Route]
    """In the order of the ways."""


def lay_out(start: str, states: Iterable[str], ways: Sequence[Way], room: Mapping[str, float]) -> Layout:
    """Place states in rows, and lead lines only through the gaps between rows and through lanes kept free in them.

    Args:
        start: the first state's name.
        states: names of all.
        ways: between different states.
        room: pixels to keep free on the right of some.
    """
    rows = _rows(start, states, ways)
    lanes = [_lanes(way, rows) for way in ways]
    x, left, right = _across(rows, ways, lanes, room)
    pad = _TURN if any(rows[way.target] <= rows[way.source] for way in ways) else 6
    tops = [pad + row * (HIGH + DOWN) for row in range(max(rows.values()) + 1)]
    starts = _starts(ways, lanes, x)
    routes = []
    for way, lane, (begin, t) in zip(ways, lanes, starts, strict=True):
        back = rows[way.target] <= rows[way.source]
        inset = (HIGH - END_HIGH) / 2 if way.target == END else 0
        points = [(begin, float(tops[rows[way.source]] + HIGH))]
        for each in lane:
            ends = [(x[each], float(tops[each[3]])), (x[each], float(tops[each[3]] + HIGH))]
            points += reversed(ends) if back else ends
        points.append((x[way.target], tops[rows[way.target]] + inset))
        routes.append(_route(points, back, t))
    shift = 12 - left
    return Layout(
        right - left + 24,
        tops[-1] + HIGH + pad,
        {name: (x[name] + shift, tops[row] + HIGH / 2) for name, row in rows.items()},
        [_shifted(path, at, shift) for path, at in routes],
    )


def _rows(start: str, states: Iterable[str], ways: Sequence[Way]) -> dict[str, int]:
    """Row of each state: by the longest way there that does not turn back."""
    row: dict[str, int] = {}

    def visit(name: str, depth: int, path: frozenset[str]) -> None:
        if name in path or row.get(name, -1) >= depth:
            return
        row[name] = depth
        for way in ways:
            if way.source == name and way.target != END:
                visit(way.target, depth + 1, path | {name})

    visit(start, 0, frozenset())
    for name in states:
        row.setdefault(name, max(row.values(), default=-1) + 1)  # what nothing leads to
    if any(way.target == END for way in ways):
        row[END] = max(row.values()) + 1
    return row


def _lanes(way: Way, rows: Mapping[str, int]) -> list[_Lane]:
    source, target = rows[way.source], rows[way.target]
    back = target <= source
    passed = range(source, target - 1, -1) if back else range(source + 1, target)
    return [(way.target, way.group, back, row) for row in passed]


def _across(
    rows: Mapping[str, int], ways: Sequence[Way], lanes: Sequence[Sequence[_Lane]], room: Mapping[str, float]
) -> tuple[dict[_Part, float], float, float]:
    """Each row's boxes and lanes below what leads to them: the middle of each; and where all begins and ends."""
    above: dict[_Part, set[_Part]] = defaultdict(set)
    within: dict[int, dict[_Part, None]] = defaultdict(dict)  # keeps the order, which a set does not
    for name, row in rows.items():
        within[row][name] = None
    for way, lane in zip(ways, lanes, strict=True):
        back = rows[way.target] <= rows[way.source]
        chain: list[_Part] = [*reversed(lane)] if back else [way.source, *lane, way.target]
        for upper, lower in itertools.pairwise(chain):
            above[lower].add(upper)
        for passed in lane:
            within[passed[3]][passed] = None
    x: dict[_Part, float] = {}
    left = right = 0.0
    for row in sorted(within):
        known = {each: sum(x[upper] for upper in above[each]) / len(above[each]) for each in within[row] if above[each]}
        far = max(known.values(), default=0.0) + WIDE
        wish = {each: known.get(each, 0.0 if isinstance(each, str) else far) for each in within[row]}
        ordered = sorted(within[row], key=lambda each: wish[each])
        end = None
        for each in ordered:
            x[each] = wish[each] if end is None else max(wish[each], end + _sides(each, room)[0])
            end = x[each] + _sides(each, room)[1]
        off = sum(wish[each] - x[each] for each in ordered) / len(ordered)
        for each in ordered:
            x[each] += off
            before, after = _sides(each, room)
            left, right = min(left, x[each] - before), max(right, x[each] + after)
    return x, left, right


def _sides(each: _Part, room: Mapping[str, float]) -> tuple[float, float]:
    if not isinstance(each, str):
        return _LANE, _LANE
    half = (END_WIDE if each == END else WIDE) / 2 + _BESIDE
    return half, half + room.get(each, 0)


def _starts(
    ways: Sequence[Way], lanes: Sequence[Sequence[_Lane]], x: Mapping[_Part, float]
) -> list[tuple[float, float]]:
    """Where under its box each line begins, and how far along it its words stand: side by side, so that none meet."""
    of: dict[str, list[int]] = defaultdict(list)
    for number, way in enumerate(ways):
        of[way.source].append(number)
    found = [(0.0, 0.5)] * len(ways)
    for source, numbers in of.items():
        numbers.sort(key=lambda number: x[lanes[number][0] if lanes[number] else ways[number].target])
        step = min(90.0, (WIDE - 60) / max(1, len(numbers) - 1))
        for place, number in enumerate(numbers):
            along = 0.5 if len(numbers) == 1 else 0.3 if len(numbers) == 2 else (0.2, 0.5, 0.8)[place % 3]
            found[number] = x[source] + (place - (len(numbers) - 1) / 2) * step, along
    return found


def _route(points: Sequence[Point], back: bool, t: float) -> tuple[list[list[Point]], Point]:
    """Curves through gaps and straight lines through lanes, by turns."""
    parts, label = [[points[0]]], points[0]
    for number, (begin, end) in enumerate(itertools.pairwise(points)):
        if number % 2:
            parts.append([end])
            continue
        turns = back and number in (0, len(points) - 2)
        reach = (_TURN if number == 0 else -_TURN) if turns else (end[1] - begin[1]) / 2
        bends = [(begin[0], begin[1] + reach), (end[0], end[1] + reach if turns else end[1] - reach)]
        parts.append([*bends, end])
        if not number:
            weights = ((1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t**2, t**3)
            four = (begin, *bends, end)
            label = (
                sum(w * p[0] for w, p in zip(weights, four, strict=True)),
                sum(w * p[1] for w, p in zip(weights, four, strict=True)),
            )
    return parts, label


def _shifted(parts: Sequence[Sequence[Point]], label: Point, shift: float) -> Route:
    letters = {0: "M", 1: "L", 3: "C"}
    words = [
        letters[len(part) if number else 0] + " ".join(f"{x + shift:.1f} {y:.1f}" for x, y in part)
        for number, part in enumerate(parts)
    ]
    return Route(" ".join(words), (label[0] + shift, label[1]))
