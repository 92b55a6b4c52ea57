"""Policy documents, read and held against what is asked for.

moto's own reading takes patterns as regular expressions (a ``$`` in ``:$LATEST`` ends them, a ``.`` is any character)
and an Allow whose condition is not met as a Deny, so it is not used.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from harness.emulator.access.conditions import KeyValues, are_met, fill_in, glob
from harness.emulator.door.members import Members, structure, text

ANY = "(any)"
"""A resource that is not known: whether the action is allowed on any is all that can be told."""
ALL = "*"
"""The resource of actions that belong to none: only statements about all resources cover it."""


@dataclass(frozen=True)
class Asked:
    """What somebody wants to do.

    Attributes:
        action: ``s3:GetObject``.
        resource: an ARN, :data:`ALL` or :data:`ANY`.
        values: of condition keys.
    """

    action: str
    resource: str
    values: KeyValues


@lru_cache(512)
def read(document: str) -> tuple[Statement, ...]:
    """Read the statements of a policy document; none of one that has none."""
    found = json.loads(document).get("Statement", [])
    return tuple(Statement(statement) for statement in (found if isinstance(found, list) else [found]))


def effects(documents: Iterable[str], asked: Asked) -> set[str]:
    """``Allow`` and ``Deny``, as far as statements of *documents* say so of what is asked."""
    return {statement.effect for document in documents for statement in read(document) if statement.covers(asked)}


def _texts(value: object) -> list[str]:
    """One or several, as policies write them."""
    return [str(each) for each in (value if isinstance(value, list) else [value])]


class Statement:
    """One statement of a policy."""

    def __init__(self, statement: Members) -> None:
        self._statement = statement
        self.effect = text(statement, "Effect")
        self._named: dict[str, bool] = {}
        """Whether it names an action, by the actions that were asked about."""

    def covers(self, asked: Asked) -> bool:
        """Whether the statement is about what is asked, whoever asks."""
        return (
            self._names_action(asked.action)
            and self._names_resource(asked)
            and (not self._statement.get("Condition") or are_met(structure(self._statement, "Condition"), asked.values))
        )

    def names_principal(self, principals: Sequence[str], kind: str = "AWS") -> str | None:
        """Find the first of *principals*, or ``*``, that the statement's Principal names; None where it names none."""
        element = "Principal" if "Principal" in self._statement else "NotPrincipal"
        named = self._statement.get(element) or {}
        named = named if isinstance(named, dict) else {"AWS": named}
        names = _texts(named.get(kind) or [])
        if element == "NotPrincipal":
            return principals[0] if not set(names) & set(principals) else None
        return next((name for name in (*principals, "*") if name in names), None)

    def _names_action(self, action: str) -> bool:
        found = self._named.get(action)
        if found is None:
            wanted = "Action" in self._statement
            patterns = _texts(self._statement.get("Action" if wanted else "NotAction", []))
            found = any(glob(text, re.IGNORECASE).fullmatch(action) for text in patterns) is wanted
            self._named[action] = found
        return found

    def _names_resource(self, asked: Asked) -> bool:
        statement = self._statement
        if "Resource" not in statement and "NotResource" not in statement:
            return True  # a trust policy's
        wanted = "Resource" in statement
        patterns = _texts(statement.get("Resource" if wanted else "NotResource", []))
        if asked.resource == ANY:
            return statement["Effect"] == "Allow" or (wanted and ALL in patterns)
        found = (fill_in(text, asked.values) for text in patterns)
        return any(pattern is not None and pattern.fullmatch(asked.resource) for pattern in found) is wanted
