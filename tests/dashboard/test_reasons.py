"""Why something failed, in words."""

import json

import pytest

from harness.dashboard.reasons import in_words, reason_of


def unsure(confidence, threshold=0.93):
    said = f"THRESHOLD_CONFIDENCE_NOT_MET: the confidence {confidence} does not exceed the threshold {threshold}"
    return reason_of("ThresholdConfidenceNotMet", json.dumps({"errorMessage": said, "errorType": "x"}))


def test_a_function_cause_is_decoded():
    assert str(unsure(0.7767885)) == "the model was not sure enough: confidence 0.7767, threshold 0.93"
    assert unsure(0.71).sentence == "because the model was not sure enough: confidence 0.71, threshold 0.93"


@pytest.mark.parametrize(
    ("confidence", "shown"), [(0.92999999, "0.9299"), (0.9299606, "0.9299"), (0.93, "0.93"), (0.5, "0.5")]
)
def test_a_confidence_is_never_rounded_up_to_the_threshold(confidence, shown):
    assert unsure(confidence).detail.startswith(f"confidence {shown},")


def test_failures_are_grouped_with_their_range():
    groups = in_words([unsure(0.71), unsure(0.8), reason_of("Bad", "it is bad."), unsure(0.71)])
    assert [(count, reason.sentence) for count, reason in groups] == [
        (3, "because the model was not sure enough: confidence 0.71 to 0.8, threshold 0.93"),
        (1, "with Bad: it is bad"),
    ]
    assert in_words([unsure(0.7, 0.8), unsure(0.8, 0.9)])[0][1].detail == "confidence 0.7 to 0.8"


@pytest.mark.parametrize(
    ("error", "cause", "status", "said"),
    [
        ("OrderIncomplete", "no items.", "FAILED", "with OrderIncomplete: no items"),
        ("Odd", "", "FAILED", "with Odd"),
        ("", "", "FAILED", "because it failed; no reason was given"),
        ("", "", "ABORTED", "because somebody stopped it, without a reason"),
        ("Late", "too slow", "ABORTED", "because somebody stopped it: Late: too slow"),
        (
            "S3.NoSuchBucketException",
            "null (Service: S3, Status Code: 404, Request ID: 1) (SDK Attempt Count: 1)",
            "FAILED",
            "with S3.NoSuchBucketException: S3 answered with the status 404, and no words",
        ),
        ("", "", "TIMED_OUT", "because the execution took longer than it may"),
        ("States.Timeout", "", "FAILED", "because a step took longer than it may"),
        ("ValueError", '{"errorMessage": "no body", "errorType": "ValueError"}', "FAILED", "with ValueError: no body"),
        (
            "Lambda.AWSLambdaException",
            "User: arn:aws:sts::123456789012:assumed-role/r/s is not authorized to perform: lambda:InvokeFunction on "
            "resource: arn:aws:lambda:us-east-1:123456789012:function:f because no policy allows it",
            "FAILED",
            "because a role does not allow what was tried: lambda:InvokeFunction on f",
        ),
    ],
)
def test_other_errors(error, cause, status, said):
    assert reason_of(error, cause, status).sentence == said


@pytest.mark.parametrize(
    ("who", "said"),
    [
        ("arn:aws:sts::123456789012:assumed-role/Clerk/night", "Clerk/night stopped it, without a reason"),
        ("arn:aws:iam::123456789012:user/ann", "user/ann stopped it, without a reason"),
    ],
)
def test_who_stopped_one_is_named(who, said):
    assert str(reason_of("", "", "ABORTED", who)) == said
