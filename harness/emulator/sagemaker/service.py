"""SageMaker: moto keeps the resources, this keeps their life: jobs that run, endpoints that serve and capture.

Control plane: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Operations_Amazon_SageMaker_Service.html
Runtime: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from werkzeug import Request, Response

from harness.emulator.clients import Clients
from harness.emulator.context import EmulatorContext
from harness.emulator.door.call import Call
from harness.emulator.door.gateway import json_members, json_response
from harness.emulator.door.members import Members
from harness.emulator.sagemaker.capture import GATHERED_SECONDS, CaptureWriter
from harness.emulator.sagemaker.endpoint_configs import EndpointConfigs
from harness.emulator.sagemaker.endpoints import Endpoints
from harness.emulator.sagemaker.frameworks import FrameworkEnvironments
from harness.emulator.sagemaker.invocation_metrics import InvocationMetrics
from harness.emulator.sagemaker.jobs import Jobs
from harness.emulator.sagemaker.kept_by_moto import KEPT
from harness.emulator.sagemaker.model_packages import ModelPackages
from harness.emulator.sagemaker.models import create_model
from harness.emulator.sagemaker.monitoring.service import MonitoringSchedules
from harness.emulator.sagemaker.pipelines.service import Pipelines
from harness.emulator.sagemaker.processing.service import processing_jobs
from harness.emulator.sagemaker.program import Programs
from harness.emulator.sagemaker.resource_tags import ResourceTags
from harness.emulator.sagemaker.runtime import Runtime
from harness.emulator.sagemaker.stub import Script, ScriptError
from harness.emulator.sagemaker.training.service import TrainingJobs
from harness.emulator.sagemaker.transform.service import transform_jobs
from harness.emulator.services import Operation


class SageMaker:
    """Carries out SageMaker's operations, and answers its runtime.

    Args:
        context: the emulator's surroundings.
        training_options: options for the training programs of built-in algorithms.
        frameworks: the environments that stand in for AWS's framework containers.
        variables: lead boto3 in a program to this emulator.
        capture_seconds: for how long a Data Capture file gathers records.
        now: the time by the emulator's clock.
        pace_of_aws: whether who looks late finds jobs and endpoints still on their way.
    """

    name = "sagemaker"
    kept_by_moto = KEPT

    def __init__(
        self,
        context: EmulatorContext,
        training_options: Sequence[str] = (),
        frameworks: FrameworkEnvironments | None = None,
        variables: Mapping[str, str] | None = None,
        capture_seconds: float = GATHERED_SECONDS,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        pace_of_aws: bool = False,
    ) -> None:
        self._context = context
        programs = Programs(context.permissions, frameworks or FrameworkEnvironments(), variables or {})
        self._captures = CaptureWriter(context.clients, capture_seconds, lambda: now().timestamp())
        keeper = Clients(
            context.endpoint_url, None, context.region, context.account_id, context.permissions, context.moto
        )
        self._endpoints = Endpoints(context, self._captures.flush, keeper.call, programs, pace_of_aws)
        self._metrics = InvocationMetrics(context.clients, self._captures.now)
        self.runtime = Runtime(context, self._endpoints.in_service, self._captures, self._metrics)
        configs = EndpointConfigs(context, keeper.call)
        packages = ModelPackages(context.account_id, keeper.call)
        self._jobs = TrainingJobs(context, training_options, programs, pace_of_aws)
        self._processing = processing_jobs(context, programs)
        self._transforms = transform_jobs(context, programs)
        self._pipelines = Pipelines(context)
        self._monitoring = MonitoringSchedules(context, self._processing, self._captures.flush, now)
        self.operations: Mapping[str, Operation] = {
            "CreateModel": lambda call: create_model(context, call, keeper.call, packages.served_container),
            "CreateEndpointConfig": configs.create,
            "DescribeEndpointConfig": configs.describe,
            **packages.operations,
            **ResourceTags(keeper.call, self._with_arn).operations,
            **self._endpoints.operations,
            **self._jobs.operations,
            **self._processing.operations,
            **self._transforms.operations,
            **self._pipelines.operations,
            **self._monitoring.operations,
        }

    def start(self) -> None:
        """Nothing to start: what was kept is restored."""

    def api(self, request: Request) -> Response:
        """Answer the emulator's own API.

        ``GET endpoints``: what runs, stubs marked; ``PUT endpoints/<name>/script`` and ``DELETE`` of it: script a stub;
        ``GET endpoints/<name>/invocations``: what a stub was asked and answered; ``GET training-jobs``: process numbers
        of programs that train; ``GET captures``: what Data Capture has written and what waits.
        """
        parts = request.path.removeprefix("/_harness/").strip("/").split("/")
        match request.method, parts:
            case "GET", ["captures"]:
                return json_response(self._captures.status())
            case "GET", ["endpoints"]:
                return json_response({"endpoints": self._endpoints.in_service.overview()})
            case "GET", ["training-jobs"]:
                return json_response({"processes": self._jobs.process_ids()})
            case (("PUT" | "POST" | "DELETE" | "GET"), ["endpoints", name, what]):
                stub = self._endpoints.in_service.find_stub(name)
                if stub is None:
                    return json_response({"message": f"no stub endpoint {name!r} is in service"}, 404)
                if what == "invocations" and request.method == "GET":
                    return json_response({"invocations": stub.invocations()})
                if what == "script" and request.method != "GET":
                    try:
                        stub.follow(Script() if request.method == "DELETE" else Script.read(json_members(request)))
                    except ScriptError as error:
                        return json_response({"message": str(error)}, 400)
                    return json_response({"status": "scripted"})
        return json_response({"message": f"no {request.method} {request.path} here"}, 404)

    def tagged(self, region: str) -> Iterable[tuple[str, str, Mapping[str, str]]]:
        """Nothing: moto keeps the tags."""
        return ()

    def kept(self) -> Iterable[tuple[str, str, Members]]:
        """Yield what is to be kept beside moto's records: see :class:`~harness.emulator.services.Service`."""
        for kind, jobs in self._keepers().items():
            for job in jobs.jobs():
                yield kind, f"{job.region}/{job.name}", job.record()
        for key, record in self._pipelines.kept():
            yield "pipeline", key, record
        for key, record in self._monitoring.kept():
            yield "monitoring-schedule", key, record

    def restore(self, kind: str, key: str, record: Members) -> None:
        """Take back what :meth:`kept` gave: jobs with their ends.

        Args:
            kind: ``pipeline``, ``monitoring-schedule``, or the kind of a job.
            key: of the record, where the kind needs it.
            record: its data.
        """
        if kind == "pipeline":
            self._pipelines.restore(key, record)
        elif kind == "monitoring-schedule":
            self._monitoring.restore(key, record)
        else:
            self._keepers()[kind].restore(record)

    def _with_arn(self, arn: str) -> dict[str, Any] | None:
        return self._pipelines.with_arn(arn) or self._monitoring.with_arn(arn)

    def _keepers(self) -> dict[str, TrainingJobs | Jobs]:
        return {"training-job": self._jobs, "processing-job": self._processing, "transform-job": self._transforms}

    def resume(self) -> None:
        """Bring endpoints in service again, once everything has been taken back."""
        self._endpoints.life.restore()

    def publish_metrics(self, call: Call) -> None:
        """Have CloudWatch know of the endpoints' invocations before *call* is carried out, which asks it something."""
        self._metrics.publish()

    def flush(self) -> None:
        """Write waiting capture records now."""
        self._captures.flush()

    def close(self) -> None:
        """Stop all jobs and model servers, and write waiting capture records."""
        self._monitoring.close()
        self._pipelines.close()
        for jobs in self._keepers().values():
            jobs.close()
        self._endpoints.life.close()
        self._captures.close()
