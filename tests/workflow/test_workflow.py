"""The one suite of the workflow: plain boto3 against whatever target the session has.

No test says where it runs. Images above and below the threshold are found by asking the endpoint, so that a stub, a
model trained here and one on AWS are all put to the same questions.
"""

import base64
import json
import random
import time
import uuid
from collections import Counter

import pytest

from harness.capture.records import await_s3
from harness.project.executions import failed_state, history, run, run_all
from harness.project.machines import delete_state_machine
from harness.project.zipping import zip_folder
from harness.testing.control import write_out
from tests.deployed import machine
from tests.waiting import until
from tests.workflow.checks import THRESHOLD_STATE, assert_threshold_not_met
from tests.workflow.conftest import SEED

pytestmark = pytest.mark.workflow


def invoke(scones, function, event):
    answer = scones.session.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
    return answer.get("FunctionError"), json.loads(answer["Payload"].read())


def every_half_minute(say):
    """Progress of a wait: nothing at first, a line each half minute later."""
    last = [time.monotonic()]

    def progress(have):
        if time.monotonic() - last[0] > 30:
            last[0] = time.monotonic()
            say(have)

    return progress


# Each function alone


def test_serialize_alone(scones, images):
    key = images.keys[0]
    error, answer = invoke(scones, "serializeImageData", scones.event(key))
    assert error is None
    assert answer == {
        "statusCode": 200,
        "body": {
            "image_data": base64.b64encode(images.data[key]).decode(),
            "s3_bucket": scones.bucket,
            "s3_key": key,
            "inferences": [],
        },
    }


def test_classify_alone(scones, images):
    key = images.keys[0]
    event = {"image_data": base64.b64encode(images.data[key]).decode()}
    error, answer = invoke(scones, "classifyImageData", event)
    assert error is None
    assert answer["statusCode"] == 200
    assert max(json.loads(answer["body"])) == images.confidence[key]


def test_threshold_alone(scones, settings):
    event = {"statusCode": 200, "body": "[0.99, 0.01]"}
    error, answer = invoke(scones, "thresholdImageData", event)
    assert error is None
    assert json.loads(answer["body"]) == event
    error, answer = invoke(scones, "thresholdImageData", {"statusCode": 200, "body": "[0.6, 0.4]"})
    assert error == "Unhandled"
    assert answer["errorType"] == "ThresholdConfidenceNotMet"


@pytest.mark.parametrize(
    ("function", "event", "field"),
    [
        ("serializeImageData", {"s3_bucket": "b"}, "s3_key"),
        ("classifyImageData", {"image_data": "%"}, "image_data"),
        ("thresholdImageData", {"body": "[NaN]"}, "body"),
    ],
)
def test_a_bad_event_is_named(scones, function, event, field):
    error, answer = invoke(scones, function, event)
    assert error == "Unhandled"
    assert answer["errorType"] == "ValueError"
    assert field in answer["errorMessage"]


# The state machine


def test_a_sure_prediction_passes(scones, images, states, settings):
    key = images.above(settings.threshold)
    result = run(states, scones.state_machine_arn, scones.event(key))
    assert result.status == "SUCCEEDED", result.cause
    assert result.output["statusCode"] == 200
    passed = json.loads(result.output["body"])
    assert max(json.loads(passed["body"])) == images.confidence[key]
    events = history(states, result.arn)
    entered = [e["stateEnteredEventDetails"]["name"] for e in events if "stateEnteredEventDetails" in e]
    assert entered == ["Lambda Invoke(serializeImageData)", "Lambda Invoke(ClassifyImageData)", THRESHOLD_STATE]
    assert Counter(event["type"] for event in events) == {
        "ExecutionStarted": 1,
        "TaskStateEntered": 3,
        "TaskScheduled": 3,
        "TaskStarted": 3,
        "TaskSucceeded": 3,
        "TaskStateExited": 3,
        "ExecutionSucceeded": 1,
    }


def test_an_unsure_prediction_fails_as_designed(scones, images, states, settings):
    key = images.below(settings.threshold)
    result = run(states, scones.state_machine_arn, scones.event(key))
    assert_threshold_not_met(result, history(states, result.arn), images.confidence[key], settings.threshold)


def test_a_missing_object_fails_in_the_first_state(scones, states):
    result = run(states, scones.state_machine_arn, scones.event("test/no-such-image.png"))
    assert (result.status, result.error) == ("FAILED", "NoSuchKey")
    assert "GetObject" in json.loads(result.cause)["errorMessage"]
    assert failed_state(history(states, result.arn)) == "Lambda Invoke(serializeImageData)"


