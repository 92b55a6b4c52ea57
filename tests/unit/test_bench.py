"""What ``make bench ARGS=--page`` does to docs/speed.md."""

import pytest

from benchmarks import goals
from benchmarks.__main__ import BEGIN, END, PAGE, put_between


def test_tables_take_the_place_of_those_between_the_markers():
    text = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert put_between(text, "new") == f"before\n{BEGIN}\nnew\n{END}\nafter\n"
    assert put_between(put_between(text, "new"), "old") == text


@pytest.mark.parametrize("text", ["", BEGIN, END, f"{END} {BEGIN}"])
def test_a_text_without_markers_is_left_alone(text):
    with pytest.raises(ValueError, match="the page lacks"):
        put_between(text, "new")


def test_the_page_has_them():
    assert "**One execution" in PAGE.read_text().partition(BEGIN)[2].partition(END)[0]


def test_goals_say_what_is_met_and_what_was_not_measured():
    tenths = [{"memory_mb": 100.0 + tenth, "median_milliseconds": 20.0} for tenth in range(10)]
    figures = {
        "executions": {goals.OURS: {"warm_milliseconds": 7.5, "first_seconds": 1.4}},
        "at_once": {"executions_per_second": 131.0, "row": tenths, "in_a_row": 20_000},
    }
    said = {name: (now, met) for name, now, _, met in goals.rows(figures)}
    assert said["one Scones execution over the wire"] == ("7.5 ms", "met")
    assert said["first SUCCEEDED from process start, everything deployed"] == ("1.4 s", "missed")
    assert said["the same, above MiniStack's in the same run"] == ("not measured", "")
    assert said["200 executions at once, client apart"] == ("131 a second", "met")
    assert said["20,000 executions: growth of memory, each"] == ("0.512 KB", "met")
    assert said["20,000 executions: time of the last tenth, the first's being 1"] == ("1 times", "met")
