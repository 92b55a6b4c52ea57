"""State machines as the coverage's page draws them: no line, and none of its words, passes behind a box."""

import json
import re
from xml.etree import ElementTree

import pytest

from harness.testing.asl_coverage import MachineCoverage
from harness.testing.asl_graph import graphs

SVG = "{http://www.w3.org/2000/svg}"
POLLS = {
    "StartAt": "Ask",
    "States": {
        "Ask": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Retry": [{"ErrorEquals": ["A"]}, {"ErrorEquals": ["States.ALL"]}],
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Tell"}],
            "Next": "Ready",
        },
        "Ready": {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.n", "NumericEquals": 1, "Next": "Wait"},
                {"Variable": "$.n", "NumericEquals": 2, "Next": "Ask"},
                {"Variable": "$.n", "NumericEquals": 3, "Next": "Tell"},
                {"Variable": "$.n", "NumericEquals": 4, "Next": "Ready"},
            ],
            "Default": "Use",
        },
        "Wait": {"Type": "Wait", "Seconds": 1, "Next": "Ready"},
        "Use": {"Type": "Pass", "Next": "Keep"},
        "Keep": {"Type": "Pass", "End": True},
        "Tell": {"Type": "Pass", "End": True},
        "Alone": {"Type": "Pass", "End": True},
    },
}


def long(count):
    """A chain, each state of which may also end, fail, or begin anew."""
    names = [f"Step{number}" for number in range(count)]
    catch = [{"ErrorEquals": ["A"], "Next": "Failed"}, {"ErrorEquals": ["B"], "Next": "Step0"}]
    states = {
        name: {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Catch": catch, "Next": after}
        for name, after in zip(names, [*names[1:], "Failed"], strict=True)
    }
    states[names[1]] = {"Type": "Pass", "End": True}
    states[names[0]]["Catch"] = [{"ErrorEquals": ["A"], "Next": name} for name in names[1:]]
    return {"StartAt": "Step0", "States": {**states, "Failed": {"Type": "Fail"}}}


def drawn(definition):
    """Each drawing of a machine some of whose parts were exercised."""
    coverage = MachineCoverage("Machine", definition)
    for number, item in enumerate(coverage.counts):
        coverage.counts[item] = number % 3
    return [
        ElementTree.fromstring(svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" '))
        for _, svg in graphs(coverage)
    ]


def box_of(rect):
    x, y, width, height = (float(rect.get(name)) for name in ("x", "y", "width", "height"))
    return x, y, x + width, y + height


def points(path):
    """Along an SVG path of moves, lines and cubic curves."""
    at = None
    for letter, said in re.findall(r"([MLC])([^MLC]+)", path):
        numbers = [float(number) for number in said.split()]
        pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
        four = [at or pairs[0], *([pairs[0], pairs[0]] if letter != "C" else pairs[:2]), pairs[-1]]
        for step in range(101):
            t = step / 100
            weights = (1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t**2, t**3
            yield tuple(sum(w * p[axis] for w, p in zip(weights, four, strict=True)) for axis in (0, 1))
        at = pairs[-1]


@pytest.mark.parametrize(
    "machine", ["image_classification", "image_batch", "image_batch_inline", "batch_evaluation", POLLS, long(7)]
)
def test_no_line_passes_behind_a_box(root, machine):
    if isinstance(machine, str):
        machine = json.loads((root / "statemachine" / f"{machine}.asl.json").read_text())
    for svg in drawn(machine):
        width, height = float(svg.get("width")), float(svg.get("height"))
        groups = list(svg.iter(f"{SVG}g"))
        edges = [group for group in groups if "edge" in group.get("class").split()]
        boxes = {
            group.find(f"{SVG}text").text: box_of(group.find(f"{SVG}rect")) for group in groups if group not in edges
        }
        assert edges and len(boxes) > 1
        for left, top, right, bottom in boxes.values():
            assert left >= 0 and top >= 0 and right <= width and bottom <= height
        for edge in edges:
            told = edge.find(f"{SVG}title").text
            for x, y in points(edge.find(f"{SVG}path").get("d")):
                assert 0 <= x <= width and 0 <= y <= height, told
                for name, (left, top, right, bottom) in boxes.items():
                    assert not (left + 1 < x < right - 1 and top + 1 < y < bottom - 1), (told, name)
            left, top, right, bottom = box_of(edge.find(f"{SVG}rect"))
            assert left >= 0 and right <= width, told
            for name, (x1, y1, x2, y2) in boxes.items():
                assert right <= x1 or left >= x2 or bottom <= y1 or top >= y2, (told, name)
