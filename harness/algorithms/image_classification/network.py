"""The ResNets of AWS's algorithm, as MXNet symbols: pre-activation (https://arxiv.org/abs/1603.05027).

AWS's artifacts hold the network of MXNet's image-classification example, node for node. The depth chooses the
layout - ImageNet's four stages for 18 to 200 layers, CIFAR's three for 20 to 110 - and the image's height the stem:
up to 32 pixels one 3x3 convolution, above that a 7x7 convolution and a pooling that keep a sixteenth of the pixels.

https://docs.aws.amazon.com/sagemaker/latest/dg/IC-HowItWorks.html
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.algorithms.image_classification.hyperparameters import CIFAR_DEPTHS
from harness.algorithms.image_classification.symbol import Symbol

_NORM = ("gamma", "beta", "moving_mean", "moving_var")
_IMAGENET_UNITS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
    200: (3, 24, 36, 3),
}
SMALL_IMAGE = 32
"""Height, in pixels, up to which the stem keeps the image's size."""


@dataclass(frozen=True)
class Layout:
    """A ResNet's shape.

    Attributes:
        stem: filters of the first convolution.
        widths: filters of each stage's output.
        units: residual units of each stage.
        bottleneck: three convolutions a unit (1x1, 3x3, 1x1) in place of two of 3x3.
        first_stride: stride of the first stage; the later ones halve the image.
    """

    stem: int
    widths: tuple[int, ...]
    units: tuple[int, ...]
    bottleneck: bool = False
    first_stride: int = 1


FAST_LAYOUT = Layout(stem=32, widths=(32, 64, 128), units=(1, 1, 1), first_stride=2)
"""The local recipe's eight layers. Halving the image already in the first stage buys three times the epochs."""


def layout_for(num_layers: int) -> Layout:
    """AWS's layout for *num_layers*, one of the documented depths."""
    if num_layers in CIFAR_DEPTHS:
        return Layout(16, (16, 32, 64), ((num_layers - 2) // 6,) * 3)
    if num_layers >= 50:
        return Layout(64, (256, 512, 1024, 2048), _IMAGENET_UNITS[num_layers], bottleneck=True)
    return Layout(64, (64, 128, 256, 512), _IMAGENET_UNITS[num_layers])


def build_symbol(layout: Layout, height: int, num_classes: int, multi_label: bool = False) -> Symbol:
    """Build the network for images *height* pixels high, from pixels (0 to 255) to probabilities.

    With *multi_label* each class has a probability of its own (``LogisticRegressionOutput``); otherwise they sum
    to 1 (``SoftmaxOutput``).

    Args:
        layout: depth and widths of the ResNet, as ``num_layers`` and the image's size choose them.
        height: in pixels; small images (at most ``SMALL_IMAGE``) have a 3x3 stem without pooling.
        num_classes: outputs of the last layer.
        multi_label: whether an image can have several classes.
    """
    symbol = Symbol()
    body = symbol.add("_copy", "id", [symbol.variable("data")])
    body = _norm(symbol, "bn_data", body, fix_gamma=True)
    if height <= SMALL_IMAGE:
        body = _convolve(symbol, "conv0", body, layout.stem, 3)
    else:
        body = _convolve(symbol, "conv0", body, layout.stem, 7, stride=2)
        body = _activate(symbol, "relu0", _norm(symbol, "bn0", body))
        body = symbol.add("Pooling", "pooling0", [body], kernel=(3, 3), pad=(1, 1), pool_type="max", stride=(2, 2))
    plus = 0
    for stage, (width, units) in enumerate(zip(layout.widths, layout.units, strict=True), start=1):
        for unit in range(1, units + 1):
            stride = (layout.first_stride if stage == 1 else 2) if unit == 1 else 1
            name = f"stage{stage}_unit{unit}"
            body = _unit(symbol, name, body, width, stride, unit > 1, layout.bottleneck, f"_plus{plus}")
            plus += 1
    body = _activate(symbol, "relu1", _norm(symbol, "bn1", body))
    body = symbol.add("Pooling", "pool1", [body], global_pool=True, kernel=(7, 7), pool_type="avg")
    body = symbol.add("Flatten", "flatten0", [body])
    body = symbol.add("FullyConnected", "fc", [body], ("weight", "bias"), num_hidden=num_classes)
    symbol.add(
        "LogisticRegressionOutput" if multi_label else "SoftmaxOutput",
        "softmax",
        [body, symbol.variable("softmax_label")],
    )
    return symbol


def _unit(
    symbol: Symbol, name: str, data: int, width: int, stride: int, same: bool, bottleneck: bool, plus: str
) -> int:
    act1 = _activate(symbol, f"{name}_relu1", _norm(symbol, f"{name}_bn1", data))
    if bottleneck:
        body = _convolve(symbol, f"{name}_conv1", act1, width // 4, 1)
        body = _activate(symbol, f"{name}_relu2", _norm(symbol, f"{name}_bn2", body))
        body = _convolve(symbol, f"{name}_conv2", body, width // 4, 3, stride)
        body = _activate(symbol, f"{name}_relu3", _norm(symbol, f"{name}_bn3", body))
        body = _convolve(symbol, f"{name}_conv3", body, width, 1)
    else:
        body = _convolve(symbol, f"{name}_conv1", act1, width, 3, stride)
        body = _activate(symbol, f"{name}_relu2", _norm(symbol, f"{name}_bn2", body))
        body = _convolve(symbol, f"{name}_conv2", body, width, 3)
    if same:
        shortcut = data
    else:
        attrs = {"kernel": (1, 1), "no_bias": True, "num_filter": width, "stride": (stride, stride), "workspace": 256}
        shortcut = symbol.add("Convolution", f"{name}_sc", [act1], ("weight",), **attrs)
    return symbol.add("elemwise_add", plus, [body, shortcut])


def _norm(symbol: Symbol, name: str, data: int, fix_gamma: bool = False) -> int:
    return symbol.add("BatchNorm", name, [data], _NORM, eps=2e-05, fix_gamma=fix_gamma, momentum=0.9)


def _activate(symbol: Symbol, name: str, data: int) -> int:
    return symbol.add("Activation", name, [data], act_type="relu")


def _convolve(symbol: Symbol, name: str, data: int, filters: int, kernel: int, stride: int = 1) -> int:
    return symbol.add(
        "Convolution",
        name,
        [data],
        ("weight",),
        kernel=(kernel, kernel),
        no_bias=True,
        num_filter=filters,
        pad=(kernel // 2, kernel // 2),
        stride=(stride, stride),
        workspace=256,
    )
