"""JSONPath, intrinsic functions and JSONata, in plain Python: what they give, and that they end."""

import time
import tracemalloc
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
MEMORY = "Expression evaluation memory limit exceeded: Check for excessive memory usage"
STACK = (
    "Stack overflow error: Check for non-terminating recursive function.  Consider rewriting as tail-recursive. "
    "Depth=101 max=100"
)
DOUBLED = "($p := function($s, $n) { $n = 0 ? $s : $p($s & $s, $n - 1) }; $length($p('x', 22)))"


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


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("$states.input.a.b[0] + 1", 2),
        ("$states.input.`null`", None),
        ("$v.q[0]", 5),
        ("$partition([1,2,3], 2)", [[1, 2], [3]]),
        ("$range(0, 6, 2)", [0, 2, 4, 6]),
        ("$range(1, 9, 9)", 1),
        ("$zip([1, 2], [3, 4, 5])", [[1, 3], [2, 4]]),
        ("$fromMillis(0, '[Y]')", "1970"),
        ("$hash('', 'MD5')", "d41d8cd98f00b204e9800998ecf8427e"),
        ("['a', 'b'] ~> $join(?, '-')", "a-b"),
        ("$map(['a1', 'b2'], $replace(?, /[0-9]/, ''))", ["a", "b"]),
        ("[1, 2, 3] ~> $partition(?, 2)", [[1, 2], [3]]),
        ("$map(['a', 'b'], $pad(?, 2, '.'))", ["a.", "b."]),
        ("$random(7)", 0.7306990420600421),  # java.util.Random(7).nextDouble()
        ("$parse('[1, null]')", [1, None]),
        ("$distinct([1, 1, 2])", [1, 2]),
        ("1 = 1.0", True),
        ("$parseInteger('x', '0')", "NaN"),
        # What AWS has been seen to take and give; a little more of each it refuses.
        ("[1..873782] ~> $count()", 873782),
        ("$count($range(1, 360145, 1))", 360145),
        (DOUBLED, 2**22),
        ("+".join("1" * 100), 100),
        ("(" * 99 + "1" + ")" * 99, 1),
        ("($f := function($n){$n <= 0 ? 0 : 1 + $f($n - 1)}; $f(31))", 31),
        ("$range(-1.7, 2, 1)", [-1, 0, 1, 2]),
        ("[1/0, -1/0, 0/0, 1e308 * 10]", ["Infinity", "-Infinity", "NaN", "Infinity"]),
    ],
)
def test_jsonata(text, found):
    assert query(text) == found


def test_what_is_random_is_the_same_for_the_same_seed():
    assert query("[$random(), $uuid()]", 3) == query("[$random(), $uuid()]", 3) != query("[$random(), $uuid()]", 4)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("$states.input.no", "returned nothing (undefined)."),
        ("function($x){$x}", "returned an unsupported result type."),
        ("$no()", "threw an error during evaluation. T1006: Attempted to invoke a non-function"),
        ("$eval('1')", "threw an error during evaluation. T1006: Attempted to invoke a non-function"),
        (
            "$abs('x')",
            'threw an error during evaluation. T0410: Argument 1 of function "abs" does not match function signature',
        ),
        (
            "$sum(['a'])",
            'threw an error during evaluation. T0412: Argument 1 of function "sum" must be an array of "numbers"',
        ),
        (
            "1 + 'a'",
            'threw an error during evaluation. T2002: The right side of the "+" operator must evaluate to a number',
        ),
        (
            "$range(0, 4, 1, 2)",
            'threw an error during evaluation. T0410: Argument 4 of function "range" does not match function signature',
        ),
        ("$range(0, 4)", "returned nothing (undefined)."),
        (
            "$formatNumber(1, 'x')",
            "threw an error during evaluation. D3086: The sub-picture must not contain a passive character that is "
            "preceded by an active character and that is followed by another active character",
        ),
        (
            "$sort([3, 'a'])",
            "threw an error during evaluation. D3070: The single argument form of the sort function can only be "
            "applied to an array of strings or an array of numbers.  Use the second argument to specify a comparison "
            "function",
        ),
        (
            "$formatBase(10, 99)",
            "threw an error during evaluation. D3100: The radix of the formatBase function must be between 2 and 36.  "
            "It was given 99",
        ),
        ("$number('x')", 'threw an error during evaluation. D3030: Unable to cast value to a number: "x"'),
        ("[1..873783] ~> $count()", f"threw an error during evaluation: {MEMORY}"),
        ("$count($range(1, 360146, 1))", f"threw an error during evaluation: {MEMORY}"),
        ("+".join("1" * 101), f"threw an error during evaluation: {STACK}"),
        ("(" * 100 + "1" + ")" * 100, f"threw an error during evaluation: {STACK}"),
        ("($f := function($n){$n <= 0 ? 0 : 1 + $f($n - 1)}; $f(32))", f"threw an error during evaluation: {STACK}"),
    ],
)
def test_jsonata_that_fails_says_how(text, cause):
    with pytest.raises(EvaluationError) as raised:
        query(text)
    assert (raised.value.error, raised.value.cause) == ("States.QueryEvaluationError", cause)


