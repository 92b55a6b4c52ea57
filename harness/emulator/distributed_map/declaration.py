"""What a definition declares of a Distributed Map, lifted out of it before moto's parser sees it.

The parser knows neither ItemBatcher nor half of ReaderConfig, and runs the items inside the parent. So each Distributed
Map reaches it without these, with a reference to what was taken away in place of its comment.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from harness.emulator.engine_seam import failure

_REFERENCE = "harness:distributed-map:"
_JSONATA = "JSONata"
_STUB = {"StartAt": "Item", "States": {"Item": {"Type": "Pass", "End": True}}}
_INPUT_TYPES = ("CSV", "JSON", "JSONL", "MANIFEST")
_DELIMITERS = ("COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB")
_OURS = (
    "ItemBatcher",
    "ItemReader",
    "MaxConcurrency",
    "ResultWriter",
    "ToleratedFailureCount",
    "ToleratedFailurePercentage",
)
_declarations: dict[str, Declaration] = {}


@dataclass(frozen=True)
class Declaration:
    """A Distributed Map state as it was written.

    Attributes:
        state: the whole state.
        query_language: ``JSONPath`` or ``JSONata``.
    """

    state: dict[str, Any]
    query_language: str

    @property
    def processor(self) -> dict[str, Any]:
        """ItemProcessor."""
        found: dict[str, Any] = self.state["ItemProcessor"]
        return found

    @property
    def execution_type(self) -> str:
        """``STANDARD`` or ``EXPRESS``."""
        return str(self.processor["ProcessorConfig"].get("ExecutionType", "STANDARD"))

    @property
    def child_definition(self) -> str:
        """The state machine that each child execution runs."""
        definition = {name: value for name, value in self.processor.items() if name != "ProcessorConfig"}
        if self.query_language == _JSONATA:
            definition.setdefault("QueryLanguage", _JSONATA)
        return json.dumps(definition)

    def config(self, field: str, part: str) -> dict[str, Any]:
        """*part* of *field*, e.g. ReaderConfig of ItemReader; empty where there is none."""
        found: dict[str, Any] = (self.state.get(field) or {}).get(part) or {}
        return found

    def value(self, env: Any, holder: dict[str, Any], name: str, default: Any = None) -> Any:
        """The number or text that *holder* gives as *name*, as ``<name>Path`` or as a JSONata expression."""
        if f"{name}Path" in holder:
            return self.template(env, {"value.$": holder[f"{name}Path"]})["value"]
        value = holder.get(name, default)
        if isinstance(value, str) and self.query_language == _JSONATA and value.startswith("{%"):
            return self.template(env, {"value": value})["value"]
        return value

    def number(self, env: Any, holder: dict[str, Any], name: str, default: Any = None) -> Any:
        """As :meth:`value`, which has to be a number that is not negative, or a text of one."""
        value = self.value(env, holder, name, default)
        if value is None:
            return None
        try:
            number = float(value) if not isinstance(value, bool) else -1.0
        except (TypeError, ValueError):
            number = -1.0
        if number < 0:
            shown = value if isinstance(value, str) else json.dumps(value)
            cause = f'The {name} field refers to value "{shown}" which is not a valid number that is 0 or above'
            raise failure(env, "ExecutionFailed", {"error": "States.Runtime", "cause": cause})
        return int(number) if number.is_integer() else number

    def template(self, env: Any, template: Any) -> Any:
        """*template*, a payload template in the state's query language, filled in."""
        _parsed_template(json.dumps(template), self.query_language).eval(env=env)
        return env.stack.pop()


def declaration_of(state: Any) -> Declaration | None:
    """What *state*, a Map state of the engine, was declared as; None for a Map that is not distributed."""
    comment = getattr(state.comment, "comment", None) or ""
    return _declarations.get(comment.removeprefix(_REFERENCE)) if comment.startswith(_REFERENCE) else None


