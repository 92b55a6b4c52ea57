"""What ``$string`` and ``&`` make of values: JSON as JavaScript writes it, numbers with fifteen digits at most."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from jsonata import Jsonata
from jsonata.jexception import JException
from jsonata.parser import Parser
from jsonata.utils import Utils

_quoted = json.JSONEncoder(ensure_ascii=False).encode


def string_of(value: Any, prettify: bool = False) -> str | None:
    """Return a value as a text; None for no value.

    Args:
        value: of an expression.
        prettify: whether what is nested is indented.

    Raises:
        JException: D3001: a number is infinite or none.
    """
    if isinstance(value, Utils.JList) and value.outer_wrapper:
        value = value[0]
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and not math.isfinite(value):
        raise JException("D3001", -1)
    return _written(value, "\n" if prettify else "")


def number_text(value: float) -> str:
    """Return a number as JavaScript prints it, of fifteen digits: ``100000000000000000000``, ``1e+21``, ``1.5e-7``."""
    rounded = float(f"{value:.15g}")
    if rounded == 0:
        return "0"
    if 1e-6 <= abs(rounded) < 1e21:
        text = format(Decimal(repr(rounded)), "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    mantissa, _, power = repr(rounded).partition("e")
    return f"{mantissa.removesuffix('.0')}e{int(power):+d}"


def _written(value: Any, line: str) -> str:
    if value is Utils.NULL_VALUE or value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number_text(value) if math.isfinite(value) else "null"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, (Jsonata.JFunction, Parser.Symbol)):
        return ""
    inner = line + "  " if line else ""
    if isinstance(value, Mapping):
        colon = ": " if line else ":"
        members = [f"{_quoted(str(name))}{colon}{_within(member, inner)}" for name, member in value.items()]
        return "{" + inner + f",{inner}".join(members) + line + "}" if members else "{}"
    members = [_within(member, inner) for member in value]
    return "[" + inner + f",{inner}".join(members) + line + "]" if members else "[]"


def _within(value: Any, line: str) -> str:
    """Write a member: a function in it is an empty text."""
    return '""' if isinstance(value, (Jsonata.JFunction, Parser.Symbol)) else _written(value, line)
