"""Reads the fields of Map states: where a Distributed Map's items come from and its results go."""

from __future__ import annotations

import re

from harness.states_language.common_fields import CommonFields
from harness.states_language.diagnostics import DUPLICATE_LABEL, INVALID_LABEL
from harness.states_language.effects import Json
from harness.states_language.errors import SyntaxFault
from harness.states_language.fields import Evaluator, compile_path, compile_reference, is_jsonata
from harness.states_language.known_fields import (
    BATCHER,
    PROCESSOR_CONFIG,
    READER,
    READER_CONFIG,
    WRITER,
    WRITER_CONFIG,
)
from harness.states_language.machine import Limit
from harness.states_language.state_fields import no_reference

MOST_ITEMS = 100_000_000
_CHOICES = {
    "InputType": ("CSV", "JSON", "JSONL", "PARQUET", "MANIFEST"),
    "CSVDelimiter": ("COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"),
    "CSVHeaderLocation": ("FIRST_ROW", "GIVEN"),
    "ManifestType": ("ATHENA_DATA", "S3_INVENTORY"),
    "Transformation": ("NONE", "LOAD_AND_FLATTEN"),
}
_WRITER_CHOICES = {"Transformation": ("NONE", "COMPACT", "FLATTEN"), "OutputType": ("JSON", "JSONL")}
_LIMITS = {"MaxItems": MOST_ITEMS, "MaxItemsPerBatch": None, "MaxInputBytesPerBatch": 262_144}
_DISTRIBUTED = {"ItemBatcher", "ItemReader", "ResultWriter"}
_NUMBERS = ("MaxConcurrency", "ToleratedFailureCount", "ToleratedFailurePercentage")
_BATCH_LIMITS = BATCHER - {"BatchInput"}
_READERS = re.compile(r"arn:[^:]+:states:::s3:(getObject|listObjectsV2)")
_LABEL = re.compile(r"""[^\s?*<>{}\[\]:;,\\|^~$#%&`"\x00-\x1f\x7f-\x9f]{1,40}""")
_VARIABLE = re.compile(r"\$[A-Za-z_]\w*")


