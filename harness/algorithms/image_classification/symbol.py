"""MXNet's network topology, ``image-classification-symbol.json``: read, checked, built and written.

A symbol is a list of nodes in the order in which they are computed. A node without an operator is a variable: the
input, a label, a weight. The format is that of MXNet's ``Symbol.tojson``, from version 0.8 on.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.algorithms.image_classification.errors import ArtifactError

VARIABLE = "null"
MXNET_VERSION = 10300
"""Version written into our symbols: the one AWS's own artifacts name."""
MAX_BYTES = 16 * 1024 * 1024
MAX_NODES = 20_000
_AUXILIARY = {"BatchNorm": (3, 4)}


@dataclass(frozen=True)
class Node:
    """One step of the computation.

    Attributes:
        op: MXNet's operator, or ``null`` for a variable.
        name: unique in its symbol; a variable's name is its parameter's name.
        attrs: the operator's settings, all of them text as in MXNet (``"(3, 3)"``, ``"True"``).
        inputs: for each input, the index of the node that computes it and which of that node's outputs it is.
    """

    op: str
    name: str
    attrs: Mapping[str, str]
    inputs: tuple[tuple[int, int], ...]

    def flag(self, name: str, default: bool = False) -> bool:
        """Return a boolean attribute."""
        text = self.attrs.get(name, str(default))
        if text not in ("True", "False", "1", "0", "true", "false"):
            raise self.wrong(name)
        return text in ("True", "1", "true")

    def integer(self, name: str, default: int | None = None) -> int:
        """Return an integer attribute, from 0 to 2^31."""
        text = self.attrs.get(name, "" if default is None else str(default))
        if not text.isascii() or not text.isdigit() or len(text) > 10 or int(text) > 2**31:
            raise self.wrong(name)
        return int(text)

    def number(self, name: str, default: float) -> float:
        """Return a float attribute."""
        try:
            return float(self.attrs.get(name, default))
        except ValueError:
            raise self.wrong(name) from None

    def pair(self, name: str, default: tuple[int, int] | None = None) -> tuple[int, int]:
        """Return an attribute of two sizes, height and width: ``(3, 3)``."""
        text = self.attrs.get(name)
        if text is None or text == "()":
            if default is None:
                raise self.wrong(name)
            return default
        parts = [part.strip().rstrip("L") for part in text.strip("()[] ").split(",") if part.strip()]
        if len(parts) != 2 or any(not part.isdigit() or len(part) > 6 for part in parts):
            raise self.wrong(name)
        return int(parts[0]), int(parts[1])

    def wrong(self, name: str) -> ArtifactError:
        """Return the error of an attribute that cannot be used."""
        value = self.attrs.get(name)
        return ArtifactError(f"The symbol's node '{self.name}' ({self.op}) has {name}={value!r}, which cannot be used.")


