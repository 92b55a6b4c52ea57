"""Loads moto's Step Functions engine, and fits it out from outside, through the names that its modules import.

What it would otherwise spend most of its time on (measured; see ``benchmarks/``):

- its Batch task imports moto's Batch, which imports moto's EC2, which lists every region and instance type: 1 s at
  start for two texts, which it is given instead;
- it makes boto3 clients for every task: it is given shared ones, and for Lambda one that does without HTTP;
- it parses the definition for every execution, and every JSONPath for every state: what was parsed is remembered, for
  the parsed forms hold no state of an execution (Map and Parallel states share them between threads).
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import types
from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache
from typing import Any

from harness.emulator.clock import Clock
from harness.emulator.engine_clock import keep_time
from harness.emulator.jsonata import use_jsonata
from harness.emulator.lambda_result import invocation_result
from harness.emulator.limits import STATE_DATA
from harness.emulator.permissions import RoleSession

_ENGINE = "moto.stepfunctions.parser"
_BATCH = "moto.batch.utils"
_SEAM = "boto_client_for"
_REMEMBERED = 512
_SESSION_NAME = "StepFunctionsExecution"
"""AWS makes one up for each execution."""


class _JobStatus(StrEnum):
    """The states of a Batch job in which the engine stops waiting."""

    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


ClientFor = Callable[[str, str, RoleSession | None], Any]
"""Gives the engine its clients, by service, region and who calls."""


def load_engine(client_for: ClientFor, clock: Clock) -> None:
    """Import the engine, and have it call other services through *client_for* and go by *clock*."""
    _import_without_batch()
    _share_clients(client_for)
    _remember_what_was_parsed()
    _complete_lambda_results()
    _name_errors_of_lambda()
    _read_escapes()
    _measure_data()
    use_jsonata()
    keep_time(clock)
    _tell_the_end()
    # It logs every failed state as an error of its own; the history has it.
    logging.getLogger(_ENGINE).setLevel(logging.CRITICAL)


def _import_without_batch() -> None:
    placeholder = None
    if _BATCH not in sys.modules:
        placeholder = types.ModuleType(_BATCH)
        placeholder.JobStatus = _JobStatus  # type: ignore[attr-defined]
        sys.modules[_BATCH] = placeholder
    try:
        import moto.stepfunctions.parser.models  # noqa: F401
    finally:
        if placeholder is not None:
            # Whoever uses moto's Batch itself imports the real one.
            del sys.modules[_BATCH]


def _share_clients(client_for: ClientFor) -> None:
    def boto_client_for(region: str, service: str, state_credentials: Any = None) -> Any:
        role = state_credentials.role_arn if state_credentials is not None else None
        return client_for(service, region, RoleSession(role, _SESSION_NAME) if role else None)

    for name, module in list(sys.modules.items()):
        if name.startswith(_ENGINE) and hasattr(module, _SEAM):
            setattr(module, _SEAM, boto_client_for)


def _complete_lambda_results() -> None:
    from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils

    # The name under which the module reduces Lambda's answer to what it gives the state.
    lambda_eval_utils.select_from_typed_dict = lambda typed_dict, obj: invocation_result(obj)


def _name_errors_of_lambda() -> None:
    """AWS's SDK for Java has classes for the errors that Lambda documents; all others it calls AWSLambdaException."""
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_lambda

    task = state_task_service_lambda.StateTaskServiceLambda
    original = task._error_cause_from_client_error

    def error_cause_from_client_error(client_error: Any) -> tuple[str, str]:
        error, cause = original(client_error)
        known = error.removeprefix("Lambda.") in _modelled_errors()
        return (error if known else "Lambda.AWSLambdaException"), cause

    if not hasattr(original, "knows_documented_errors"):
        error_cause_from_client_error.knows_documented_errors = True  # type: ignore[attr-defined]
        task._error_cause_from_client_error = staticmethod(error_cause_from_client_error)


@lru_cache(1)
def _modelled_errors() -> frozenset[str]:
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    model = ServiceModel(Loader().load_service_model("lambda", "service-2"), "lambda")
    return frozenset(shape.name for shape in model.operation_model("Invoke").error_shapes)


def _measure_data() -> None:
    """AWS counts bytes of UTF-8 without spaces between the parts, and takes as many as the limit says."""

    def is_within_size_quota(value: Any) -> bool:
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=str)
        return len(text.encode()) <= STATE_DATA.most

    for name, module in list(sys.modules.items()):
        if name.startswith(_ENGINE) and hasattr(module, is_within_size_quota.__name__):
            setattr(module, is_within_size_quota.__name__, is_within_size_quota)

    from moto.stepfunctions.parser.asl.component.state.exec.state_task import state_task_lambda

    def is_payload_within_size_quota(value: Any) -> bool:
        """A task that names the function itself gives the payload alone, out of what it gets."""
        invoked = isinstance(value, dict) and value.keys() >= {"Payload", "SdkHttpMetadata", "StatusCode"}
        return is_within_size_quota(value["Payload"] if invoked else value)

    state_task_lambda.is_within_size_quota = is_payload_within_size_quota


def ended_event(execution: Any) -> threading.Event:
    """Set once *execution*, the engine's own object, has ended."""
    event: threading.Event = execution.__dict__.setdefault("harness_ended", threading.Event())
    return event


def _tell_the_end() -> None:
    from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication as Communication

    original = getattr(Communication.terminated, "original", Communication.terminated)

    def terminated(self: Any) -> None:
        original(self)
        ended_event(self.execution).set()

    terminated.original = original  # type: ignore[attr-defined]
    Communication.terminated = terminated


def _read_escapes() -> None:
    """Texts of a definition are JSON: their escapes stand for characters, which the engine's parser overlooks."""
    from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor

    original = Preprocessor._inner_string_of

    def inner_string_of(parser_rule_context: Any) -> str | None:
        text: str | None = original(parser_rule_context)
        if text is None or "\\" not in text:
            return text
        try:
            return str(json.loads(f'"{text}"', strict=False))
        except ValueError:
            return text

    if not hasattr(original, "reads_escapes"):
        inner_string_of.reads_escapes = True  # type: ignore[attr-defined]
        Preprocessor._inner_string_of = staticmethod(inner_string_of)


def _remember_what_was_parsed() -> None:
    from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
    from moto.stepfunctions.parser.asl.utils import json_path

    if not hasattr(json_path.parse, "cache_info"):
        json_path.parse = lru_cache(_REMEMBERED)(json_path.parse)
    if not hasattr(AmazonStateLanguageParser.parse, "cache_info"):
        AmazonStateLanguageParser.parse = staticmethod(lru_cache(_REMEMBERED)(AmazonStateLanguageParser.parse))
