"""Definitions as graphs: everything that there is, and what leads where."""

import json

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from harness.dashboard.definition import END, START, choice_in_words, fails_of, graph_of, states_in
from harness.parity.export import read_export

INVOKE = "arn:aws:states:::lambda:invoke"


def machine(start, **states):
    return {"StartAt": start, "States": states}


def edges(graph):
    return [(edge["from"], edge["to"], edge["kind"], edge["label"]) for edge in graph["edges"]]


def test_every_way_is_there():
    graph = graph_of(
        json.dumps(
            machine(
                "Ask",
                Ask={
                    "Type": "Choice",
                    "Choices": [{"Variable": "$.n", "NumericGreaterThan": 3, "Next": "Call"}],
                    "Default": "Wait",
                },
                Wait={"Type": "Wait", "Seconds": 5, "Next": "Ask"},
                Call={
                    "Type": "Task",
                    "Resource": INVOKE,
                    "Parameters": {"FunctionName": "arn:aws:lambda:us-east-1:123456789012:function:price:PROD"},
                    "Retry": [{"ErrorEquals": ["A"], "MaxAttempts": 2}, {"ErrorEquals": ["States.ALL"]}],
                    "Catch": [{"ErrorEquals": ["A", "B"], "Next": "No"}, {"ErrorEquals": ["States.ALL"], "Next": "No"}],
                    "End": True,
                },
                No={"Type": "Fail", "Error": "Never"},
            )
            | {"Comment": "Asks."}
        )
    )
    assert graph["comment"] == "Asks."
    assert edges(graph) == [
        (START, "Ask", "next", ""),
        ("Ask", "Call", "choice", "$.n > 3"),
        ("Ask", "Wait", "otherwise", "otherwise"),
        ("Call", "No", "catch", "A, B"),
        ("Call", "No", "catch", "any error"),
        ("Wait", "Ask", "next", ""),
        ("Call", END, "next", ""),
        ("No", END, "next", ""),
    ]
    nodes = {node["id"]: node for node in graph["nodes"]}
    assert nodes["Call"]["what"] == "Lambda price"
    assert nodes["Call"]["retries"] == "tried again up to 5 times"
    assert nodes["Wait"]["what"] == "5 s"
    assert nodes["No"]["what"] == "Never"


def test_maps_and_parallels_hold_levels_of_their_own():
    inner = machine(
        "Two", Two={"Type": "Parallel", "End": True, "Branches": [machine("A", A={"Type": "Pass", "End": True})] * 2}
    )
    outer = machine("One", One={"Type": "Map", "MaxConcurrency": 3, "End": True, "ItemProcessor": inner})
    graph = graph_of(json.dumps(outer))
    (one,) = [node for node in graph["nodes"] if node["kind"] == "Map"]
    assert one["what"] == "for each item, 3 at once"
    (level,) = one["branches"]
    assert level["nodes"][0]["what"] == "2 branches at once"
    assert len(level["nodes"][0]["branches"]) == 2
    assert [node["id"] for node in states_in(graph)] == ["One", "Two", "A", "A"]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"Variable": "$.a", "StringEquals": "x"}, "$.a = x"),
        ({"Variable": "$.a", "IsPresent": False}, "$.a is not present"),
        ({"Variable": "$.a", "BooleanEquals": True}, "$.a = true"),
        ({"Variable": "$.a", "NumericLessThanEqualsPath": "$.b"}, '$.a ≤ "$.b"'),
        ({"Not": {"Variable": "$.a", "IsNull": True}}, "not $.a is null"),
        (
            {"And": [{"Variable": "$.a", "StringMatches": "x*"}, {"Or": [{"Variable": "$.b", "IsNull": True}]}]},
            "$.a matches x* and ($.b is null)",
        ),
        ({"Condition": "{% $states.input.n > 3 %}"}, "$states.input.n > 3"),
    ],
)
def test_choices_in_words(rule, words):
    assert choice_in_words(rule) == words


def test_definitions_of_aws_own_executions(real_data):
    for path in sorted((real_data / "aws-truth" / "executions").glob("*.json")):
        definition = read_export(path).definition
        graph = graph_of(definition)
        assert {node["id"] for node in states_in(graph)} == set(json.loads(definition)["States"])
        assert all(node["what"].startswith("Lambda ") for node in states_in(graph) if node["kind"] == "Task")


MEMBERS = (
    "States",
    "StartAt",
    "Type",
    "Next",
    "Choices",
    "Default",
    "Branches",
    "ItemProcessor",
    "Catch",
    "Retry",
    "End",
)
VALUES = (
    st.none() | st.booleans() | st.integers() | st.sampled_from(["A", "B", "Map", "Parallel", "Choice", "Task", ""])
)
DOCUMENTS = st.recursive(
    VALUES,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from([*MEMBERS, "A", "B"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.fixed_dictionaries({"States": st.dictionaries(st.sampled_from(["A", "B"]), DOCUMENTS, max_size=2)}) | DOCUMENTS
)
@example({"States": [True]})
def test_what_is_no_definition_is_drawn_as_far_as_it_goes_or_not_at_all(document):
    graph = graph_of(json.dumps(document))
    names = {node["id"] for node in graph["nodes"]}
    assert all(edge["from"] in names and edge["to"] in names for edge in graph["edges"])
    list(states_in(graph))
    fails_of(json.dumps(document))


def test_what_is_no_json_is_not_drawn():
    assert graph_of("{") == {"comment": "", "nodes": [], "edges": []}
