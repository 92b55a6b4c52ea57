"""What Lambda keeps: functions with their versions and aliases, layers, event source mappings, code signing.

Configurations have the members of botocore's ``FunctionConfiguration``; everything is plain data, as it is kept from
one start to the next.
"""

from __future__ import annotations

import hashlib
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from harness.emulator.door.members import Members
from harness.emulator.lambda_.references import LATEST, Reference
from harness.emulator.lambda_.refusals import alias_not_found, function_not_found

MOST_TAGS = 50
"""Of a resource."""
Configuration = dict[str, Any]
"""botocore's ``FunctionConfiguration``."""


def new_revision() -> str:
    """Make a RevisionId."""
    return str(uuid.uuid4())


def now_text() -> str:
    """Now, as Lambda's configurations write it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"


@dataclass
class Policy:
    """A resource's policy."""

    statements: list[dict[str, Any]] = field(default_factory=list)
    revision: str = field(default_factory=new_revision)


@dataclass
class Function:
    """A function, with everything that is configured for it."""

    region: str
    account: str
    name: str
    versions: dict[str, Configuration]
    """By version, ``$LATEST`` first."""
    code: dict[str, str] = field(default_factory=dict)
    """By version, the digest of its package."""
    aliases: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By name, botocore's ``AliasConfiguration``."""
    policies: dict[str, Policy] = field(default_factory=dict)
    """By qualifier; ``""`` is the function's own."""
    tags: dict[str, str] = field(default_factory=dict)
    reserved: int | None = None
    provisioned: dict[str, dict[str, Any]] = field(default_factory=dict)
    event_invoke: dict[str, dict[str, Any]] = field(default_factory=dict)
    urls: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By alias; ``$LATEST`` is the function's own."""
    runtime_management: dict[str, dict[str, Any]] = field(default_factory=dict)
    recursion: str = "Terminate"
    code_signing: str | None = None
    live: dict[str, Any] | None = None
    """The ``Code`` that names a folder, where the code is live."""
    next_version: int = 1
    is_changed: bool = True
    """Whether ``$LATEST`` was changed since it was published last."""

    @property
    def arn(self) -> str:
        """Unqualified ARN."""
        return f"arn:aws:lambda:{self.region}:{self.account}:function:{self.name}"

    @property
    def latest(self) -> Configuration:
        """The configuration of ``$LATEST``."""
        return self.versions[LATEST]

    def has(self, qualifier: str) -> bool:
        """Whether there is such a version or alias."""
        return qualifier in self.versions or qualifier in self.aliases

    def require(self, reference: Reference) -> None:
        """Refuse a qualifier that the function has not.

        Raises:
            AwsError: ``ResourceNotFoundException``.
        """
        if reference.qualifier is not None and not self.has(reference.qualifier):
            can_be_alias = reference.is_alias and "$" not in reference.qualifier
            raise (alias_not_found if can_be_alias else function_not_found)(reference.arn)

    def version_of(self, qualifier: str | None) -> str:
        """Return the version that a qualifier names; an alias's own one, without its routing."""
        if qualifier in self.aliases:
            return str(self.aliases[qualifier]["FunctionVersion"])
        return qualifier or LATEST

    def touch(self) -> None:
        """Give ``$LATEST`` a new revision."""
        self.latest["RevisionId"] = new_revision()

    def kept(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)

    @classmethod
    def restored(cls, record: Mapping[str, Any]) -> Function:
        """From plain data."""
        policies = {key: Policy(**value) for key, value in record.get("policies", {}).items()}
        return cls(**{**record, "policies": policies})


@dataclass
class LayerVersion:
    """A version of a layer."""

    arn: str
    layer_arn: str
    version: int
    description: str
    created: str
    runtimes: list[str] | None
    architectures: list[str] | None
    license: str | None
    digest: str
    size: int
    policy: Policy | None = None


@dataclass
class Layer:
    """A layer: versions by number, and the last number given."""

    region: str
    account: str
    name: str
    versions: dict[int, LayerVersion] = field(default_factory=dict)
    last: int = 0

    @property
    def arn(self) -> str:
        """ARN without a version."""
        return f"arn:aws:lambda:{self.region}:{self.account}:layer:{self.name}"

    @classmethod
    def restored(cls, record: Mapping[str, Any]) -> Layer:
        """From plain data."""
        versions = {}
        for number, version in record["versions"].items():
            policy = version.get("policy")
            versions[int(number)] = LayerVersion(**{**version, "policy": Policy(**policy) if policy else None})
        return cls(**{**record, "versions": versions})


class Store:
    """All records of the account."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        """Held while records are read and changed; never while something is waited for."""
        self.functions: dict[tuple[str, str], Function] = {}
        self.layers: dict[tuple[str, str], Layer] = {}
        self.mappings: dict[str, dict[str, Any]] = {}
        """By UUID, botocore's ``EventSourceMappingConfiguration`` with ``Region`` and ``Tags``."""
        self.signing: dict[str, dict[str, Any]] = {}
        """By ARN, botocore's ``CodeSigningConfig`` with ``Tags``."""

    def find(self, reference: Reference) -> Function | None:
        """Find the function, None where there is none."""
        found = self.functions.get((reference.region, reference.name))
        return found if found is not None and found.account == reference.account else None

    def function(self, reference: Reference) -> Function:
        """Return the function, whether or not it has the qualifier.

        Raises:
            AwsError: ``ResourceNotFoundException``, naming the qualifier as well.
        """
        found = self.find(reference)
        if found is None:
            raise function_not_found(reference.arn)
        return found

    def in_region(self, region: str) -> Iterator[Function]:
        """Yield the region's functions, by name."""
        for (place, _), function in sorted(self.functions.items()):
            if place == region:
                yield function

    def digests(self) -> set[str]:
        """Of all packages that something uses."""
        used = {digest for function in self.functions.values() for digest in function.code.values()}
        return used | {each.digest for layer in self.layers.values() for each in layer.versions.values()}

    def kept(self) -> Iterable[tuple[str, str, Members]]:
        """Kind, key and members of every record."""
        with self.lock:
            for (region, name), function in self.functions.items():
                yield "function", f"{region}/{name}", function.kept()
            for (region, name), layer in self.layers.items():
                yield "layer", f"{region}/{name}", asdict(layer)
            for key, mapping in self.mappings.items():
                yield "event-source-mapping", key, dict(mapping)
            for arn, signing in self.signing.items():
                yield "code-signing-config", arn, dict(signing)

    def restore(self, kind: str, key: str, record: Members) -> None:
        """Take back what :meth:`kept` gave.

        Args:
            kind: ``function``, ``layer``, ``event-source-mapping`` or ``code-signing-config``.
            key: its name or id; functions and layers have it in their record as well.
            record: its data.
        """
        match kind:
            case "function":
                function = Function.restored(record)
                self.functions[function.region, function.name] = function
            case "layer":
                layer = Layer.restored(record)
                self.layers[layer.region, layer.name] = layer
            case "event-source-mapping":
                self.mappings[key] = dict(record)
            case "code-signing-config":
                self.signing[key] = dict(record)


def runtime_version_arn(region: str, runtime: str) -> str:
    """Return the ARN of the runtime's version; the same for a runtime wherever it runs."""
    return f"arn:aws:lambda:{region}::runtime:{hashlib.sha256(runtime.encode()).hexdigest()}"


def epoch() -> float:
    """Seconds since the epoch, to the millisecond."""
    return round(time.time(), 3)
