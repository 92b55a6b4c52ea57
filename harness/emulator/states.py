"""Step Functions on moto's engine, the LocalStack interpreter, with what the engine itself leaves open.

The engine calls other services through boto3 clients that it makes anew for every task; most of an execution's
time went there. :func:`share_clients` gives it the emulator's own. A StartExecution without a name gets one, as on
AWS, and DescribeExecution answers in AWS's form.
"""

from __future__ import annotations

import io
import json
import logging
import sys
import uuid
from typing import Any

from werkzeug import Request, Response

from harness.emulator.clients import Clients
from harness.emulator.context import EmulatorContext
from harness.emulator.errors import JSON_1_0

_ENGINE = "moto.stepfunctions.parser"
_SEAM = "boto_client_for"


def share_clients(clients: Clients) -> None:
    """Make the engine use *clients* for its calls to Lambda, S3 and the rest.

    The engine's modules import the function that makes a client by name, so those that are loaded already are
    given the replacement too.
    """
    from moto.stepfunctions.parser.asl.utils import boto_client

    def boto_client_for(region: str, service: str, state_credentials: Any = None) -> Any:
        return clients.get(service, region)

    setattr(boto_client, _SEAM, boto_client_for)
    for name, module in list(sys.modules.items()):
        if name.startswith(_ENGINE) and hasattr(module, _SEAM):
            setattr(module, _SEAM, boto_client_for)


class States:
    """Answers Step Functions' API.

    Args:
        context: the emulator's surroundings.
    """

    def __init__(self, context: EmulatorContext) -> None:
        self._context = context
        # The engine logs every failed state as an error of its own; the history has it.
        logging.getLogger(_ENGINE).setLevel(logging.CRITICAL)
        share_clients(context.clients)

    def request(self, request: Request, request_id: str, region: str) -> Response:
        """Answer one request; what is not ours goes to moto."""
        operation = request.headers.get("X-Amz-Target", "").rpartition(".")[2]
        if operation == "StartExecution":
            self._name_execution(request)
        elif operation == "DescribeExecution":
            answer = self._describe_execution(json.loads(request.get_data()), region)
            if answer is not None:
                body = json.dumps(answer, separators=(",", ":"))
                headers = {"x-amzn-RequestId": request_id}
                return Response(body, 200, headers, content_type=JSON_1_0)
        return self._context.moto(request)

    def _name_execution(self, request: Request) -> None:
        parameters = json.loads(request.get_data() or b"{}")
        if parameters.get("name") is None:
            parameters["name"] = str(uuid.uuid4())
            body = json.dumps(parameters).encode()
            request.environ["wsgi.input"] = io.BytesIO(body)
            request.environ["CONTENT_LENGTH"] = str(len(body))

    def _describe_execution(self, parameters: dict[str, Any], region: str) -> dict[str, Any] | None:
        from moto.stepfunctions.parser.models import stepfunctions_parser_backends

        backend = stepfunctions_parser_backends[self._context.account_id][region]
        try:
            execution = backend.describe_execution(parameters["executionArn"])
        except Exception:
            return None  # moto words the refusal
        status = execution.status
        answer: dict[str, Any] = {
            "executionArn": execution.execution_arn,
            "stateMachineArn": execution.state_machine_arn,
            "name": execution.name,
            "status": status,
            "startDate": execution.start_date.timestamp(),
            "input": execution.execution_input,
            "inputDetails": {"included": True},
            "redriveCount": 0,
        }
        if status != "RUNNING":
            answer["stopDate"] = execution.stop_date.timestamp()
            # The engine sets the status before the output; its environment has had that all along.
            if status == "SUCCEEDED":
                output = execution.exec_worker.env.states.get_input()
                answer["output"] = json.dumps(output, separators=(",", ":"), ensure_ascii=False)
                answer["outputDetails"] = {"included": True}
            elif status == "FAILED":
                error = execution.exec_worker.env.program_state().error or {}
                answer.update({key: error[key] for key in ("error", "cause") if error.get(key) is not None})
        answer["redriveStatus"] = "NOT_REDRIVABLE" if status in ("RUNNING", "SUCCEEDED") else "REDRIVABLE"
        if status == "RUNNING":
            answer["redriveStatusReason"] = "Execution is RUNNING and cannot be redriven"
        elif status == "SUCCEEDED":
            answer["redriveStatusReason"] = "Execution is SUCCEEDED and cannot be redriven"
        return answer
