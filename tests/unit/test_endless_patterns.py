"""Patterns that people write go back and forth for a bounded time, or not at all."""

import json
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.emulator.access.conditions import fill_in, glob
from harness.emulator.bounded_patterns import BoundedPattern, EndlessPatternError
from harness.emulator.moto.events import event_patches
from harness.emulator.moto.patches import Patches
from harness.emulator.sagemaker.training.metrics import MetricReader
from harness.emulator.stepfunctions.variable_references import variable_references
from harness.states_language.wildcards import wildcard_pattern

MANY, LONG = "*a" * 60 + "*b", "a" * 20_000


def plainly(pattern):
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)


@given(st.text("ab.*?", max_size=8), st.text("ab.", max_size=8))
def test_a_policys_pattern_matches_as_its_plain_expression_does(pattern, text):
    assert bool(glob(pattern).fullmatch(text)) is bool(plainly(pattern).fullmatch(text))


@given(st.text("ab*", max_size=8), st.text("ab", max_size=8))
def test_a_wildcard_matches_as_its_plain_expression_does(pattern, text):
    assert wildcard_pattern(pattern)(text) is bool(plainly(pattern).fullmatch(text))


def test_many_stars_end_at_once():
    began = time.monotonic()
    assert not glob(MANY).fullmatch(LONG)
    assert not fill_in(f"${{aws:username}}{MANY}", lambda key: ["a"]).fullmatch(LONG)
    assert glob(MANY).fullmatch(f"{LONG}b")
    assert not wildcard_pattern(MANY)(LONG)
    assert time.monotonic() - began < 20  # of the age of the universe


def test_moto_matches_wildcards_of_events_so():
    from moto.events.models import EventPattern

    patches = Patches()
    patches.apply(event_patches())
    try:
        pattern = EventPattern.load(json.dumps({"detail": {"a": [{"wildcard": MANY}]}}))
        assert not pattern.matches_event({"detail": {"a": LONG}})
        assert pattern.matches_event({"detail": {"a": f"{LONG}b"}})
    finally:
        patches.undo()


def test_an_expression_that_takes_too_long_is_given_up():
    pattern = BoundedPattern("(a+)+b")
    assert pattern.fullmatch("aab") and pattern.search("xaab")
    with pytest.raises(EndlessPatternError, match=re.escape("(a|aa)+$")):
        BoundedPattern("(a|aa)+$").search("a" * 5000 + "!")
    with pytest.raises(ValueError, match="missing"):
        BoundedPattern("(")


def test_a_metric_whose_expression_never_ends_is_left_out():
    reader = MetricReader([{"Name": "bad", "Regex": "(a|aa)+$"}, {"Name": "loss", "Regex": "loss=([0-9.]+)"}])
    reader.read("a" * 5000 + "!", None)
    reader.read("loss=0.5", None)
    assert [(each["MetricName"], each["Value"]) for each in reader.final()] == [("loss", 0.5)]


@pytest.mark.timeout(30)
def test_what_is_opened_very_often_and_never_closed_is_read_at_once():
    assert fill_in("${" * 50_000, lambda key: None) is not None
    opened = "{% " + "function (" * 50_000 + " %}"
    assert variable_references(json.dumps({"States": {"A": {"Output": opened}}})) == {}
