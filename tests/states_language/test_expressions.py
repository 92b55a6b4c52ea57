"""JSONPath, intrinsic functions and JSONata, in plain Python: what they give, and that they end."""

import time
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.states_language import intrinsics, jsonata, jsonpath
from harness.states_language.errors import EvaluationError, SyntaxFault

DOCUMENT = {
    "a": {"b": [1, 2, {"c": "x"}]},
    "users": [{"n": "x", "year": 1990}, {"n": "y", "year": 2005}],
    "text": "a,b;c",
    "null": None,
    "x y": 1,
}
CONTEXT = {"Execution": {"Id": "i"}}
VARIABLES = {"v": {"q": [5]}}


def path(text):
    return jsonpath.compile(text).evaluate(DOCUMENT, CONTEXT, VARIABLES)


def intrinsic(text):
    return intrinsics.compile(text).evaluate(DOCUMENT, CONTEXT, VARIABLES, Random(1))


def query(text, seed=1):
    return jsonata.compile(text).evaluate({"input": DOCUMENT, "context": CONTEXT}, VARIABLES, Random(seed))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("$.a.b[0]", 1),
        ("$.a.b[-1].c", "x"),
        ("$['a']['b'][1]", 2),
        ("$['x y']", 1),
        ("$.null", None),
        ("$$.Execution.Id", "i"),
        ("$v.q[0]", 5),
        ("$..c", ["x"]),
        ("$.users[*].n", ["x", "y"]),
        ("$.users[0,1].n", ["x", "y"]),
        ("$.users[-1:].n", ["y"]),
        ("$.users.length()", 2),
        ("$.users[?(@.year < 1999)].n", ["x"]),
        ("$.users[?(@.n==x)].year", [1990]),
        ("$.[?(@.missing)]", []),
        ("$.users[?(@.n == 'x' || !(@.year > 2000))].n", ["x"]),
        ("$.users[?(@.n =~ /Y/i && @.year > $.a.b[0])].n", ["y"]),
        ("$.users[?(@.n in ['y', 'z'])].year", [2005]),
    ],
)
def test_paths(text, found):
    assert path(text) == found


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("$.no", "No results for path: $['no']"),
        ("$.no.such", "Missing property in path $['no']"),
        ("$.a.b[9]", "No results for path: $['a']['b'][9]"),
        ("$.text[0]", "No results for path: $['text'][0]"),
        ("$w", "No results for path: $['w']"),
    ],
)
def test_paths_that_lead_nowhere_say_where(text, cause):
    with pytest.raises(EvaluationError) as raised:
        path(text)
    assert (raised.value.error, raised.value.cause) == ("States.Runtime", cause)


@pytest.mark.parametrize("text", ["a.b", "$.a.", "$.a[", "$.a[?(@.b]", "$.a b[", "$.a..", "$.users.length().x"])
def test_what_is_no_path(text):
    with pytest.raises(SyntaxFault):
        jsonpath.compile(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("States.Format('Hi {} {}', $.users[0].n, 1.5)", "Hi x 1.5"),
        (r"States.Format('it\'s \{{}\}', $.a.b)", "it's {[1, 2, {c=x}]}"),
        ("States.MathAdd(-1.5, -1.51)", -3),
        ("""States.StringToJson('{"a":1}')""", {"a": 1}),
        ("States.JsonToString($.a)", '{"b":[1,2,{"c":"x"}]}'),
        ("States.Array(1, 'x', null, true, States.Array())", [1, "x", None, True, []]),
        ("States.ArrayPartition($.a.b, 2)", [[1, 2], [{"c": "x"}]]),
        ("States.ArrayContains($.a.b, 2)", True),
        ("States.ArrayRange(1, 9, 2)", [1, 3, 5, 7, 9]),
        ("States.ArrayGetItem($.users[?(@.n == 'x')], 0)", {"n": "x", "year": 1990}),
        ("States.ArrayLength($.users)", 2),
        ("States.ArrayUnique(States.Array(1, 1, 2))", [1, 2]),
        ("States.Base64Encode('x')", "eA=="),
        ("States.Base64Decode('eA==')", "x"),
        ("States.Hash('', 'SHA-1')", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        ("States.JsonMerge($.users[0], $.users[1], false)", {"n": "y", "year": 2005}),
        ("States.MathAdd(1, -2)", -1),
        ("States.StringSplit($.text, ',;')", ["a", "b", "c"]),
    ],
)
def test_intrinsic_functions(text, found):
    assert intrinsic(text) == found


@pytest.mark.parametrize(
    "text",
    [
        *("States.Nope()", "States.UUID(1)", "States.Format('x'", "States.Array(1,)", "States.Array(" * 11 + ")" * 11),
        *("States.ArrayRange(1, 1e400, 1)", f"States.MathAdd({'9' * 5000}, 1)", f"States.Array($.a[{'9' * 5000}])"),
        *("States.Format('a \\\"b\\\"')", "States.Array('a\\n')"),
    ],
)
def test_what_is_no_intrinsic_function(text):
    with pytest.raises(SyntaxFault):
        intrinsics.compile(text)


@pytest.mark.parametrize(
    ("text", "error", "cause"),
    [
        ("States.ArrayRange(0, 1000000000, 1)", "States.IntrinsicFailure", "more than 1000 elements"),
        ("States.Format('{}')", "States.IntrinsicFailure", "fewer arguments"),
        ("States.StringToJson('{')", "States.IntrinsicFailure", "not valid JSON"),
        ("States.ArrayLength($.text)", "States.IntrinsicFailure", "must be an array"),
        (
            "States.Format('{}', $.no)",
            "States.Runtime",
            "argument for the field '$.no' could not be found in the input",
        ),
    ],
)
def test_intrinsic_functions_that_fail(text, error, cause):
    with pytest.raises(EvaluationError) as raised:
        intrinsic(text)
    assert raised.value.error == error
    assert raised.value.cause.startswith(f"The function '{text}' had the following error: ")
    assert cause in raised.value.cause


@given(st.text(alphabet="$.[]()'\"ab0@?*:,&|=<>!~/ States.Array{}%;-", max_size=40))
@settings(max_examples=200, deadline=None)
def test_nothing_but_the_language_s_own_errors(text):
    for module in (jsonpath, intrinsics, jsonata):
        try:
            expression = module.compile(text)
        except SyntaxFault:
            continue
        try:
            if module is jsonpath:
                expression.evaluate(DOCUMENT, CONTEXT, VARIABLES)
            elif module is intrinsics:
                expression.evaluate(DOCUMENT, CONTEXT, VARIABLES, Random(1))
            else:
                expression.evaluate({"input": DOCUMENT}, VARIABLES, Random(1))
        except EvaluationError:
            pass


@pytest.mark.parametrize("text", ["$.l[?(@.a nin $..a)]", "$..[?(@.a nin $..a)]", "$..*..*..*..*[?(@..no)]"])
def test_paths_that_would_take_for_ever_fail(text, monkeypatch):
    monkeypatch.setattr(jsonpath, "SECONDS", 0.1)
    began = time.monotonic()
    with pytest.raises(EvaluationError):
        jsonpath.compile(text).evaluate({"l": [{"a": i, "b": [[[i]]]} for i in range(4000)]}, {}, {})
    assert time.monotonic() - began < 2
