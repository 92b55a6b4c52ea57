"""Reads the fields of Map states: where a Distributed Map's items come from and its results go."""

from __future__ import annotations

from harness.states_language.common_fields import CommonFields
from harness.states_language.effects import Json
from harness.states_language.fields import Evaluator, compile_path, is_jsonata
from harness.states_language.machine import Limit

_READER_CONFIG = {
    "InputType": ("CSV", "JSON", "JSONL", "PARQUET", "MANIFEST"),
    "CSVDelimiter": ("COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"),
    "CSVHeaderLocation": ("FIRST_ROW", "GIVEN"),
    "ManifestType": ("ATHENA_DATA", "S3_INVENTORY"),
    "Transformation": ("NONE", "LOAD_AND_FLATTEN"),
}
_BATCH_LIMITS = {"MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath", "MaxItemsPerBatch", "MaxItemsPerBatchPath"}


class MapFields(CommonFields):
    """Reads the fields of one Map state."""

    def _reader(self, given: Json) -> dict[str, Evaluator | Limit]:
        config = given.get("ReaderConfig") if isinstance(given, dict) else None
        for name, allowed in _READER_CONFIG.items():
            value = config.get(name) if isinstance(config, dict) else None
            if value is not None and not (self._jsonata and is_jsonata(value)) and value not in allowed:
                words = f"The field '{name}' should have one of these values: [{', '.join(allowed)}]"
                self._wrong(words, f"{self._at}/ItemReader/ReaderConfig/{name}")
        return self._members(given, "ItemReader")

    def _batcher(self, given: Json) -> dict[str, Evaluator | Limit]:
        if isinstance(given, dict) and not _BATCH_LIMITS & given.keys():
            words = f"At least one of these fields is required: [{', '.join(sorted(_BATCH_LIMITS))}]"
            self._wrong(words, f"{self._at}/ItemBatcher")
        return self._members(given, "ItemBatcher")

    def _writer(self, given: Json) -> Evaluator:
        if given == {}:
            self._wrong("Value cannot be empty", f"{self._at}/ResultWriter")
        return self._any(given, "ResultWriter")

    def _members(self, given: Json, field: str) -> dict[str, Evaluator | Limit]:
        """Read an object whose members may be limits with a path, ``MaxItemsPath``, also in ``ReaderConfig``."""
        if not isinstance(given, dict):
            self._wrong("Value must be a JSON object", f"{self._at}/{field}")
            return {}
        read: dict[str, Evaluator | Limit] = {}
        for name, value in given.items():
            if name == "ReaderConfig" and isinstance(value, dict):
                for inner, setting in value.items():
                    read[f"{name}/{inner}"] = self._member(inner, setting, f"{field}/{name}")
            else:
                read[name] = self._member(name, value, field)
        return read

    def _member(self, name: str, value: Json, field: str) -> Evaluator | Limit:
        if name.endswith("Path") and isinstance(value, str) and not self._jsonata:
            plain = name.removesuffix("Path")
            return Limit(
                evaluate=self._guarded(lambda: compile_path(value, name), name, field), field=plain, path=value
            )
        return self._any(value, f"{field}/{name}")
