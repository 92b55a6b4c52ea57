"""One port for every service: finds out whose request it is and lets that service answer."""

from __future__ import annotations

import json
import logging
import re
import uuid
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote

from werkzeug import Request, Response
from werkzeug.exceptions import BadRequest

from harness.emulator.access.permissions import Permissions
from harness.emulator.apigateway.requests import is_front_door
from harness.emulator.aws_models import message_member
from harness.emulator.clients import OWN_ACCESS_KEY
from harness.emulator.door.answers import answer
from harness.emulator.door.body import BodyError, check_unpacked
from harness.emulator.door.boundary import CONTROL_PREFIX, PAGE_PREFIX
from harness.emulator.door.call import (
    Call,
    boto3_name,
    is_known,
    protocol_of,
    read_call,
    refuse_sibling,
    refuse_unknown,
)
from harness.emulator.door.cors import CorsRule, answer_page
from harness.emulator.door.errors import AwsError, error_response, explained, xml_error_response
from harness.emulator.door.members import Members
from harness.emulator.door.regions import check_region, not_emulated
from harness.emulator.door.s3_requests import answer_s3
from harness.emulator.door.trace import HEADER, current, traced
from harness.emulator.faults import Faults
from harness.emulator.in_process import OWN
from harness.emulator.moto.app import access_key_of, region_of, service_of
from harness.emulator.moto.bucket_faults import under_faults
from harness.emulator.moto.crashes import refusal
from harness.emulator.moto.made_up import refuse_made_up
from harness.emulator.moto.missing_checks import complete_object, refuse_overlooked
from harness.emulator.moto.s3_cors import cors_rules
from harness.emulator.services import Services

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

logger = logging.getLogger(__name__)

Observer = Callable[[str, Call | None, Request, Response], None]
"""Is told boto3's name of a service, the call (None for S3, whose requests are not parsed), request and answer."""

UNREADABLE = (RecursionError, UnicodeDecodeError, json.JSONDecodeError)
"""What moto and the like raise, which read bodies themselves."""
_MESSAGE_IN_CAPITALS = ("lambda", "sagemaker", "sagemaker-runtime")
_XML = ("query", "ec2", "rest-xml")
_MOST_FIELDS = 20_000
CERTIFICATES = "/SimpleNotificationService-"
"""How the paths of the certificates begin with which SNS signs: anybody may have them, as on AWS."""
_READS = re.compile(r"\.(Describe|List|Get)[A-Z]")
_DOCUMENTS = ("document", "iframe", "frame", "embed", "object")


