"""What stands in for the functions that a script has not, framework by framework, as in AWS's containers."""

import io
import json

import numpy as np
import pytest

from harness.algorithms.script_mode.framework_defaults import (
    CSV,
    JSON,
    NPY,
    Defaults,
    HuggingFace,
    UnsupportedFormat,
    XGBoost,
)


def test_scikit_learn_reads_floats_and_squeezes():
    sklearn = Defaults()
    assert sklearn.input_fn("1,2.5\n3,4\n", CSV).tolist() == [[1.0, 2.5], [3.0, 4.0]]
    assert sklearn.input_fn("1,2.5\n", CSV).shape == (2,)
    assert sklearn.input_fn("[[1, 2]]", JSON).dtype == np.float32
    (packed := io.BytesIO()).write(sklearn.output_fn(np.arange(2), NPY))
    assert sklearn.input_fn(packed.getvalue(), NPY).tolist() == [0, 1]
    with pytest.raises(ValueError, match="could not convert string to float"):
        sklearn.input_fn("a,b\n1,2\n", CSV)
    for of, status in ((lambda: sklearn.input_fn(b"", "image/png"), 415), (lambda: sklearn.output_fn(1, "a/b"), 406)):
        with pytest.raises(UnsupportedFormat) as refused:
            of()
        assert refused.value.status == status


def test_predictions_are_written_as_columns_and_json():
    written = Defaults().output_fn
    assert written(np.array([1.0, 2.0]), CSV) == "1.0\n2.0\n"
    assert written(np.array([[1.0, 2.0]]), CSV) == "1.0,2.0\n"
    assert json.loads(written({"a": np.array([1])}, JSON)) == {"a": [1]}


@pytest.mark.parametrize(
    ("body", "kind"), [("1,2\n3,\n", CSV), ("1;2\n3;4", CSV), (b"0 0:1 1:2\n0 0:3 1:4\n", "text/libsvm")]
)
def test_xgboost_asks_a_booster_with_a_matrix(body, kind):
    xgboost = pytest.importorskip("xgboost")
    rows = np.random.default_rng(1).random((20, 2))
    booster = xgboost.train({}, xgboost.DMatrix(rows, label=rows[:, 0]), 2)
    given = XGBoost().input_fn(body, kind)
    assert (given.num_row(), given.num_col()) == (2, 2)
    assert XGBoost().predict_fn(given, booster).shape == (2,)


def test_hugging_face_calls_a_pipeline():
    defaults = HuggingFace()
    data = defaults.input_fn('{"inputs": "good", "parameters": {"top_k": 1}}', JSON)
    assert defaults.predict_fn(data, lambda inputs, top_k: [inputs, top_k]) == ["good", 1]
    assert defaults.predict_fn({"question": "x"}, lambda inputs: inputs) == {"question": "x"}
