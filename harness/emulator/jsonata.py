"""JSONata for the Step Functions engine, which expects a Java library that is not there.

The evaluator is jsonata-python, a port of the very library that the engine was written for. The engine hands it one
text: declarations of all variables, as JSON, and the expression. The declarations are read back as JSON and bound as
values, so that a state's input of a hundred kilobytes is not parsed as code.

https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from typing import Any

_ENGINE = "moto.stepfunctions.parser"
_ENCODE = "encode_jsonata_variable_declarations"
_WRAPPED = re.compile(r"(\$exists|\$type)?\((.*)\)", re.DOTALL)
_DECLARATION = re.compile(r"\$(\w+):=")
_DECODER = json.JSONDecoder()


def use_jsonata() -> None:
    """Have the engine evaluate JSONata here."""
    from moto.stepfunctions.parser.asl.jsonata import jsonata

    jsonata._eval_jsonata = evaluate
    for name, module in list(sys.modules.items()):
        if name.startswith(_ENGINE) and hasattr(module, _ENCODE):
            setattr(module, _ENCODE, declare)


def declare(bindings: Mapping[str, Any]) -> str:
    """Declarations of variables, their values as JSON; the engine's own leaves quotes in texts as they are."""
    return "".join(f"{name}:={json.dumps(value, ensure_ascii=False, default=str)};" for name, value in bindings.items())


def evaluate(text: str) -> Any:
    """The value of an expression that the engine has put together.

    Args:
        text: ``($name:=<JSON>; ... expression)``, on its own or as the argument of ``$exists`` or ``$type``.

    Raises:
        JSONataException: the expression is wrong, or cannot be evaluated.
    """
    from jsonata import Jsonata
    from moto.stepfunctions.parser.asl.jsonata.jsonata import JSONataException

    wrapped = _WRAPPED.fullmatch(text)
    function, inner = (wrapped[1] or "", wrapped[2]) if wrapped else ("", text)
    variables, rest = _split(inner)
    try:
        expression = Jsonata(f"{function}({rest})")
        frame = expression.create_frame()
        for name, value in variables.items():
            frame.bind(name, value)
        return _plain(expression.evaluate(None, frame))
    except RecursionError:
        raise JSONataException("D1011", "the expression is nested too deeply") from None
    except Exception as error:
        raise JSONataException(getattr(error, "error", None) or "UNKNOWN", str(error)) from None


def _split(text: str) -> tuple[dict[str, Any], str]:
    """The variables that *text* begins with, and the rest."""
    if text.startswith("(") and text.endswith(")"):  # an expression inside $exists or $type brings its own brackets
        text = text[1:-1]
    variables: dict[str, Any] = {}
    place = 0
    while match := _DECLARATION.match(text, place):
        try:
            value, end = _DECODER.raw_decode(text, match.end())
        except ValueError:
            break
        if text[end : end + 1] != ";":
            break
        variables[match[1]], place = value, end + 1
    return variables, text[place:]


def _plain(value: Any) -> Any:
    """*value* in Python's own types, whole numbers as integers, as JSON writes them."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(member) for name, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(member) for member in value]
    return value