@dataclass
class Symbol:
    """A network's topology.

    Attributes:
        nodes: in the order in which they are computed.
        head: index of the node whose first output is the network's.
    """

    nodes: list[Node] = field(default_factory=list)

    @property
    def head(self) -> int:
        """Return the index of the node whose first output is the network's."""
        return len(self.nodes) - 1

    def add(self, op: str, name: str, inputs: Iterable[int], weights: Iterable[str] = (), **attrs: object) -> int:
        """Append an operator, and before it a variable ``<name>_<weight>`` for each of its weights, as MXNet does.

        Args:
            op: MXNet's operator, e.g. ``Convolution``.
            name: the node's, which its weights' names begin with.
            inputs: indices of the nodes that feed it, in the operator's order.
            weights: ``weight``, ``bias``, ``gamma``, ``beta``, ``moving_mean``, ``moving_var``, as the operator has
                them.
            attrs: the operator's own parameters, e.g. ``kernel=(3, 3)``; written as MXNet writes them, as text.

        Returns:
            the new node's index, for use as a later node's input.
        """
        texts = {key: str(value) for key, value in sorted(attrs.items())}
        sources = list(inputs)
        for weight in weights:
            initial = {"moving_mean": '["zero", {}]', "moving_var": '["one", {}]'}.get(weight)
            extra = {"__init__": initial} if initial else {}
            sources.append(self.variable(f"{name}_{weight}", extra | texts))
        self.nodes.append(Node(op, name, texts, tuple((source, 0) for source in sources)))
        return len(self.nodes) - 1

    def variable(self, name: str, attrs: Mapping[str, str] | None = None) -> int:
        """Append a variable; its index."""
        self.nodes.append(Node(VARIABLE, name, dict(attrs or {}), ()))
        return len(self.nodes) - 1

    def operators(self) -> set[str]:
        """Return the operators in use, ``null`` (variables) included."""
        return {node.op for node in self.nodes}

    def auxiliary(self) -> set[str]:
        """Names of the variables that MXNet keeps as auxiliary states: the running statistics of batch norms."""
        names = set()
        for node in self.nodes:
            for position in _AUXILIARY.get(node.op, ()):
                if position < len(node.inputs):
                    names.add(self.nodes[node.inputs[position][0]].name)
        return names

    def to_json(self) -> str:
        """Return the text of ``symbol.json``, as MXNet 1.3 writes it."""
        nodes = []
        rows = [0]
        auxiliary = self.auxiliary()
        for node in self.nodes:
            entry: dict[str, object] = {"op": node.op, "name": node.name}
            if node.attrs:
                entry["attrs"] = dict(node.attrs)
            entry["inputs"] = [
                [source, output, int(self.nodes[source].name in auxiliary)] for source, output in node.inputs
            ]
            nodes.append(entry)
            rows.append(rows[-1] + _output_count(node))
        return json.dumps(
            {
                "nodes": nodes,
                "arg_nodes": [index for index, node in enumerate(self.nodes) if node.op == VARIABLE],
                "node_row_ptr": rows,
                "heads": [[self.head, 0, 0]],
                "attrs": {"mxnet_version": ["int", MXNET_VERSION]},
            },
            indent=2,
        )

    @classmethod
    def from_json(cls, data: bytes) -> Symbol:
        """Read what :meth:`to_json` or MXNet wrote. Nodes that the head does not need are left out.

        Raises:
            ArtifactError: not a symbol, or one whose nodes cannot be computed in their order.
        """
        if len(data) > MAX_BYTES:
            raise ArtifactError(f"The symbol is larger than {MAX_BYTES} bytes.")
        try:
            document = json.loads(data)
        except (ValueError, RecursionError):
            raise ArtifactError("The symbol is not JSON: the file is damaged or not an MXNet symbol.") from None
        entries = document.get("nodes") if isinstance(document, dict) else None
        if not isinstance(entries, list) or not entries or len(entries) > MAX_NODES:
            raise ArtifactError(f"The symbol has no list of 1 to {MAX_NODES} nodes.")
        nodes = [_read_node(index, entry) for index, entry in enumerate(entries)]
        if len({node.name for node in nodes}) != len(nodes):
            raise ArtifactError("The symbol has two nodes of the same name.")
        heads = document.get("heads")
        if not isinstance(heads, list) or len(heads) != 1:
            raise ArtifactError("The symbol must have one head, the probabilities.")
        return cls(_needed(nodes, _read_link(heads[0], len(nodes), "head")[0]))


def _output_count(node: Node) -> int:
    # MXNet counts a batch norm's mean and variance, and the index that max pooling keeps for its gradient.
    if node.op == "BatchNorm":
        return 3
    return 2 if node.op == "Pooling" and node.attrs.get("pool_type") == "max" else 1


def _read_node(index: int, entry: Any) -> Node:
    if not isinstance(entry, dict):
        raise ArtifactError(f"The symbol's node {index} is not an object.")
    op, name = entry.get("op"), entry.get("name")
    if not isinstance(op, str) or not isinstance(name, str) or not 0 < len(name) <= 256:
        raise ArtifactError(f"The symbol's node {index} has no operator or no name.")
    # "attrs" since MXNet 1.0, "attr" and "param" before.
    attrs: dict[str, str] = {}
    for key in ("param", "attr", "attrs"):
        value = entry.get(key, {})
        if not isinstance(value, dict) or any(not isinstance(text, str) for text in value.values()):
            raise ArtifactError(f"The symbol's node '{name}' has attributes that are not text.")
        attrs |= value
    links = entry.get("inputs", [])
    if not isinstance(links, list) or len(links) > 64:
        raise ArtifactError(f"The symbol's node '{name}' has no list of inputs.")
    return Node(op, name, attrs, tuple(_read_link(link, index, name) for link in links))


def _read_link(link: Any, limit: int, name: str) -> tuple[int, int]:
    numbers = isinstance(link, list) and len(link) in (2, 3) and all(type(part) is int for part in link)
    if not numbers or not 0 <= link[0] < limit or not 0 <= link[1] < 8:
        raise ArtifactError(f"The symbol's node '{name}' takes its input from a node that does not come before it.")
    return link[0], link[1]


def _needed(nodes: list[Node], head: int) -> list[Node]:
    wanted = {head}
    for index in range(head, -1, -1):
        if index in wanted:
            wanted.update(source for source, _ in nodes[index].inputs)
    order = sorted(wanted)
    place = {old: new for new, old in enumerate(order)}
    return [
        Node(node.op, node.name, node.attrs, tuple((place[source], output) for source, output in node.inputs))
        for node in (nodes[index] for index in order)
    ]
