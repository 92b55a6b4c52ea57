"""One execution of a pipeline: each step begins once those are done that it needs.

https://docs.aws.amazon.com/sagemaker/latest/dg/build-and-manage-steps.html
"""

from __future__ import annotations

import json
import logging
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from typing import Any

from harness.emulator.door.errors import AwsError
from harness.emulator.sagemaker.pipelines.callbacks import Callbacks, message
from harness.emulator.sagemaker.pipelines.definition import Step, StepError, at, holds, needs, resolve

logger = logging.getLogger(__name__)

Ask = Callable[[str, str, Mapping[str, Any]], Mapping[str, Any]]
"""Carries out an operation of a service as the pipeline's role."""
_JOBS = {"Processing": "ProcessingJob", "Training": "TrainingJob", "Transform": "TransformJob"}
_LONGEST_NAME = 63
_AT_ONCE = 16
"""Steps at once where the pipeline does not say."""


class Execution:
    """An execution, and the steps that it has come to.

    Args:
        arn: of the execution.
        definition: of the pipeline, at its start.
        parameters: by name.
        told: the members of Describe that do not change.
        ask: carries out operations.
        at_once: ``MaxParallelExecutionSteps``, None where it is not given.
    """

    def __init__(
        self,
        arn: str,
        definition: Mapping[str, Any],
        parameters: Mapping[str, Any],
        told: Mapping[str, Any],
        ask: Ask,
        at_once: int | None = None,
    ) -> None:
        self.arn = arn
        self.definition = definition
        self.parameters = parameters
        self.told = told
        self.status = "Executing"
        self.failure_reason: str | None = None
        self.created = self.modified = datetime.now(UTC)
        self.steps: list[dict[str, Any]] = []
        self._ask = ask
        self._id = arn.rpartition("/")[2]
        self._stop = threading.Event()
        self._at_once = at_once or _AT_ONCE
        self._running: set[tuple[str, str]] = set()
        self.callbacks = Callbacks()
        self._known: dict[str, Any] = {
            "Parameters": parameters,
            "Execution": {
                "PipelineName": arn.split("/")[1],
                "PipelineExecutionArn": arn,
                "PipelineExecutionId": self._id,
                "StartDateTime": self.created.isoformat(),
                "CurrentDateTime": self.created.isoformat(),
            },
            "Steps": {},
            "JsonGet": self._property_file,
        }
        self._by_name: dict[str, Step] = {}
        self.ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"pipeline-{self._id}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the jobs under way, and begin no other step."""
        if self.ended.is_set():
            return
        self.status = "Stopping"
        self._stop.set()
        self.callbacks.stop()
        for kind, name in tuple(self._running):
            try:
                self._ask("sagemaker", f"Stop{kind}", {f"{kind}Name": name})
            except AwsError as error:  # it has ended meanwhile
                logger.debug("%s: %s", name, error)

    def _run(self) -> None:
        try:
            done = self._carry_out(self.definition["Steps"])
        except Exception as error:
            logger.exception("pipeline execution %s failed", self.arn)
            self.failure_reason, done = f"InternalServerError: {error}", False
        self.modified = datetime.now(UTC)
        if self._stop.is_set():
            self.status = "Stopped"
        elif done:
            self.status = "Succeeded"
        else:
            self.failure_reason = self.failure_reason or "Step failure: One or multiple steps failed."
            self.status = "Failed"
        self.ended.set()

    def _carry_out(self, steps: Sequence[Step]) -> bool:
        """Carry out steps as soon as those that they need are done; whether all went well."""
        waiting, under_way, well = list(steps), set[Future[Sequence[Step] | None]](), True
        self._by_name.update({step["Name"]: step for step in steps})
        with ThreadPoolExecutor(self._at_once, f"steps-{self._id}") as pool:
            while True:
                ready = [step for step in waiting if needs(step) <= self._known["Steps"].keys()]
                for step in ready[: self._at_once - len(under_way)] if not self._stop.is_set() else ():
                    waiting.remove(step)
                    under_way.add(pool.submit(self._step, step))
                if not under_way:
                    return well  # what the others need has failed, or was not come to
                done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                for more in (future.result() for future in done):
                    if more is None:
                        well = False
                    else:
                        waiting += more
                        self._by_name.update({step["Name"]: step for step in more})

    def _step(self, step: Step) -> Sequence[Step] | None:
        """Carry out one step; the steps that follow from its outcome, None where it has failed."""
        name, kind = step["Name"], step["Type"]
        shown: dict[str, Any] = {
            "StepName": name,
            "StartTime": datetime.now(UTC),
            "StepStatus": "Executing",
            "Metadata": {},
            "AttemptCount": 1,
        }
        if step.get("DisplayName"):
            shown["StepDisplayName"] = step["DisplayName"]
        self.steps.append(shown)
        well = True
        try:
            properties = self._work(step, kind, shown)
        except StepError as error:
            shown["StepStatus"] = "Stopped" if self._stop.is_set() else "Failed"
            shown["FailureReason"] = str(error)
            well = False
        except AwsError as error:
            shown["StepStatus"], well = "Failed", False
            shown["FailureReason"] = f"ClientError: Failed to invoke sagemaker: {error.code}: {error.message}"
        else:
            shown["StepStatus"] = "Succeeded"
            self._known["Steps"][name] = properties
        shown["EndTime"] = self.modified = datetime.now(UTC)
        if well and kind == "Condition":
            chosen = "IfSteps" if shown["Metadata"]["Condition"]["Outcome"] == "True" else "ElseSteps"
            return step["Arguments"].get(chosen) or []
        return [] if well else None

    def _work(self, step: Step, kind: str, shown: dict[str, Any]) -> Mapping[str, Any]:
        """Carry out one step; its properties."""
        if kind == "Condition":
            well = all(holds(condition, self._known) for condition in step["Arguments"].get("Conditions") or [])
            outcome = str(well)
            shown["Metadata"] = {"Condition": {"Outcome": outcome}}
            return {"Outcome": outcome}
        arguments = resolve(step.get("Arguments") or {}, self._known)
        if kind in _JOBS:
            return self._job(step["Name"], _JOBS[kind], arguments, shown)
        if kind == "Fail":
            shown["Metadata"] = {"Fail": {"ErrorMessage": arguments["ErrorMessage"]}}
            raise StepError(arguments["ErrorMessage"])
        if kind == "Lambda":
            return self._function(step, arguments, shown)
        if kind == "Callback":
            return self._callback(step, arguments, shown)
        if kind == "Model":
            name = self._name(step["Name"])
            arn = self._ask("sagemaker", "CreateModel", {**arguments, "ModelName": name})["ModelArn"]
            shown["Metadata"] = {"Model": {"Arn": arn}}
            return self._ask("sagemaker", "DescribeModel", {"ModelName": name})
        group = arguments.get("ModelPackageGroupName")
        if group is not None:
            try:
                self._ask("sagemaker", "DescribeModelPackageGroup", {"ModelPackageGroupName": group})
            except AwsError:
                self._ask("sagemaker", "CreateModelPackageGroup", {"ModelPackageGroupName": group})
        arn = self._ask("sagemaker", "CreateModelPackage", arguments)["ModelPackageArn"]
        shown["Metadata"] = {"RegisterModel": {"Arn": arn}}
        return self._ask("sagemaker", "DescribeModelPackage", {"ModelPackageName": arn})

    def _job(self, step: str, kind: str, arguments: Mapping[str, Any], shown: dict[str, Any]) -> Mapping[str, Any]:
        name = self._name(step)
        made = self._ask("sagemaker", f"Create{kind}", {**arguments, f"{kind}Name": name})
        shown["Metadata"] = {kind: {"Arn": made[f"{kind}Arn"]}}
        self._running.add((kind, name))
        try:
            if self._stop.is_set():
                self._ask("sagemaker", f"Stop{kind}", {f"{kind}Name": name})
            while True:
                job = self._ask("sagemaker", f"Describe{kind}", {f"{kind}Name": name})  # waits some seconds by itself
                if job[f"{kind}Status"] not in ("InProgress", "Stopping"):
                    break
        finally:
            self._running.discard((kind, name))
        if job[f"{kind}Status"] != "Completed":
            raise StepError(job.get("FailureReason") or f"ClientError: the job is {job[f'{kind}Status']}")
        return job

    def _function(self, step: Step, arguments: Mapping[str, Any], shown: dict[str, Any]) -> Mapping[str, Any]:
        arn = resolve(step["FunctionArn"], self._known)
        answer = self._ask("lambda", "Invoke", {"FunctionName": arn, "Payload": json.dumps(arguments).encode()})
        text = answer.get("Payload") or b"null"
        told = json.loads(text if isinstance(text, (bytes, str)) else b"".join(text))
        if answer.get("FunctionError"):
            raise StepError(f"ClientError: The function {arn} failed: {json.dumps(told)}")
        wanted = [item["OutputName"] for item in step.get("OutputParameters") or []]
        outputs = {name: told[name] for name in wanted if isinstance(told, dict) and name in told}
        if missing := [name for name in wanted if name not in outputs]:
            raise StepError(f"ClientError: The function {arn} did not return {', '.join(missing)}")
        listed = [{"Name": name, "Value": str(value)} for name, value in outputs.items()]
        shown["Metadata"] = {"Lambda": {"Arn": arn, "OutputParameters": listed}}
        return {"OutputParameters": outputs}

    def _callback(self, step: Step, arguments: Mapping[str, Any], shown: dict[str, Any]) -> Mapping[str, Any]:
        queue = resolve(step["SqsQueueUrl"], self._known)

        def send(token: str) -> None:
            body = message(token, self.arn, step["Name"], arguments)
            self._ask("sqs", "SendMessage", {"QueueUrl": queue, "MessageBody": body})

        def show(token: str) -> None:
            shown["Metadata"] = {"Callback": {"CallbackToken": token, "SqsQueueUrl": queue}}

        outputs = self.callbacks.wait_for(send, show)
        wanted = [item["OutputName"] for item in step.get("OutputParameters") or []]
        if missing := [name for name in wanted if name not in outputs]:
            raise StepError(f"ClientError: The callback did not give {', '.join(missing)}")
        listed = [{"Name": name, "Value": str(value)} for name, value in outputs.items()]
        shown["Metadata"]["Callback"]["OutputParameters"] = listed
        return {"OutputParameters": outputs}

    def _property_file(self, reference: str) -> Any:
        """Return the content of ``Steps.NAME.PropertyFiles.FILE``."""
        _, name, _, file = reference.split(".", 3)
        declared = next(
            (item for item in self._by_name[name].get("PropertyFiles") or [] if item["PropertyFileName"] == file), None
        )
        if declared is None:
            raise StepError(f"ClientError: the step {name} has no property file {file}")
        output = at(self._known["Steps"][name], f"ProcessingOutputConfig.Outputs['{declared['OutputName']}']")
        bucket, _, key = output["S3Output"]["S3Uri"].removeprefix("s3://").partition("/")
        path = "/".join((key.rstrip("/"), declared["FilePath"])).lstrip("/")
        try:
            body = self._ask("s3", "GetObject", {"Bucket": bucket, "Key": path})["Body"]
            return json.loads(body)
        except (AwsError, ValueError) as error:
            raise StepError(f"ClientError: the property file s3://{bucket}/{path} cannot be read: {error}") from None

    def _name(self, step: str) -> str:
        made = f"pipelines-{self._id}-{step}"[: _LONGEST_NAME - 11]
        return f"{made}-{uuid.uuid4().hex[:10]}"
