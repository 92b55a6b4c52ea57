"""JSONata as Step Functions has it: AWS's own functions beside the language's, bounded in time, size and memory.

The evaluator is jsonata-python, a port of the reference implementation. It calls back before and after each part of an
expression that it evaluates, which is where the bounds are held; the few functions of it that work for long, or make
much of little, between two such calls are held to them here.

https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
https://docs.jsonata.org/overview
"""

from __future__ import annotations

import math
import operator
import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from jsonata import Jsonata
from jsonata.jexception import JException
from jsonata.signature import Signature
from jsonata.utils import Utils

from harness.states_language.bounded_regex import compile_bounded
from harness.states_language.effects import Json
from harness.states_language.errors import EvaluationError, SyntaxFault, UnsupportedFault
from harness.states_language.jsonata_errors import (
    DEEPEST,
    InternalError,
    LimitError,
    mismatch,
    too_deep,
    too_large,
    too_long,
    words,
)
from harness.states_language.jsonata_functions import FUNCTIONS, MADE, MOST_BYTES, Make
from harness.states_language.jsonata_references import unsupported
from harness.states_language.jsonata_strings import string_of

ERROR = "States.QueryEvaluationError"
SECONDS = 2.0
"""Of processor time that an evaluation may take: how busy the machine is otherwise decides nothing."""
_ELEMENT = 8
HEAVIEST = MOST_BYTES + _ELEMENT
"""Bytes of a value with all that is in it: eight for an element, one for a character."""
MOST_MADE = 64_000_000
"""Bytes of all that an evaluation makes."""
LARGEST = 2**1024
_MADE = "__made"
_NOT_CODE = re.compile(
    r"""/\*.*?\*/|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`|(?<=[(,~:?=])\s*/(?:[^/\\\n]|\\.)+/[im]*""", re.DOTALL
)
_VARIABLE = re.compile(r"\$([A-Za-z_]\w*)(\s*:=)?")
_PARAMETERS = re.compile(r"(?:function|λ)\s*\(([^()]*)\)")


@dataclass(frozen=True)
class Expression:
    """A compiled expression.

    Attributes:
        text: as it was written.
        variables: names, without the ``$``, that it takes from outside: functions among them.
    """

    text: str
    variables: frozenset[str] = field(repr=False)
    _compiled: Any = field(repr=False, compare=False)
    _made: tuple[tuple[str, Make], ...] = field(repr=False, compare=False)

    def evaluate(
        self, states: Mapping[str, Json], variables: Mapping[str, Json], random: Random, now: float = 0.0
    ) -> Json:
        """Evaluate the expression.

        Args:
            states: what ``$states`` means.
            variables: by name.
            random: what ``$random()``, ``$uuid()`` and ``$shuffle()`` draw from.
            now: of ``$now()`` and ``$millis()``, seconds since the epoch.

        Raises:
            EvaluationError: it fails, gives nothing or what is no JSON, or goes on for too long.
        """
        bounds = _Bounds()
        bindings: dict[str, Any] = {
            name: Utils.NULL_VALUE if value is None else value for name, value in variables.items()
        }
        for name, make in self._made:
            bindings[name] = make(random, now)
        bindings["states"] = states
        bindings["__evaluate_entry"] = bounds.enter
        bindings["__evaluate_exit"] = bounds.leave
        bindings[_MADE] = bounds.hold
        try:
            found = self._compiled.evaluate(None, bindings)
            if found is None:
                raise EvaluationError(ERROR, "returned nothing (undefined).")
            return _as_json(found, 0)
        except EvaluationError:
            raise
        except JException as error:
            raise EvaluationError(ERROR, f"threw an error during evaluation. {words(error)}") from None
        except LimitError as error:
            raise EvaluationError(ERROR, f"threw an error during evaluation: {error}") from None
        except InternalError:
            told = uuid.UUID(int=random.getrandbits(128), version=4)
            raise EvaluationError(ERROR, f"threw an internal error during evaluation. {told}") from None
        except RecursionError:
            raise EvaluationError(ERROR, f"threw an error during evaluation: {too_deep()}") from None
        except (ZeroDivisionError, OverflowError):
            text = "D1001: Number out of range: Infinity"
            raise EvaluationError(ERROR, f"threw an error during evaluation. {text}") from None
        except TimeoutError:  # of a regular expression
            raise EvaluationError(ERROR, f"threw an error during evaluation: {too_long()}") from None
        except Exception as error:  # the library's own mistakes about data that it did not expect
            raise EvaluationError(ERROR, f"threw an error during evaluation. {error}") from None


def compile(text: str) -> Expression:
    """Read an expression.

    Raises:
        SyntaxFault: it is none, or refers to what Step Functions does not have.
    """
    try:
        compiled = _Evaluator(text, compile_bounded)
    except (JException, RecursionError, LookupError, TypeError, ValueError, AttributeError) as error:
        said = words(error).partition(": ")[2] if isinstance(error, JException) else str(error)
        raise SyntaxFault(said or str(error)) from None
    if compiled.errors:
        raise SyntaxFault(str(compiled.errors[0]))
    if wrong := unsupported(compiled.ast):
        raise UnsupportedFault(*wrong)
    compiled.set_output_convert_nulls(False)
    compiled.set_validate_input(False)
    for name, make in FUNCTIONS.items():
        if name in text:  # where partial application, which names the function anew, finds it too
            compiled.environment.bind(name, make(name))
    made = tuple((name, make) for name, make in MADE.items() if name in text)
    return Expression(text, _variables(text), compiled, made)


