"""A symbol and its weights as an ONNX model, for serving without torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from harness.algorithms.image_classification.artifact import Artifact
from harness.algorithms.image_classification.operators import ADD, SAME
from harness.algorithms.image_classification.symbol import VARIABLE, Node

OPSET = 17
_ACTIVATIONS = {"relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh"}
_Attributes = dict[str, Any]


def to_onnx(artifact: Artifact) -> bytes:
    """Return the model's bytes.

    Its input ``data`` is batch x channels x height x width, float32, 0 to 255; its output ``probabilities`` is
    batch x classes.
    """
    symbol = artifact.symbol
    parameters = dict(artifact.parameters)
    head = symbol.nodes[symbol.head]
    nodes = []
    for node in symbol.nodes:
        if node.op == VARIABLE:
            continue
        inputs = [symbol.nodes[source].name for source, _ in node.inputs]
        if node.op == "BatchNorm" and node.flag("fix_gamma", True):
            # The file may hold any values there; MXNet computes with ones.
            parameters[inputs[1]] = np.ones_like(parameters[inputs[1]])
        op, count, attributes = _translate(node)
        output = "probabilities" if node is head else node.name
        nodes.append(helper.make_node(op, inputs[:count], [output], name=node.name, **attributes))
    shape = ["batch", *artifact.input_shape]
    graph = helper.make_graph(
        nodes,
        "image-classification",
        [helper.make_tensor_value_info("data", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", artifact.num_classes])],
        [numpy_helper.from_array(np.ascontiguousarray(values), name) for name, values in parameters.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    serialized: bytes = model.SerializeToString()
    return serialized


def _translate(node: Node) -> tuple[str, int | None, _Attributes]:
    """ONNX's operator, how many of MXNet's inputs it takes (``None``: all) and its attributes."""
    if node.op in ADD:
        return "Add", None, {}
    if node.op in SAME:
        return "Identity", 1, {}
    if node.op == "LogisticRegressionOutput":
        return "Sigmoid", 1, {}
    if node.op in _TRANSLATORS:
        return _TRANSLATORS[node.op](node)
    return "Softmax", 1, {"axis": 1}


def _activation(node: Node) -> tuple[str, int | None, _Attributes]:
    return _ACTIVATIONS[node.attrs["act_type"]], None, {}


def _batch_norm(node: Node) -> tuple[str, int | None, _Attributes]:
    return "BatchNormalization", None, {"epsilon": node.number("eps", 1e-3)}


def _convolution(node: Node) -> tuple[str, int | None, _Attributes]:
    pad = node.pair("pad", (0, 0))
    return (
        "Conv",
        None,
        {
            "kernel_shape": node.pair("kernel"),
            "strides": node.pair("stride", (1, 1)),
            "pads": (*pad, *pad),
            "dilations": node.pair("dilate", (1, 1)),
            "group": node.integer("num_group", 1),
        },
    )


def _linear(node: Node) -> tuple[str, int | None, _Attributes]:
    return "Gemm", None, {"transB": 1}


def _flatten(node: Node) -> tuple[str, int | None, _Attributes]:
    return "Flatten", 1, {"axis": 1}


def _pooling(node: Node) -> tuple[str, int | None, _Attributes]:
    average = node.attrs.get("pool_type", "max") == "avg"
    if node.flag("global_pool"):
        return "GlobalAveragePool" if average else "GlobalMaxPool", 1, {}
    pad = node.pair("pad", (0, 0))
    attributes: _Attributes = {
        "kernel_shape": node.pair("kernel"),
        "strides": node.pair("stride", (1, 1)),
        "pads": (*pad, *pad),
        "ceil_mode": int(node.attrs.get("pooling_convention") == "full"),
    }
    if average:
        attributes["count_include_pad"] = int(node.flag("count_include_pad", True))
    return "AveragePool" if average else "MaxPool", 1, attributes


_TRANSLATORS: Mapping[str, Callable[[Node], tuple[str, int | None, _Attributes]]] = {
    "Activation": _activation,
    "BatchNorm": _batch_norm,
    "Convolution": _convolution,
    "FullyConnected": _linear,
    "Flatten": _flatten,
    "Pooling": _pooling,
}