def test_an_object_that_is_no_image_fails_in_the_second_state(scones, states):
    scones.session.client("s3").put_object(Bucket=scones.bucket, Key="test/no-image.png", Body=b"<html>")
    result = run(states, scones.state_machine_arn, scones.event("test/no-image.png"))
    assert (result.status, result.error) == ("FAILED", "ValueError")
    assert "'body.image_data' is not a PNG or JPEG image" in json.loads(result.cause)["errorMessage"]
    assert failed_state(history(states, result.arn)) == "Lambda Invoke(ClassifyImageData)"


def test_random_images_end_as_the_endpoint_decides(scones, images, states, settings):
    keys = random.Random(SEED).sample(images.keys, 12)
    results = list(run_all(states, scones.state_machine_arn, map(scones.event, keys)))
    assert sorted(result.input["s3_key"] for result in results) == sorted(keys)
    for result in results:
        confidence = images.confidence[result.input["s3_key"]]
        if confidence > settings.threshold:
            assert result.status == "SUCCEEDED", result.cause
        else:
            assert_threshold_not_met(result, history(states, result.arn), confidence, settings.threshold)


def test_every_execution_is_captured_once(scones, images, states, target, tell):
    # Bytes after a PNG's end change nothing in the picture, and make each of these one of a kind.
    s3 = scones.session.client("s3")
    data = {f"{key}-{uuid.uuid4().hex}": images.data[key] + uuid.uuid4().bytes for key in images.keys[:10]}
    for key, image in data.items():
        s3.put_object(Bucket=scones.bucket, Key=key, Body=image)
    results = list(run_all(states, scones.state_machine_arn, map(scones.event, data)))
    ours = set(data.values())
    write_out(target)
    records = await_s3(
        s3,
        scones.capture_uri,
        len(data),
        select=lambda record: record.input.content() in ours,
        progress=every_half_minute(lambda have: tell(f"{have} of {len(data)} captures have arrived")),
    )
    assert Counter(record.input.content() for record in records) == Counter(data.values())
    said = {record.input.content(): record.output.content().decode() for record in records}
    for result in results:
        (answer,) = [
            json.loads(event["stateExitedEventDetails"]["output"])["body"]
            for event in history(states, result.arn)
            if event.get("stateExitedEventDetails", {}).get("name") == "Lambda Invoke(ClassifyImageData)"
        ]
        assert answer == said[data[result.input["s3_key"]]]


# Variants of the machine


@pytest.fixture(scope="session")
def variants_allowed(scones, states):
    """The state machine's role may invoke variants of its functions, once an attempt has shown that IAM knows it."""
    iam = scones.session.client("iam")
    original = machine(scones)
    role = original["roleArn"].rpartition("/")[2]
    statement = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "arn:aws:lambda:*:*:*-variant:*"}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    iam.put_role_policy(RoleName=role, PolicyName="variants", PolicyDocument=json.dumps(document))
    try:
        await_permission(scones, states, original)
        yield
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName="variants")


def function_arn(scones, name):
    return scones.session.client("lambda").get_function_configuration(FunctionName=name)["FunctionArn"]


def await_permission(scones, states, original):
    """Wait until a function that is not there is said to be missing, no longer to be forbidden."""
    function = f"{function_arn(scones, 'serializeImageData')}-none-variant:$LATEST"
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": function},
        "End": True,
    }
    definition = json.dumps({"StartAt": "Try", "States": {"Try": task}})
    tags = [{"key": key, "value": value} for key, value in scones.tags.items()]
    arn = states.create_state_machine(
        name=f"{original['name']}-try-{uuid.uuid4().hex[:8]}",
        definition=definition,
        roleArn=original["roleArn"],
        tags=tags,
    )["stateMachineArn"]
    try:
        until(lambda: run(states, arn, {}), 120, enough=lambda result: "not authorized" not in result.cause)
    finally:
        delete_state_machine(states, arn)


@pytest.fixture
def variant(scones, states, variants_allowed, tmp_path):
    """Runs the state machine with one of its functions replaced by another source."""
    functions = scones.session.client("lambda")
    original = machine(scones)
    tags = [{"key": key, "value": value} for key, value in scones.tags.items()]
    made = []

    def make(replaced, source):
        configured = functions.get_function_configuration(FunctionName=replaced)
        (tmp_path / "lambda_function.py").write_text(source)
        unique = uuid.uuid4().hex[:8]  # AWS keeps a deleted machine's name while an execution of it runs
        name = f"{replaced}-{unique}-variant"
        functions.create_function(
            FunctionName=name,
            Runtime=configured["Runtime"],
            Handler=configured["Handler"],
            Role=configured["Role"],
            Code={"ZipFile": zip_folder(tmp_path)},
            Timeout=configured["Timeout"],
            Tags=dict(scones.tags),
        )
        functions.get_waiter("function_active_v2").wait(FunctionName=name)
        definition = original["definition"].replace(f":{replaced}:", f":{name}:")
        assert definition != original["definition"]
        arn = states.create_state_machine(
            name=f"{original['name']}-{replaced}-{unique}",
            definition=definition,
            roleArn=original["roleArn"],
            tags=tags,
        )["stateMachineArn"]
        made.append((name, arn))
        return arn

    yield make
    for name, arn in made:
        delete_state_machine(states, arn)
        functions.delete_function(FunctionName=name)


