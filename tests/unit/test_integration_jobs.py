"""Jobs that tasks wait for: looked at, shown, failed, stopped."""

import json
from datetime import UTC, datetime

import pytest

from harness.emulator.stepfunctions.integrations.reach import Answer, Caller, Refused, Unreachable
from harness.emulator.stepfunctions.integrations.registry import Integrations
from harness.states_language.effects import AwaitJob, CallResource, Failure, Result

CALLER = Caller("us-east-1", "123456789012")
CHILD = "arn:aws:states:us-east-1:123456789012:execution:m:e"


class Service:
    """Answers every call with *output*, or raises it."""

    def __init__(self, output):
        self.output, self.calls = output, []

    def __call__(self, service, operation, parameters, caller):
        self.calls.append((service, operation, dict(parameters)))
        if isinstance(self.output, Exception):
            raise self.output
        return Answer(self.output, "id")


def waiting(resource, arguments=None, submitted=None):
    return AwaitJob(1, "T", resource=f"arn:aws:states:::{resource}", arguments=arguments, submitted=submitted)


@pytest.mark.parametrize("kind", ["TrainingJob", "ProcessingJob", "TransformJob", "HyperParameterTuningJob"])
def test_a_job_of_sagemaker_is_described_until_it_has_ended(kind):
    effect = waiting(f"sagemaker:create{kind}.sync", {f"{kind}Name": "j"})
    moment = datetime(2026, 1, 1, tzinfo=UTC)

    def look(status):
        service = Service({f"{kind}Name": "j", f"{kind}Status": status, "CreationTime": moment})
        found = Integrations(service).poll(effect, CALLER)
        assert service.calls == [("sagemaker", f"Describe{kind}", {f"{kind}Name": "j"})]
        return found

    assert look("InProgress") is None and look("Stopping") is None
    done = look("Completed")
    assert isinstance(done, Result) and done.value["CreationTime"] == 1767225600000
    assert json.loads(done.text) == done.value
    failed = look("Failed")
    assert failed.error == "States.TaskFailed" and json.loads(failed.cause)[f"{kind}Status"] == "Failed"
    service = Service({})
    Integrations(service).cancel(effect, CALLER)
    assert service.calls == [("sagemaker", f"Stop{kind}", {f"{kind}Name": "j"})]


@pytest.mark.parametrize(("waits", "shown"), [("sync", '{"a":1}'), ("sync:2", {"a": 1})])
def test_an_execution_is_shown_as_text_or_as_what_it_is(waits, shown):
    effect = waiting(f"states:startExecution.{waits}", {}, {"ExecutionArn": CHILD})
    described = {
        "executionArn": CHILD,
        "status": "SUCCEEDED",
        "input": "{}",
        "output": '{"a":1}',
        "outputDetails": {"included": True},
        "redriveCount": 0,
    }
    integrations = Integrations(Service(described))
    assert integrations.child_execution(effect) == CHILD
    value = integrations.poll(effect, CALLER).value
    assert value["Output"] == shown and value["OutputDetails"] == {"Included": True} and "RedriveCount" not in value


def test_what_cannot_be_described_fails_the_task():
    effect = waiting("sagemaker:createTrainingJob.sync", {"TrainingJobName": "j"})
    refused = Refused("ValidationException", "Requested resource not found.", 400, "id")
    assert Integrations(Service(refused)).poll(effect, CALLER).error == "SageMaker.AmazonSageMakerException"
    Integrations(Service(refused)).cancel(effect, CALLER)


def test_a_service_that_is_not_there_is_an_error_that_a_retrier_sees():
    integrations = Integrations(Service(Unreachable("Unable to execute HTTP request: refused")))
    for resource, error in (
        ("arn:aws:states:::lambda:invoke", "Lambda.SdkClientException"),
        ("arn:aws:lambda:us-east-1:123456789012:function:f", "Lambda.SdkClientException"),
        ("arn:aws:states:::aws-sdk:s3:listBuckets", "S3.SdkClientException"),
        ("arn:aws:states:::sqs:sendMessage", "SQS.SdkClientException"),
    ):
        arguments = {"FunctionName": "f"} if "lambda" in resource else {}
        reply = integrations.call(CallResource(1, "T", resource=resource, arguments=arguments), CALLER)
        assert reply == Failure(error, "Unable to execute HTTP request: refused")
