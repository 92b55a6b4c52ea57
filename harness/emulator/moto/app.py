"""moto's server application, in this process, as the answer to everything that is not ours."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from werkzeug import Request, Response

from harness.emulator.aws_models import models_loader
from harness.emulator.door.regions import not_emulated
from harness.emulator.moto.patches import Patch

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def loader_patches() -> tuple[Patch, ...]:
    """Have moto read models with the loader of all."""
    reason = "each service would look through the folders of all models again, and parse them again"
    return (
        Patch("moto.core.utils", "create_loader", reason, "ours", lambda original: models_loader),
        Patch("moto.core.base_backend", "Session", reason, "ours", lambda original: lambda: _session(original)),
    )


def _session(session: Callable[..., Any]) -> Any:
    """Make what moto asks for the regions of each service."""
    import botocore.session

    with_models = botocore.session.Session()
    with_models.register_component("data_loader", models_loader())
    return session(botocore_session=with_models)


class MotoApp:
    """moto's WSGI application, with the look-ups that it repeats for every request remembered.

    moto keeps its resources in the process, so there is one emulator to a process at a time; :meth:`reset`
    empties it.
    """

    def __init__(self) -> None:
        from moto.core import config
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        config.default_user_config["stepfunctions"] = {"execute_state_machine": True}
        self._dispatcher = DomainDispatcherApplication(create_backend_app)
        # moto lists its own source folder and tries hundreds of patterns for each request, to find the same again: half
        # of what a request to S3 took.
        self._dispatcher.get_backend_for_host = lru_cache(1024)(self._backend_for)
        self._apps: dict[str, Any] = {}
        self._lock = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request, as a WSGI application."""
        answer: Iterable[bytes] = self._app_for(environ)(environ, start_response)
        return answer

    def answer(self, request: Request) -> Response:
        """moto's answer to *request*."""
        request.environ["wsgi.input"].seek(0)
        return Response.from_app(self, request.environ)

    def _backend_for(self, host: str | None) -> Any:
        """moto's own way to a service's name, which prints where it finds none, and fails later."""
        from moto.backends import list_of_moto_modules

        if host is None or host in list_of_moto_modules():
            return host
        for backend, pattern in self._dispatcher.backend_url_patterns:
            if pattern.match(f"http://{host}"):
                return backend
        raise not_emulated(host.partition(".")[0])

    def _app_for(self, environ: dict[str, Any]) -> Any:
        # moto tries hundreds of patterns to find whose request this is; for a signed one of a service that is
        # told by its name alone, the name has the answer.
        service = service_of(environ.get("HTTP_AUTHORIZATION", ""))
        if environ.get("PATH_INFO", "").startswith(_OF_MOTO) or (service is None and not _is_public(environ)):
            # moto's own API is not served; what nobody has signed is S3's, whatever its path or body looks like.
            service, environ = "s3", {"PATH_INFO": "/"}
        elif service not in _TOLD_BY_NAME:
            return self._dispatcher.get_application(environ)
        app = self._apps.get(service)
        if app is None:
            with self._lock:
                app = self._apps.setdefault(service, self._dispatcher.get_application(environ))
        return app

    def reset(self) -> None:
        """Forget every resource of every service."""
        from moto.moto_api._internal.models import moto_api_backend

        moto_api_backend.reset()


_OF_MOTO = ("/moto-api", "/favicon.ico", "/latest/")
"""Paths that moto answers for itself, or as an instance's metadata."""
_PUBLIC_TARGETS = ("AWSCognitoIdentityService.", "AWSCognitoIdentityProviderService.")
_PUBLIC_DOCUMENTS = ("/.well-known/jwks.json", "/.well-known/openid-configuration")
_TOLD_BY_NAME = frozenset({"states", "lambda", "iam", "logs"})
_CREDENTIAL = re.compile(r"Credential=([^/]*)/\d+/([^/]*)/([^/]*)/aws4_request")


def _is_public(environ: Mapping[str, Any]) -> bool:
    """Whether a request without a signature is for a service that takes such: Cognito's sign-up, and its keys."""
    target, path = str(environ.get("HTTP_X_AMZ_TARGET", "")), str(environ.get("PATH_INFO", ""))
    return target.startswith(_PUBLIC_TARGETS) or path.endswith(_PUBLIC_DOCUMENTS)


def service_of(authorization: str) -> str | None:
    """Signing name of the service that a Signature Version 4 header is for, or None without one."""
    match = _CREDENTIAL.search(authorization)
    return match.group(3).lower() if match else None


def region_of(authorization: str) -> str | None:
    """Region that a Signature Version 4 header is for, or None without one."""
    match = _CREDENTIAL.search(authorization)
    return match.group(2) if match else None


def access_key_of(authorization: str) -> str | None:
    """Access key with which a Signature Version 4 header is signed, or None without one."""
    match = _CREDENTIAL.search(authorization)
    return match.group(1) if match else None