FLAKY = """
import base64

calls = 0

def lambda_handler(event, context):
    global calls
    calls += 1
    if calls == 1:
        raise type("Lambda.ServiceException", (Exception,), {})("the first call fails")
    image = base64.b64encode(bytes.fromhex("89504e470d0a1a0a")).decode()
    return {"statusCode": 200, "body": {"image_data": image}, "calls": calls}
"""


def test_a_service_exception_is_tried_again(clock, variant, scones, states):
    result = run(states, variant("serializeImageData", FLAKY), {"any": "event"})
    events = history(states, result.arn)
    first = [event["type"] for event in events if event["id"] <= 8]
    assert first == [
        "ExecutionStarted",
        "TaskStateEntered",
        "TaskScheduled",
        "TaskStarted",
        "TaskFailed",
        "TaskScheduled",
        "TaskStarted",
        "TaskSucceeded",
    ]
    (failed,) = [event["taskFailedEventDetails"] for event in events if event["type"] == "TaskFailed"][:1]
    assert failed["error"] == "Lambda.ServiceException"
    waited = (events[5]["timestamp"] - events[4]["timestamp"]).total_seconds()
    assert 1.9 < waited < 4  # IntervalSeconds is 2
    assert json.loads(events[7]["taskSucceededEventDetails"]["output"])["Payload"]["calls"] == 2


@pytest.mark.parametrize("state", ["serializeImageData", "ClassifyImageData", "CheckThreshold"])
def test_each_state_tries_a_service_exception_again(clock, faults, scones, images, states, settings, state):
    faults.add(state=f"Lambda Invoke({state})", error="Lambda.ServiceException", times=2)
    result = run(states, scones.state_machine_arn, scones.event(images.above(settings.threshold)))
    assert result.status == "SUCCEEDED"
    events = history(states, result.arn)
    failed = [event for event in events if event["type"] == "TaskFailed"]
    again = [event for event in events if event["previousEventId"] in {event["id"] for event in failed}]
    pairs = zip(failed, again, strict=True)
    waited = [(after["timestamp"] - before["timestamp"]).total_seconds() for before, after in pairs]
    assert waited == pytest.approx([2, 4], abs=0.5)


COMMON_MISTAKES = {
    "an unbound variable": """
import json
THRESHOLD = 0.93
def lambda_handler(event, context):
    inferences = json.loads(event["body"])
    if max(inferences) > THRESHOLD:
        meets_threshold = True
    if meets_threshold:
        pass
    else:
        raise Exception("THRESHOLD_CONFIDENCE_NOT_MET")
    return {"statusCode": 200, "body": json.dumps(event)}
""",
    "a text that is raised": """
import json
def lambda_handler(event, context):
    if max(json.loads(event["body"])) > 0.93:
        return {"statusCode": 200, "body": json.dumps(event)}
    raise "THRESHOLD_CONFIDENCE_NOT_MET"
""",
    "a bare exception": """
import json
def lambda_handler(event, context):
    if max(json.loads(event["body"])) > 0.93:
        return {"statusCode": 200, "body": json.dumps(event)}
    raise Exception("THRESHOLD_CONFIDENCE_NOT_MET")
""",
    "a comparison of texts": """
def lambda_handler(event, context):
    if max(event["body"]) > 0.93:
        return {"statusCode": 200, "body": event}
    raise Exception("THRESHOLD_CONFIDENCE_NOT_MET")
""",
}


@pytest.mark.parametrize("mistake", COMMON_MISTAKES)
def test_common_mistakes_do_not_count_as_the_designed_failure(variant, scones, images, states, settings, mistake):
    arn = variant("thresholdImageData", COMMON_MISTAKES[mistake])
    key = images.below(settings.threshold)
    result = run(states, arn, scones.event(key))
    assert result.status == "FAILED"
    assert failed_state(history(states, result.arn)) == THRESHOLD_STATE
    with pytest.raises(AssertionError):
        assert_threshold_not_met(result, history(states, result.arn), images.confidence[key], settings.threshold)
