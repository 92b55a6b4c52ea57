"""The boto3 clients with which emulated services call one another, made once and shared."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.config import Config
from werkzeug import Request, Response

from harness.emulator.access.permissions import Permissions
from harness.emulator.access.sessions import Actor
from harness.emulator.aws_models import ClientsLoader
from harness.emulator.door.call import Call
from harness.emulator.door.errors import AwsError
from harness.emulator.door.forward_proxy import is_aws
from harness.emulator.door.members import Members
from harness.emulator.in_process import send_in_process

if TYPE_CHECKING:
    from botocore.client import BaseClient

OWN_ACCESS_KEY = "harness"
"""With it the emulator calls itself: never refused, never struck by a fault."""
_NO_PROFILE = {"profile": (None, None, None, None), "config_file": (None, None, os.devnull, None)}
"""No file and no variable of the developer's says how the emulator calls itself."""
_SERVICE_IDS = {"stepfunctions": "SFN", "logs": "CLOUDWATCH_LOGS"}
"""Services whose variable is not called as boto3 calls their client."""


def endpoint_variable(service: str) -> str:
    """Name the variable from which boto3 reads where *service*, a client's name, answers.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
    """
    return f"AWS_ENDPOINT_URL_{_SERVICE_IDS.get(service, service.upper().replace('-', '_'))}"


class Clients:
    """Hands out one cached boto3 client for each service and region.

    A service that this emulator runs is reached at its own address, another where boto3's own
    ``AWS_ENDPOINT_URL_<SERVICE>`` or ``AWS_ENDPOINT_URL`` points. There is no third way: no call can reach real AWS
    from here.

    Args:
        endpoint_url: address of this emulator.
        local_services: boto3 names of the services answered there; None means all.
        region: used when a call names none.
        account_id: what others, LocalStack for one, are told as the access key: they take it for the account.
        permissions: hands out the credentials of roles.
        answer: answers requests to the services that run here, in this process.
    """

    def __init__(
        self,
        endpoint_url: str,
        local_services: frozenset[str] | None,
        region: str,
        account_id: str,
        permissions: Permissions,
        answer: Callable[[Request], Response],
    ) -> None:
        self._answer = answer
        self._endpoint_url = endpoint_url
        self._local_services = local_services
        self._region = region
        self._account_id = account_id
        self._permissions = permissions
        self._clients: dict[tuple[str, str, Actor | None, bool], Any] = {}
        self._session: Any = None
        self._lock = threading.Lock()

    def endpoint_for(self, service: str) -> str:
        """Address that answers *service*.

        Raises:
            LookupError: the service is not run here and no variable says where it is, or it says real AWS.
        """
        if self.is_local(service):
            return self._endpoint_url
        variable = endpoint_variable(service)
        address = os.environ.get(variable) or os.environ.get("AWS_ENDPOINT_URL")
        if not address:
            raise LookupError(f"{service} is not run by this emulator: set {variable} to where it answers.")
        if is_aws(urlsplit(address).hostname or ""):
            raise LookupError(f"{variable}={address} is AWS's own: the emulator never calls there.")
        return address

    def is_local(self, service: str) -> bool:
        """Whether this emulator answers *service* itself."""
        return self._local_services is None or service in self._local_services

    def get(
        self, service: str, region: str | None = None, session: Actor | None = None, *, own: bool = False
    ) -> BaseClient:
        """Return the client for a service. It is safe between threads, and made once.

        Without a *session*, it may do everything. What is the emulator's *own* doing, as a role, no fault strikes.

        Args:
            service: boto3's name, e.g. ``s3`` or ``sagemaker-runtime``.
            region: None: the emulator's.
            session: the role's session that asks; None may do everything.
            own: the emulator's own doing, as a role: no fault is applied to it.
        """
        key = (service, region or self._region, session, own)
        client = self._clients.get(key)
        if client is None:
            with self._lock:
                client = self._clients.get(key)
                if client is None:
                    client = self._clients[key] = self._make(*key)
        return client

    def _make(self, service: str, region: str, session: Actor | None, own: bool) -> Any:
        import boto3
        import botocore.session

        if not self.is_local(service):
            access_key = self._account_id
        elif session is not None:
            access_key = self._permissions.credentials(session)["AWS_ACCESS_KEY_ID"]
        else:
            access_key = OWN_ACCESS_KEY
        if self._session is None:
            botocore_session = botocore.session.Session(session_vars=_NO_PROFILE)
            botocore_session.register_component("data_loader", ClientsLoader())
            self._session = boto3.session.Session(botocore_session=botocore_session)
        client = self._session.client(
            service,
            region_name=region,
            endpoint_url=self.endpoint_for(service),
            aws_access_key_id=access_key,
            aws_secret_access_key="harness",
            config=Config(
                parameter_validation=False,
                retries={"total_max_attempts": 1},
                max_pool_connections=64,
                connect_timeout=5,
                read_timeout=3600,
                s3={"addressing_style": "path"},
                tcp_keepalive=True,
            ),
        )
        if self.is_local(service):
            client.meta.events.register("before-send", partial(send_in_process, answer=self._answer, own=own))
        return client

    def call(self, call: Call) -> Members:
        """Carry out *call* with the client for it; bodies are read to their end.

        Raises:
            AwsError: as the service refuses, or ``SdkClientException`` when it cannot be reached.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            client = self.get(call.service, call.region, call.caller)
            output = client._make_api_call(call.operation, dict(call.parameters))
        except ClientError as error:
            said = error.response
            code, words = said["Error"].get("Code", ""), said["Error"].get("Message", "")
            status = said.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
            raise AwsError(code, words, status) from None
        except (BotoCoreError, LookupError) as error:
            raise AwsError("SdkClientException", f"Unable to execute HTTP request: {error}", 0) from None
        output.pop("ResponseMetadata", None)
        return {name: value.read() if hasattr(value, "read") else value for name, value in output.items()}