def test_what_aws_itself_fails_at_has_a_number_and_no_reason(capsys):
    with pytest.raises(EvaluationError, match=r"threw an internal error during evaluation\. [0-9a-f-]{36}$"):
        query("$base64decode('!!!')")
    with pytest.raises(EvaluationError, match="T1006"):
        query("$states.input.n(1)")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("text", ["1 +", "(", "$a :=", "(" * 5000, "/[/"])
def test_what_is_no_jsonata(text):
    with pytest.raises(SyntaxFault):
        jsonata.compile(text)


def test_the_variables_that_an_expression_takes_from_outside():
    found = jsonata.compile("($x := $a; $map($b, function($i) { $i + $x & '$c' }) /* $d */)")
    assert found.variables == {"a", "b", "map"}


ENDLESS = [
    "($f := function($x){$f($x)}; $f(1))",
    "($f := function($x){1 + $f($x)}; $f(1))",
    "($f := function($x, $n){$n = 0 ? $x : $f($x & $x, $n - 1)}; $f('aa', 60))",
    "($f := function($x, $n){$n = 0 ? $x : $f([$x, $x], $n - 1)}; $f([1], 60))",
    "($f := function($x, $n){$n = 0 ? $x : $f({'a': $x, 'b': $x}, $n - 1)}; $f(1, 60))",
    "($f := function($x, $n){$n = 0 ? $x : $f($x * $x, $n - 1)}; $f(7, 60))",
    "$pad('a', 1000000000)",
    "$replace($pad('', 100000, 'a'), 'a', $pad('', 100000, 'b'))",
    "$replace($pad('', 100000, 'a'), /a/, $pad('', 100000, 'b'))",
    "$join($map([1..8000], function($i){$pad('x', 1000)}))",
    "[1..10000000]",
    "$range(0, 1000000000, 1)",
    "$zip([1..900000], [1..900000])",
    "$formatInteger(123, $pad('', 1000000, '#,'))",
    "$match($pad('', 60, 'x'), /^(\\w+\\s?)*\\d$/)",
]


@pytest.mark.parametrize("text", ENDLESS)
def test_expressions_that_would_not_end_fail(text, monkeypatch):
    monkeypatch.setattr(jsonata, "SECONDS", 0.3)
    began = time.process_time()
    with pytest.raises(EvaluationError):
        query(text)
    assert time.process_time() - began < 2


LONG = "$pad('', 1000000, 'a')"
HEAVY = [
    f"$replace({LONG}, /a/, 'bbbbbbbb')",
    f"$replace({LONG}, /(a+)/, '$1$1$1$1$1$1$1$1')",
    f"$replace({LONG}, /(?:)/, 'bbbbbbbb')",
    f"$replace({LONG}, 'a', 'bbbbbbbb')",
    f"$replace({LONG}, /a/, function($m){{{LONG}}})",
    f"$map([1..5000], function($i){{$substring({LONG}, 0, 500000)}})",
    f"$split({LONG}, '')",
    f"$map([1..5000], function($i){{{LONG}}})",
    f"$reduce([1..5000], function($a, $i){{{LONG}}})",
    f"$each({{'a': 1}}, function($v){{$map([1..5000], function($i){{{LONG}}})}})",
    f"$map($split($pad('', 2000, 'a'), ''), $replace(?, 'a', {LONG}))",
]


@pytest.mark.parametrize("text", HEAVY)
def test_no_expression_takes_much_memory(text):
    tracemalloc.start()
    try:
        with pytest.raises(EvaluationError, match=r"limit exceeded|timeout"):
            query(text)
        assert tracemalloc.get_traced_memory()[1] < 150_000_000
    finally:
        tracemalloc.stop()


def test_what_a_replacement_might_have_made_counts_for_nothing():
    text = f"$length($replace({LONG} & '1', /[0-9]/, $pad('', 1000, 'b')))"
    assert query(text) == 1_001_000


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
