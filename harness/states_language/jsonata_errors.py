"""How AWS words the errors of JSONata: as the reference implementation, its own words where a limit is passed."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from jsonata.jexception import JException
from jsonata.signature import Signature

_PLACE = re.compile(r"\{\{\w+\}\}")
_TYPES = {"a": "arrays", "b": "booleans", "f": "functions", "n": "numbers", "o": "objects", "s": "strings"}

DEEPEST = 100
"""Parts of an expression within one another while it is evaluated, calls of functions among them."""


class LimitError(Exception):
    """An evaluation passes a limit; its words are AWS's."""


class InternalError(Exception):
    """AWS's own evaluator fails; it gives no reason, but a number."""


def mismatch(signature: Signature, args: Sequence[Any]) -> int:
    """Return the number of the first argument that does not match a signature, as the reference implementation does.

    Args:
        signature: of the function.
        args: that it was given.
    """
    given, pattern, good = "".join(map(signature.get_symbol, args)), "", 0
    for parameter in signature._params:
        pattern += parameter.regex
        found = re.match(pattern, given)
        if found is None:
            break
        good = found.end()
    return good + 1


def too_long() -> LimitError:
    """Return what is told when an evaluation takes too long."""
    return LimitError("Expression evaluation timeout: Check for infinite loop")


def too_large() -> LimitError:
    """Return what is told when an evaluation makes too much."""
    return LimitError("Expression evaluation memory limit exceeded: Check for excessive memory usage")


def too_deep() -> LimitError:
    """Return what is told when an evaluation goes too deep."""
    return LimitError(
        "Stack overflow error: Check for non-terminating recursive function.  Consider rewriting as tail-recursive."
        f" Depth={DEEPEST + 1} max={DEEPEST}"
    )


def words(error: JException) -> str:
    """Return code and words of *error*, ``T0410: Argument 1 of function "abs" does not match function signature``.

    The library's own words have lost some: "Object" stands in them for "function", and texts have no quotation marks.
    """
    code = error.error or ""
    template = JException.error_codes.get(code)
    if template is None:  # the library gives some words in place of the code
        return code or "the expression cannot be evaluated"
    if template == "{{{message}}}":
        return f"{code}: {error.current}"
    values = [error.current, error.expected, error.extra]
    if code == "D1002":
        values = [error.expected]
    elif code == "T0412":
        values[2] = _TYPES.get(str(error.extra), error.extra)
    waiting = iter(values)
    told = _PLACE.sub(lambda place: _quoted(next(waiting, None)), template.replace("Object", "function"))
    return f"{code}: {told}"


def _quoted(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
