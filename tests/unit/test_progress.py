"""How far something is: few lines and few drawings, however fast the work is."""

import io

import pytest
from rich.console import Console

from harness.reporting.progress import counting, progress_bar


def test_a_log_gets_a_line_for_each_tenth():
    text = io.StringIO()
    with counting(Console(file=text, width=80), 1200, "executions") as ended:
        for number in range(1200):
            ended("it broke" if number % 3 == 0 else None)
    lines = text.getvalue().splitlines()
    assert len(lines) == 10
    assert lines[-1].startswith("  1,200 of 1,200 executions, 400 failed, ") and lines[-1].endswith(" a second")


def test_a_terminal_is_drawn_a_few_times_and_stays_lower_than_its_window():
    text = io.StringIO()
    console = Console(file=text, width=80, height=6, force_terminal=True)
    with counting(console, 20_000, "executions") as ended:
        for number in range(20_000):
            ended(f"image {number}: ThresholdConfidenceNotMet" if number % 2 else None)
    drawn = text.getvalue()
    assert len(drawn) < 20_000  # a drawing for each would be some MB
    assert "image 19999" in drawn and "image 19997" in drawn


@pytest.mark.parametrize(("width", "said"), [(80, "failed, "), (60, "failed, "), (40, " executions, ")])
def test_the_words_are_whole_before_the_bar_is_long(width, said):
    text = io.StringIO()
    with counting(Console(file=text, width=width, height=6, force_terminal=True), 1200, "executions") as ended:
        for _ in range(1200):
            ended(None)
    last = text.getvalue().split("1,200 of 1,200")[-1].splitlines()[0]
    assert said in last and ("a second" in last or width == 40)


def test_a_bar_says_nothing_in_a_log():
    text = io.StringIO()
    with progress_bar(Console(file=text), "Loading") as update:
        update(3, 10, "slowly")
    assert text.getvalue() == ""
