"""moto's records of endpoints and their configurations, looked up with AWS's words for what is not there."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from harness.emulator.door.members import Members
from harness.emulator.moto.sagemaker import Backend, Endpoint, backend_of
from harness.emulator.sagemaker.names import arn_of, refusal


@dataclass(frozen=True)
class EndpointRecords:
    """The records of an account."""

    account_id: str
    lock: threading.RLock = field(default_factory=threading.RLock)
    """Held while a record is looked at and changed."""

    def backend(self, region: str) -> Backend:
        """moto's backend of a region."""
        return backend_of(self.account_id, region)

    def arn(self, kind: str, name: str, region: str) -> str:
        """Return the ARN of an endpoint or an endpoint configuration.

        Args:
            kind: ``endpoint`` or ``endpoint-config``.
            name: as it was created; the ARN has it in small letters.
            region: of it.
        """
        return arn_of(kind, name, region, self.account_id)

    def require(self, name: str, region: str) -> Endpoint:
        """Return the record of an endpoint.

        Raises:
            AwsError: there is none.
        """
        endpoint = self.backend(region).endpoints.get(name)
        if endpoint is None:
            raise refusal(f'Could not find endpoint "{self.arn("endpoint", name, region)}".')
        return endpoint

    def require_config(self, name: str, region: str) -> Members:
        """Return an endpoint configuration as it was created.

        Raises:
            AwsError: there is none.
        """
        config = self.backend(region).endpoint_configs.get(name)
        if config is None:
            raise refusal(f'Could not find endpoint configuration "{self.arn("endpoint-config", name, region)}".')
        return config.response_object
