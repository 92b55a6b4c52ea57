"""Requests to S3 that S3 refuses before it looks at buckets: malformed ones, which moto would stumble over.

https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from urllib.parse import unquote, unquote_to_bytes
from xml.parsers import expat

from werkzeug import Request, Response

from harness.emulator.door.errors import AwsError, explained, s3_error_response
from harness.emulator.door.regions import not_emulated

logger = logging.getLogger(__name__)

_LONGEST_KEY = 1024
_DEEPEST = 32
_SIGNATURE_4 = re.compile(r"AWS4-HMAC-SHA256 .*Credential=[^/,]+/\d+/[^/,]+/[^/,]+/aws4_request.*")
_XML_BODIES = {
    "PUT": {
        *("accelerate", "acl", "analytics", "cors", "encryption", "intelligent-tiering", "inventory", "legal-hold"),
        *("lifecycle", "logging", "metrics", "notification", "object-lock", "ownershipControls", "publicAccessBlock"),
        *("replication", "requestPayment", "retention", "tagging", "versioning", "website"),
    },
    "POST": {"delete", "restore", "select", "uploadId"},
}
"""By method, the parts of a query that say that the body is a document."""
_OPTIONAL = {"acl", "publicAccessBlock", "restore"}
_NUMBERS = ("max-keys", "max-uploads", "max-parts", "partNumber", "part-number-marker")
_POSTED_TO_OBJECTS = {"uploads", "uploadId", "restore", "select"}


def answer_s3(request: Request, proceed: Callable[[Request], Response], request_id: str) -> Response:
    """Answer a request to S3 by *proceed* if it can be read; else with S3's refusal.

    Args:
        request: the HTTP request.
        proceed: has moto answer.
        request_id: for the refusal.
    """
    try:
        _check(request)
        try:
            return proceed(request)
        except (AwsError, OSError, NotImplementedError):
            raise
        except Exception:
            logger.warning("moto failed over %s %s", request.method, request.path, exc_info=True)
            raise _stumbled(request) from None
    except AwsError as error:
        return s3_error_response(error, request.path, request_id)
    except NotImplementedError:  # moto's word for what it lacks
        return s3_error_response(not_emulated("s3", _asked(request)), request.path, request_id)
    except Exception as error:
        logger.exception("%s %s failed", request.method, request.path)
        return s3_error_response(explained(error), request.path, request_id)


def _asked(request: Request) -> str:
    return f"{request.method} {request.path}?{'&'.join(request.args)}".rstrip("?")


def _stumbled(request: Request) -> AwsError:
    """Say what S3 says of a request over which moto fails, where known over what; else that it is not emulated."""
    query = request.args
    if _documents(request):
        return _malformed()
    if "uploadId" in query:
        words = (
            "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or "
            "completed."
        )
        return AwsError("NoSuchUpload", words, 404, UploadId=query["uploadId"])
    if "continuation-token" in query:
        words = "The continuation token provided is incorrect"
        return AwsError("InvalidArgument", words, ArgumentName="continuation-token")
    return not_emulated("s3", f"{_asked(request)} with this content (the log says what moto made of it)")


def _documents(request: Request) -> set[str]:
    """Return the parts of the query that say that the body is a document."""
    return _XML_BODIES.get(request.method, set()) & request.args.keys()


def _check(request: Request) -> None:
    _check_signature(request.headers.get("Authorization"))
    try:
        path = unquote_to_bytes(request.environ.get("RAW_URI", request.path).partition("?")[0]).decode("utf-8")
    except UnicodeDecodeError:
        raise AwsError("InvalidURI", "Couldn't parse the specified URI.") from None
    host = (request.host or "").partition(":")[0]
    of_host = "." in host and not host.replace(".", "").isdigit() and not host.startswith(("s3.", "s3-", "localhost"))
    key = path.lstrip("/") if of_host else path.lstrip("/").partition("/")[2]
    if len(key.encode()) > _LONGEST_KEY:
        size, most = str(len(key.encode())), str(_LONGEST_KEY)
        raise AwsError("KeyTooLongError", "Your key is too long", Size=size, MaxSizeAllowed=most)
    query = request.args
    for name in _NUMBERS:
        value = query.get(name)
        if value and not (value.isascii() and value.isdigit() and len(value) < 10):
            words = f"Provided {name} not an integer or within integer range"
            raise AwsError("InvalidArgument", words, ArgumentName=name, ArgumentValue=value)
    method = request.method
    if method not in ("GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS"):
        raise _not_allowed(method)
    form = request.mimetype == "multipart/form-data"
    if method == "POST" and not (query.keys() & _POSTED_TO_OBJECTS if key else form or "delete" in query):
        if not key:
            words = "The body of your POST request is not well-formed multipart/form-data."
            raise AwsError("MalformedPOSTRequest", words)
        raise _not_allowed(method)
    if form and method == "POST" and not key and "key" not in request.form:
        raise AwsError("InvalidArgument", "Bucket POST must contain a field named 'key'.", ArgumentName="key")
    source = request.headers.get("x-amz-copy-source")
    if source is not None and "/" not in unquote(source).strip("/") and not source.startswith("arn:"):
        words = "Invalid copy source object key"
        raise AwsError("InvalidArgument", words, ArgumentName="x-amz-copy-source", ArgumentValue=source)
    if method == "PUT" and "policy" in query and not key:
        _check_policy(request.get_data(cache=True))
    for name in _documents(request):
        body = request.get_data(cache=True)
        if body or name not in _OPTIONAL:
            _check_xml(body)


def _check_signature(authorization: str | None) -> None:
    if authorization is None or _SIGNATURE_4.fullmatch(authorization):
        return
    if authorization.startswith("AWS4-"):
        raise AwsError("AuthorizationHeaderMalformed", "The authorization header that you provided is not valid.")
    if authorization.startswith("AWS "):
        words = "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
        raise AwsError("InvalidRequest", words)
    raise AwsError("InvalidArgument", "Unsupported Authorization Type", ArgumentName="Authorization")


def _not_allowed(method: str) -> AwsError:
    words = "The specified method is not allowed against this resource."
    return AwsError("MethodNotAllowed", words, 405, Method=method)


def _check_policy(body: bytes) -> None:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise AwsError("MalformedPolicy", "Policies must be valid JSON and the first byte must be '{'")
    if not found.get("Statement"):
        raise AwsError("MalformedPolicy", "Missing required field Statement")


def _check_xml(body: bytes) -> None:
    depth = 0

    def begin(name: str, attributes: object) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST:
            raise _malformed()

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1

    def entity(*_: object) -> None:  # nothing that S3 takes has any, and they can grow without end
        raise _malformed()

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler, parser.EntityDeclHandler = begin, end, entity
    try:
        parser.Parse(body, True)
    except expat.ExpatError:
        raise _malformed() from None


def _malformed() -> AwsError:
    words = "The XML you provided was not well-formed or did not validate against our published schema"
    return AwsError("MalformedXML", words)
