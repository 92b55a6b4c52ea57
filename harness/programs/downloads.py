"""``harness run --map``: downloads that a program names by their URL, answered from files on this machine.

The program is not touched. It reaches the internet by a proxy of its own, which every HTTP client looks for; a tunnel
to a host that is mapped ends there, under a certificate that the program's clients trust, and every other tunnel goes
on as it would have gone.
"""

from __future__ import annotations

import contextlib
import mimetypes
import shutil
import ssl
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from harness.emulator.door.certificates import CertificateAuthority
from harness.emulator.door.forward_proxy import ForwardProxy
from harness.programs.scripts import ScriptError

SYNTHESIZED = "synthesized"
"""In place of a file: CIFAR-100's archive, drawn."""


def read_maps(given: tuple[str, ...]) -> dict[str, Path | None]:
    """Read ``URL=FILE`` texts.

    Returns:
        the file of each URL; None where it is to be synthesized.

    Raises:
        ScriptError: a text of another form, or a file that is not there.
    """
    maps: dict[str, Path | None] = {}
    for text in given:
        url, _, file = text.rpartition("=")
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise ScriptError(f"--map takes URL=FILE, with http:// or https:// before it, not {text!r}")
        if file != SYNTHESIZED and not Path(file).is_file():
            raise ScriptError(f"--map: there is no file {file}")
        maps[url] = None if file == SYNTHESIZED else Path(file)
    return maps


@contextlib.contextmanager
def answered_downloads(
    maps: Mapping[str, Path | None], environment: Mapping[str, str]
) -> Iterator[tuple[dict[str, str], Counter[str]]]:
    """Answer downloads from files while the block lasts.

    Args:
        maps: URLs, and the file for each; None for a synthesized archive of CIFAR-100.
        environment: the program's variables.

    Yields:
        the program's variables with the way to the files, and how often each URL was asked for.
    """
    asked = Counter(dict.fromkeys(maps, 0))
    if not maps:
        yield dict(environment), asked
        return
    with tempfile.TemporaryDirectory(prefix="harness-downloads-") as name:
        folder = Path(name)
        files = {
            _address(url): (url, file or _synthesized(folder / f"{number}-{Path(urlsplit(url).path).name}"))
            for number, (url, file) in enumerate(maps.items())
        }
        trusted = environment.get("REQUESTS_CA_BUNDLE")
        authority = CertificateAuthority(folder, Path(trusted) if trusted else None)
        upstream = environment.get("https_proxy") or environment.get("HTTPS_PROXY")
        server = _Server(files, asked, authority, upstream)
        thread = threading.Thread(target=server.serve_forever, name="downloads", daemon=True)
        thread.start()
        try:
            here = f"http://127.0.0.1:{server.server_address[1]}"
            yield {**environment, **_variables(here, authority, folder, files)}, asked
        finally:
            server.shutdown()
            server.server_close()


def _address(url: str) -> tuple[str, str, int, str]:
    """Scheme, host, port and what is asked for there."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return (
        parts.scheme,
        (parts.hostname or "").lower(),
        port,
        f"{parts.path or '/'}{'?' * bool(parts.query)}{parts.query}",
    )


def _synthesized(path: Path) -> Path:
    from harness.scones.dataset.synthesize import synthesize

    return synthesize(path)


_Files = Mapping[tuple[str, str, int, str], tuple[str, Path]]


def _variables(here: str, authority: CertificateAuthority, folder: Path, files: _Files) -> dict[str, str]:
    """Variables by which requests, urllib, curl, wget and pip find the proxy, and trust it."""
    wgetrc = folder / "wgetrc"
    wgetrc.write_text(f"ca_certificate = {authority.wide_bundle}\n", encoding="utf-8")
    bundle = str(authority.wide_bundle)
    variables = {
        "HTTPS_PROXY": here,
        "https_proxy": here,
        "REQUESTS_CA_BUNDLE": bundle,
        "SSL_CERT_FILE": bundle,
        "CURL_CA_BUNDLE": bundle,
        "WGETRC": str(wgetrc),
    }
    if any(scheme == "http" for scheme, *_ in files):
        variables |= {"HTTP_PROXY": here, "http_proxy": here}
    return variables


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(
        self, files: _Files, asked: Counter[str], authority: CertificateAuthority, upstream: str | None
    ) -> None:
        self.files = files
        self.asked = asked
        hosts = {host for scheme, host, *_ in files if scheme == "https"}
        self.forward_proxy = ForwardProxy(authority, upstream, answered_here=hosts.__contains__)
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    """Answers ``CONNECT``, and within a tunnel, or by a whole address, ``GET`` and ``HEAD`` of what is mapped."""

    server: _Server
    protocol_version = "HTTP/1.1"

    def do_CONNECT(self) -> None:
        self.server.forward_proxy.connect(self)

    def speak_tls(self, context: ssl.SSLContext) -> None:
        """Go on with this connection under TLS."""
        self.tunnel = self.path
        try:
            self.connection = context.wrap_socket(self.connection, server_side=True)
        except OSError:
            self.close_connection = True
            return
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb")
        self.close_connection = False

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, with_body: bool) -> None:
        tunnel = getattr(self, "tunnel", None)
        url = f"https://{tunnel}{self.path}" if tunnel else self.path
        found = self.server.files.get(_address(url))
        if found is None:
            self.send_error(404, "harness run --map names no file for this", f"nothing is mapped for {url}")
            return
        url, path = found
        self.server.asked[url] += with_body
        self.send_response(200)
        self.send_header("Content-Type", mimetypes.guess_type(url)[0] or "application/octet-stream")
        self.send_header("Content-Length", str(path.stat().st_size))
        self.end_headers()
        if with_body:
            with path.open("rb") as file:
                shutil.copyfileobj(file, self.wfile)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
