"""Numbers, labels, files and comparisons of evaluations, on predictions that were made up."""

import csv
import io
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.evaluation import metrics
from harness.evaluation.batch import innermost
from harness.evaluation.compare import compare, mcnemar
from harness.evaluation.files import read_json, summary, to_csv, to_json
from harness.evaluation.model import Evaluation, Prediction
from harness.reporting.labels import label_from_name, read_lst
from harness.reporting.page import write


def prediction(number, label, motorcycle, threshold=0.9):
    """An image that is taken for a motorcycle with that probability."""
    probabilities = (1 - motorcycle, motorcycle)
    status = "sure" if max(probabilities) > threshold else "unsure"
    return Prediction(f"test/{number}.png", status, label, probabilities)


FOUR = (
    prediction(0, 0, 0.05),
    prediction(1, 1, 0.75),
    prediction(2, 1, 0.35),
    prediction(3, 0, 0.97),
)


def test_accuracy_and_confusion_count_what_has_a_label():
    unknown = replace(FOUR[0], key="test/4.png", label=None)
    assert metrics.accuracy([*FOUR, unknown]) == 0.5
    assert metrics.confusion([*FOUR, unknown]) == [[1, 1], [1, 1]]
    assert metrics.accuracy([unknown]) is None


def test_a_sweep_trades_coverage_for_accuracy():
    at = {step.threshold: step for step in metrics.sweep(FOUR, (0.5, 0.7, 0.9, 0.99))}
    assert (at[0.5].passed, at[0.5].accuracy) == (4, 0.5)
    assert (at[0.7].passed, at[0.7].coverage, at[0.7].errors) == (3, 0.75, 1)
    assert (at[0.9].passed, at[0.9].accuracy) == (2, 0.5)
    assert (at[0.99].passed, at[0.99].accuracy, at[0.99].low) == (0, None, None)


def test_a_confidence_at_the_threshold_does_not_pass():
    (step,) = metrics.sweep([prediction(0, 1, 0.75)], (0.75,))
    assert step.passed == 0


def test_calibration_by_hand():
    # Two predictions at 0.95 of which one is right: a gap of 0.45; one at 0.65 that is right: 0.35.
    predictions = [prediction(0, 1, 0.95), prediction(1, 0, 0.95), prediction(2, 1, 0.65)]
    measured = metrics.calibration_of(predictions)
    assert measured.error == pytest.approx((2 * 0.45 + 0.35) / 3)
    assert [(row["low"], row["count"]) for row in measured.rows()] == [(0.6, 1), (0.9, 2)]


@given(st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1)), min_size=1, max_size=60))
def test_numbers_stay_within_their_bounds(given_):
    predictions = [prediction(number, label, p) for number, (label, p) in enumerate(given_)]
    steps = metrics.sweep(predictions)
    assert [step.coverage for step in steps] == sorted((step.coverage for step in steps), reverse=True)
    assert all(step.low - 1e-9 <= step.accuracy <= step.high + 1e-9 for step in steps if step.passed)
    measured = metrics.calibration_of(predictions)
    assert 0 <= measured.error <= 1
    assert sum(map(sum, metrics.confusion(predictions))) == len(predictions)
    assert measured.count.sum() == len(predictions)
    assert all(row["low"] <= row["confidence"] <= row["high"] + 1e-9 for row in measured.rows())


@pytest.mark.parametrize(
    ("one", "other", "p"),
    [(0, 0, 1.0), (1, 0, 1.0), (6, 0, 0.03125), (1, 9, 0.021484375), (5, 5, 1.0), (59, 6, 4.964650327e-12)],
)
def test_mcnemars_exact_test(one, other, p):
    assert mcnemar(one, other) == pytest.approx(p, rel=1e-9, abs=0)


@given(st.integers(0, 200), st.integers(0, 200))
def test_mcnemars_test_is_a_probability_and_has_no_side(one, other):
    assert mcnemar(one, other) == mcnemar(other, one)
    assert 0 < mcnemar(one, other) <= 1


def evaluation(predictions, **more):
    return Evaluation("s3://bucket/test.lst", 0.9, tuple(predictions), {"Target": "embedded", **more})


