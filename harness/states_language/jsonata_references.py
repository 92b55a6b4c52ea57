"""What an expression of JSONata refers to that Step Functions does not have, told when a definition is made.

An expression is evaluated without a context item: the input is ``$states.input``, and a bare name at the beginning of a
path means nothing. Later steps, predicates, sort terms and groupings have the value before them for context.
"""

from __future__ import annotations

from typing import Any

_PARTS = ("lhs", "rhs", "condition", "then", "_else", "expression", "body", "procedure")
_LISTS = ("expressions", "arguments")


def unsupported(ast: Any) -> list[str]:
    """Return what is wrong with the references of a parsed expression, in the words of AWS, each once."""
    found: dict[str, None] = {}
    waiting = [ast]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list | tuple):  # the members of an object are pairs
            waiting.extend(reversed(part))
            continue
        kind = getattr(part, "type", None)
        if kind == "path":
            waiting.append(part.steps[0])
        elif kind == "name":
            found[f"Reference to '{part.value}' at the top level is not supported."] = None
        elif kind == "variable":
            if part.value == "$":
                found["Reference to '$$' is not supported."] = None
        elif kind is not None:
            waiting.extend(getattr(part, name) for name in reversed(_PARTS) if getattr(part, name, None) is not None)
            for name in (*_LISTS, "lhs_object"):
                waiting.extend(reversed(getattr(part, name, None) or ()))
    return list(found)
