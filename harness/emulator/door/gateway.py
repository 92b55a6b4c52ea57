"""One port for every service: finds out whose request it is and lets that service answer."""

from __future__ import annotations

import json
import logging
import re
import uuid
from collections.abc import Callable
from typing import Any, Protocol

from werkzeug import Request, Response

from harness.emulator.access.gate import Gate
from harness.emulator.clients import OWN_ACCESS_KEY
from harness.emulator.door.call import protocol_of
from harness.emulator.door.errors import AwsError, error_response, xml_error_response
from harness.emulator.faults import Faults
from harness.emulator.moto.app import access_key_of, region_of, service_of
from harness.emulator.moto.bucket_faults import under_faults

logger = logging.getLogger(__name__)

Handler = Callable[[Request, str, str], Response]
"""Answers a request, given its id and region."""

_MESSAGE_IN_CAPITALS = ("lambda", "sagemaker")
_XML = ("query", "ec2", "rest-xml")
_READS = re.compile(r"\.(Describe|List|Get)[A-Z]")
CONTROL_PREFIX = "/_harness/"
"""Paths of the emulator's own API; no AWS service has any below it."""
PAGE_PREFIX = "/_harness/dashboard"
"""Where a page for people is mounted."""
_DOCUMENTS = ("document", "iframe", "frame", "embed", "object")


class Page(Protocol):
    """A WSGI application that can be told to end what it has under way."""

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any: ...

    def close(self) -> None:
        """The emulator stops."""


class Gateway:
    """The emulator's WSGI application.

    The services behind it need its address to be made, so it exists before them and is connected afterwards.

    Args:
        region: for requests whose signature names none.
        fallback: answers everything that no service takes.
        faults: what buckets are made to suffer.
        signing_names: the services that answer here, by the names that requests to them are signed for; None for all.
        elsewhere: answers requests to other services.
    """

    def __init__(
        self,
        region: str,
        fallback: Callable[[Request], Response],
        faults: Faults,
        signing_names: frozenset[str] | None = None,
        elsewhere: Callable[[Request], Response] | None = None,
    ) -> None:
        self._region = region
        self._signing_names = signing_names
        self._elsewhere = elsewhere or fallback
        self._handlers: dict[str, Callable[[Request], Handler | None]] = {}
        self._control: Callable[[Request], Response] = fallback
        self._fallback = fallback
        self._faults = faults
        self.page: Page | None = None
        """Answers what lies below :data:`PAGE_PREFIX`."""
        self._gate: Gate | None = None
        self.changes = 0
        """How many requests may have changed something. Grows; the exact number means nothing."""

    def connect(
        self,
        handlers: dict[str, Callable[[Request], Handler | None]],
        control: Callable[[Request], Response],
        gate: Gate | None = None,
    ) -> None:
        """Say who answers.

        Args:
            handlers: by signing name, what finds a request's handler; None leaves it to the fallback.
            control: answers what lies below :data:`CONTROL_PREFIX`.
            gate: knows who may do what.
        """
        self._handlers = handlers
        self._control = control
        self._gate = gate

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        path = environ.get("PATH_INFO", "")
        if self.page is not None and (path == PAGE_PREFIX or path.startswith(f"{PAGE_PREFIX}/")):
            mounted = {**environ, "SCRIPT_NAME": PAGE_PREFIX, "PATH_INFO": path.removeprefix(PAGE_PREFIX) or "/"}
            return self.page(mounted, start_response)
        request = Request(environ)
        response = self._answer(request)
        if self.page is not None and request.headers.get("Sec-Fetch-Dest") in _DOCUMENTS:
            # An object out of a bucket that a browser shows as a page has this very origin, the mounted page's: its
            # scripts must not drive that one. No SDK sends this header.
            response.headers["Content-Security-Policy"] = "sandbox"
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        if request.path.startswith(CONTROL_PREFIX):
            return self._control(request)
        if request.method not in ("GET", "HEAD") and not _READS.search(request.headers.get("X-Amz-Target", "")):
            self.changes += 1
        authorization = request.headers.get("Authorization", "")
        service = service_of(authorization)
        # Without a signature it is S3's: public objects and presigned addresses.
        if self._signing_names is not None and (service or "s3") not in self._signing_names:
            return self._elsewhere(request)
        if service == "s3" and access_key_of(authorization) != OWN_ACCESS_KEY:
            return under_faults(self._faults, request, self._fallback)
        if service is None or service == "s3":
            return self._fallback(request)
        request_id = str(uuid.uuid4())
        try:
            if self._gate is not None:
                self._gate.check(service, request, authorization)
            find = self._handlers.get(service)
            handler = find(request) if find else None
            if handler is None:
                return self._fallback(request)
            return handler(request, request_id, region_of(authorization) or self._region)
        except AwsError as error:
            return _refused(error, service, request_id)
        except Exception:
            logger.exception("%s %s failed", request.method, request.path)
            failure = AwsError("InternalFailure", "The emulator failed; its log says why.", 500)
            return _refused(failure, service, request_id)


def _refused(error: AwsError, service: str, request_id: str) -> Response:
    """An error in the protocol of *service*."""
    if protocol_of(service) in _XML:
        return xml_error_response(error, request_id)
    return error_response(error, request_id, "Message" if service in _MESSAGE_IN_CAPITALS else "message")


def json_response(body: object, status: int = 200) -> Response:
    """An answer of the emulator's own API."""
    return Response(json.dumps(body), status, content_type="application/json")
