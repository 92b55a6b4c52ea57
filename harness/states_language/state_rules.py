"""Reads the retriers, catchers and choice rules of a state."""

from __future__ import annotations

from collections.abc import Mapping

from harness.states_language import timestamps
from harness.states_language.choice import OPERATORS, Condition, Rule, compile_condition
from harness.states_language.diagnostics import TOO_DEEP
from harness.states_language.effects import Json
from harness.states_language.errors import SyntaxFault
from harness.states_language.known_fields import CATCHER, CHOICE_RULE, RETRIER
from harness.states_language.machine import Catcher, Retrier
from harness.states_language.state_fields import MAX_TIMEOUT, StateFields, no_reference


class StateRules(StateFields):
    """Reads what has ``ErrorEquals``, and what a Choice state goes by."""

    def _retrier(self, item: Json, at: str, last: bool) -> Retrier | None:
        found = self._flow.found
        if not found.typed(item, dict, at) or not self._errors(item, at, last):
            return None
        found.fields(item, RETRIER, at)
        for name, least in (("IntervalSeconds", 1), ("MaxAttempts", 0), ("MaxDelaySeconds", 1)):
            if name in item and not found.number(item[name], f"{at}/{name}", least, MAX_TIMEOUT):
                return None
        backoff = item.get("BackoffRate", 2.0)
        if not found.number(backoff, f"{at}/BackoffRate", 1.0, whole=False):
            return None
        found.one_of(item.get("JitterStrategy", "NONE"), ("FULL", "NONE"), f"{at}/JitterStrategy")
        return Retrier(
            errors=tuple(item["ErrorEquals"]),
            interval=item.get("IntervalSeconds", 1),
            max_attempts=item.get("MaxAttempts", 3),
            backoff=backoff,
            max_delay=item.get("MaxDelaySeconds"),
            full_jitter=item.get("JitterStrategy") == "FULL",
        )

    def _catcher(self, item: Json, at: str, last: bool) -> Catcher | None:
        found = self._flow.found
        if not found.typed(item, dict, at) or not self._errors(item, at, last):
            return None
        found.fields(item, CATCHER, at)
        if "Next" not in item:
            self._wrong("These fields are required: [Next]", at)
            return None
        place = at.removeprefix(self._at + "/")
        self._leads(f"{place}/Next", item["Next"])
        path: tuple[str | int, ...] | None = ()
        if not self._jsonata and "ResultPath" in item:
            path = self._result_path(item["ResultPath"], f"{at}/ResultPath")
        return Catcher(
            errors=tuple(item["ErrorEquals"]),
            next=item["Next"],
            result_path=path,
            output=self._any(item["Output"], f"{place}/Output") if "Output" in item else None,
            assign=self._any(item["Assign"], f"{place}/Assign") if "Assign" in item else None,
        )

    def _errors(self, item: Mapping[str, Json], at: str, last: bool) -> bool:
        found, place = self._flow.found, f"{at}/ErrorEquals"
        if "ErrorEquals" not in item:
            self._wrong("These fields are required: [ErrorEquals]", at)
            return False
        errors = item["ErrorEquals"]
        if not found.typed(errors, list, place):
            return False
        if not errors:
            self._wrong("Value cannot be empty", place)
        for index, name in enumerate(errors):
            if found.text(name, f"{place}[{index}]") and name == "States.ALL" and not (last and len(errors) == 1):
                self._wrong("States.ALL must appear alone and at end of list", f"{place}[{index}]")
        return True

    def _rule(self, item: Json, at: str) -> Rule | None:
        found = self._flow.found
        if not found.typed(item, dict, at):
            return None
        place = at.removeprefix(self._at + "/")
        if "Next" not in item:
            self._wrong("These fields are required: [Next]", at)
            return None
        self._leads(f"{place}/Next", item["Next"])
        found.fields(item, CHOICE_RULE[self._jsonata] | (frozenset() if self._jsonata else OPERATORS), at)
        condition: Condition
        if self._jsonata:
            if "Condition" not in item:
                self._wrong("These fields are required: [Condition]", at)
                return None
            condition = self._any(item["Condition"], f"{place}/Condition")
        else:
            if not self._comparison(item, at):
                return None
            try:
                condition = compile_condition(item)
            except SyntaxFault as fault:
                self._wrong("Value is not a valid JSONPath", f"{at}{fault}")
                return None
        return Rule(
            condition=condition,
            next=item["Next"],
            assign=self._any(item["Assign"], f"{place}/Assign") if "Assign" in item else None,
            output=self._any(item["Output"], f"{place}/Output") if "Output" in item else None,
        )

    def _comparison(self, rule: Json, at: str, depth: int = 0) -> bool:
        if depth > 50:
            self._flow.found.add("The states are too deeply nested.", at, TOO_DEEP)
            return False
        if not self._flow.found.typed(rule, dict, at):
            return False
        if depth and "Next" in rule:
            self._wrong("Field 'Next' is not supported", at)
        combined = [name for name in ("Not", "And", "Or") if name in rule]
        operators = [name for name in rule if name in OPERATORS]
        if len(combined) + len(operators) != 1:
            self._wrong("Exactly one comparison operator is required", at)
            return False
        if operators:
            if "Variable" not in rule:
                self._wrong("These fields are required: [Variable]", at)
                return False
            if not self._reference(rule["Variable"], f"{at}/Variable"):
                return False
            return self._operand(operators[0], rule[operators[0]], f"{at}/{operators[0]}")
        name = combined[0]
        if name == "Not":
            return self._comparison(rule["Not"], f"{at}/Not", depth + 1)
        if not self._flow.found.typed(rule[name], list, f"{at}/{name}"):
            return False
        if not rule[name]:
            self._wrong("Value cannot be empty", f"{at}/{name}")
            return False
        found = [self._comparison(part, f"{at}/{name}[{index}]", depth + 1) for index, part in enumerate(rule[name])]
        return all(found)

    def _operand(self, name: str, value: Json, at: str) -> bool:
        found = self._flow.found
        if name.startswith("Is") or name == "BooleanEquals":
            return found.typed(value, bool, at)
        if name.endswith("Path"):
            return self._reference(value, at)
        if name.startswith("Numeric"):
            return found.number(value, at, float("-inf"), whole=False)
        if not found.text(value, at):
            return False
        good = name.startswith("String") or timestamps.parse(value) is not None
        if not good:
            self._wrong("String does not match RFC3339 timestamp", at)
        return good

    def _reference(self, value: Json, at: str) -> bool:
        """Return whether a value is a path that a choice rule can have; say so where it is not."""
        if not self._flow.found.text(value, at):
            return False
        good: bool = value.startswith("$")
        if not good:
            self._wrong(no_reference(value), at)
        return good
