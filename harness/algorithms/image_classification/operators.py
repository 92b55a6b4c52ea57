"""The operators of AWS's networks: what shapes they take and give, for every graph built from a symbol.

Ten operators make up AWS's topologies. A few more are read because MXNet's own tools write them for the same
networks: other names of the addition and the identity, dropout, a cast, and the output of multi-label training.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.algorithms.image_classification.errors import ArtifactError
from harness.algorithms.image_classification.symbol import VARIABLE, Node, Symbol

Shape = tuple[int, ...]

AWS_OPERATORS = frozenset(
    {
        VARIABLE,
        "_copy",
        "Activation",
        "BatchNorm",
        "Convolution",
        "elemwise_add",
        "Flatten",
        "FullyConnected",
        "Pooling",
        "SoftmaxOutput",
    }
)
ADD = frozenset({"elemwise_add", "_Plus", "_plus", "_add", "broadcast_add"})
SAME = frozenset({"_copy", "identity", "Dropout", "Cast", "BlockGrad"})
OUTPUT = frozenset({"SoftmaxOutput", "Softmax", "softmax", "SoftmaxActivation", "LogisticRegressionOutput"})
_MAX_ELEMENTS = 2**31


def infer_shapes(symbol: Symbol, data_shape: Shape) -> dict[str, Shape]:
    """Shapes of all nodes and variables, by name, for input ``data`` of *data_shape* (batch, channels, height, width).

    Raises:
        ArtifactError: an operator that is not known, or nodes that do not fit together.
    """
    shapes: dict[str, Shape] = {}
    outputs: list[Shape | None] = []
    for node in symbol.nodes:
        if node.op == VARIABLE:
            outputs.append(data_shape if node.name == "data" else None)
            continue
        if any(output != 0 for _, output in node.inputs):
            raise ArtifactError(f"The symbol's node '{node.name}' uses a side output, which is not supported.")
        given = [outputs[source] for source, _ in node.inputs]
        if not given or given[0] is None:
            raise ArtifactError(f"The symbol's node '{node.name}' ({node.op}) does not follow from the input 'data'.")
        shape, weights = _infer(node, given)
        for (source, _), needed in zip(node.inputs[1:], weights, strict=True):
            name = symbol.nodes[source].name
            if needed is not None and shapes.setdefault(name, needed) != needed:
                raise ArtifactError(f"The symbol's variable '{name}' is used in two shapes.")
        if math.prod(shape) > _MAX_ELEMENTS or min(shape) < 1:
            raise ArtifactError(f"The symbol's node '{node.name}' would compute an array of shape {shape}.")
        outputs.append(shape)
        shapes[node.name] = shape
    return shapes


def parameter_shapes(symbol: Symbol, data_shape: Shape) -> dict[str, Shape]:
    """Shapes of the network's parameters and auxiliary states, by name, in the order of their first use."""
    shapes = infer_shapes(symbol, data_shape)
    return {node.name: shapes[node.name] for node in symbol.nodes if node.op == VARIABLE and node.name in shapes}


def _infer(node: Node, given: Sequence[Shape | None]) -> tuple[Shape, list[Shape | None]]:
    data = given[0]
    assert data is not None
    weights: list[Shape | None] = [None] * (len(given) - 1)
    if node.op in SAME or node.op == "Activation":
        if node.op == "Activation" and node.attrs.get("act_type") not in ("relu", "sigmoid", "tanh"):
            raise node.wrong("act_type")
        _expect(node, len(given) == 1)
        return data, weights
    if node.op in ADD:
        _expect(node, len(given) == 2 and given[1] == data)
        return data, weights
    if node.op in OUTPUT:
        _expect(node, len(data) == 2 and len(given) in (1, 2))
        return data, weights
    if node.op == "Flatten":
        _expect(node, len(given) == 1)
        return (data[0], math.prod(data[1:])), weights
    if node.op == "FullyConnected":
        hidden = node.integer("num_hidden")
        _expect(node, len(given) == (2 if node.flag("no_bias") else 3))
        weights[:] = [(hidden, math.prod(data[1:])), (hidden,)][: len(weights)]
        return (data[0], hidden), weights
    if node.op == "BatchNorm":
        _expect(node, len(given) == 5 and len(data) >= 2 and node.integer("axis", 1) == 1)
        return data, [(data[1],)] * 4
    _expect(node, len(data) == 4)
    if node.op == "Convolution":
        return _convolution(node, data, len(given))
    if node.op == "Pooling":
        return _pooling(node, data), weights
    raise ArtifactError(f"The symbol's node '{node.name}' uses the operator {node.op}, which is not supported.")


def _expect(node: Node, fits: bool) -> None:
    if not fits:
        raise ArtifactError(f"The symbol's node '{node.name}' ({node.op}) does not fit its inputs.")


def _convolution(node: Node, data: Shape, inputs: int) -> tuple[Shape, list[Shape | None]]:
    kernel, groups, filters = node.pair("kernel"), node.integer("num_group", 1), node.integer("num_filter")
    no_bias = node.flag("no_bias")
    _expect(node, groups > 0 and data[1] % groups == 0 and filters % groups == 0)
    _expect(node, inputs == (2 if no_bias else 3) and node.attrs.get("layout", "NCHW") in ("NCHW", "None"))
    stride, pad, dilate = node.pair("stride", (1, 1)), node.pair("pad", (0, 0)), node.pair("dilate", (1, 1))
    _expect(node, min(*stride, *dilate, *kernel) > 0)
    size = tuple(
        (length + 2 * p - d * (k - 1) - 1) // s + 1
        for length, p, d, k, s in zip(data[2:], pad, dilate, kernel, stride, strict=True)
    )
    weights: list[Shape | None] = [(filters, data[1] // groups, *kernel), (filters,)]
    return (data[0], filters, *size), weights[: inputs - 1]


def _pooling(node: Node, data: Shape) -> Shape:
    if node.attrs.get("pool_type", "max") not in ("max", "avg"):
        raise node.wrong("pool_type")
    if node.flag("global_pool"):
        return (*data[:2], 1, 1)
    if node.attrs.get("pooling_convention", "valid") not in ("valid", "full"):
        raise node.wrong("pooling_convention")
    kernel, stride, pad = node.pair("kernel"), node.pair("stride", (1, 1)), node.pair("pad", (0, 0))
    _expect(node, min(*stride, *kernel) > 0 and all(2 * p <= k for p, k in zip(pad, kernel, strict=True)))
    full = node.attrs.get("pooling_convention") == "full"
    size = []
    for length, p, k, s in zip(data[2:], pad, kernel, stride, strict=True):
        room = length + 2 * p - k
        _expect(node, room >= 0)
        size.append((-(-room // s) if full else room // s) + 1)
    return (*data[:2], *size)
