"""The server of a model, for endpoints and transform jobs alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from harness.emulator.door.members import text_map
from harness.emulator.moto.sagemaker import Model
from harness.emulator.sagemaker.execution_role import ExecutionRole
from harness.emulator.sagemaker.frameworks import FrameworkEnvironments, framework_of
from harness.emulator.sagemaker.hosting.models_in_container import MULTI_MODEL, ContainerOfModels
from harness.emulator.sagemaker.hosting.multi_model import MultiModelServer
from harness.emulator.sagemaker.hosting.serverless import ServerlessServer
from harness.emulator.sagemaker.images import ImageKind, kind_of
from harness.emulator.sagemaker.model_server import ModelServer
from harness.emulator.sagemaker.models import container_of_model, is_multi_model, model_data_of
from harness.emulator.sagemaker.process_server import ProcessServer, ServedModel
from harness.emulator.sagemaker.program import Programs
from harness.emulator.sagemaker.stub import StubServer


def model_server(
    variant: str,
    model: Model,
    role: ExecutionRole,
    region: str,
    programs: Programs,
    folder: Path,
    put_line: Callable[[str], None],
    variables: Mapping[str, str] | None = None,
    model_data: str | None = None,
) -> ModelServer:
    """Return the server of *model*, not started.

    Args:
        variant: whose model it is.
        model: moto's record of it.
        role: as which it runs.
        region: where.
        programs: how programs are run.
        folder: scratch folder, removed when the server is closed.
        put_line: takes each line of the program's output.
        variables: of the container, beside the model's own.
        model_data: where the model is, in place of where its record says; empty for a container that loads many.

    Raises:
        RuntimeError: its role may not pull its image.
    """
    container = container_of_model(model)
    image = str(container.get("Image", ""))
    if kind_of(image) is ImageKind.STUB:
        return StubServer()
    lacking = role.cannot_pull(image)
    if lacking is not None:
        raise RuntimeError(
            f"The role '{model.execution_role_arn}' does not have {lacking} permission for the image: '{image}'."
        )
    given = {**text_map(container, "Environment"), **(variables or {})}
    if model_data == "":
        given |= MULTI_MODEL
    return ProcessServer(
        ServedModel(
            variant,
            image,
            {"SAGEMAKER_REGION": region, "AWS_REGION": region, **given},
            model_data_of(container) if model_data is None else model_data or None,
            folder,
            role.client("s3", region),
            put_line,
            programs.frameworks,
            programs.reach(role.session, region),
        )
    )


def hosted(
    variant: Mapping[str, Any],
    container: Mapping[str, Any],
    make: Callable[[str | None], ModelServer],
    s3: Any,
    put_line: Callable[[str], None],
    frameworks: FrameworkEnvironments,
) -> ModelServer:
    """Return a variant's server, of the kind that its configuration and its model's container ask for, not started.

    Args:
        variant: of an endpoint configuration.
        container: of its model.
        make: makes the server of one model, at the address that is given in place of the container's.
        s3: boto3 client.
        put_line: takes a line of the variant's log.
        frameworks: the environments that stand in for AWS's framework containers.
    """
    if is_multi_model(container):
        image, prefix = str(container.get("Image", "")), model_data_of(container) or ""
        if kind_of(image) is ImageKind.CONTAINER:

            def container_of_all() -> ProcessServer:
                server = make("")
                assert isinstance(server, ProcessServer)
                return server

            models = ContainerOfModels(image, container_of_all, s3, prefix)
            return MultiModelServer(prefix, s3, models.model, False, models.start, models.close)
        framework = framework_of(image)
        return MultiModelServer(
            prefix,
            s3,
            make,
            kind_of(image) is ImageKind.STUB,
            lambda: framework is None or frameworks.python_for(framework),
        )
    serverless = variant.get("ServerlessConfig")
    if serverless:
        provisioned = bool(serverless.get("ProvisionedConcurrency"))
        return ServerlessServer(lambda: make(None), serverless["MaxConcurrency"], provisioned, put_line)
    return make(None)
