"""What a Distributed Map state does: reads items, runs child executions, tells the history, has results written."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from harness.emulator.distributed_map.batches import BatchError, as_text, in_batches
from harness.emulator.distributed_map.children import child_of, go_on, run_here
from harness.emulator.distributed_map.declaration import Declaration
from harness.emulator.distributed_map.items import ItemReaderError, read_items
from harness.emulator.distributed_map.map_run import Child, MapRun, Pool, unsuccessful
from harness.emulator.distributed_map.registry import Registry
from harness.emulator.distributed_map.results import (
    ResultWriterError,
    pending_record,
    result_record,
    write_results,
)
from harness.emulator.engine_seam import failure

REDRIVEN_RUN = "harness_redriven_map_run"
"""Name under which the environment of a redriven execution has the Map Run to go on with."""


def run_distributed_map(state: Any, declaration: Declaration, env: Any, registry: Registry) -> None:
    """Evaluate *state*, and leave its result on the stack of *env*.

    Raises:
        moto's FailureEventException: the state fails.
    """
    written = declaration.state
    concurrency = declaration.number(env, written, "MaxConcurrency", 0)
    run: MapRun | None = registry.environment_of(env).__dict__.pop(REDRIVEN_RUN, None)
    items = None
    if run is None:
        items = None if state.item_reader else _items_of_input(state, env)
        _tell(env, "MapStateStarted", mapStateStartedEventDetails={"length": len(items or ())})
        context = env.states.context_object.context_object_data
        run = MapRun(
            state_machine_arn=context["StateMachine"]["Id"],
            execution_arn=context["Execution"]["Id"],
            label=str(written.get("Label") or uuid.uuid4()),
            max_concurrency=int(concurrency),
            tolerated_count=declaration.number(env, written, "ToleratedFailureCount"),
            tolerated_percentage=declaration.number(env, written, "ToleratedFailurePercentage"),
            started=registry.now(),
        )
        registry.add(run)
        _tell(env, "MapRunStarted", mapRunStartedEventDetails={"mapRunArn": run.arn})
    else:
        run.redrives, run.redriven, run.stopped, run.status = run.redrives + 1, registry.now(), None, "RUNNING"
        details = {"mapRunArn": run.arn, "redriveCount": run.redrives}
        _tell(env, "MapRunRedriven", mapRunRedrivenEventDetails=details)
        for child in unsuccessful(run):
            run.move(child, "pending")
    try:
        if not run.children:
            if items is None:
                items = _read(state, declaration, env, registry)
            run.add(_inputs(state, declaration, env, items))
        result = _run(state, declaration, env, registry, run)
    except Exception as error:
        _end(run, "FAILED", registry.now())
        details = {}
        if hasattr(error, "extract_error_cause_pair"):
            name, cause = error.extract_error_cause_pair() or (None, None)
            details = {key: value for key, value in (("error", name), ("cause", cause)) if value}
        _tell(env, "MapRunFailed", mapRunFailedEventDetails=details)
        raise
    if not env.is_running():
        _end(run, "ABORTED", registry.now())
        _tell(env, "MapRunAborted")
        return
    _end(run, "SUCCEEDED", registry.now())
    _tell(env, "MapRunSucceeded")
    env.stack.append(result)
    _tell(env, "MapStateSucceeded", moves=False)


def _tell(env: Any, kind: str, moves: bool = True, **details: Any) -> None:
    from moto.stepfunctions.parser.api import HistoryEventType

    env.event_manager.add_event(
        context=env.event_history_context,
        event_type=HistoryEventType(kind),
        event_details=details or None,
        update_source_event_id=moves,
    )


def _end(run: MapRun, status: str, moment: datetime) -> None:
    with run.lock:
        run.status, run.stopped = status, moment


def _items_of_input(state: Any, env: Any) -> list[Any]:
    (state.items or state.items_path).eval(env=env)
    items = env.stack.pop()
    if isinstance(items, dict):
        return [{"Key": key, "Value": value} for key, value in items.items()]
    if not isinstance(items, list):
        cause = f"Map state input must be an array but was: {type(items)}"
        raise failure(env, "EvaluationFailed", {"error": "States.QueryEvaluationError", "cause": cause})
    return items


def _read(state: Any, declaration: Declaration, env: Any, registry: Registry) -> list[Any]:
    config = declaration.config("ItemReader", "ReaderConfig")
    most = declaration.number(env, config, "MaxItems", 0)
    parameters = {}
    if state.item_reader.parargs is not None:
        state.item_reader.parargs.eval(env=env)
        parameters = env.stack.pop()
    action = declaration.state["ItemReader"]["Resource"].rpartition(":")[2]
    try:
        return read_items(registry.client("s3", env), action, parameters, config, int(most))
    except ItemReaderError as error:
        raise failure(env, "MapRunFailed", {"error": "States.ItemReaderFailed", "cause": str(error)}) from None


def _inputs(state: Any, declaration: Declaration, env: Any, items: list[Any]) -> Iterator[tuple[str, int]]:
    selected = _selected(state, env, items)
    batcher = declaration.state.get("ItemBatcher")
    if not batcher:
        yield from ((as_text(item), 1) for item in selected)
        return
    most_items = declaration.number(env, batcher, "MaxItemsPerBatch")
    most_bytes = declaration.number(env, batcher, "MaxInputBytesPerBatch")
    batch_input = declaration.template(env, batcher["BatchInput"]) if "BatchInput" in batcher else None
    try:
        yield from in_batches(selected, most_items, most_bytes, batch_input)
    except BatchError as error:
        raise failure(env, "MapRunFailed", {"error": "States.DataLimitExceeded", "cause": str(error)}) from None


def _selected(state: Any, env: Any, items: list[Any]) -> Iterator[Any]:
    selector = state.item_selector or state.parameters
    if selector is None:
        yield from items
        return
    data = env.states.context_object.context_object_data
    try:
        for index, item in enumerate(items):
            data["Map"] = {"Item": {"Index": index, "Value": item}}
            selector.eval(env=env)
            yield env.stack.pop()
    finally:
        data.pop("Map", None)


def _run(state: Any, declaration: Declaration, env: Any, registry: Registry, run: MapRun) -> Any:
    definition, kind = declaration.child_definition, declaration.execution_type
    name = run.child_machine_arn.rpartition(":")[2]
    standard = kind == "STANDARD"
    running: dict[str, Any] = {}
    registry.allow(env, "states:StartExecution", run.state_machine_arn)

    def run_child(child: Child) -> str:
        text = child.input or registry.archive.record(child.arn)["input"]  # type: ignore[index]
        made = child_of(
            env,
            machine_arn=run.child_machine_arn,
            machine_name=name,
            definition=definition,
            execution_type=kind,
            text=text,
            name=child.arn.rpartition(":")[2],
        )
        again = None
        if standard and registry.archive.has(child.arn):
            events = registry.archive.history(child.arn)
            child.redrives += 1
            again = go_on(made, events, child.redrives)
        child.arn = made.execution_arn
        running[child.arn] = made
        registry.started(made, run if standard else None, child.redrives)
        try:
            if again is not None:
                registry.archive.take(child.arn)
                again()
            else:
                run_here(made)
        finally:
            running.pop(child.arn, None)
            registry.ended(made, run, child.redrives, history=standard)
        child.input = ""
        return str(made.status)

    pool = Pool(run, registry.clock, run_child)

    def go_on_with_it() -> bool:
        if pool.stopping or not env.is_running():
            for made in list(running.values()):
                if made.exec_worker.env is not None:
                    made.stop(registry.now(), None, None)
            return False
        return True

    pool.work(go_on_with_it)
    over = run.is_over_threshold()
    result: Any = None
    if env.is_running() or over:
        result = _results(state, declaration, env, registry, run)
    if over:
        cause = "The specified tolerated failure threshold was exceeded"
        raise failure(env, "MapRunFailed", {"error": "States.ExceedToleratedFailureThreshold", "cause": cause})
    return result


def _results(state: Any, declaration: Declaration, env: Any, registry: Registry, run: MapRun) -> Any:
    writer = declaration.state.get("ResultWriter") or {}
    config = writer.get("WriterConfig") or {}

    def records() -> Iterator[dict[str, Any]]:
        for child in run.children:
            if child.state == "pending":
                yield pending_record(child.input)
            else:
                record = registry.archive.record(child.arn)
                yield result_record(run, record) if record is not None else pending_record(child.input)

    if "Resource" not in writer:
        outputs = [json.loads(record["Output"]) for record in records() if record["Status"] == "SUCCEEDED"]
        if config.get("Transformation") == "FLATTEN":
            return [entry for output in outputs for entry in (output if isinstance(output, list) else [output])]
        if config.get("Transformation") == "NONE":
            return list(records())
        return outputs
    state.result_writer.parargs.eval(env=env)
    try:
        result = write_results(registry.client("s3", env), run, records(), env.stack.pop(), config)
    except ResultWriterError as error:
        raise failure(env, "MapRunFailed", {"error": "States.ResultWriterFailed", "cause": str(error)}) from None
    ended = [child for child in run.children if child.state != "pending"]
    run.results_written = sum(child.items for child in ended), len(ended)
    return result