def test_a_comparison_names_what_changed():
    before = evaluation([*FOUR, prediction("gone", 1, 0.8)])
    after = [FOUR[0], prediction(1, 1, 0.2), prediction(2, 1, 0.95), FOUR[3], prediction("new", 0, 0.3)]
    found = compare(before, evaluation(after))
    assert (found.fixed, found.broken, found.common) == (1, 1, 4)
    assert [(change.name, change.kind) for change in found.changes] == [("1.png", "broken"), ("2.png", "fixed")]
    assert (found.only_before, found.only_after) == (("gone.png",), ("new.png",))
    assert "neither" in found.verdict
    surer = compare(evaluation([prediction(0, 1, 0.8)]), evaluation([prediction(0, 1, 0.95)]))
    assert [(change.kind) for change in surer.changes] == ["sure"]
    with pytest.raises(ValueError, match="no image in common"):
        compare(before, evaluation([prediction("other", 1, 0.9)]))


def test_a_large_difference_is_told_from_chance():
    wrong = [prediction(number, 1, 0.2) for number in range(12)]
    right = [prediction(number, 1, 0.95) for number in range(12)]
    assert "rare by chance (p = 0.000488)" in compare(evaluation(wrong), evaluation(right)).verdict
    assert "may well be chance" in compare(evaluation(wrong[:2]), evaluation(right[:2])).verdict


def test_what_is_written_is_read_again(tmp_path):
    failed = Prediction("test/f.png", "failed", 1, (), "NoSuchKey", "it is gone")
    original = evaluation([*FOUR, failed], Execution="arn")
    path = write(tmp_path / "a" / "evaluation.json", to_json(original))
    assert read_json(path) == original
    numbers = summary(original)
    assert (numbers["images"], numbers["failed"], numbers["underThreshold"], numbers["labelled"]) == (5, 1, 2, 4)
    rows = list(csv.DictReader(io.StringIO(to_csv(original))))
    assert [row["status"] for row in rows] == ["sure", "unsure", "unsure", "sure", "failed"]
    assert (rows[2]["label"], rows[2]["predicted"], rows[2]["correct"]) == ("motorcycle", "bicycle", "false")
    assert (rows[4]["error"], rows[4]["confidence"]) == ("NoSuchKey", "")


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 2}', "no json"])
def test_another_file_is_refused_by_name(tmp_path, text):
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"other\.json is not the JSON of an evaluation"):
        read_json(path)


@pytest.mark.parametrize(
    ("key", "label"),
    [
        ("test/bicycle_s_000010.png", 0),
        ("safety_bike_s_000390.png", 0),
        ("a/test_motorcycle_s_000013.png", 1),
        ("minibike_s_1.png", 1),
        ("bike_s_000658.png", None),  # CIFAR-100's are both
        ("cat.png", None),
    ],
)
def test_names_say_what_they_can(key, label):
    assert label_from_name(key) == label


def test_names_of_the_real_images_agree_with_their_labels(real_data):
    known = wrong = 0
    for part in ("train", "test"):
        labels = read_lst((real_data / "cifar-vehicles" / f"{part}.lst").read_text(), part)
        for path, label in labels.items():
            known += label_from_name(path) is not None
            wrong += label_from_name(path) not in (None, label)
    assert (known, wrong) == (1072, 0)


def test_a_malformed_line_is_named():
    with pytest.raises(ValueError, match=r"test\.lst, line 2: expected row, label and path between tabs, not '1 0 b"):
        read_lst("0\t1\ta.png\n1 0 b.png\n", "test.lst")


def test_the_cause_of_a_nested_failure_is_found():
    function = json.dumps({"errorMessage": "gone", "errorType": "NoSuchKey"})
    image = json.dumps({"Error": "NoSuchKey", "Cause": function, "Status": "FAILED"})
    batch = json.dumps({"Error": "ImageWorkflowFailed", "Cause": image, "Status": "FAILED"})
    assert innermost("States.TaskFailed", batch) == ("NoSuchKey", "gone")
    assert innermost("States.Timeout", "") == ("States.Timeout", "")
    assert innermost("Odd", "plain words") == ("Odd", "plain words")
