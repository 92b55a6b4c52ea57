"""Reads what states of several types have: their query language, where they lead, what they take and give."""

from __future__ import annotations

import re
from typing import Any

from harness.states_language.effects import Json
from harness.states_language.fields import constant
from harness.states_language.machine import JSONPATH
from harness.states_language.state_rules import StateRules

_JSONPATH_ONLY = (
    "InputPath",
    "OutputPath",
    "ResultPath",
    "ResultSelector",
    "Parameters",
    "ItemsPath",
    "SecondsPath",
    "TimestampPath",
    "TimeoutSecondsPath",
    "HeartbeatSecondsPath",
    "MaxConcurrencyPath",
    "ToleratedFailureCountPath",
    "ToleratedFailurePercentagePath",
    "ErrorPath",
    "CausePath",
)
_JSONATA_ONLY = ("Arguments", "Output", "Items")


class CommonFields(StateRules):
    """Reads the fields of one state that are not of its type alone."""

    def _language(self) -> None:
        state, at = self._state, self._at
        language = state.get("QueryLanguage", JSONPATH)
        if language == JSONPATH and "QueryLanguage" in state and self._flow.jsonata:
            self._wrong("'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine", at)
            self._jsonata = False
            return
        self._jsonata = self._flow.jsonata or language != JSONPATH
        refused = _JSONPATH_ONLY if self._jsonata else _JSONATA_ONLY
        for name in refused:
            if name in state:
                self._other_language(name, at)
        self._flow.found.language(language, f"{at}/QueryLanguage")

    def _other_language(self, name: str, at: str) -> None:
        """Refuse a field that only states of the other language have."""
        spoken, other = ("JSONata", "JSONPath") if self._jsonata else ("JSONPath", "JSONata")
        self._wrong(
            f"The QueryLanguage is set to '{spoken}', but field '{name}' is only supported for the '{other}' "
            "QueryLanguage",
            at,
        )

    def _transition(self) -> str | None:
        target, end = self._state.get("Next"), self._state.get("End")
        if (target is None) == (not end):
            self._wrong("Exactly one of these fields is required: [Next, End]", self._at)
        if end is not None:
            self._flow.found.typed(end, bool, f"{self._at}/End")
        if target is not None:
            self._leads("Next", target)
        return target if isinstance(target, str) else None

    def _evaluated(self) -> dict[str, Any]:
        state = self._state
        read: dict[str, Any] = {}
        if "Assign" in state:
            self._variables(state["Assign"], f"{self._at}/Assign")
            read["assign"] = self._any(state["Assign"], "Assign")
        if self._jsonata:
            if "Output" in state:
                read["output"] = self._any(state["Output"], "Output")
            if "Arguments" in state:
                read["parameters"] = self._any(state["Arguments"], "Arguments")
            return read
        for field, name in (("input_path", "InputPath"), ("output_path", "OutputPath")):
            if name in state:
                read[field] = constant({}) if state[name] is None else self._path(name)
        for field, name in (("parameters", "Parameters"), ("result_selector", "ResultSelector")):
            if name in state:
                read[field] = self._any(state[name], name)
        if "ResultPath" in state:
            read["result_path"] = self._result_path(state["ResultPath"], f"{self._at}/ResultPath")
        return read

    def _variables(self, assign: Json, at: str) -> None:
        if not self._flow.found.typed(assign, dict, at):
            return
        for name in assign:
            plain = name.removesuffix(".$") if not self._jsonata else name
            if not plain.isidentifier() or len(plain) > 80:
                self._wrong(f"Variable name '{plain}' is not valid", f"{at}/{name}")
            if plain == "states":
                self._wrong("Variable name 'states' is reserved", f"{at}/{name}")

    def _resource(self, resource: Json, at: str) -> None:
        if not isinstance(resource, str) or not resource.startswith("arn:"):
            self._wrong(
                f"The resource provided {resource} is not recognized. The value is not a valid resource ARN, or the "
                "resource is not available in this region.",
                at,
            )
            return
        if self._flow.kind == "EXPRESS":
            if resource.endswith(".waitForTaskToken"):
                self._wrong("Express state machine does not support '.waitForTaskToken' service integration ", at)
            elif re.search(r"\.sync(:2)?$", resource):
                self._wrong("Express state machine does not support '.sync' service integration", at)
            elif re.fullmatch(r"arn:[^:]+:states:[^:]+:[^:]+:activity:.*", resource):
                self._wrong("Express state machine does not support Activity ARN", at)
        if self._flow.known is not None and not self._flow.known(resource):
            self._wrong(
                f"The resource provided {resource} is not recognized. The value is not a valid resource ARN, or the "
                "resource is not available in this region.",
                at,
            )
