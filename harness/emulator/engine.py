"""Loads moto's Step Functions engine, and fits it out from outside, through the names that its modules import.

What it would otherwise spend most of its time on (measured; see ``benchmarks/``):

- its Batch task imports moto's Batch, which imports moto's EC2, which lists every region and instance type: 1 s at
  start for two texts, which it is given instead;
- it makes boto3 clients for every task: it is given shared ones, and for Lambda one that does without HTTP;
- it parses the definition for every execution, and every JSONPath for every state: what was parsed is remembered, for
  the parsed forms hold no state of an execution (Map and Parallel states share them between threads);
- it starts five threads for an execution of three tasks: see :mod:`~harness.emulator.engine_threads`;
- it looks through all executions for each: see :mod:`~harness.emulator.engine_executions`.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
import types
from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

from harness.emulator.access.sessions import RoleSession
from harness.emulator.aws_models import modelled_errors
from harness.emulator.engine_clock import keep_time
from harness.emulator.engine_executions import Shelf, find_executions
from harness.emulator.engine_seam import failure, put_around
from harness.emulator.engine_threads import work_on_one_thread
from harness.emulator.jsonata import use_jsonata
from harness.emulator.limits import EXECUTION_HISTORY, STATE_DATA
from harness.emulator.stepfunctions.clock import Clock
from harness.emulator.stepfunctions.coverage import CHOSEN, Traces
from harness.emulator.stepfunctions.integrations.lambda_invoke import invocation_result

_CLOSED = "harness_closed"
_UNKNOWN = "Lambda.Unknown"
_OF_THE_SDK = ("SdkClientException", "Unknown")
"""Errors that have a name of their own though Lambda answers none such."""
_LAST = ("ExecutionSucceeded", "ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut")
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


def load_engine(client_for: ClientFor, clock: Clock, traces: Traces, folder: Path) -> None:
    """Import the engine, and have it call other services through *client_for*, go by *clock* and tell *traces*.

    Histories of executions that have ended are kept in *folder*.
    """
    _import_without_batch()
    _share_clients(client_for)
    _remember_what_was_parsed()
    _complete_lambda_results()
    _name_errors_of_lambda()
    _read_escapes()
    _measure_data()
    _bound_history()
    use_jsonata()
    keep_time(clock)
    work_on_one_thread(clock)
    find_executions()
    _tell_the_end(traces, Shelf(folder))
    _tell_choices()
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
    from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.lambda_eval_utils import (
        LambdaFunctionErrorException,
    )
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_lambda import (
        StateTaskServiceLambda,
    )

    def name_refusals(original: Any) -> Any:
        def error_cause_from_client_error(client_error: Any) -> tuple[str, str]:
            error, cause = original(client_error)
            code = error.removeprefix("Lambda.")
            known = code in _OF_THE_SDK or code in modelled_errors("lambda", "Invoke")
            return (error if known else "Lambda.AWSLambdaException"), cause

        return error_cause_from_client_error

    def name_errors_without_a_type(original: Any) -> Any:
        def from_error(self: Any, env: Any, ex: Exception) -> Any:
            failed = original(self, env, ex)
            if isinstance(ex, LambdaFunctionErrorException) and not _has_type(ex.payload):
                failed.error_name = CustomErrorName(_UNKNOWN)
                details = failed.event_details["taskFailedEventDetails"]
                details["error"] = _UNKNOWN
                details["cause"] = (
                    "The cause could not be determined because Lambda did not return an error type. "
                    f"Returned payload: {ex.payload}"
                )
            return failed

        return from_error

    put_around(StateTaskServiceLambda, "_error_cause_from_client_error", name_refusals, static=True)
    put_around(StateTaskServiceLambda, "_from_error", name_errors_without_a_type)


def _has_type(payload: str) -> bool:
    try:
        return bool(json.loads(payload)["errorType"])
    except (KeyError, TypeError, ValueError):
        return False


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


def _bound_history() -> None:
    """A history that grows too long ends its execution: no retrier and no catcher helps. After its end, none grows.

    What a task does that has timed out, or a branch whose state has failed, is no part of it either.
    """
    from moto.stepfunctions.parser.asl.eval.environment import Environment
    from moto.stepfunctions.parser.asl.eval.event.event_manager import EventManager
    from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker

    def know_the_root(original: Any) -> Any:
        def get_evaluation_environment(self: Any) -> Environment:
            env = original(self)
            env.event_manager.harness_root = env
            return env

        return get_evaluation_environment

    def bound(original: Any) -> Any:
        def add_event(self: Any, context: Any, event_type: Any, *arguments: Any, **named: Any) -> int:
            count = len(self._history_event_list)
            if getattr(context, _CLOSED, False) or (count and self._history_event_list[-1]["type"] in _LAST):
                return count
            self.harness_moved = time.monotonic()
            if count < EXECUTION_HISTORY.most - 1 or event_type in _LAST:
                number: int = original(self, context, event_type, *arguments, **named)
                return number
            root = getattr(self, "harness_root", None)
            if root is not None and root.is_running():
                cause = EXECUTION_HISTORY.message.format(most=EXECUTION_HISTORY.most)
                root.set_error({"error": EXECUTION_HISTORY.error, "cause": cause})
            return count

        return add_event

    def close_contexts(original: Any) -> Any:
        def close_frame(self: Any, frame: Any) -> None:
            original(self, frame)
            _close(frame)

        return close_frame

    put_around(ExecutionWorker, "_get_evaluation_environment", know_the_root)
    put_around(EventManager, "add_event", bound)
    put_around(Environment, "close_frame", close_contexts)


def _close(frame: Any) -> None:
    setattr(frame.event_history_context, _CLOSED, True)
    for inner in frame._frames:
        _close(inner)


def moves(execution: Any, within: float) -> bool:
    """Whether something has happened in *execution*, the engine's own object, *within* so many seconds."""
    env = execution.exec_worker.env
    return env is None or time.monotonic() - env.event_manager.__dict__.get("harness_moved", 0.0) < within