def lift_declarations() -> None:
    """Have the engine's parser take Distributed Maps as AWS does. To be called once the parser remembers."""
    from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser

    present = AmazonStateLanguageParser.parse
    inner = getattr(present, "harness_inner", present)

    @lru_cache(512)
    def lift(definition: str) -> str:
        document = json.loads(definition)
        found: list[Declaration] = []
        reduced = _reduce(document, document.get("QueryLanguage", "JSONPath"), found)
        for declaration in found:
            _check(declaration)
            parse(declaration.child_definition)  # so that what cannot be parsed is refused when it is created
        return json.dumps(reduced)

    def parse(definition: str) -> Any:
        return inner(lift(definition) if '"DISTRIBUTED"' in definition else definition)

    parse.harness_inner = inner  # type: ignore[attr-defined]
    AmazonStateLanguageParser.parse = staticmethod(parse)


def _reduce(node: Any, language: str, found: list[Declaration]) -> Any:
    if isinstance(node, list):
        return [_reduce(item, language, found) for item in node]
    if not isinstance(node, dict):
        return node
    language = node.get("QueryLanguage", language) if "Type" in node or "States" in node else language
    processor = node.get("ItemProcessor")
    config = processor.get("ProcessorConfig") if isinstance(processor, dict) else None
    if node.get("Type") != "Map" or not isinstance(config, dict) or config.get("Mode") != "DISTRIBUTED":
        return {name: _reduce(value, language, found) for name, value in node.items()}
    declaration = Declaration(node, language)
    found.append(declaration)
    reference = hashlib.sha256(json.dumps([language, node]).encode()).hexdigest()
    _declarations[reference] = declaration
    reduced = {name: value for name, value in node.items() if name.removesuffix("Path") not in _OURS}
    reduced["Comment"] = _REFERENCE + reference
    reduced["ItemProcessor"] = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, **_STUB}
    for field in ("ItemReader", "ResultWriter"):
        kept = {name: value for name, value in (node.get(field) or {}).items() if not name.endswith("Config")}
        if kept:
            reduced[field] = kept
    return reduced


def _check(declaration: Declaration) -> None:
    kind = declaration.config("ItemReader", "ReaderConfig").get("InputType")
    if kind is not None and kind not in _INPUT_TYPES:
        raise ValueError(f"InputType has to be one of [{', '.join(_INPUT_TYPES)}]; PARQUET is not read here: {kind}")
    delimiter = declaration.config("ItemReader", "ReaderConfig").get("CSVDelimiter")
    if delimiter is not None and delimiter not in _DELIMITERS:
        raise ValueError(f"CSVDelimiter has to be one of [{', '.join(_DELIMITERS)}]: {delimiter}")
    if declaration.execution_type not in ("STANDARD", "EXPRESS"):
        raise ValueError(f"ExecutionType has to be one of [STANDARD, EXPRESS]: {declaration.execution_type}")
    writer = declaration.state.get("ResultWriter")
    if writer is not None and not writer:
        raise ValueError("ResultWriter cannot be empty")
    batcher = declaration.state.get("ItemBatcher")
    if batcher is not None and not {name.removesuffix("Path") for name in batcher} & {
        "MaxItemsPerBatch",
        "MaxInputBytesPerBatch",
    }:
        raise ValueError("ItemBatcher needs MaxItemsPerBatch or MaxInputBytesPerBatch")
    if declaration.execution_type == "EXPRESS" and ".sync" in json.dumps(declaration.processor):
        raise ValueError("Express child workflows support neither .sync nor .waitForTaskToken")


@lru_cache(512)
def _parsed_template(template: str, language: str) -> Any:
    """The engine's own reading of a payload template: an ItemSelector's, which both query languages have."""
    from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser

    definition = {
        "QueryLanguage": language,
        "StartAt": "Map",
        "States": {
            "Map": {
                "Type": "Map",
                "ItemSelector": json.loads(template),
                "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, **_STUB},
                "End": True,
            }
        },
    }
    program = AmazonStateLanguageParser.parse(json.dumps(definition))[0]
    return program.states.states["Map"].item_selector
