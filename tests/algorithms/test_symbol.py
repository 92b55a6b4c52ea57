"""The network's topology, against the one in a real artifact and against files that are none."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.algorithms.image_classification.errors import ArtifactError
from harness.algorithms.image_classification.hyperparameters import CIFAR_DEPTHS, IMAGENET_DEPTHS
from harness.algorithms.image_classification.network import FAST_LAYOUT, build_symbol, layout_for
from harness.algorithms.image_classification.operators import AWS_OPERATORS, infer_shapes, parameter_shapes
from harness.algorithms.image_classification.symbol import Symbol


@pytest.fixture
def real_symbol(real_data):
    return (real_data / "aws-truth" / "model" / "image-classification-symbol.json").read_bytes()


def test_our_resnet_50_is_that_of_aws_node_for_node(real_symbol):
    ours, theirs = json.loads(build_symbol(layout_for(50), 224, 2).to_json()), json.loads(real_symbol)
    assert ours["nodes"] == theirs["nodes"]
    assert ours == theirs


def test_a_real_symbol_survives_reading_and_writing(real_symbol):
    assert json.loads(Symbol.from_json(real_symbol).to_json()) == json.loads(real_symbol)


@pytest.mark.parametrize("depth", [*IMAGENET_DEPTHS, *CIFAR_DEPTHS])
def test_every_depth_has_its_layers_and_no_operator_that_aws_has_not(depth):
    symbol = build_symbol(layout_for(depth), 32, 10)
    weighted = [node for node in symbol.nodes if node.op in ("Convolution", "FullyConnected")]
    assert len([node for node in weighted if not node.name.endswith("_sc")]) == depth
    assert symbol.operators() <= AWS_OPERATORS
    assert infer_shapes(symbol, (4, 3, 32, 32))["softmax"] == (4, 10)


def test_the_local_recipe_stays_within_the_operators_of_aws():
    assert build_symbol(FAST_LAYOUT, 32, 2).operators() <= AWS_OPERATORS


def test_small_images_keep_their_size_in_the_stem_and_large_ones_do_not():
    small, large = (build_symbol(layout_for(18), height, 2) for height in (32, 224))
    assert infer_shapes(small, (1, 3, 32, 32))["conv0"] == (1, 64, 32, 32)
    assert infer_shapes(large, (1, 3, 224, 224))["pooling0"] == (1, 64, 56, 56)


def test_parameters_have_mxnets_names_and_shapes():
    shapes = parameter_shapes(build_symbol(layout_for(20), 28, 3), (1, 3, 28, 28))
    assert shapes["stage2_unit1_sc_weight"] == (32, 16, 1, 1)
    assert shapes["fc_weight"] == (3, 64)
    assert "softmax_label" not in shapes


NODE = {"op": "null", "name": "data", "inputs": []}


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (b"\x00\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        ({}, "no list"),
        ({"nodes": [NODE], "heads": []}, "one head"),
        ({"nodes": [NODE], "heads": [[1, 0, 0]]}, "does not come before"),
        ({"nodes": [NODE, NODE], "heads": [[0, 0, 0]]}, "same name"),
        ({"nodes": [{**NODE, "inputs": [[0, 0, 0]]}], "heads": [[0, 0, 0]]}, "does not come before"),
        ({"nodes": [{**NODE, "attrs": {"a": 1}}], "heads": [[0, 0, 0]]}, "not text"),
        ({"nodes": [{"op": "null"}], "heads": [[0, 0, 0]]}, "no name"),
        ({"nodes": ["data"], "heads": [[0, 0, 0]]}, "not an object"),
    ],
)
def test_what_is_no_symbol_is_refused_saying_why(document, words):
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    with pytest.raises(ArtifactError, match=words):
        Symbol.from_json(data)


def test_an_operator_that_is_not_known_is_named():
    symbol = Symbol()
    symbol.add("Custom", "own", [symbol.variable("data")], op_type="anything")
    with pytest.raises(ArtifactError, match="Custom"):
        infer_shapes(symbol, (1, 3, 8, 8))


@pytest.mark.parametrize(
    "attrs",
    [
        {"kernel": "(3, 3)", "num_filter": "99999999999999999999"},
        {"kernel": "__import__('os')", "num_filter": "4"},
        {"kernel": "(0, 0)", "num_filter": "4"},
        {"kernel": "(9, 9)", "num_filter": "4"},
        {"kernel": "(3, 3)", "num_filter": "2147483648"},
        {"num_filter": "4"},
    ],
)
def test_attributes_that_cannot_be_used_are_refused(attrs):
    symbol = Symbol()
    symbol.add("Convolution", "conv0", [symbol.variable("data")], ("weight",), no_bias=True, **attrs)
    with pytest.raises(ArtifactError, match="conv0"):
        infer_shapes(symbol, (1, 3, 8, 8))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 10**20) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["nodes", "heads", "op", "name", "inputs", "attrs"]), inner, max_size=6)
    ),
    max_leaves=20,
)


@given(JSON)
def test_any_json_is_a_symbol_or_an_artifact_error(document):
    with contextlib.suppress(ArtifactError):
        infer_shapes(Symbol.from_json(json.dumps(document).encode()), (1, 3, 8, 8))
