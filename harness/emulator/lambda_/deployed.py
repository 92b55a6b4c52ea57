"""A function's version as its execution environments need it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.emulator.door.members import text
from harness.emulator.lambda_.control_plane import ControlPlane
from harness.emulator.lambda_.invocation import FunctionVersion, Image
from harness.emulator.lambda_.layers import content_of
from harness.emulator.lambda_.live_code import fingerprint
from harness.emulator.lambda_.records import Function
from harness.emulator.lambda_.references import LATEST


def function_version(plane: ControlPlane, function: Function, version: str) -> FunctionVersion:
    """Return a version of a function as its environments need it.

    Args:
        plane: knows code, layers and functions that run live.
        function: of which it is a version.
        version: its number, or ``$LATEST``, which alone can run live from a folder.
    """
    found = function.versions[version]
    runtime = str(found.get("Runtime") or "")
    folder = plane.live.folder_of(function.live) if function.live and version == LATEST else None
    layers = [content_of(plane, str(each["Arn"])) for each in found.get("Layers") or ()]
    codes = plane.codes
    return FunctionVersion(
        arn=function.arn,
        name=function.name,
        version=version,
        handler=str(found.get("Handler") or ""),
        runtime=runtime,
        package=codes.path(function.code[version]),
        code_sha256=str(found["CodeSha256"]) if folder is None else fingerprint(folder),
        variables=tuple(sorted(((found.get("Environment") or {}).get("Variables") or {}).items())),
        timeout=float(found["Timeout"]),
        memory_mb=int(found["MemorySize"]),
        region=function.region,
        account_id=function.account,
        log_group=str(found["LoggingConfig"]["LogGroup"]),
        log_format=str(found["LoggingConfig"]["LogFormat"]),
        log_level=str(found["LoggingConfig"].get("ApplicationLogLevel", "INFO")),
        system_log_level=str(found["LoggingConfig"].get("SystemLogLevel", "INFO")),
        role=str(found["Role"]),
        folder=folder,
        layers=tuple(path for path in layers if path is not None),
        reserved=_on_demand(function),
        image=_image(function.code[version], found) if found["PackageType"] == "Image" else None,
    )


def _on_demand(function: Function) -> int | None:
    """How many invocations may run outside of provisioned environments; None where nothing is reserved."""
    if function.reserved is None:
        return None
    return max(0, function.reserved - sum(int(each["Requested"]) for each in function.provisioned.values()))


def _image(uri: str, configuration: Mapping[str, Any]) -> Image:
    given = (configuration.get("ImageConfigResponse") or {}).get("ImageConfig") or {}
    return Image(
        uri,
        tuple(given.get("EntryPoint") or ()),
        tuple(given.get("Command") or ()),
        text(given, "WorkingDirectory", ""),
    )
