"""Lambda's Invoke API over real processes; the control plane stays moto's.

https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import json
import logging
import os
import re
import threading
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from werkzeug import Request, Response

from harness.emulator.access.sessions import Actor, RoleSession
from harness.emulator.aws_models import documented_errors, service_error
from harness.emulator.clients import OWN_ACCESS_KEY
from harness.emulator.context import EmulatorContext
from harness.emulator.door.errors import AwsError, error_response
from harness.emulator.door.gateway import Handler
from harness.emulator.lambda_.asynchronous import AsynchronousInvocations, EventSettings
from harness.emulator.lambda_.configuration import check_configuration
from harness.emulator.lambda_.environment import OF_PYTHON, ExecutionEnvironment
from harness.emulator.lambda_.invocation import FunctionVersion, Invocation, Outcome
from harness.emulator.lambda_.live_code import LiveCode, fingerprint, package
from harness.emulator.lambda_.logs import LogStream
from harness.emulator.lambda_.package import check_package, make_runtime_folder, unpack
from harness.emulator.lambda_.pool import EnvironmentPool
from harness.emulator.lambda_.template import RuntimeTemplate
from harness.emulator.limits import INVOCATION_REQUEST, INVOCATION_RESPONSE
from harness.emulator.logs.role_log import may_log
from harness.emulator.moto.app import access_key_of
from harness.emulator.moto.iam import MotoIam
from harness.emulator.stepfunctions.clock import Clock

logger = logging.getLogger(__name__)

_INVOCATIONS = re.compile(r"^/2015-03-31/functions/([^/]+)/invocations/?$")
_FUNCTIONS = "/2015-03-31/functions"
_FUNCTION = re.compile(r"^/2015-03-31/functions/([^/]+)/?$")
_CODE_MEMBERS = ("ZipFile", "S3Bucket", "S3Key", "S3ObjectVersion")
_CODE = re.compile(r"^/2015-03-31/functions/[^/]+/code/?$")
_CONFIGURATION = re.compile(r"^/2015-03-31/functions/[^/]+/configuration/?$")
_FUNCTION_NAME = re.compile(
    r"^(?:arn:[^:]+:lambda:(?P<region>[^:]+):(?P<account>\d{12}):function:|(?:\d{12}:)?(?:function:)?)?"
    r"(?P<name>[a-zA-Z0-9-_]+)(?::(?P<qualifier>\$LATEST|[a-zA-Z0-9-_]+))?$"
)


class Functions:
    """Runs deployed functions.

    Args:
        context: the emulator's surroundings.
        variables: environment variables for handlers that say where AWS answers and as whom.
        clock: by which failed events wait to be tried again.
        live: folder below which functions may run from the folders that are edited.
    """

    def __init__(
        self, context: EmulatorContext, variables: dict[str, str], clock: Clock, live: Path | None = None
    ) -> None:
        self._context = context
        self._variables = variables
        self._folder = context.folder / "functions"
        self._runtime_folder: Path | None = None
        self._template: RuntimeTemplate | None = None
        self._lock = threading.Lock()
        self._logs = context.logs
        self._pool = EnvironmentPool(self._start, comfortable=max(4, 2 * (os.cpu_count() or 1)))
        self._events = AsynchronousInvocations(self._run_event, context.clients, clock)
        self._live = LiveCode(live)
        self._deployed: dict[tuple[str, str], dict[str, Any]] = {}
        """By region and name, the parameters with which CreateFunction would make the function as it is now."""

    def handler_for(self, request: Request) -> Handler | None:
        """What answers *request* here, or None for what is moto's alone."""
        if _INVOCATIONS.match(request.path):
            return self.invoke_request
        if request.method == "DELETE" and _FUNCTION.match(request.path):
            return self.delete_request
        if request.method == "POST" and request.path.rstrip("/") == _FUNCTIONS:
            return self.create_request
        if request.method == "PUT" and _CONFIGURATION.match(request.path):
            return self.configure_request
        if request.method == "PUT" and _CODE.match(request.path):
            return self.update_code_request
        return None

    def invoke_request(self, request: Request, request_id: str, region: str) -> Response:
        """Answer an Invoke request.

        Raises:
            AwsError: as the Invoke operation documents: function missing, payload no JSON or too large, throttled.
        """
        match = _INVOCATIONS.match(request.path)
        assert match is not None
        payload = request.get_data(cache=True)
        kind = request.headers.get("X-Amz-Invocation-Type", "RequestResponse")
        invocation, function = self.prepare(
            unquote(match.group(1)),
            request.args.get("Qualifier"),
            payload,
            region,
            request_id,
            request.headers.get("X-Amz-Client-Context"),
            self._context.permissions.session_of(access_key_of(request.headers.get("Authorization", ""))),
        )
        headers = {"x-amzn-RequestId": request_id, "X-Amz-Executed-Version": function.version}
        if kind == "DryRun":
            return Response(status=204, headers=headers)
        headers["X-Amzn-Trace-Id"] = invocation.trace_id
        if kind == "Event":
            self._events.submit(function, invocation, self._event_settings(function))
            return Response(status=202, headers=headers)
        outcome = self.run(function, invocation)
        if outcome.error:
            headers["X-Amz-Function-Error"] = "Unhandled"
        if request.headers.get("X-Amz-Log-Type") == "Tail":
            headers["X-Amz-Log-Result"] = base64.b64encode(outcome.log_tail).decode()
        return Response(outcome.payload, 200, headers, content_type="application/json")

    def create_request(self, request: Request, request_id: str, region: str) -> Response:
        """Create a function, as moto does, and start its first environment ahead of the first invocation.

        AWS does so too, now and then ("proactive initialization"); here it lets the functions of a workflow start side
        by side instead of one after the other.

        Raises:
            AwsError: Lambda does not take such a configuration.
        """
        parameters = _parameters(request)
        check_configuration("CreateFunction", parameters)
        self._check_role(parameters, parameters["FunctionName"], region)
        response = self._create(parameters, request)
        if response.status_code == 201:
            name = json.loads(response.get_data())["FunctionName"]
            self._deployed[region, name] = parameters
            self._start_ahead(name, region)
        return response

    def _create(self, parameters: dict[str, Any], request: Request) -> Response:
        if not self._context.permissions.kept_here:
            MotoIam(self._context.account_id).adopt(parameters["Role"])
        code = parameters.get("Code") or {}
        folder = self._live.folder_of(code)
        if folder is not None:
            code = {"ZipFile": base64.b64encode(package(folder)).decode()}
            request = _with_body(request, {**parameters, "Code": code})
        _check_code(code)
        return self._context.moto(request)

    def configure_request(self, request: Request, request_id: str, region: str) -> Response:
        """Change a function's configuration, as moto does.

        Raises:
            AwsError: Lambda does not take such a configuration.
        """
        parameters = _parameters(request)
        check_configuration("UpdateFunctionConfiguration", parameters)
        self._check_role(parameters, unquote(request.path.split("/")[3]), region)
        response = self._context.moto(request)
        if response.status_code == 200:
            self._note(response, region, parameters)
        return response

    def update_code_request(self, request: Request, request_id: str, region: str) -> Response:
        """Change a function's code, as moto does; the next invocation runs it.

        Raises:
            AwsError: Lambda does not take such a package.
        """
        given = code = _parameters(request)
        folder = self._live.folder_of(code)
        if folder is not None:
            code = {**code, "ZipFile": base64.b64encode(package(folder)).decode()}
            request = _with_body(request, {name: code[name] for name in code if not name.startswith("S3")})
        _check_code(code)
        response = self._context.moto(request)
        if response.status_code == 200 and not given.get("DryRun"):
            self._note(response, region, {"Code": {name: given[name] for name in _CODE_MEMBERS if name in given}})
        return response

    def _note(self, response: Response, region: str, changed: dict[str, Any]) -> None:
        name = json.loads(response.get_data())["FunctionName"]
        if (region, name) in self._deployed:
            self._deployed[region, name] |= changed

    def kept(self) -> Iterable[tuple[str, str, Mapping[str, Any]]]:
        """What outlives a restart: functions as they are now, without versions and aliases."""
        for (region, name), deployed in list(self._deployed.items()):
            yield "function", f"{region}/{name}", dict(deployed)

    def restore(self, kind: str, key: str, record: Mapping[str, Any]) -> None:
        """Make a function that was kept anew."""
        region, parameters = key.partition("/")[0], dict(record)
        signed = f"AWS4-HMAC-SHA256 Credential={OWN_ACCESS_KEY}/20000101/{region}/lambda/aws4_request, SignedHeaders="
        request = Request.from_values(_FUNCTIONS, method="POST", json=parameters, headers={"Authorization": signed})
        try:
            response = self._create(parameters, request)
        except AwsError as error:
            response = error_response(error, "")
        if response.status_code != 201:
            what = response.get_data(as_text=True)
            logger.warning("function %s did not come back: %s", parameters["FunctionName"], what)
            return
        name = json.loads(response.get_data())["FunctionName"]
        self._deployed[region, name] = parameters
        self._start_ahead(name, region)

    def _check_role(self, parameters: dict[str, Any], name: str, region: str) -> None:
        role = parameters.get("Role")
        permissions = self._context.permissions
        if role is None:
            return
        source = f"arn:aws:lambda:{region}:{self._context.account_id}:function:{name.rpartition(':')[2]}"
        taken = (
            permissions.trusts(role, "lambda.amazonaws.com", source) if permissions.kept_here else self._is_there(role)
        )
        if not taken:
            raise AwsError(
                "InvalidParameterValueException",
                "The role defined for the function cannot be assumed by Lambda.",
                Type="User",
            )

    def _is_there(self, role: str) -> bool:
        """Whether IAM, where it is kept elsewhere, has *role*."""
        try:
            self._context.clients.get("iam").get_role(RoleName=role.rpartition("/")[2])
        except Exception as error:
            if getattr(error, "response", {}).get("Error", {}).get("Code") == "NoSuchEntity":
                return False
            raise AwsError("ServiceException", f"IAM cannot be asked for {role}: {error}", 500) from None
        return True

    def _start_ahead(self, name: str, region: str) -> None:
        function, _, _ = self._find(name, None, region)

        def start() -> None:
            try:
                self._pool.start_ahead(function)
            except Exception as error:  # the first invocation meets it again, and reports it
                logger.debug("environment of %s did not start ahead: %s", name, error)

        threading.Thread(target=start, daemon=True).start()

    def delete_request(self, request: Request, request_id: str, region: str) -> Response:
        """Delete a function, as moto does, and end its environments once their logs are written."""
        response = self._context.moto(request)
        name = _FUNCTION_NAME.match(unquote(request.path.rstrip("/").rpartition("/")[2]))
        if response.status_code == 204 and name is not None:
            account = self._context.account_id
            self._deployed.pop((name["region"] or region, name["name"]), None)
            self._pool.retire(f"arn:aws:lambda:{name['region'] or region}:{account}:function:{name['name']}")
            self._logs.flush()
        return response

    def prepare(
        self,
        name: str,
        qualifier: str | None,
        payload: bytes,
        region: str,
        request_id: str,
        client_context: str | None = None,
        session: Actor | None = None,
    ) -> tuple[Invocation, FunctionVersion]:
        """Check an invocation and find its function; *session* is who asks.

        Raises:
            AwsError: as :meth:`invoke_request`.
        """
        if len(payload) > INVOCATION_REQUEST.most:
            raise INVOCATION_REQUEST.refusal()
        function, qualifier, limit = self._find(name, qualifier, region, session)
        strike = self._context.faults.strike("function", function.name)
        if strike is not None and strike.latency:
            time.sleep(strike.latency)
        if strike is not None and strike.error and strike.error in documented_errors("lambda", "Invoke"):
            raise service_error("lambda", "Invoke", strike.error, strike.message, strike.status)
        if limit == 0:
            raise AwsError(
                "TooManyRequestsException",
                "Rate Exceeded.",
                429,
                Type="User",
                Reason="ReservedFunctionConcurrentInvocationLimitExceeded",
            )
        if payload:
            _require_json(payload)
        arn = function.arn if qualifier is None else f"{function.arn}:{qualifier}"
        return (
            Invocation(request_id, payload or b"{}", arn, _trace_id(), _decode_client_context(client_context), strike),
            function,
        )

    def run(self, function: FunctionVersion, invocation: Invocation) -> Outcome:
        """Run one invocation in a warm environment, or in a new one."""
        strike = invocation.strike
        if strike is not None and strike.error:
            return Outcome.platform_error(strike.error, strike.message)
        with self._pool.environment(function) as environment:
            outcome = environment.invoke(invocation)
        if strike is not None and strike.truncate is not None:
            outcome = replace(outcome, payload=outcome.payload[: strike.truncate])
        if len(outcome.payload) > INVOCATION_RESPONSE.most:
            refusal = INVOCATION_RESPONSE.refusal()
            return Outcome.platform_error(refusal.code, refusal.message)
        return outcome

    def process_ids(self) -> list[int]:
        """Process numbers of all running environments, for those who look at or kill them."""
        return [environment.pid for environment in self._pool.environments()]

    def flush(self) -> None:
        """Write what functions have logged to CloudWatch Logs now."""
        self._logs.flush()

    def close(self) -> None:
        """End all environments and write what they logged."""
        self._events.close()
        self._pool.close()
        if self._template is not None:
            self._template.close()

    def _run_event(self, function: FunctionVersion, invocation: Invocation) -> tuple[FunctionVersion, Outcome] | None:
        """One attempt at an event, with the function as it is now; None when it is gone."""
        qualifier = None if function.version == "$LATEST" else function.version
        try:
            current, _, _ = self._find(function.name, qualifier, function.region)
        except AwsError:
            logger.warning("function %s was deleted before an event reached it", function.name)
            return None
        return current, self.run(current, invocation)

    def _event_settings(self, function: FunctionVersion) -> EventSettings:
        from moto.awslambda.models import lambda_backends

        backend = lambda_backends[self._context.account_id][function.region]
        configured = getattr(backend.get_function(function.name), "event_invoke_config", None) or []
        config = configured[-1].config if configured else {}
        deployed = self._deployed.get((function.region, function.name), {})
        return EventSettings.read(config, deployed.get("DeadLetterConfig") or {})

    def _find(
        self, name: str, qualifier: str | None, region: str, session: Actor | None = None
    ) -> tuple[FunctionVersion, str | None, int | None]:
        from moto.awslambda.models import lambda_backends

        match = _FUNCTION_NAME.match(name)
        if match is None or len(name) > 170:
            raise AwsError(
                "ValidationException",
                f"1 validation error detected: Value '{name}' at 'functionName' failed to satisfy constraint: "
                r"Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}"
                r"((-gov)|(-iso(b?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)"
                r"(:(\$LATEST|[a-zA-Z0-9-_]+))?",
            )
        region = match["region"] or region
        qualifier = qualifier or match["qualifier"]
        account = self._context.account_id
        arn = f"arn:aws:lambda:{region}:{account}:function:{match['name']}"
        asked = arn if qualifier is None else f"{arn}:{qualifier}"
        try:
            found = lambda_backends[account][region].get_function(match["name"], qualifier)
        except Exception:
            found = None
        own = (json.dumps(found.policy.get_policy()["Policy"]),) if found and found.policy.statements else ()
        self._context.permissions.check(session, "lambda:InvokeFunction", asked, resource_policies=own)
        if found is None:
            missing = f"{arn}:{qualifier or '$LATEST'}"
            raise AwsError("ResourceNotFoundException", f"Function not found: {missing}", 404, Type="User")
        return self._version(found, arn, region), qualifier, found.reserved_concurrency

    def _version(self, found: Any, arn: str, region: str) -> FunctionVersion:
        logging_config = getattr(found, "logging_config", None) or {}
        folder = None
        if found.version == "$LATEST":
            folder = self._live.folder_of(self._deployed.get((region, found.function_name), {}).get("Code", {}))
        return FunctionVersion(
            arn=arn,
            name=found.function_name,
            version=str(found.version),
            handler=found.handler or "",
            runtime=found.run_time or "",
            code=found.code_bytes,
            code_sha256=found.code_sha_256 if folder is None else fingerprint(folder),
            variables=tuple(sorted(found.environment_vars.items())),
            timeout=float(found.timeout),
            memory_mb=int(found.memory_size),
            region=region,
            account_id=self._context.account_id,
            log_group=logging_config.get("LogGroup") or f"/aws/lambda/{found.function_name}",
            role=found.role,
            folder=folder,
        )

    def _start(self, function: FunctionVersion) -> ExecutionEnvironment:
        session = RoleSession(function.role, function.name)
        digest = hashlib.sha256(function.code_sha256.encode()).hexdigest()[:16]
        task_root = function.folder or self._folder / "code" / digest
        with self._lock:
            if self._template is None or self._runtime_folder is None:
                self._runtime_folder = make_runtime_folder(self._folder / "runtime")
                self._template = RuntimeTemplate(self._runtime_folder, OF_PYTHON)
            template = self._template
            if not task_root.exists():
                unpack(function.code, task_root)
        return ExecutionEnvironment(
            function,
            task_root,
            self._runtime_folder,
            self._folder / "environments" / uuid.uuid4().hex,
            self._log_stream(function, session),
            {**self._variables, **self._context.permissions.credentials(session)},
            template,
        )

    def _log_stream(self, function: FunctionVersion, session: RoleSession) -> LogStream:
        """The environment's log; a role that may not write there has none, as on AWS."""
        region, group = function.region, function.log_group
        is_there = False

        def may_write(stream: str) -> bool:
            nonlocal is_there
            is_there = is_there or self._logs.has_group(region, group)
            return may_log(self._context.permissions, session, region, group, stream, is_there)

        return LogStream(self._logs, region, group, function.version, may_write)


