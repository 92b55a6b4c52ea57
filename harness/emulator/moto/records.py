"""What moto keeps, as plain data and back: resources with their attributes, told by the names of moto's own classes.

A service's resources refer to one another, so the record of a service in a region is a list of nodes that refer to each
other by number. Read back, a node is one of Python's own collections or an instance of a class that moto has defined in
the modules of that service: it is made without being called, and given its attributes. A record can name nothing else,
and imports nothing.
"""

from __future__ import annotations

import re
import sys
from collections import OrderedDict, defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import Enum
from importlib import import_module
from typing import Any

from harness.emulator.process.records import DamagedError, Record

KIND = "moto"
_SERVICES = {
    "s3": "s3_backends",
    "iam": "iam_backends",
    "logs": "logs_backends",
    "sagemaker": "sagemaker_backends",
}
"""Services that are kept, and where moto has their records, in ``moto.<service>.models``."""
_MODULES = re.compile(r"moto\.(?:core|utilities|s3|iam|logs|sagemaker)(?:\.\w+)*")
_OTHERS = frozenset({"requests.structures:CaseInsensitiveDict"})
"""Classes of others that moto's resources have attributes of."""
_COLLECTIONS: dict[str, type] = {
    "list": list,
    "set": set,
    "frozenset": frozenset,
    "tuple": tuple,
    "dict": dict,
    "OrderedDict": OrderedDict,
}
_FACTORIES: dict[str, Any] = {"list": list, "dict": dict, "set": set, "str": str, "int": int, "": None}
_ATTEMPTS = 5


def moto_records(account_id: str) -> Iterable[Record]:
    """Yield a record for each service and region."""
    for service in _SERVICES:
        for region, backend in dict(_backends(service)[account_id]).items():
            for attempt in range(_ATTEMPTS):
                try:
                    nodes = _Nodes().of(dict(vars(backend)))
                    break
                except RuntimeError:  # something changed while it was read
                    if attempt == _ATTEMPTS - 1:
                        raise
            yield Record(KIND, f"{service}/{region}", nodes)


def restore_moto(account_id: str, record: Record) -> None:
    """Give moto a record back.

    Raises:
        DamagedError: it holds what no such record holds.
    """
    service, _, region = record.key.partition("/")
    if service not in _SERVICES:
        raise DamagedError(f"{record.kind} {record.key} is of no service that is kept")
    if not isinstance(record.data, list):
        raise DamagedError(f"{record.kind} {record.key} has no objects")
    backends = _backends(service)
    try:
        attributes = _Objects(record.data).get(0)
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError, re.error) as error:
        raise DamagedError(f"{record.kind} {record.key}: {error}") from None
    if not isinstance(attributes, dict):
        raise DamagedError(f"{record.kind} {record.key} has no attributes")
    vars(backends[account_id][region]).update(attributes)
    if service == "s3":
        for bucket in attributes.get("buckets", ()):
            backends.bucket_accounts[bucket] = (region, account_id)


def _backends(service: str) -> Any:
    return getattr(import_module(f"moto.{service}.models"), _SERVICES[service])


