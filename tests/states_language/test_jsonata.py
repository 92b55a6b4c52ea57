"""JSONata, in plain Python: what expressions give, how they fail in AWS's words, and that they end."""

import time
import tracemalloc
from random import Random

import pytest

from harness.states_language import jsonata
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


def query(text, seed=1):
    return jsonata.compile(text).evaluate({"input": DOCUMENT, "context": CONTEXT}, VARIABLES, Random(seed))


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
        ("$string(1e20)", "100000000000000000000"),
        ("$string([1e21, 1.5e-7, 0.1 + 0.2, -0, 1e-6])", "[1e+21,1.5e-7,0.3,0,0.000001]"),
        ("'é' & {'a': 'é', 'f': $sum} & 1e20", 'é{"a":"é","f":""}100000000000000000000'),
        ("$string({'a': [1, {}], 'b': []}, true)", '{\n  "a": [\n    1,\n    {}\n  ],\n  "b": []\n}'),
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
        (
            "$string(1 / 0)",
            "threw an error during evaluation. D3001: Attempting to invoke string function on Infinity or NaN",
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
