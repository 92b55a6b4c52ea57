"""The emulator's own API, below ``/_harness/``: health, processes, flushing, stub endpoints."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from werkzeug import Request, Response
from werkzeug.exceptions import BadRequest

from harness.emulator.access.permissions import Permissions
from harness.emulator.door.boundary import CONTROL_PREFIX
from harness.emulator.door.gateway import json_members, json_response
from harness.emulator.door.members import Members
from harness.emulator.faults import FaultError, Faults
from harness.emulator.lambda_.service import Lambda
from harness.emulator.moto.late import Late
from harness.emulator.quotas import Quotas
from harness.emulator.sagemaker.service import SageMaker
from harness.emulator.stepfunctions.api import StepFunctions
from harness.emulator.stepfunctions.clock import Clock
from harness.emulator.stepfunctions.mocks import MockError
from harness.emulator.stepfunctions.replay import TaskScript
from harness.version import __version__


class Control:
    """Answers ``/_harness/...``.

    ``GET health``: version, state and start; ``GET environment``: the variables that lead boto3 here; ``GET quotas``
    and ``PUT quotas`` with numbers by name: what Service Quotas answers; ``GET late`` and ``PUT late`` with seconds
    for ``roles`` or ``listings``: how late changes are seen;
    ``GET functions/processes``: process numbers of execution environments;
    ``GET policies``: by role, the smallest policy that its calls need, and what was ``refused``; ``POST flush``: write
    buffered logs and capture records; ``GET clock`` and ``POST clock`` with ``virtual`` or ``advance`` (seconds): Step
    Functions' clock;
    ``GET faults``, ``POST faults``, ``DELETE faults`` and ``DELETE faults/<id>``: faults on demand;
    ``GET executions/<ARN>``: who stopped an execution;
    ``POST traces`` with ``on`` and ``GET traces``: which ways executions take through their machines;
    ``POST mocks``: have states answer what they are told, by name;
    ``POST tasks/script``: have the tasks of state machines answer what they are told; ``endpoints/...``,
    ``captures/...``, ``training-jobs``: see the SageMaker service.

    Who may ask is decided before: see :mod:`harness.emulator.door.boundary`.
    """

    def __init__(
        self,
        functions: Lambda,
        sagemaker: SageMaker,
        script: TaskScript,
        permissions: Permissions,
        clock: Clock,
        faults: Faults,
        states: StepFunctions,
        environment: Callable[[], dict[str, str]],
        quotas: Quotas,
        late: Late,
    ) -> None:
        self._functions = functions
        self._sagemaker = sagemaker
        self._script = script
        self._permissions = permissions
        self._clock = clock
        self._faults = faults
        self._traces = states.traces
        self._stopped_by = states.stopped_by
        self._mocks = states.mocks
        self._environment = environment
        self._quotas = quotas
        self._late = late
        self._started = datetime.now(UTC).isoformat()

    def answer(self, request: Request) -> Response:
        """Answer one request of the emulator's own API."""
        try:
            return self._answer(request)
        except BadRequest as error:
            return json_response({"message": error.description}, 400)

    def _answer(self, request: Request) -> Response:
        path = request.path.removeprefix(CONTROL_PREFIX).rstrip("/")
        match request.method, path.split("/"):
            case "GET", ["health"]:
                return json_response({"status": "running", "version": __version__, "started": self._started})
            case "GET", ["environment"]:
                return json_response({"environment": self._environment()})
            case "GET" | "PUT", ["quotas"]:
                return self._answer_values("quotas", self._quotas, request)
            case "GET" | "PUT", ["late"]:
                return self._answer_values("late", self._late, request)
            case "GET", ["functions", "code", digest]:
                package = self._functions.package(digest)
                if package is None:
                    return json_response({"message": "there is no such package"}, 404)
                return Response(package.read_bytes(), content_type="application/zip")
            case "GET", ["functions", "processes"]:
                return json_response({"processes": self._functions.process_ids()})
            case "POST", ["flush"]:
                self._functions.flush()
                self._sagemaker.flush()
                return json_response({"status": "flushed"})
            case "GET", ["policies"]:
                return json_response({"policies": self._permissions.observed(), "refused": self._permissions.refused()})
            case "GET" | "POST", ["clock"]:
                return self._answer_clock(request)
            case "GET" | "POST" | "DELETE", ["faults", *_]:
                return self._answer_faults(request, path.split("/")[1:])
            case "GET", ["executions", *arn]:
                return json_response({"stoppedBy": self._stopped_by("/".join(arn))})
            case "GET", ["traces"]:
                return json_response({"on": self._traces.on, "traces": self._traces.kept()})
            case "POST", ["traces"]:
                on = json_members(request).get("on")
                if not isinstance(on, bool):
                    raise BadRequest("on is neither true nor false")
                self._traces.on = on
                return json_response({"on": self._traces.on})
            case "POST", ["mocks"]:
                try:
                    self._mocks.load(_objects(request, "mocks"))
                except MockError as error:
                    return json_response({"message": str(error)}, 400)
                return json_response({"status": "mocked"})
            case "POST", ["tasks", "script"]:
                self._script.load(_objects(request, "answers"))
                return json_response({"status": "scripted"})
            case _, ["endpoints" | "captures" | "training-jobs", *_]:
                return self._sagemaker.api(request)
            case _:
                return json_response({"message": f"no {request.method} {request.path} here"}, 404)

    def _answer_values(self, name: str, kept: Quotas | Late, request: Request) -> Response:
        if request.method == "PUT":
            try:
                kept.change(json_members(request))
            except ValueError as error:
                return json_response({"message": str(error)}, 400)
        return json_response({name: kept.values()})

    def _answer_clock(self, request: Request) -> Response:
        wanted = json_members(request) if request.method == "POST" else {}
        try:
            if "virtual" in wanted:
                self._clock.be_virtual(bool(wanted["virtual"]))
            if "advance" in wanted:
                self._clock.advance(float(str(wanted["advance"])))
        except (TypeError, ValueError) as error:
            return json_response({"message": str(error)}, 400)
        return json_response({"virtual": self._clock.virtual, "now": self._clock.now().isoformat()})

    def _answer_faults(self, request: Request, numbers: list[str]) -> Response:
        match request.method, numbers:
            case "GET", []:
                return json_response(self._faults.describe())
            case "POST", []:
                try:
                    fault = self._faults.add(json_members(request))
                except FaultError as error:
                    return json_response({"message": str(error)}, 400)
                return json_response(fault.describe())
            case "DELETE", []:
                self._faults.remove()
                return json_response({"status": "removed"})
            case "DELETE", [number] if number.isdigit() and self._faults.remove(int(number)):
                return json_response({"status": "removed"})
        return json_response({"message": f"there is no fault {'/'.join(numbers)}"}, 404)


def _objects(request: Request, member: str) -> list[Members]:
    """Read the objects of a list that a request brings."""
    given = json_members(request).get(member, [])
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        raise BadRequest(f"{member} is no list of objects")
    return given
