"""The server of a model, for endpoints and transform jobs alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from harness.emulator.sagemaker.execution_role import ExecutionRole
from harness.emulator.sagemaker.images import ImageKind, kind_of
from harness.emulator.sagemaker.model_server import ModelServer
from harness.emulator.sagemaker.models import model_data_of
from harness.emulator.sagemaker.process_server import ProcessServer, ServedModel
from harness.emulator.sagemaker.program import Programs
from harness.emulator.sagemaker.stub import StubServer


def model_server(
    variant: str,
    model: Any,
    role: ExecutionRole,
    region: str,
    programs: Programs,
    folder: Path,
    put_line: Callable[[str], None],
    variables: Mapping[str, str] | None = None,
) -> ModelServer:
    """The server of *model*, not started.

    Args:
        variant: whose model it is.
        model: moto's record of it.
        role: as which it runs.
        region: where.
        programs: how programs are run.
        folder: scratch folder, removed when the server is closed.
        put_line: takes each line of the program's output.
        variables: of the container, beside the model's own.

    Raises:
        RuntimeError: its role may not pull its image.
    """
    container = model.primary_container or (model.containers or [{}])[0]
    image = str(container.get("Image", ""))
    if kind_of(image) is ImageKind.STUB:
        return StubServer()
    lacking = role.cannot_pull(image)
    if lacking is not None:
        raise RuntimeError(
            f"The role '{model.execution_role_arn}' does not have {lacking} permission for the image: '{image}'."
        )
    given = {**(container.get("Environment") or {}), **(variables or {})}
    return ProcessServer(
        ServedModel(
            variant,
            image,
            {"SAGEMAKER_REGION": region, "AWS_REGION": region, **given},
            model_data_of(container),
            folder,
            role.client("s3", region),
            put_line,
            programs.frameworks,
            programs.reach(role.session, region),
        )
    )