class Page(Protocol):
    """A WSGI application that can be told to end what it has under way."""

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request, as a WSGI application."""

    def close(self) -> None:
        """End what is under way: the emulator stops."""


def _no_rules(request: Request) -> None:
    return None


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
        self._control: Callable[[Request], Response] = fallback
        self._fallback = fallback
        self._faults = faults
        self.certificates: Callable[[str], Response] = lambda name: Response(status=404)
        """Answers with a certificate of SNS's, by its name."""
        self.front_doors: Callable[[Request], Response | None] | None = None
        """Answers requests to users' own APIs; None for what is none."""
        self.page: Page | None = None
        """Answers what lies below :data:`PAGE_PREFIX`."""
        self._services: Services | None = None
        self._permissions: Permissions | None = None
        self._account_id = ""
        self.url_rules: Callable[[Request], Sequence[CorsRule] | None] = _no_rules
        """CORS rules of a function's URL; empty where it has none, None for what is no function's URL."""
        self.observers: list[Observer] = []
        """Told of each change that a service has made which only keeps things."""
        self.changes = 0
        """How many requests may have changed something. Grows; the exact number means nothing."""

    def connect(
        self,
        services: Services,
        permissions: Permissions,
        account_id: str,
        control: Callable[[Request], Response],
    ) -> None:
        """Say who answers.

        Args:
            services: answer what is parsed into a call.
            permissions: know whose a request is.
            account_id: in which everything is done.
            control: answers what lies below :data:`CONTROL_PREFIX`.
        """
        self._services = services
        self._permissions = permissions
        self._account_id = account_id
        self._control = control

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request, as a WSGI application."""
        path = environ.get("PATH_INFO", "")
        if self.page is not None and (path == PAGE_PREFIX or path.startswith(f"{PAGE_PREFIX}/")):
            mounted = {**environ, "SCRIPT_NAME": PAGE_PREFIX, "PATH_INFO": path.removeprefix(PAGE_PREFIX) or "/"}
            return self.page(mounted, start_response)
        request = Request(environ)
        if "Origin" in request.headers:  # it is allowed by name, or would not have come as far
            own = self.url_rules(request) if is_front_door(request.host, request.path) else None
            if own is not None and not own:  # the function itself says what pages may read
                response = self.answer(request)
            else:
                response = answer_page(request, self.answer, partial(cors_rules, self._account_id), own)
        else:
            response = self.answer(request)
        if self.page is not None and request.headers.get("Sec-Fetch-Dest") in _DOCUMENTS:
            # An object out of a bucket that a browser shows as a page has this very origin, the mounted page's: its
            # scripts must not drive that one. No SDK sends this header.
            response.headers["Content-Security-Policy"] = "sandbox"
        return response(environ, start_response)

    def answer(self, request: Request) -> Response:
        """Answer a request that has passed the door."""
        if request.path.startswith(CONTROL_PREFIX):
            return self._control(request)
        if is_front_door(request.host, request.path) and self.front_doors is not None:
            response = self.front_doors(request)
            if response is not None:
                return response
        if request.method == "GET" and request.path.startswith(CERTIFICATES):
            return self.certificates(request.path.lstrip("/"))
        with traced(unquote(request.headers.get(HEADER, "")) or current()):
            return self._counted(request)

    def _counted(self, request: Request) -> Response:
        changes = request.method not in ("GET", "HEAD") and not _READS.search(request.headers.get("X-Amz-Target", ""))
        try:
            return self._answer(request, changes)
        finally:
            if changes:  # counted when it is done: what is saved before would lack it
                self.changes += 1

    def _answer(self, request: Request, changes: bool) -> Response:
        authorization = request.headers.get("Authorization", "")
        signed_for = service_of(authorization)
        # Without a signature it is S3's: public objects and presigned addresses.
        if self._signing_names is not None and (signed_for or "s3") not in self._signing_names:
            return self._elsewhere(request)
        request_id = str(uuid.uuid4())
        if signed_for is None or signed_for == "s3":
            response = answer_s3(request, self._answer_s3, request_id)
            if changes:
                self._tell("s3", None, request, response)
            return response
        service = boto3_name(signed_for, request.path, request.headers.get("X-Amz-Target", ""))
        try:
            return self._dispatch(service, signed_for, request, authorization, request_id, changes)
        except AwsError as error:
            return _refused(error, service, request_id)
        except UNREADABLE:
            words = "Could not parse the request body as JSON."
            return _refused(AwsError("SerializationException", words), service, request_id)
        except Exception as error:
            logger.exception("%s %s failed", request.method, request.path)
            return _refused(explained(error), service, request_id)

    def _answer_s3(self, request: Request) -> Response:
        authorization = request.headers.get("Authorization", "")
        own = request.environ.get(OWN) or access_key_of(authorization) == OWN_ACCESS_KEY
        if own or not authorization:
            response = self._fallback(request)
        else:
            response = under_faults(self._faults, request, self._fallback)
        complete_object(request, response)
        return response

    def _dispatch(
        self, service: str, signed_for: str, request: Request, authorization: str, request_id: str, changes: bool
    ) -> Response:
        assert self._services is not None and self._permissions is not None
        region = region_of(authorization) or self._region
        check_region(region, protocol_of(service))
        caller = self._permissions.session_of(access_key_of(authorization))
        call = read_call(service, request, region, self._account_id, caller, request_id)
        if self._services.has(service):
            if call is None:
                refuse_sibling(service, request)
                words = f"{service} has no such operation: {request.headers.get('X-Amz-Target') or request.path}"
                raise AwsError("UnknownOperationException", words, 404)
            if not self._services.is_kept_by_moto(call):
                return answer(call.service, call.operation, self._services.call(call), request_id)
        if call is not None:
            self._services.check(call)
            refuse_made_up(call.service, call.operation)
            refuse_overlooked(call)
            self._services.prepare(call)
        elif is_known(service):
            refuse_unknown(service, request)
        _check_size(service, request)
        try:
            response = self._fallback(request)
        except ModuleNotFoundError as error:
            words = f"not emulated: {service} needs the Python package {error.name}: pip install 'moto[{signed_for}]'"
            raise AwsError("NotImplemented", words, 501) from None
        except NotImplementedError:  # moto's word for an operation that it lacks
            raise not_emulated(service, call.operation if call is not None else request.path) from None
        except (AwsError, OSError, *UNREADABLE):
            raise
        except Exception:
            if call is None:
                raise
            logger.warning("%s.%s failed", service, call.operation, exc_info=True)
            raise refusal(call) from None
        if call is not None and changes:
            self._tell(service, call, request, response)
        return response

    def _tell(self, service: str, call: Call | None, request: Request, response: Response) -> None:
        if response.status_code < 300:
            for observer in self.observers:
                observer(service, call, request, response)


def _check_size(service: str, request: Request) -> None:
    """Refuse what moto would unpack or take apart for longer than it should."""
    body = request.get_data(cache=True)
    if request.headers.get("Content-Encoding", "").lower() == "gzip":
        try:
            check_unpacked(body)
        except BodyError as error:
            raise AwsError("SerializationException", str(error), error.status) from None
    if protocol_of(service) in ("query", "ec2") and body.count(b"&") > _MOST_FIELDS:
        raise AwsError("MalformedInput", f"A request has at most {_MOST_FIELDS} parameters.")


def _refused(error: AwsError, service: str, request_id: str) -> Response:
    """Answer with an error in the protocol of *service*."""
    if protocol_of(service) in _XML:
        return xml_error_response(error, request_id)
    return error_response(error, request_id, message_member(service, error.code) or _message_of(service))


def _message_of(service: str) -> str:
    return "Message" if service in _MESSAGE_IN_CAPITALS else "message"


def json_members(request: Request) -> Members:
    """Read the members of the JSON object that a request to the emulator's own API brings; none where it has no body.

    Raises:
        werkzeug.exceptions.BadRequest: it brings something else.
    """
    try:
        given = json.loads(request.get_data() or b"{}")
    except (ValueError, RecursionError):
        raise BadRequest("the body is no JSON") from None
    if not isinstance(given, dict):
        raise BadRequest("the body is no JSON object")
    return given


def json_response(body: object, status: int = 200) -> Response:
    """Make an answer of the emulator's own API."""
    return Response(json.dumps(body), status, content_type="application/json")
