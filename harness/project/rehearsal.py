"""A rehearsal: what deploys is run with a session that notes what would change something, and sends none of it.

What only reads is asked. Of what would have been made by then, the rehearsal itself says that it is there and done.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from types import SimpleNamespace
from typing import Any

from harness.project.plan import ProjectPlan, deploy_project
from harness.project.session import SharedClients
from harness.project.stack import StackChange, preview
from harness.targets.replaying import is_read

_TOLD = (
    *("InstanceType", "InstanceCount", "InitialInstanceCount", "Image", "TrainingImage", "ModelDataUrl"),
    *("MaxRuntimeInSeconds", "MaxWaitTimeInSeconds", "S3OutputPath", "DestinationS3Uri", "S3Uri", "Arn", "RoleArn"),
    "LocationConstraint",
)
"""What lies deeper in a request and matters: what it costs, and where to and as whom."""
_LONG = 80
_EACH = 3
_CONTEXT = "harness-rehearsal"
_SWITCHES = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
_BUCKET: dict[str, dict[str, Any]] = {
    "HeadBucket": {},
    "ListObjectsV2": {},
    "GetPublicAccessBlock": {"PublicAccessBlockConfiguration": dict.fromkeys(_SWITCHES, True)},
    "GetBucketEncryption": {
        "ServerSideEncryptionConfiguration": {
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        }
    },
}
"""What S3 says of a bucket that was just made."""
Answer = tuple[SimpleNamespace, dict[str, Any]]


@dataclass(frozen=True)
class Request:
    """A request that changes something."""

    service: str
    """boto3's name of the service."""
    operation: str
    parameters: Mapping[str, Any]

    def __str__(self) -> str:
        told = [f"{name}={_short(value)}" for name, value in self.parameters.items() if _is_told(name, value)]
        deeper = [f"{name}={_short(value)}" for name, value in _leaves(self.parameters.values()) if name in _TOLD]
        return " ".join([f"{self.service} {self.operation}", *told, *dict.fromkeys(deeper)])


def lines_of(requests: Iterable[Request]) -> Iterator[str]:
    """Yield requests in their order, a line each; more than a few of the same operation by the first and the last.

    Args:
        requests: which would be sent.
    """
    for (service, operation), group in groupby(requests, lambda each: (each.service, each.operation)):
        same = list(group)
        if len(same) <= _EACH:
            yield from map(str, same)
            continue
        yield f"{service} {operation}, {len(same)} times: first {_names(same[0])}, last {_names(same[-1])}"


class Rehearsal(SharedClients):
    """A session that sends what only reads, and notes the rest.

    Args:
        changes: by the names of stacks that are to be made or changed, what would change; nothing for those that stay.
        options: of boto3's session.
    """

    def __init__(self, changes: Mapping[str, tuple[StackChange, ...]], **options: Any) -> None:
        super().__init__(**options)
        self.requests: list[Request] = []
        """What would have been sent, in its order."""
        self._changes = changes
        self._there: dict[tuple[str, str], Mapping[str, Any] | None] = {}
        """What would have been made, by kind and name; None for what would be gone."""
        self._noting = threading.Lock()

    def client(self, service_name: str, *arguments: Any, **options: Any) -> Any:
        """Return a client that sends nothing which would change something.

        Args:
            service_name: boto3's name.
            arguments: more, as of boto3's session.
            options: more, as of boto3's session.
        """
        client = super().client(service_name, *arguments, **options)
        events = client.meta.events
        events.register("provide-client-params", _keep, unique_id=f"{_CONTEXT}-parameters")
        events.register("before-call", self._answer, unique_id=_CONTEXT)
        events.register("after-call.sagemaker", _be_done, unique_id=f"{_CONTEXT}-done")
        return client

    def _answer(self, model: Any, context: dict[str, Any], **_: Any) -> Answer | None:
        service, operation, given = model.service_model.service_name, model.name, context.pop(_CONTEXT)
        if is_read(operation):
            return self._told(operation, given)
        with self._noting:
            self.requests.append(Request(service, operation, given))
            return self._make(operation, given)

    def _make(self, operation: str, given: Mapping[str, Any]) -> Answer:
        """Take a request for carried out."""
        there = self._there
        match operation:
            case "CreateBucket":
                there["bucket", given["Bucket"]] = given
            case "CreateChangeSet":
                there["change set", given["StackName"]] = given
                return _answered({"Id": given["ChangeSetName"], "StackId": given["StackName"]})
            case "ExecuteChangeSet":
                there["stack", given["StackName"]] = there.get(("change set", given["StackName"])) or {}
            case "DeleteStack":
                name = given["StackName"]
                there["stack", name.split("/")[1] if "/" in name else name] = None
            case "CreateSchedule" | "UpdateSchedule":
                there["schedule", given["Name"]] = given
            case "CreateTrainingJob":
                there["job", given["TrainingJobName"]] = given
            case "CreateEndpoint" | "UpdateEndpoint" | "DeleteEndpoint":
                there["endpoint", given["EndpointName"]] = given if "EndpointConfigName" in given else None
        return _answered({})

    def _told(self, operation: str, given: Mapping[str, Any]) -> Answer | None:
        """Answer a request about what would be there by then; None where that is asked for."""
        there = self._there
        stack = str(given.get("StackName", ""))
        stack = stack.split("/")[1] if "/" in stack else stack
        match operation:
            case _ if operation in _BUCKET and ("bucket", given.get("Bucket")) in there:
                return _answered(_BUCKET[operation])
            case "DescribeChangeSet":
                return _answered(_change_set(self._changes.get(stack, ())))
            case "DescribeStacks" if ("stack", stack) in there:
                made = there["stack", stack]
                if made is None:
                    return _refused("ValidationError", f"Stack with id {stack} does not exist")
                status = f"{made.get('ChangeSetType', 'CREATE')}_COMPLETE"
                return _answered({"Stacks": [{"StackName": stack, "StackId": stack, "StackStatus": status}]})
            case "ListStackResources" | "DescribeStackEvents" if ("stack", stack) in there:
                return _answered({"StackResourceSummaries": [], "StackEvents": []})
            case "GetSchedule" if ("schedule", given["Name"]) in there:
                return _answered(there["schedule", given["Name"]] or {})
            case "DescribeTrainingJob" if ("job", given["TrainingJobName"]) in there:
                return _answered(_done(there["job", given["TrainingJobName"]] or {}))
            case "ListTrainingJobs":
                jobs = [_done(job) for (kind, _), job in there.items() if kind == "job" and job]
                return _answered({"TrainingJobSummaries": jobs}) if jobs else None
            case "DescribeEndpoint" if ("endpoint", given["EndpointName"]) in there:
                endpoint = there["endpoint", given["EndpointName"]]
                if endpoint is None:
                    return _refused("ValidationException", f"Could not find endpoint {given['EndpointName']}")
                return _answered({**endpoint, "EndpointStatus": "InService", "EndpointArn": "made by then"})
        return None