class MapFields(CommonFields):
    """Reads the fields of one Map state."""

    def _processor_config(self, processor: Json, at: str) -> dict[str, Json]:
        """Read ``ProcessorConfig``, and refuse what a Map cannot have in the mode that it is in."""
        found = self._flow.found
        config = processor.get("ProcessorConfig", {}) if isinstance(processor, dict) else {}
        if not found.typed(config, dict, at):
            return {}
        found.fields(config, PROCESSOR_CONFIG, at)
        found.one_of(config.get("Mode", "INLINE"), ("INLINE", "DISTRIBUTED"), f"{at}/Mode")
        found.one_of(config.get("ExecutionType", "STANDARD"), ("STANDARD", "EXPRESS"), f"{at}/ExecutionType")
        if config.get("Mode") != "DISTRIBUTED":
            for name in _DISTRIBUTED & self._state.keys():
                self._wrong(f"Field '{name}' is not supported", self._at)
        elif self._flow.kind == "EXPRESS":
            self._wrong("Express state machine does not support DISTRIBUTED Map state", at)
        elif "ExecutionType" not in config:
            self._wrong("The field 'ExecutionType' is required but was missing", at)
        for name in _NUMBERS:
            path = self._state.get(f"{name}Path")
            if isinstance(path, str) and not self._jsonata:
                self._reference_to_number(path, f"{self._at}/{name}Path")
        result: dict[str, Json] = config
        return result

    def _reader(self, given: Json) -> dict[str, Evaluator | Limit]:
        found, at = self._flow.found, f"{self._at}/ItemReader"
        if not found.typed(given, dict, at):
            return {}
        found.fields(given, READER, at)
        resource, config = given.get("Resource"), given.get("ReaderConfig", {})
        if "Resource" not in given:
            self._wrong("These fields are required: [Resource]", at)
        elif found.text(resource, f"{at}/Resource") and not _READERS.fullmatch(resource):
            self._wrong(
                "The field 'Resource' does not match any of the allowed values. Examples: "
                "[arn:<partition>:states:::s3:getObject, arn:<partition>:states:::s3:listObjectsV2]",
                f"{at}/Resource",
            )
        if found.typed(config, dict, f"{at}/ReaderConfig"):
            found.fields(config, READER_CONFIG, f"{at}/ReaderConfig")
            self._one_of_each(config, _CHOICES, f"{at}/ReaderConfig")
        return self._members(given, "ItemReader")

    def _batcher(self, given: Json) -> dict[str, Evaluator | Limit]:
        found, at = self._flow.found, f"{self._at}/ItemBatcher"
        if not found.typed(given, dict, at):
            return {}
        found.fields(given, BATCHER, at)
        if not _BATCH_LIMITS & given.keys():
            self._wrong(f"At least one of these fields is required: [{', '.join(sorted(_BATCH_LIMITS))}]", at)
        return self._members(given, "ItemBatcher")

    def _writer(self, given: Json) -> Evaluator:
        found, at = self._flow.found, f"{self._at}/ResultWriter"
        if given == {}:
            self._wrong("Value cannot be empty", at)
        elif found.typed(given, dict, at):
            found.fields(given, WRITER, at)
            config = given.get("WriterConfig", {})
            if found.typed(config, dict, f"{at}/WriterConfig"):
                found.fields(config, WRITER_CONFIG, f"{at}/WriterConfig")
                self._one_of_each(config, _WRITER_CHOICES, f"{at}/WriterConfig")
        return self._any(given, "ResultWriter")

    def _label(self) -> str:
        """Read ``Label``, of which there is one in a whole machine."""
        label, at = self._state.get("Label", ""), f"{self._at}/Label"
        if "Label" not in self._state or not self._flow.found.text(label, at):
            return ""
        if not _LABEL.fullmatch(label):
            self._flow.found.add(f"Invalid Label: {label}", at, INVALID_LABEL)
        if label in self._flow.labels:
            self._flow.found.add(f"Duplicate Label: {label}", at, DUPLICATE_LABEL)
        self._flow.labels.add(label)
        return str(label)

    def _one_of_each(self, config: dict[str, Json], choices: dict[str, tuple[str, ...]], at: str) -> None:
        for name, allowed in choices.items():
            value = config.get(name)
            if value is not None and not (self._jsonata and is_jsonata(value)):
                self._flow.found.one_of(value, allowed, f"{at}/{name}")

    def _members(self, given: dict[str, Json], field: str) -> dict[str, Evaluator | Limit]:
        """Read an object whose members may be limits with a path, ``MaxItemsPath``, also in ``ReaderConfig``."""
        read: dict[str, Evaluator | Limit] = {}
        self._limits_in(given, f"{self._at}/{field}")
        for name, value in given.items():
            if name == "ReaderConfig" and isinstance(value, dict):
                self._limits_in(value, f"{self._at}/{field}/{name}")
                for inner, setting in value.items():
                    read[f"{name}/{inner}"] = self._member(inner, setting, f"{field}/{name}")
            else:
                read[name] = self._member(name, value, field)
        return read

    def _limits_in(self, given: dict[str, Json], at: str) -> None:
        """Look at the numbers that there may be, or paths to them."""
        for name, most in _LIMITS.items():
            path = f"{name}Path"
            value = given.get(name)
            if value is not None and not (self._jsonata and is_jsonata(value)):
                self._flow.found.number(value, f"{at}/{name}", 0, most)
            if path not in given:
                continue
            if self._jsonata:
                self._other_language(path, at)
            elif self._flow.found.text(given[path], f"{at}/{path}"):
                self._reference_to_number(given[path], f"{at}/{path}")
            if name in given:
                self._wrong(f"There should only be one of the following fields: [{name}, {path}]", at)

    def _reference_to_number(self, path: str, at: str) -> None:
        """Refuse a path that could find more than one value, or that leads into the context object."""
        try:
            compile_reference(_VARIABLE.sub("$", path, count=1))
        except SyntaxFault:
            self._wrong(no_reference(path), at)

    def _member(self, name: str, value: Json, field: str) -> Evaluator | Limit:
        if name.endswith("Path") and isinstance(value, str) and not self._jsonata:
            plain = name.removesuffix("Path")
            return Limit(
                evaluate=self._guarded(lambda: compile_path(value, name), name, field), field=plain, path=value
            )
        return self._any(value, f"{field}/{name}")