def _variables(text: str) -> frozenset[str]:
    code = _NOT_CODE.sub(" ", text)
    own = {match[1] for match in _VARIABLE.finditer(code) if match[2]}
    own |= {name.strip().lstrip("$") for match in _PARAMETERS.finditer(code) for name in match[1].split(",")}
    return frozenset(match[1] for match in _VARIABLE.finditer(code) if match[1] not in own)


class _Evaluator(Jsonata):  # type: ignore[misc]
    """The library's, with numbers that JavaScript has: what AWS makes of 1/0 is no error."""

    def apply(self, proc: Any, args: Any, input: Any, environment: Any) -> Any:
        """Call a function, and hold what it gives to the limits: a call at its end is no part of an expression.

        Args:
            proc: the function.
            args: its arguments.
            input: of the expression.
            environment: in which it is called.
        """
        if isinstance(proc, (str, int, float, list, Mapping)):
            raise JException("T1006", 0)  # the library's own way prints it
        result = super().apply(proc, args, input, environment)
        if isinstance(result, (str, list, Mapping)):
            hold = (getattr(proc, "environment", None) or environment).lookup(_MADE)
            if hold is not None:
                hold(result)
        return result

    def validate_arguments(self, signature: Any, args: Any, context: Any) -> Any:
        """Hold arguments to a function's signature, and name the first that does not match.

        Args:
            signature: of the function.
            args: as they are given.
            context: of the expression, which may stand for one.
        """
        try:
            return super().validate_arguments(signature, args, context)
        except JException as error:
            wanted = getattr(signature, "signature", None)
            if error.error == "T0410" and isinstance(wanted, Signature):
                error.current = mismatch(wanted, args)
            raise

    def evaluate_string_concat(self, lhs: Any, rhs: Any) -> str:
        """Join two values as texts.

        Args:
            lhs: the left operand, or None where the expression has no value.
            rhs: the right operand, or None.
        """
        return (string_of(lhs) or "") + (string_of(rhs) or "")

    def evaluate_numeric_expression(self, lhs: Any, rhs: Any, op: str | None) -> Any:
        """Calculate in 64-bit floating point, as JSONata's own implementation in JavaScript does.

        Args:
            lhs: the left operand, or None where the expression has no value.
            rhs: the right operand, or None.
            op: ``+``, ``-``, ``*``, ``/`` or ``%``.
        """
        if op in _CALCULATE and Utils.is_numeric(lhs) and Utils.is_numeric(rhs):
            if rhs:
                found: float = _CALCULATE[op](float(lhs), float(rhs))
                if math.isinf(found):
                    return found
            elif op in ("/", "%"):
                return math.nan if op == "%" or not lhs else math.copysign(math.inf, lhs)
        return super().evaluate_numeric_expression(lhs, rhs, op)


_CALCULATE = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "%": math.fmod}


class _Bounds:
    """Holds one evaluation to the limits."""

    __slots__ = ("_begun", "_deadline", "_depth", "_made", "_weights")

    def __init__(self) -> None:
        self._deadline = time.monotonic() + SECONDS
        self._begun = time.thread_time()
        self._depth = 0
        self._made = 0
        self._weights: dict[int, tuple[Any, int]] = {}
        """By the identity of a list or mapping, which is kept so that it stays its own, how much is in it."""

    def enter(self, expression: Any, given: Any, environment: Any) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise too_deep()
        if time.monotonic() > self._deadline and time.thread_time() - self._begun > SECONDS:
            raise too_long()

    def leave(self, expression: Any, given: Any, environment: Any, result: Any) -> None:
        self._depth -= 1
        self.hold(result)

    def hold(self, result: Any) -> None:
        if isinstance(result, str):
            if len(result) > HEAVIEST:
                raise too_large()
            if len(result) > 64:
                self._make(len(result))
        elif isinstance(result, (list, Mapping)):
            if result and self._weigh(result) > HEAVIEST:
                raise too_large()
        elif isinstance(result, int) and not isinstance(result, bool) and abs(result) > LARGEST:
            raise JException("D1001", -1, "Infinity")

    def _make(self, size: int) -> None:
        self._made += size
        if self._made > MOST_MADE:
            raise too_large()

    def _weigh(self, value: Any) -> int:
        if isinstance(value, str):
            return len(value)
        if not isinstance(value, (list, Mapping)):
            return 1
        known = self._weights.get(id(value))
        # A sequence may have grown since.
        if known is not None and known[0] is value and known[1] >= len(value):
            return known[1]
        weight = _ELEMENT * len(value)
        if weight > HEAVIEST:
            raise too_large()
        if not isinstance(value, Utils.RangeList):
            self._make(weight)
            members = value.values() if isinstance(value, Mapping) else value
            for member in members:
                if isinstance(member, (str, list, Mapping)):
                    weight += self._weigh(member)
                    if weight > HEAVIEST:
                        raise too_large()
        self._weights[id(value)] = (value, weight)
        return weight


def _as_json(value: Any, depth: int) -> Json:
    if value is Utils.NULL_VALUE or value is None:
        return None
    if isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        if math.isnan(value):
            return "NaN"  # JSON has no such numbers: AWS gives their names
        if math.isinf(value):
            return "Infinity" if value > 0 else "-Infinity"
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    if isinstance(value, Mapping):
        return {str(name): _as_json(member, depth + 1) for name, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_json(member, depth + 1) for member in value]
    raise EvaluationError(ERROR, "returned an unsupported result type.")
