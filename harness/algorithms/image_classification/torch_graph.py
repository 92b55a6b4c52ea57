"""A symbol as a torch module, for training: one definition of the network for what is trained and what is served."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from harness.algorithms.image_classification.errors import ArtifactError
from harness.algorithms.image_classification.operators import ADD, OUTPUT, SAME, parameter_shapes
from harness.algorithms.image_classification.symbol import VARIABLE, Node, Symbol

_ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "relu": functional.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
}
_Step = Callable[["SymbolModule", list[Any]], Any]
"""One node's computation. It is given the module, so that a copy of a module computes with its own weights."""


class SymbolModule(nn.Module):  # type: ignore[misc]
    """Computes a symbol from pixels to logits: what goes into its last node, the softmax, which the loss includes.

    Weights are parameters and running statistics buffers, all under MXNet's names.
    """

    def __init__(self, symbol: Symbol, input_shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.symbol = symbol
        self._fixed = _fixed_gammas(symbol)
        auxiliary = symbol.auxiliary()
        shapes = parameter_shapes(symbol, (1, *input_shape))
        for name, shape in shapes.items():
            if name in auxiliary:
                self.register_buffer(name, torch.ones(shape) if name.endswith("var") else torch.zeros(shape))
            else:
                trained = name not in self._fixed
                self.register_parameter(name, nn.Parameter(torch.full(shape, float(not trained)), trained))
        self._steps = [(index, _step(symbol, node)) for index, node in enumerate(symbol.nodes) if node.op != VARIABLE]
        self._data = next(index for index, node in enumerate(symbol.nodes) if node.name == "data")

    def initialize(self, generator: torch.Generator) -> None:
        """Random weights as MXNet's ``Xavier(rnd_type='gaussian', factor_type='in', magnitude=2)`` draws them."""
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                if name.endswith("_gamma"):
                    parameter.fill_(1.0)
                elif name.endswith("_weight"):
                    fan_in = parameter[0].numel()
                    parameter.copy_(torch.randn(parameter.shape, generator=generator) * (2.0 / fan_in) ** 0.5)

    def load(self, parameters: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Take the weights of an artifact."""
        self.load_state_dict({name: torch.from_numpy(np.array(values)) for name, values in parameters.items()})
        with torch.no_grad():
            for name in self._fixed:
                getattr(self, name).fill_(1.0)

    def weights(self) -> dict[str, np.ndarray[Any, Any]]:
        """Return the weights and running statistics, as an artifact holds them: float32, contiguous."""
        return {name: values.detach().float().cpu().contiguous().numpy() for name, values in self.state_dict().items()}

    def forward(self, data: Tensor) -> Tensor:
        """Logits (batch x classes) of *data* (batch x channels x height x width), pixels from 0 to 255."""
        values: list[Any] = [None] * len(self.symbol.nodes)
        values[self._data] = data
        for index, step in self._steps:
            values[index] = step(self, values)
        result: Tensor = values[-1]
        return result


def _fixed_gammas(symbol: Symbol) -> set[str]:
    """Scales that MXNet holds at one, whatever a file says of them."""
    norms = [node for node in symbol.nodes if node.op == "BatchNorm" and node.flag("fix_gamma", True)]
    return {symbol.nodes[node.inputs[1][0]].name for node in norms}


def _step(symbol: Symbol, node: Node) -> _Step:
    sources = [source for source, _ in node.inputs]
    names = [symbol.nodes[source].name for source in sources]
    first = sources[0]
    if node.op in ADD:
        second = sources[1]
        return lambda module, values: values[first] + values[second]
    if node.op == "Dropout":
        rate = node.number("p", 0.5)
        return lambda module, values: functional.dropout(values[first], rate, module.training)
    if node.op in SAME or node.op in OUTPUT:
        return lambda module, values: values[first]
    if node.op == "Activation":
        activate = _ACTIVATIONS[node.attrs["act_type"]]
        return lambda module, values: activate(values[first])
    if node.op == "Flatten":
        return lambda module, values: values[first].flatten(1)
    if node.op == "FullyConnected":
        return _linear(first, names)
    if node.op == "BatchNorm":
        return _batch_norm(node, first, names)
    if node.op == "Convolution":
        return _convolution(node, first, names)
    if node.op == "Pooling":
        return _pooling(node, first)
    raise ArtifactError(f"The operator {node.op} cannot be trained.")


def _linear(first: int, names: list[str]) -> _Step:
    weight, bias = names[1], names[2] if len(names) > 2 else None
    return lambda module, values: functional.linear(
        values[first].flatten(1), getattr(module, weight), getattr(module, bias) if bias else None
    )


def _convolution(node: Node, first: int, names: list[str]) -> _Step:
    weight, bias = names[1], names[2] if len(names) > 2 else None
    stride, pad, dilate = node.pair("stride", (1, 1)), node.pair("pad", (0, 0)), node.pair("dilate", (1, 1))
    groups = node.integer("num_group", 1)
    return lambda module, values: functional.conv2d(
        values[first], getattr(module, weight), getattr(module, bias) if bias else None, stride, pad, dilate, groups
    )


def _batch_norm(node: Node, first: int, names: list[str]) -> _Step:
    _, gamma, beta, mean, variance = names
    # MXNet's momentum is the share that is kept, torch's the share that is new.
    eps, momentum = node.number("eps", 1e-3), 1 - node.number("momentum", 0.9)
    frozen = node.flag("use_global_stats")
    return lambda module, values: functional.batch_norm(
        values[first],
        getattr(module, mean),
        getattr(module, variance),
        getattr(module, gamma),
        getattr(module, beta),
        module.training and not frozen,
        momentum,
        eps,
    )


def _pooling(node: Node, first: int) -> _Step:
    average = node.attrs.get("pool_type", "max") == "avg"
    if node.flag("global_pool"):
        reduce = torch.mean if average else torch.amax
        return lambda module, values: reduce(values[first], dim=(2, 3), keepdim=True)
    kernel, stride, pad = node.pair("kernel"), node.pair("stride", (1, 1)), node.pair("pad", (0, 0))
    ceil = node.attrs.get("pooling_convention") == "full"
    if average:
        counts_pad = node.flag("count_include_pad", True)
        return lambda module, values: functional.avg_pool2d(values[first], kernel, stride, pad, ceil, counts_pad)
    return lambda module, values: functional.max_pool2d(values[first], kernel, stride, pad, ceil_mode=ceil)