def ended_event(execution: Any) -> threading.Event:
    """Set once *execution*, the engine's own object, has ended."""
    event: threading.Event = execution.__dict__.setdefault("harness_ended", threading.Event())
    return event


def _tell_the_end(traces: Traces, shelf: Shelf) -> None:
    from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication as Communication

    def tell(original: Any) -> Any:
        def terminated(self: Any) -> None:
            original(self)
            traces.ended(self.execution)
            ended_event(self.execution).set()
            shelf.ended(self.execution)

        return terminated

    put_around(Communication, "terminated", tell)


def _tell_choices() -> None:
    """Note which rule of a Choice state was taken; where none is, fail as AWS does."""
    from moto.stepfunctions.parser.asl.component.state.choice.choice_rule import ChoiceRule
    from moto.stepfunctions.parser.asl.component.state.choice.state_choice import StateChoice

    taken = threading.local()

    def note_the_rule(original: Any) -> Any:
        def eval_rule(self: Any, env: Any) -> None:
            original(self, env)
            if env.stack[-1] is True:
                taken.rule = self

        return eval_rule

    def note_the_choice(original: Any) -> Any:
        def eval_state(self: Any, env: Any) -> None:
            taken.rule = None
            try:
                original(self, env)
            except RuntimeError as error:
                if "No branching option" not in str(error):
                    raise
                raise _no_choice(env, self.name) from None
            rules = self.choices_decl.rules
            index = next((index for index, rule in enumerate(rules) if rule is taken.rule), None)
            env.event_manager.__dict__.setdefault(CHOSEN, []).append([self.name, index])

        return eval_state

    put_around(ChoiceRule, "_eval_body", note_the_rule)
    put_around(StateChoice, "_eval_state", note_the_choice)


def _no_choice(env: Any, state: str) -> Exception:
    entered = env.event_history_context.source_event_id
    cause = (
        f"An error occurred while executing the state '{state}' (entered at the event id #{entered}). Failed to "
        "transition out of the state. The state does not point to a next state."
    )
    return failure(env, "ExecutionFailed", {"error": "States.NoChoiceMatched", "cause": cause})


def _read_escapes() -> None:
    """Texts of a definition are JSON: their escapes stand for characters, which the engine's parser overlooks."""
    from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor

    def read(original: Any) -> Any:
        def inner_string_of(parser_rule_context: Any) -> str | None:
            text: str | None = original(parser_rule_context)
            if text is None or "\\" not in text:
                return text
            try:
                return str(json.loads(f'"{text}"', strict=False))
            except ValueError:
                return text

        return inner_string_of

    put_around(Preprocessor, "_inner_string_of", read, static=True)


def _remember_what_was_parsed() -> None:
    from moto.stepfunctions.parser.asl.component.common.path import result_path
    from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
    from moto.stepfunctions.parser.asl.utils import json_path

    for module in (json_path, result_path):  # each has a parser of its own
        if not hasattr(module.parse, "cache_info"):
            module.parse = lru_cache(_REMEMBERED)(module.parse)
    if not hasattr(AmazonStateLanguageParser.parse, "cache_info"):
        AmazonStateLanguageParser.parse = staticmethod(lru_cache(_REMEMBERED)(AmazonStateLanguageParser.parse))
