"""Reads the retriers, catchers and choice rules of a state."""

from __future__ import annotations

from collections.abc import Mapping

from harness.states_language import timestamps
from harness.states_language.choice import OPERATORS, Condition, Rule, compile_condition
from harness.states_language.effects import Json
from harness.states_language.errors import SyntaxFault
from harness.states_language.known_fields import CATCHER, RETRIER
from harness.states_language.machine import Catcher, Retrier
from harness.states_language.state_fields import MAX_TIMEOUT, StateFields, is_whole


class StateRules(StateFields):
    """Reads what has ``ErrorEquals``, and what a Choice state goes by."""

    def _retrier(self, item: Json, at: str) -> Retrier | None:
        if not isinstance(item, dict) or not self._errors(item, at):
            return None
        self._supported(item, RETRIER, at)
        for name, least in (("IntervalSeconds", 1), ("MaxAttempts", 0), ("MaxDelaySeconds", 1)):
            if name in item and (not is_whole(item[name]) or not least <= item[name] <= MAX_TIMEOUT):
                self._wrong(f"The value for the field '{name}' must be an integer of at least {least}", f"{at}/{name}")
                return None
        backoff = item.get("BackoffRate", 2.0)
        if not isinstance(backoff, int | float) or backoff < 1:
            self._wrong("The value for the field 'BackoffRate' must be at least 1.0", f"{at}/BackoffRate")
            return None
        if item.get("JitterStrategy", "NONE") not in ("FULL", "NONE"):
            words = "The field 'JitterStrategy' should have one of these values: [FULL, NONE]"
            self._wrong(words, f"{at}/JitterStrategy")
        return Retrier(
            errors=tuple(item["ErrorEquals"]),
            interval=item.get("IntervalSeconds", 1),
            max_attempts=item.get("MaxAttempts", 3),
            backoff=backoff,
            max_delay=item.get("MaxDelaySeconds"),
            full_jitter=item.get("JitterStrategy") == "FULL",
        )

    def _catcher(self, item: Json, at: str) -> Catcher | None:
        if not isinstance(item, dict) or not self._errors(item, at):
            return None
        self._supported(item, CATCHER, at)
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

    def _errors(self, item: Mapping[str, Json], at: str) -> bool:
        errors = item.get("ErrorEquals")
        if errors is None:
            self._wrong("These fields are required: [ErrorEquals]", at)
            return False
        if not isinstance(errors, list) or not errors or not all(isinstance(name, str) for name in errors):
            self._wrong("Value cannot be empty", f"{at}/ErrorEquals")
            return False
        return True

    def _rule(self, item: Json, at: str) -> Rule | None:
        if not isinstance(item, dict):
            self._wrong("Value must be a JSON object", at)
            return None
        place = at.removeprefix(self._at + "/")
        if "Next" not in item:
            self._wrong("These fields are required: [Next]", at)
            return None
        self._leads(f"{place}/Next", item["Next"])
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
        if not isinstance(rule, dict) or depth > 50:
            self._wrong("Value must be a JSON object", at)
            return False
        combined = [name for name in ("Not", "And", "Or") if name in rule]
        operators = [name for name in rule if name in OPERATORS]
        if len(combined) + len(operators) != 1:
            self._wrong("Exactly one comparison operator is required", at)
            return False
        if operators:
            if not isinstance(rule.get("Variable"), str):
                self._wrong("These fields are required: [Variable]", at)
                return False
            return self._operand(operators[0], rule[operators[0]], f"{at}/{operators[0]}")
        name = combined[0]
        if name == "Not":
            return self._comparison(rule["Not"], f"{at}/Not", depth + 1)
        if not isinstance(rule[name], list) or not rule[name]:
            self._wrong("Value cannot be empty", f"{at}/{name}")
            return False
        found = [self._comparison(part, f"{at}/{name}[{index}]", depth + 1) for index, part in enumerate(rule[name])]
        return all(found)

    def _operand(self, name: str, value: Json, at: str) -> bool:
        if name.startswith("Is") or name == "BooleanEquals":
            good, words = isinstance(value, bool), "Value must be a boolean"
        elif name.endswith("Path") or name.startswith("String"):
            good, words = isinstance(value, str), "Value must be a string"
        elif name.startswith("Numeric"):
            good, words = isinstance(value, int | float) and not isinstance(value, bool), "Value must be a number"
        else:
            good, words = timestamps.parse(value) is not None, "String does not match RFC3339 timestamp"
        if not good:
            self._wrong(words, at)
        return good