def rehearse_project(plan: ProjectPlan, session: Any, *, is_local: bool = True) -> list[Request]:
    """Return what :func:`~harness.project.plan.deploy_project` would send to change something, in its order.

    Of a stack that is there a change set is made, and deleted again, to learn what would change.

    Args:
        plan: what is to be deployed.
        session: leads to the target.
        is_local: whether the target is no AWS account.

    Raises:
        harness.project.stack.StackFailure: CloudFormation refuses the template.
        botocore.exceptions.ClientError: AWS refuses.
    """
    changes = {stack.name: preview(stack, session) for stack in plan.stacks}
    rehearsal = Rehearsal(changes, region_name=session.region_name)
    deploy_project(plan, rehearsal, is_local=is_local)
    return rehearsal.requests


def _keep(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    context[_CONTEXT] = dict(params)  # before what is sent is made of it


def _be_done(parsed: dict[str, Any], **_: Any) -> None:
    """Have what is under way be done: who rehearses does not wait."""
    if parsed.get("TrainingJobStatus") == "InProgress":
        parsed.update(_done(parsed))
    for job in parsed.get("TrainingJobSummaries", ()):
        if job["TrainingJobStatus"] == "InProgress":
            job["TrainingJobStatus"] = "Completed"
    if parsed.get("EndpointStatus") in ("Creating", "Updating"):
        parsed["EndpointStatus"] = "InService"


def _done(job: Mapping[str, Any]) -> dict[str, Any]:
    """Describe a training job that has ended with a model, which SageMaker puts where it always does."""
    name = job["TrainingJobName"]
    model = f"{str(job['OutputDataConfig']['S3OutputPath']).rstrip('/')}/{name}/output/model.tar.gz"
    return {
        "TrainingJobName": name,
        "TrainingJobStatus": "Completed",
        "SecondaryStatus": "Completed",
        "ModelArtifacts": {"S3ModelArtifacts": model},
    }


def _change_set(changes: tuple[StackChange, ...]) -> dict[str, Any]:
    if not changes:
        return {"Status": "FAILED", "StatusReason": "The submitted information didn't contain changes."}
    listed = [
        {
            "ResourceChange": {
                "Action": change.action,
                "LogicalResourceId": change.name,
                "ResourceType": change.kind,
                "Replacement": str(change.replaced),
            }
        }
        for change in changes
    ]
    return {"Status": "CREATE_COMPLETE", "Changes": listed}


def _answered(parsed: Mapping[str, Any]) -> Answer:
    return SimpleNamespace(status_code=200, headers={}), dict(parsed)


def _refused(code: str, message: str) -> Answer:
    metadata = {"HTTPStatusCode": 400}
    answer = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": metadata}
    return SimpleNamespace(status_code=400, headers={}), answer


def _is_told(name: str, value: Any) -> bool:
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        return False
    return not isinstance(value, dict) and name not in ("Description", "ExpectedBucketOwner")


def _short(value: Any) -> str:
    if isinstance(value, bytes | bytearray):
        return f"{len(value)} bytes"
    text = value if isinstance(value, str) else json.dumps(value, default=str, separators=(",", ":"))
    return (
        text if len(text) <= _LONG else f"{len(text.encode())} bytes" if "\n" in text or "{" in text else text[:_LONG]
    )


def _leaves(values: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """Names and values of what lies deeper."""
    for value in values:
        if isinstance(value, dict):
            yield from ((name, item) for name, item in value.items() if not isinstance(item, dict | list))
            yield from _leaves(value.values())
        elif isinstance(value, list):
            yield from _leaves(value)


def _names(request: Request) -> str:
    return " ".join(f"{name}={value}" for name, value in request.parameters.items() if name in ("Bucket", "Key"))
