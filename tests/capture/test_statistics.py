"""What the monitor states, held against scipy's own and against cases whose answer is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.evaluation.compare import mcnemar
from harness.monitor.drift import compare
from harness.reporting.images import Features, features_of
from harness.reporting.statistics import calibration, energy_test, holm, two_sample_ks, wilson
from tests.capture.making import png

stats = pytest.importorskip("scipy.stats", reason="scipy is not installed: pip install 'aws-ml-harness[captures]'")


@given(st.integers(0, 500), st.integers(1, 500))
@settings(deadline=None)
def test_wilson_is_scipys(count, total):
    count = min(count, total)
    expected = stats.binomtest(count, total).proportion_ci(0.95, method="wilson")
    assert [float(end) for end in wilson(count, total)] == pytest.approx([expected.low, expected.high], abs=1e-12)


@given(st.integers(0, 500), st.integers(1, 500), st.lists(st.floats(0, 1), max_size=6))
@settings(deadline=None)
def test_intervals_and_adjustments_are_statsmodels(count, total, p_values):
    """Of which the core does without: it takes scipy along, 185 MB together, for three formulas."""
    proportion = pytest.importorskip("statsmodels.stats.proportion", reason="statsmodels is not installed")
    multiple = pytest.importorskip("statsmodels.stats.multitest")
    tables = pytest.importorskip("statsmodels.stats.contingency_tables")
    count = min(count, total)
    expected = proportion.proportion_confint(count, total, method="wilson")
    assert [float(end) for end in wilson(count, total)] == pytest.approx(expected, abs=1e-9)
    if p_values:
        assert holm(p_values) == pytest.approx(list(multiple.multipletests(p_values, method="holm")[1]))
    table = [[0, count], [total - count, 0]]
    assert mcnemar(count, total - count) == pytest.approx(float(tables.mcnemar(table, exact=True).pvalue), abs=1e-12)


def test_of_nothing_nothing_is_known():
    assert [float(end) for end in wilson(0, 0)] == [0, 1]


def test_calibration_counts_every_prediction_once():
    confidence = np.array([0.0, 0.05, 0.55, 0.95, 0.95, 1.0])
    correct = np.array([False, False, True, True, False, True])
    measured = calibration(confidence, correct)
    assert measured.count.tolist() == [2, 1, 3] and measured.correct.tolist() == [0, 1, 2]
    # By hand: |0 - 0.025| * 2/6 + |1 - 0.55| * 1/6 + |2/3 - 2.9/3| * 3/6
    assert measured.error == pytest.approx(0.025 * 2 / 6 + 0.45 / 6 + 0.3 * 3 / 6)


def test_ks_tells_a_shift_and_only_that():
    generator = np.random.default_rng(0)
    one, same, other = generator.normal(size=400), generator.normal(size=400), generator.normal(0.5, size=400)
    assert two_sample_ks(one, same)[1] > 0.05 and two_sample_ks(one, other)[1] < 0.001


def test_energy_distance_is_scipys_in_one_dimension():
    generator = np.random.default_rng(1)
    one, other = generator.normal(size=60), generator.normal(1, size=80)
    expected = stats.energy_distance(one, other)
    assert energy_test(one[:, None], other[:, None])[0] == pytest.approx(expected)


def test_the_permutation_test_rejects_as_often_as_it_says_and_tells_a_shift():
    generator = np.random.default_rng(2)
    values = [
        energy_test(generator.normal(size=(25, 3)), generator.normal(size=(25, 3)), seed=seed, permutations=99)[1]
        for seed in range(100)
    ]
    assert 0 <= sum(value < 0.05 for value in values) <= 13  # of 100 that have 5 in the mean, 13 is beyond 99.9 %
    assert np.mean(values) == pytest.approx(0.5, abs=0.12)
    assert energy_test(generator.normal(size=(50, 3)), generator.normal(1, size=(50, 3)))[1] == 1 / 1000


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1, 1])
    assert holm([]) == []


def test_darker_images_are_drift_and_others_of_the_same_kind_are_not():
    train = features_of(png(number) for number in range(60))
    same = features_of(png(number) for number in range(100, 140))
    darker = features_of(png(number, shade=0.7) for number in range(100, 140))
    assert not any(test.drifted for test in compare(train, same).tests)
    drift = {test.measure: test for test in compare(train, darker).tests}
    assert all(test.drifted for test in drift.values())
    assert drift["brightness"].captured < 0.75 * drift["brightness"].reference
    assert all(test.adjusted >= test.p_value for test in drift.values())


def test_samples_of_one_kind_are_rarely_taken_for_drift():
    generator = np.random.default_rng(3)
    found = 0
    for seed in range(20):
        sides = [
            Features(generator.normal(size=30), generator.normal(size=30), generator.normal(size=(30, 192)))
            for _ in range(2)
        ]
        found += any(test.drifted for test in compare(*sides, seed=seed).tests)
    assert found <= 5  # one in the mean; six or more once in 3,000 times


def test_what_is_no_image_is_counted_and_too_few_are_not_tested():
    features = features_of([png(1), b"text", png(2), b"\x89PNG"])
    assert (len(features), features.unreadable) == (2, 2)
    assert features.brightness[0] == pytest.approx(127, abs=25)
    with pytest.raises(ValueError, match="at least 8 images a side: 2 captured, 2 others"):
        compare(features, features)