class _Nodes:
    """Objects on their way to nodes: a value is one itself where it is a scalar, else the number of a node."""

    def __init__(self) -> None:
        self._nodes: list[list[Any]] = []
        self._numbers: dict[int, int] = {}
        self._alive: list[Any] = []  # or another object could get the identity of one that has gone
        self._waiting: list[tuple[int, Any]] = []

    def of(self, root: Any) -> list[list[Any]]:
        """Return the nodes that *root* leads to, itself first."""
        self._value(root)
        while self._waiting:
            number, one = self._waiting.pop()
            self._nodes[number] = self._node(one)
        return self._nodes

    def _value(self, value: Any) -> Any:
        kind = type(value)
        if value is None or kind in (bool, int, float, str, bytes, datetime):
            return value
        number = self._numbers.get(id(value))
        if number is None:
            number = self._numbers[id(value)] = len(self._nodes)
            self._alive.append(value)
            self._nodes.append([])
            self._waiting.append((number, value))
        return {"at": number}

    def _node(self, value: Any) -> list[Any]:
        kind = type(value)
        if kind in (dict, OrderedDict):
            return [kind.__name__, self._pairs(value)]
        if kind in (list, set, frozenset, tuple):
            return [kind.__name__, [self._value(item) for item in list(value)]]
        if kind is bytearray:
            return ["bytearray", bytes(value)]
        if kind is timedelta:
            return ["timedelta", value.total_seconds()]
        if kind is re.Pattern:
            return ["pattern", value.pattern, value.flags]
        if kind is defaultdict:
            factory = "" if value.default_factory is None else value.default_factory.__name__
            if factory not in _FACTORIES:
                raise TypeError(f"a defaultdict of {factory} has no place in a record")
            return ["defaultdict", factory, self._pairs(value)]
        name = f"{kind.__module__}:{kind.__qualname__}"
        _class(name)
        if isinstance(value, Enum):
            return ["enum", name, value.name]
        state = value.__getstate__() if hasattr(kind, "__setstate__") else dict(vars(value))
        items = self._pairs(value) if isinstance(value, dict) else None
        if items is None and isinstance(value, (list, set, str, bytes)):
            raise TypeError(f"{name} has no place in a record")
        return ["object", name, self._pairs(state), items]

    def _pairs(self, mapping: dict[Any, Any]) -> list[list[Any]]:
        return [[self._value(key), self._value(item)] for key, item in list(dict.items(mapping))]


class _Objects:
    """Objects made of nodes, each when it is first asked for."""

    def __init__(self, nodes: list[list[Any]]) -> None:
        self._nodes = nodes
        self._made: dict[int, Any] = {}

    def get(self, number: int) -> Any:
        """Return what the node of this number is."""
        if number in self._made:
            return self._made[number]
        kind, *rest = self._nodes[number]
        if kind == "object":
            return self._object(number, *rest)
        if kind in ("dict", "OrderedDict", "defaultdict"):
            found = defaultdict(_FACTORIES[rest[0]]) if kind == "defaultdict" else _COLLECTIONS[kind]()
            self._made[number] = found
            self._fill(found, rest[-1])
            return found
        if kind in ("list", "set"):
            many: Any = _COLLECTIONS[kind]()
            self._made[number] = many
            for item in rest[0]:
                (many.append if kind == "list" else many.add)(self._value(item))
            return many
        made = self._made[number] = self._scalar(kind, rest)
        return made

    def _scalar(self, kind: str, rest: list[Any]) -> Any:
        match kind, rest:
            case (("tuple" | "frozenset"), [items]):
                return _COLLECTIONS[kind](self._value(item) for item in items)
            case "bytearray", [bytes(data)]:
                return bytearray(data)
            case "timedelta", [seconds]:
                return timedelta(seconds=seconds)
            case "pattern", [str(pattern), int(flags)]:
                return re.compile(pattern, flags)
            case "enum", [str(name), str(member)]:
                found = _class(name)
                if issubclass(found, Enum):
                    return found[member]
        raise ValueError(f"{kind!r} is no kind of node")

    def _object(self, number: int, name: str, attributes: list[Any], items: list[Any] | None) -> Any:
        kind = _class(name)
        found: Any = object.__new__(kind) if items is None else dict.__new__(kind)
        self._made[number] = found
        state: dict[str, Any] = {}
        self._fill(state, attributes)
        if hasattr(kind, "__setstate__"):
            found.__setstate__(state)
        else:
            vars(found).update(state)
        if items is not None:
            filled: dict[Any, Any] = {}
            self._fill(filled, items)
            dict.update(found, filled)
        return found

    def _fill(self, mapping: dict[Any, Any], pairs: list[list[Any]]) -> None:
        for key, item in pairs:
            mapping[self._value(key)] = self._value(item)

    def _value(self, value: Any) -> Any:
        return self.get(value["at"]) if isinstance(value, dict) else value


def _class(name: str) -> type:
    """Find a class of moto's that is loaded.

    Raises:
        TypeError: there is none of that name among the modules of the services that are kept.
    """
    module, _, member = name.partition(":")
    if _MODULES.fullmatch(module) or name in _OTHERS:
        found = vars(sys.modules.get(module, object)).get(member)
        if isinstance(found, type) and found.__module__ == module:
            return found
    raise TypeError(f"{name} has no place in a record")
