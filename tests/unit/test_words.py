"""Numbers in reports: three decimals, never on the other side of a threshold, with what a share is of."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.reporting.verdict import Finding, accuracy_finding, judge
from harness.reporting.words import limit, percent, probability, share


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5, "0.500"), (0.93, "0.930"), (0.93004, "0.93004"), (0.9299, "0.930"), (0.9304, "0.9304"), (0.94, "0.940")],
)
def test_a_probability_stays_on_its_side_of_the_threshold(value, text):
    assert probability(value, 0.93) == text


@given(st.floats(0, 1), st.floats(0, 1))
def test_no_probability_is_written_on_the_other_side(value, threshold):
    assert (float(probability(value, threshold)) > threshold) == (value > threshold)


def test_a_threshold_is_never_rounded_and_a_share_says_of_what():
    assert (limit(0.93), limit(0.9305)) == ("0.930", "0.9305")
    assert share(106, 177) == "59.9 % (106 of 177)" and share(0, 0) == "none of 0"
    assert (percent(1), percent(0), percent(0.9999), percent(0.0001)) == ("100.0 %", "0.0 %", "99.99 %", "0.01 %")


@pytest.mark.parametrize(("right", "total", "level"), [(105, 106, "pass"), (94, 100, "watch"), (70, 100, "fail")])
def test_what_passes_has_to_be_as_often_right_as_the_threshold_says(right, total, level):
    assert accuracy_finding(right, total, 0.93).level == level


def test_the_worst_finding_is_the_verdict():
    verdict = judge([Finding("pass", "fine"), Finding("fail", "broken"), Finding("watch", "odd")], "a rule")
    assert (verdict.level, verdict.reason) == ("fail", "broken")
    assert [finding.level for finding in verdict.findings] == ["fail", "watch", "pass"]
