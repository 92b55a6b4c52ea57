"""moto's records of SageMaker's resources, as far as they are looked at and changed here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from harness.emulator.door.members import Members


class Model(Protocol):
    """A model.

    Attributes:
        served_container: kept here beside what moto keeps: the model package's, where the model is of one.
    """

    execution_role_arn: str
    primary_container: Members | None
    containers: Sequence[Members] | None
    vpc_config: Members | None
    served_container: Members


class EndpointConfig(Protocol):
    """An endpoint configuration.

    Attributes:
        shadow_production_variants: kept here beside what moto keeps.
    """

    arn: str
    endpoint_config_arn: str
    production_variants: list[dict[str, object]]
    shadow_production_variants: list[dict[str, object]] | None

    @property
    def response_object(self) -> Members:
        """As DescribeEndpointConfig shows it."""


class Endpoint(Protocol):
    """An endpoint.

    Attributes:
        last_deployment_config: kept here beside what moto keeps.
    """

    endpoint_name: str
    endpoint_config_name: str
    endpoint_status: str
    failure_reason: str | None
    production_variants: list[dict[str, object]]
    data_capture_config: Members
    last_deployment_config: Members | None
    creation_time: datetime
    last_modified_time: datetime
    tags: list[Members]

    def _process_production_variants(self, production_variants: Sequence[Members]) -> list[dict[str, object]]: ...


class TrainingJob(Protocol):
    """A training job."""

    training_job_status: str
    secondary_status: str
    creation_time: datetime
    last_modified_time: datetime
    training_end_time: datetime | None


class Backend(Protocol):
    """The resources of a region."""

    endpoints: dict[str, Endpoint]
    endpoint_configs: dict[str, EndpointConfig]
    training_jobs: dict[str, TrainingJob]
    _models: dict[str, Model]

    def create_endpoint(self, endpoint_name: str, endpoint_config_name: str, tags: Sequence[Members]) -> object:
        """Keep an endpoint.

        Args:
            endpoint_name: its name.
            endpoint_config_name: of the configuration that it begins with.
            tags: as CreateEndpoint has them.
        """

    def create_training_job(self, **members: object) -> object:
        """Keep a training job."""

    def create_processing_job(self, **members: object) -> object:
        """Keep a processing job."""

    def create_transform_job(self, **members: object) -> object:
        """Keep a transform job."""


def backend_of(account_id: str, region: str) -> Backend:
    """moto's SageMaker backend, which keeps models, endpoint configurations, endpoints and their tags."""
    return backends_of(account_id)[region]


def backends_of(account_id: str) -> Mapping[str, Backend]:
    """moto's SageMaker backends by region."""
    from moto.sagemaker.models import sagemaker_backends

    found: Mapping[str, Backend] = sagemaker_backends[account_id]
    return found
