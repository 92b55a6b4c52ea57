"""CreatePipeline, StartPipelineExecution and their kin.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreatePipeline.html
"""

from __future__ import annotations

import json
import secrets
import string
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from harness.emulator.context import EmulatorContext
from harness.emulator.door.call import Call
from harness.emulator.door.errors import AwsError
from harness.emulator.door.members import (
    Members,
    blob,
    optional_number,
    optional_text,
    optional_time,
    structure,
    structures,
    text,
)
from harness.emulator.door.validation import check
from harness.emulator.sagemaker.execution_role import ExecutionRole
from harness.emulator.sagemaker.job_lists import part_of
from harness.emulator.sagemaker.names import arn_of, refusal
from harness.emulator.sagemaker.pipelines.definition import parameters_of, parse
from harness.emulator.sagemaker.pipelines.execution import Ask, Execution
from harness.emulator.services import Operation

PATIENCE = 5.0
"""Seconds for which DescribePipelineExecution waits for the end before it answers; the SDK asks every 30."""
_LETTERS = string.ascii_lowercase + string.digits
_NOT_EMULATED = ("SelectiveExecutionConfig", "PipelineVersionId", "PipelineVersionAlias", "MlflowExperimentName")


class Pipelines:
    """All pipelines and their executions.

    Args:
        context: the emulator's surroundings.
    """

    def __init__(self, context: EmulatorContext) -> None:
        self._context = context
        self._pipelines: dict[tuple[str, str], dict[str, Any]] = {}
        self._executions: dict[str, Execution] = {}
        self._started: dict[tuple[str, str], tuple[Members, str]] = {}
        """By pipeline and client token: the request, and the execution that it started."""
        self._lock = threading.Lock()
        operations: dict[str, Operation] = {
            "CreatePipeline": self.create,
            "UpdatePipeline": self.update,
            "DeletePipeline": self.delete,
            "DescribePipeline": self.describe,
            "ListPipelines": self.list,
            "StartPipelineExecution": self.start,
            "StopPipelineExecution": self.stop,
            "DescribePipelineExecution": self.describe_execution,
            "SendPipelineExecutionStepSuccess": self.succeed,
            "SendPipelineExecutionStepFailure": self.fail,
            "DescribePipelineDefinitionForExecution": self.describe_definition,
            "ListPipelineExecutions": self.list_executions,
            "ListPipelineExecutionSteps": self.list_steps,
            "ListPipelineParametersForExecution": self.list_parameters,
        }
        self.operations: Mapping[str, Operation] = {
            name: self._checked(name, operation) for name, operation in operations.items()
        }

    def create(self, call: Call) -> Members:
        """Keep a pipeline whose every step can be run here."""
        given, name = call.parameters, text(call.parameters, "PipelineName")
        arn = arn_of("pipeline", name, call.region, self._context.account_id)
        definition = self._definition_of(call)
        parse(definition)
        ExecutionRole(self._context, text(given, "RoleArn")).require(arn)
        now = datetime.now(UTC)
        with self._lock:
            if (call.region, name) in self._pipelines:
                raise refusal(
                    "Pipeline names must be unique within an AWS account and region. "
                    f"Pipeline with name ({name}) already exists."
                )
            self._pipelines[call.region, name] = {
                "PipelineArn": arn,
                "PipelineName": name,
                "PipelineDisplayName": given.get("PipelineDisplayName", name),
                "PipelineDefinition": definition,
                "PipelineDescription": given.get("PipelineDescription"),
                "RoleArn": given["RoleArn"],
                "PipelineStatus": "Active",
                "ParallelismConfiguration": given.get("ParallelismConfiguration"),
                "Tags": structures(given, "Tags"),
                "CreationTime": now,
                "LastModifiedTime": now,
            }
        return {"PipelineArn": arn}

    def update(self, call: Call) -> Members:
        """Change a pipeline; executions under way go on as they began."""
        pipeline, given = self._find(call), dict(call.parameters)
        if "PipelineDefinition" in given or "PipelineDefinitionS3Location" in given:
            given["PipelineDefinition"] = definition = self._definition_of(call)
            parse(definition)
        names = (
            *("PipelineDisplayName", "PipelineDefinition", "PipelineDescription", "RoleArn"),
            "ParallelismConfiguration",
        )
        pipeline.update({name: given[name] for name in names if name in given}, LastModifiedTime=datetime.now(UTC))
        return {"PipelineArn": pipeline["PipelineArn"]}

    def delete(self, call: Call) -> Members:
        """Forget a pipeline."""
        pipeline = self._find(call)
        with self._lock:
            self._pipelines.pop((call.region, pipeline["PipelineName"]), None)
        return {"PipelineArn": pipeline["PipelineArn"]}

    def describe(self, call: Call) -> Members:
        """Answer DescribePipeline."""
        return {name: value for name, value in self._find(call).items() if value is not None and name != "Tags"}

    def list(self, call: Call) -> Members:
        """Answer ListPipelines."""
        names = ("PipelineArn", "PipelineName", "PipelineDisplayName", "RoleArn", "CreationTime", "LastModifiedTime")
        beginning = text(call.parameters, "PipelineNamePrefix", "")
        found = [
            {name: pipeline[name] for name in names}
            for (region, name), pipeline in self._pipelines.items()
            if region == call.region and name.startswith(beginning)
        ]
        order = "PipelineName" if call.parameters.get("SortBy") == "Name" else "CreationTime"
        return _listed("PipelineSummaries", found, order, call.parameters)

    def start(self, call: Call) -> Members:
        """Start an execution; the same request with the same token starts one only.

        Raises:
            AwsError: there is no such pipeline, its parameters are not those given, or not all of it is to be run.
        """
        given, pipeline = call.parameters, self._find(call)
        key = (pipeline["PipelineArn"], text(given, "ClientRequestToken"))
        with self._lock:
            request, arn = self._started.get(key, ({}, ""))
        if request == given:
            return {"PipelineExecutionArn": arn}
        definition = parse(pipeline["PipelineDefinition"])
        parameters = parameters_of(definition, _values(given, "PipelineParameters"))
        arn = f"{pipeline['PipelineArn']}/execution/{''.join(secrets.choice(_LETTERS) for _ in range(12))}"
        told = {
            "PipelineArn": pipeline["PipelineArn"],
            "PipelineExecutionDisplayName": given.get("PipelineExecutionDisplayName"),
            "PipelineExecutionDescription": given.get("PipelineExecutionDescription"),
        }
        limits = structure(given, "ParallelismConfiguration") or structure(pipeline, "ParallelismConfiguration")
        ask = self._ask(text(given, "RoleArn", pipeline["RoleArn"]), call.region)
        most = optional_number(limits, "MaxParallelExecutionSteps")
        execution = Execution(arn, definition, parameters, told, ask, most)
        with self._lock:
            self._executions[arn] = execution
            self._started[key] = (given, arn)
        execution.start()
        return {"PipelineExecutionArn": arn}

    def stop(self, call: Call) -> Members:
        """Stop an execution."""
        execution = self._execution(call)
        if execution.ended.is_set():
            raise refusal(f"Pipeline execution with ARN {execution.arn} is in status {execution.status}.")
        execution.stop()
        return {"PipelineExecutionArn": execution.arn}

    def succeed(self, call: Call) -> Members:
        """Answer SendPipelineExecutionStepSuccess."""
        return self._call_back(call, {"outputs": _values(call.parameters, "OutputParameters")})

    def fail(self, call: Call) -> Members:
        """Answer SendPipelineExecutionStepFailure."""
        return self._call_back(call, {"failure": optional_text(call.parameters, "FailureReason")})

    def describe_execution(self, call: Call) -> Members:
        """Answer DescribePipelineExecution, after :data:`PATIENCE` seconds at most while it goes on."""
        execution = self._execution(call)
        execution.ended.wait(PATIENCE)
        answer = {
            **execution.told,
            "PipelineExecutionArn": execution.arn,
            "PipelineExecutionStatus": execution.status,
            "FailureReason": execution.failure_reason,
            "CreationTime": execution.created,
            "LastModifiedTime": execution.modified,
        }
        return {name: value for name, value in answer.items() if value is not None}

    def describe_definition(self, call: Call) -> Members:
        """Return the definition with which an execution began."""
        execution = self._execution(call)
        return {"PipelineDefinition": json.dumps(execution.definition), "CreationTime": execution.created}

    def list_executions(self, call: Call) -> Members:
        """Answer ListPipelineExecutions, the latest first unless asked otherwise."""
        arn = self._find(call)["PipelineArn"]
        found = [
            {
                "PipelineExecutionArn": execution.arn,
                "StartTime": execution.created,
                "PipelineExecutionStatus": execution.status,
            }
            for execution in self._executions.values()
            if execution.told["PipelineArn"] == arn
        ]
        order = "PipelineExecutionArn" if call.parameters.get("SortBy") == "PipelineExecutionArn" else "StartTime"
        return _listed("PipelineExecutionSummaries", found, order, call.parameters)

    def list_steps(self, call: Call) -> Members:
        """Answer ListPipelineExecutionSteps, the latest first unless asked otherwise."""
        steps = [dict(step) for step in self._execution(call).steps]
        return _listed("PipelineExecutionSteps", steps, "StartTime", call.parameters)

    def list_parameters(self, call: Call) -> Members:
        """Return the parameters of an execution, as texts."""
        execution = self._execution(call)
        return {"PipelineParameters": [{"Name": k, "Value": str(v)} for k, v in execution.parameters.items()]}

    def with_arn(self, arn: str) -> dict[str, Any] | None:
        """Return the pipeline of an ARN, None where there is none."""
        return next((each for each in self._pipelines.values() if each["PipelineArn"] == arn), None)

    def kept(self) -> Iterator[tuple[str, Members]]:
        """Yield the pipelines, by region and name; their executions end with the emulator."""
        with self._lock:
            pipelines = dict(self._pipelines)
        for (region, name), pipeline in pipelines.items():
            yield f"{region}/{name}", dict(pipeline)

    def restore(self, key: str, record: Members) -> None:
        """Take back a pipeline that was kept."""
        region, _, name = key.partition("/")
        self._pipelines[region, name] = dict(record)

    def close(self) -> None:
        """Have no execution begin another step."""
        for execution in self._executions.values():
            execution.stop()

    def _checked(self, name: str, operation: Operation) -> Operation:
        def checked(call: Call) -> Members:
            check("sagemaker", name, call.parameters)
            for member in _NOT_EMULATED:
                if call.parameters.get(member):
                    raise refusal(f"not emulated: {member} of pipelines")
            return operation(call)

        return checked

    def _call_back(self, call: Call, given: Members) -> Members:
        for execution in tuple(self._executions.values()):
            if execution.callbacks.end(text(call.parameters, "CallbackToken"), given):
                return {"PipelineExecutionArn": execution.arn}
        raise AwsError("ResourceNotFound", "No pipeline execution waits for this callback token.")

    def _find(self, call: Call) -> dict[str, Any]:
        name = text(call.parameters, "PipelineName").rpartition("/")[2]
        pipeline = self._pipelines.get((call.region, name))
        if pipeline is None:
            arn = arn_of("pipeline", name, call.region, self._context.account_id)
            raise AwsError("ResourceNotFound", f"Pipeline '{arn}' does not exist.")
        return pipeline

    def _execution(self, call: Call) -> Execution:
        arn = text(call.parameters, "PipelineExecutionArn", "")
        execution = self._executions.get(arn)
        if execution is None:
            raise AwsError("ResourceNotFound", f"Pipeline execution '{arn}' does not exist.")
        return execution

    def _definition_of(self, call: Call) -> str:
        """Return the definition, out of the request or from where in S3 it says, read as who asks."""
        place = structure(call.parameters, "PipelineDefinitionS3Location")
        if place and "PipelineDefinition" in call.parameters:
            raise refusal("Both Pipeline Definition and Pipeline Definition S3 Location shouldn't be present")
        if not place:
            if "PipelineDefinition" not in call.parameters:
                raise refusal("Either Pipeline Definition or Pipeline Definition S3 location should be provided")
            return text(call.parameters, "PipelineDefinition")
        wanted = {"Bucket": place["Bucket"], "Key": place["ObjectKey"]}
        if "VersionId" in place:
            wanted["VersionId"] = place["VersionId"]
        read = Call("s3", "GetObject", wanted, call.region, call.account, call.caller)
        return blob(self._context.services.call(read), "Body").decode("utf-8", "replace")

    def _ask(self, role: str, region: str) -> Ask:
        session = ExecutionRole(self._context, role).session

        def ask(service: str, operation: str, parameters: Members) -> Members:
            call = Call(service, operation, parameters, region, self._context.account_id, session)
            return self._context.services.call(call)

        return ask


def _values(given: Members, name: str) -> dict[str, str]:
    return {text(item, "Name"): text(item, "Value") for item in structures(given, name)}


def _listed(member: str, found: list[dict[str, Any]], order: str, asked: Members) -> Members:
    """Return what a List operation answers: all of it unless a number is asked for, the latest first unless told so."""
    after, before = optional_time(asked, "CreatedAfter"), optional_time(asked, "CreatedBefore")
    made = "CreationTime" if "CreationTime" in next(iter(found), ()) else "StartTime"
    wanted = [
        each for each in found if not ((after and each[made] < after) or (before is not None and each[made] > before))
    ]
    # What began in the same moment stays in its order, so it is turned as a whole.
    wanted.sort(key=lambda each: each[order])
    if asked.get("SortOrder") != "Ascending":
        wanted.reverse()
    return part_of(member, wanted, asked, len(wanted) or 1)
