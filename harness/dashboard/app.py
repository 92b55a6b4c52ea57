"""The page as a WSGI application. It only reads; a web page from elsewhere can neither read it nor drive it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from botocore.exceptions import BotoCoreError, ClientError
from jinja2 import Environment, PackageLoader
from werkzeug import Request, Response
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.middleware.shared_data import SharedDataMiddleware
from werkzeug.routing import Map, Rule

from harness.dashboard import views

if TYPE_CHECKING:
    import boto3

_HERE = frozenset({"localhost", "127.0.0.1", "::1"})
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class Dashboard:
    """Answers ``/`` with state machines, executions and endpoints, ``/executions/<arn>`` with one execution.

    Args:
        session: leads to the target.
        target: its name, for the page's head.
    """

    def __init__(self, session: boto3.Session, target: str) -> None:
        self._states, self._sagemaker = session.client("stepfunctions"), session.client("sagemaker")
        self._target = target
        self._templates = Environment(loader=PackageLoader("harness.dashboard"), autoescape=True)
        self._templates.filters["seconds"] = _seconds
        self._templates.filters["path"] = lambda text: quote(text, safe="")
        self._routes = Map([Rule("/", endpoint="overview"), Rule("/executions/<path:arn>", endpoint="execution")])
        pages = {"/static": ("harness.dashboard", "static")}
        self._app = SharedDataMiddleware(self._answer, pages, cache=False)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        request = Request(environ)
        origin = request.headers.get("Origin")
        if not _is_here(request.host) or (origin and not _is_here(urlsplit(origin).netloc)):
            # A page elsewhere may have its own name lead to this machine, and be told what it asks for.
            return Response("only for this machine", 403)(environ, start_response)
        return self._app(environ, start_response)

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        request = Request(environ)
        try:
            name, values = self._routes.bind_to_environ(environ).match(method="GET")
            if request.method not in ("GET", "HEAD"):
                response = Response("this page only shows", 405, {"Allow": "GET, HEAD"})
            else:
                response = self._overview() if name == "overview" else self._execution(values["arn"])
        except HTTPException as error:
            response = self._render("trouble.html", error.code or 500, what=error.description or "")
        except (BotoCoreError, ClientError) as error:
            response = self._render("trouble.html", 502, what=str(error))
        response.headers.update(_HEADERS)
        return response(environ, start_response)

    def _overview(self) -> Response:
        return self._render(
            "overview.html", machines=views.machines(self._states), endpoints=views.endpoints(self._sagemaker)
        )

    def _execution(self, arn: str) -> Response:
        try:
            view = views.execution(self._states, arn)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("ExecutionDoesNotExist", "InvalidArn"):
                raise NotFound(f"There is no execution {arn}.") from None
            raise
        return self._render("execution.html", view=view)

    def _render(self, template: str, status: int = 200, **values: Any) -> Response:
        text = self._templates.get_template(template).render(target=self._target, **values)
        return Response(text, status, content_type="text/html; charset=utf-8")


def _is_here(host: str) -> bool:
    return (urlsplit(f"//{host}").hostname or "") in _HERE


def _seconds(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"
