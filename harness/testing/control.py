"""The emulator's own API, from a test or a script."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from harness.targets.target import Target

TOKEN_HEADER = "X-Harness-Control-Token"
TOKEN_VARIABLE = "HARNESS_CONTROL_TOKEN"
"""What tells it to programs: see :mod:`harness.settings`."""


@dataclass(frozen=True)
class ControlApi:
    """The emulator's own API.

    Args:
        url: address of the emulator.
        token: what an emulator wants to be told that others than this machine reach.
    """

    url: str
    token: str = ""

    def get(self, path: str) -> Any:
        """Return what ``GET /_harness/<path>`` answers, read from JSON."""
        return self._call("GET", path, None)

    def post(self, path: str, body: object = None) -> Any:
        """Send *body* as JSON to ``/_harness/<path>``.

        Raises:
            ValueError: the emulator refuses, in its words.
        """
        return self._call("POST", path, body)

    def put(self, path: str, body: object) -> Any:
        """Send *body* as JSON to ``PUT /_harness/<path>``.

        Raises:
            ValueError: the emulator refuses, in its words.
        """
        return self._call("PUT", path, body)

    def delete(self, path: str) -> Any:
        """Send ``DELETE /_harness/<path>``.

        Raises:
            ValueError: the emulator refuses, in its words.
        """
        return self._call("DELETE", path, None)

    def flush(self) -> None:
        """Have buffered logs and capture records written now."""
        self.post("flush")

    def _call(self, method: str, path: str, body: object) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} | ({TOKEN_HEADER: self.token} if self.token else {})
        request = urllib.request.Request(f"{self.url}/_harness/{path}", data=data, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            text = error.read().decode("utf-8", "replace")
            raise ValueError(f"{method} /_harness/{path}: {error.code} {text}") from None


def write_out(target: Target) -> None:
    """Have buffered logs and capture records written now, where the target is an emulator; AWS writes them in time."""
    if target.control_url is not None:
        ControlApi(target.control_url, target.control_token).flush()
