"""Each handler called directly: its contract, and the errors that name what is wrong with an event."""

import base64
import importlib.util
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

PNG = b"\x89PNG\r\n\x1a\n" + b"image"


def load(root, name):
    """A handler's module, as fresh as a cold start has it."""
    path = root / "lambdas" / name / "lambda_function.py"
    spec = importlib.util.spec_from_file_location(f"handler_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def serialize(root):
    return load(root, "serialize_image_data")


@pytest.fixture(scope="module")
def classify(root):
    return load(root, "classify_image_data")


@pytest.fixture(scope="module")
def threshold(root):
    return load(root, "threshold_image_data")


class S3:
    def __init__(self, objects):
        self._objects = objects

    def get_object(self, Bucket, Key):
        return {"Body": io.BytesIO(self._objects[Bucket, Key])}


class Runtime:
    def __init__(self, answer):
        self._answer = answer
        self.calls = []

    def invoke_endpoint(self, **arguments):
        self.calls.append(arguments)
        return {"Body": io.BytesIO(self._answer)}


def test_serialize_puts_the_object_into_the_event(serialize, monkeypatch):
    monkeypatch.setattr(serialize, "s3_client", lambda: S3({("bucket", "test/a.png"): PNG}))
    event = {"image_data": "", "s3_bucket": "bucket", "s3_key": "test/a.png"}
    assert serialize.lambda_handler(event, None) == {
        "statusCode": 200,
        "body": {
            "image_data": base64.b64encode(PNG).decode(),
            "s3_bucket": "bucket",
            "s3_key": "test/a.png",
            "inferences": [],
        },
    }


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({"s3_key": "a"}, "s3_bucket"),
        ({"s3_bucket": "b"}, "s3_key"),
        ({"s3_bucket": "", "s3_key": "a"}, "s3_bucket"),
        ({"s3_bucket": "b", "s3_key": 7}, "s3_key"),
        ([], "s3_bucket"),
        (None, "s3_bucket"),
    ],
)
def test_serialize_names_the_field_that_is_wrong(serialize, event, field):
    with pytest.raises(ValueError, match=field):
        serialize.lambda_handler(event, None)


@pytest.mark.parametrize("wrap", [lambda event: {"statusCode": 200, "body": event}, lambda event: event])
def test_classify_passes_on_the_endpoints_text(classify, monkeypatch, wrap):
    runtime = Runtime(b"[0.98, 0.02]")
    monkeypatch.setattr(classify, "runtime_client", lambda: runtime)
    monkeypatch.setenv("ENDPOINT_NAME", "the-endpoint")
    event = wrap({"image_data": base64.b64encode(PNG).decode(), "s3_bucket": "b", "s3_key": "k", "inferences": []})
    assert classify.lambda_handler(event, None) == {"statusCode": 200, "body": "[0.98, 0.02]"}
    assert runtime.calls == [{"EndpointName": "the-endpoint", "ContentType": "image/png", "Body": PNG}]


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({}, "lacks 'image_data'"),
        ({"body": {}}, "lacks 'body.image_data'"),
        ({"body": "text"}, "'body' must be an object"),
        ({"image_data": ""}, "'image_data' must be the image"),
        ({"image_data": 7}, "'image_data' must be the image"),
        ({"image_data": "not base64!"}, "'image_data' is not base64"),
        ({"body": {"image_data": "YWJj*"}}, "'body.image_data' is not base64"),
        ({"image_data": base64.b64encode(b"<html>").decode()}, "'image_data' is not a PNG or JPEG"),
        ("text", "the event must be an object"),
    ],
)
def test_classify_names_the_field_that_is_wrong(classify, event, message):
    with pytest.raises(ValueError, match=message):
        classify.lambda_handler(event, None)


@given(st.binary(min_size=0, max_size=60))
def test_classify_decodes_what_serialize_encodes(classify, tail):
    event = {"image_data": base64.b64encode(PNG + tail).decode()}
    assert classify.image_of(event) == PNG + tail


def test_threshold_passes_the_event_on_as_text(threshold, monkeypatch):
    monkeypatch.delenv("THRESHOLD", raising=False)
    event = {"statusCode": 200, "body": "[0.98, 0.02]"}
    answer = threshold.lambda_handler(event, None)
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"]) == event


@pytest.mark.parametrize(("largest", "passes"), [(0.9300001, True), (0.93, False), (0.5, False), (1.0, True)])
def test_a_confidence_must_exceed_the_threshold(threshold, monkeypatch, largest, passes):
    monkeypatch.delenv("THRESHOLD", raising=False)
    event = {"body": json.dumps([1 - largest, largest])}
    if passes:
        assert threshold.lambda_handler(event, None)["statusCode"] == 200
        return
    with pytest.raises(threshold.ThresholdConfidenceNotMet) as failed:
        threshold.lambda_handler(event, None)
    assert str(failed.value).startswith("THRESHOLD_CONFIDENCE_NOT_MET")
    assert str(largest) in str(failed.value)
    assert "0.93" in str(failed.value)


def test_the_threshold_is_a_variable(threshold, monkeypatch):
    monkeypatch.setenv("THRESHOLD", "0.5")
    assert threshold.lambda_handler({"body": "[0.6, 0.4]"}, None)["statusCode"] == 200
    monkeypatch.setenv("THRESHOLD", "high")
    with pytest.raises(ValueError, match="THRESHOLD must be a number from 0 to 1, not 'high'"):
        threshold.lambda_handler({"body": "[0.6, 0.4]"}, None)


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({}, "lacks 'body'"),
        ({"body": [0.9, 0.1]}, "'body' must be the endpoint's answer as text"),
        ({"body": "body"}, "'body' is not JSON"),
        ({"body": "{}"}, "'body' must be a list of probabilities"),
        ({"body": "[]"}, "'body' must be a list of probabilities"),
        ({"body": '["0.9"]'}, "holds '0.9'"),
        ({"body": "[true, false]"}, "holds True"),
        ({"body": "[NaN, 0.1]"}, "holds nan"),
        ({"body": "[Infinity]"}, "holds inf"),
        ({"body": "[1.2, -0.2]"}, "holds 1.2"),
        (None, "the event must be an object"),
    ],
)
def test_threshold_names_the_field_that_is_wrong(threshold, event, message):
    with pytest.raises(ValueError, match=message):
        threshold.lambda_handler(event, None)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_threshold_decides_by_the_largest(threshold, probabilities):
    event = {"body": json.dumps(probabilities)}
    if max(probabilities) > 0.93:
        assert json.loads(threshold.lambda_handler(event, None)["body"]) == event
    else:
        with pytest.raises(threshold.ThresholdConfidenceNotMet):
            threshold.lambda_handler(event, None)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3)))
def test_threshold_never_fails_by_accident(threshold, value):
    try:
        threshold.lambda_handler({"body": json.dumps(value)}, None)
    except (ValueError, threshold.ThresholdConfidenceNotMet) as error:
        assert "body" in str(error) or str(error).startswith("THRESHOLD_CONFIDENCE_NOT_MET")
