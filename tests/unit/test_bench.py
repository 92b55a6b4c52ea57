"""What ``make bench ARGS=--page`` does to docs/speed.md."""

import pytest

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
