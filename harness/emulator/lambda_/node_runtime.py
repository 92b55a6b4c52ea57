"""Node.js, under AWS's own ``aws-lambda-ric``, where both are on this machine.

https://github.com/aws/aws-lambda-nodejs-runtime-interface-client
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from harness.emulator.lambda_.invocation import FunctionVersion
from harness.emulator.lambda_.runtime import Beginning, Process

CLIENT = "aws-lambda-ric"
"""The npm package; it compiles a part of itself when it is installed."""
_PATIENCE = 10.0
_PRELOAD = Path(__file__).with_name("preload.cjs")


class NodeRuntime:
    """Node.js.

    Args:
        node: its program.
        client: ``bin/index.mjs`` of the client's package.
        version: node's major version, ``20``.
    """

    limits_data = False

    def __init__(self, node: str, client: Path, version: str) -> None:
        self._node = node
        self._client = client
        self.version = version
        self.folder: Path | None = client.parents[1]

    @classmethod
    def find(cls) -> NodeRuntime | None:
        """Find what is on ``PATH``; None where node or the client is not."""
        node, client = shutil.which("node"), shutil.which(CLIENT)
        if node is None or client is None:
            return None
        try:
            said = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=_PATIENCE, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return None
        version = re.match(r"v(\d+)\.", said.stdout)
        return cls(node, Path(client).resolve(), version[1]) if version else None

    def folder_on_aws(self, function: FunctionVersion) -> str:
        """Return the folder of AWS's own runtime."""
        return "/var/runtime"

    def variables(self, function: FunctionVersion, task_root: Path, layers_root: Path | None) -> dict[str, str]:
        """Return AWS's variables of a Node.js runtime.

        Args:
            function: that runs.
            task_root: folder of its code; not named here, as Node.js starts in it.
            layers_root: what stands in for ``/opt``; None where it has no layers.
        """
        paths = [self._client.parents[2]]  # AWS's /var/runtime/node_modules, which has the AWS SDK
        if layers_root is not None:
            node = layers_root / "nodejs"
            paths = [node / f"node{self.version}" / "node_modules", node / "node_modules", *paths]
        return {
            "LANG": "en_US.UTF-8",
            "PATH": os.pathsep.join((str(Path(self._node).parent), os.defpath)),
            "TZ": ":UTC",
            "NODE_PATH": os.pathsep.join(map(str, paths)),
        }

    def start(self, function: FunctionVersion, beginning: Beginning) -> Process:
        """Start Node.js with the runtime client."""
        begun = [self._node, "--require", str(_PRELOAD)] if "HTTPS_PROXY" in beginning.environment else [self._node]
        command = [*begun, str(self._client), function.handler]
        return beginning.run(command)

    def end(self, process: Process) -> None:
        """Leave it: its process group is all there is."""
        pass
