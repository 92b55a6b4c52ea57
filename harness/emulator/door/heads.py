"""A request's head, read without the e-mail parser of the standard library where it needs none.

``http.server`` hands headers to :mod:`email.parser`, which costs more than most of what the emulator does for a
request, and ten requests make an execution.
"""

from __future__ import annotations

import email.parser
import http.client
import http.server
import io

_LONGEST_LINE = 65536
_MOST_LINES = 100
_BLANK = (b"\r\n", b"\n", b"")


class QuickHead(http.server.BaseHTTPRequestHandler):
    """Reads the head of an HTTP/1.1 request; leaves all others to the standard library.

    Who answers also says ``100 Continue``.
    """

    raw_requestline: bytes

    def parse_request(self) -> bool:
        """Read request line and headers; False when they were refused.

        A head with a line that is no header is refused: what it means depends on who reads it.
        """
        if not self._read_head():
            return False
        odd = self.headers.defects or self.headers.get_payload()
        if odd or any(set("\r\n\0") & set(value) for value in self.headers.values()):
            self.close_connection = True
            self.send_error(400, "a line of the head is no header")
            return False
        return True

    def _read_head(self) -> bool:
        line = self.raw_requestline.decode("iso-8859-1").rstrip("\r\n")
        words = line.split(" ")
        if len(words) != 3 or words[2] != "HTTP/1.1" or not words[0] or not words[1] or words[1].startswith("//"):
            return super().parse_request()
        self.requestline = line
        self.command, self.path, self.request_version = words
        try:
            self.headers = read_headers(self.rfile)
        except http.client.HTTPException as error:
            self.send_error(431, type(error).__name__, str(error))
            return False
        self.close_connection = self.headers.get("Connection", "").lower() == "close"
        return True


def read_headers(stream: io.BufferedIOBase) -> http.client.HTTPMessage:
    """Header lines up to the blank one.

    Raises:
        http.client.HTTPException: a line is longer than 64 KiB, or there are more than a hundred.
    """
    lines: list[bytes] = []
    while (line := stream.readline(_LONGEST_LINE + 1)) not in _BLANK:
        if len(line) > _LONGEST_LINE:
            raise http.client.LineTooLong("header line")
        lines.append(line)
        if len(lines) > _MOST_LINES:
            raise http.client.HTTPException(f"got more than {_MOST_LINES} headers")
    message = http.client.HTTPMessage()
    for line in lines:
        name, colon, value = line.decode("iso-8859-1").partition(":")
        if not colon or not name or name != name.strip():
            # A folded line, or what is none: rare, and the standard library's to judge.
            text = b"".join(lines).decode("iso-8859-1")
            return email.parser.Parser(_class=http.client.HTTPMessage).parsestr(text)
        message[name] = value.strip(" \t\r\n")
    return message