def _check_code(code: dict[str, Any]) -> None:
    if code.get("ZipFile"):
        check_package(base64.b64decode(code["ZipFile"]))


def _parameters(request: Request) -> dict[str, Any]:
    try:
        parameters = json.loads(request.get_data(cache=True) or b"{}")
    except ValueError:
        parameters = None
    if not isinstance(parameters, dict):
        raise AwsError("InvalidRequestContentException", "Could not parse request body into json", Type="User")
    return parameters


def _with_body(request: Request, parameters: dict[str, Any]) -> Request:
    body = json.dumps(parameters).encode()
    return Request({**request.environ, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))})


def _require_json(payload: bytes) -> None:
    try:
        json.loads(payload)
    except (UnicodeDecodeError, ValueError) as error:
        raise AwsError(
            "InvalidRequestContentException",
            f"Could not parse request body into json: {error}",
            Type="User",
        ) from None


def _decode_client_context(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        decoded = base64.b64decode(text, validate=True).decode()
        json.loads(decoded)
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise AwsError(
            "InvalidRequestContentException",
            "Client context must be a valid Base64-encoded JSON object.",
            Type="User",
        ) from None
    return decoded


def _trace_id() -> str:
    root = f"1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]}"
    return f"Root={root};Parent={uuid.uuid4().hex[:16]};Sampled=0"
