"""Patterns by which event source mappings choose records, as AWS's page on filtering has them."""

import pytest

from harness.emulator.lambda_.patterns import is_pattern, matches

RECORD = {
    "body": {
        "city": "Seattle",
        "temperature": 24.5,
        "rain": None,
        "note": "",
        "tags": ["dry", "warm"],
        "deep": {"a": 1},
    }
}


def body(**pattern):
    return {"body": pattern}


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [
        (body(city=["Seattle"]), True),
        (body(city=["seattle"]), False),
        (body(city=["Tacoma", "Seattle"]), True),
        (body(city=[{"equals-ignore-case": "sEATTLE"}]), True),
        (body(city=[{"prefix": "Sea"}]), True),
        (body(city=[{"prefix": "sea"}]), False),
        (body(city=[{"suffix": "ttle"}]), True),
        (body(city=[{"anything-but": ["Tacoma", "Everett"]}]), True),
        (body(city=[{"anything-but": ["Tacoma", "Seattle"]}]), False),
        (body(city=[{"anything-but": "Seattle"}]), False),
        (body(city=[{"anything-but": {"prefix": "Sea"}}]), False),
        (body(city=[{"anything-but": {"prefix": "Tac"}}]), True),
        (body(gone=[{"anything-but": ["x"]}]), False),
        (body(temperature=[{"numeric": ["=", 24.5]}]), True),
        (body(temperature=[{"numeric": [">", 20, "<=", 24.5]}]), True),
        (body(temperature=[{"numeric": [">", 24.5]}]), False),
        (body(city=[{"numeric": [">", 0]}]), False),
        (body(rain=[None]), True),
        (body(city=[None]), False),
        (body(note=[""]), True),
        (body(city=[{"exists": True}]), True),
        (body(gone=[{"exists": True}]), False),
        (body(gone=[{"exists": False}]), True),
        (body(city=[{"exists": False}]), False),
        (body(deep=[{"exists": True}]), False),  # of leaves alone
        (body(deep={"a": [1]}), True),
        (body(tags=["warm"]), True),
        (body(tags=["wet"]), False),
        (body(city=["Seattle"], temperature=[{"numeric": ["<", 0]}]), False),
        ({"body": {"$or": [{"city": ["Tacoma"]}, {"temperature": [{"numeric": [">", 20]}]}]}}, True),
        ({"body": {"$or": [{"city": ["Tacoma"]}, {"temperature": [{"numeric": [">", 30]}]}]}}, False),
        ({"$or": [{"body": {"city": ["Tacoma"]}}, {"body": {"city": ["Seattle"]}}]}, True),
    ],
)
def test_a_record_is_chosen_as_its_pattern_says(pattern, wanted):
    assert is_pattern(pattern)
    assert matches(pattern, RECORD) is wanted


@pytest.mark.parametrize(
    "pattern",
    [
        [],
        {},
        "body",
        {"body": "Seattle"},
        {"body": []},
        {"body": {}},
        body(city=[["Seattle"]]),
        body(city=[{"wildcard": "S*"}]),
        body(city=[{"prefix": 1}]),
        body(city=[{"prefix": "S", "suffix": "e"}]),
        body(city=[{"exists": "yes"}]),
        body(city=[{"anything-but": []}]),
        body(city=[{"anything-but": {"numeric": [">", 1]}}]),
        body(temperature=[{"numeric": [">"]}]),
        body(temperature=[{"numeric": ["~", 3]}]),
        body(temperature=[{"numeric": [">", "3"]}]),
        body(temperature=[{"numeric": ["<", 3, ">", 1]}]),
        body(temperature=[{"numeric": [">", 3, "<", 1]}]),
        {"$or": [{"city": ["Seattle"]}]},
        {"$or": {"city": ["Seattle"]}},
    ],
)
def test_what_is_no_pattern_is_refused(pattern):
    assert not is_pattern(pattern)
