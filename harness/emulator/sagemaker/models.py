"""CreateModel: checked as AWS checks it, kept by moto.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModel.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.emulator.context import EmulatorContext
from harness.emulator.door.call import Call
from harness.emulator.door.members import Members, optional_text, structure, structures, text
from harness.emulator.door.validation import check
from harness.emulator.moto.sagemaker import Model, backend_of
from harness.emulator.sagemaker.execution_role import ExecutionRole
from harness.emulator.sagemaker.hosting.models_in_container import lacks_label
from harness.emulator.sagemaker.images import ImageKind, kind_of, not_emulated
from harness.emulator.sagemaker.model_data import split_model_uri
from harness.emulator.sagemaker.names import arn_of, refusal
from harness.emulator.services import Operation


def create_model(
    context: EmulatorContext, call: Call, keep: Operation, served: Callable[[Call, Members], Members]
) -> Members:
    """Answer CreateModel.

    Args:
        context: the emulator's surroundings.
        call: the request.
        keep: has moto keep the model.
        served: the container that serves what a model's container names: itself, or its model package's.

    Raises:
        AwsError: ``ValidationException``, among others for model data that is not there.
    """
    parameters, region = call.parameters, call.region
    check("sagemaker", "CreateModel", parameters)
    backend = backend_of(context.account_id, region)
    name, role_arn = text(parameters, "ModelName"), optional_text(parameters, "ExecutionRoleArn")
    if name in backend._models:
        raise refusal(f'Cannot create already existing model "{arn_of("model", name, region, context.account_id)}".')
    if role_arn is None:
        raise refusal("ExecutionRoleArn is required to create a model.")
    if len(structures(parameters, "Containers")) > 1:
        raise refusal("not emulated: inference pipelines of several containers")
    container = container_of(parameters)
    if container is None:
        raise refusal("You must provide either PrimaryContainer or Containers.")
    container = served(call, container)
    algorithm = not_emulated(str(container.get("Image", "")))
    if algorithm is not None:
        raise refusal(f"not emulated: the built-in algorithm {algorithm}")
    role = ExecutionRole(context, role_arn)
    role.require(arn_of("model", name, region, context.account_id))
    uri = model_data_of(container)
    if is_multi_model(container):
        if uri is None:
            raise refusal("ModelDataUrl is required for containers of mode MultiModel.")
        image = str(container.get("Image", ""))
        words = lacks_label(image) if kind_of(image) is ImageKind.CONTAINER else None
        if words is not None:
            raise refusal(words)
    elif uri is not None:
        _require_model_data(role.client("s3", region), uri, role_arn, region)
    answer = keep(call)
    model = backend._models.get(name)
    if model is not None:
        model.served_container = container
        if not model.vpc_config:
            model.vpc_config = None  # moto would describe an empty one, which the service model does not allow
    return answer


def container_of(parameters: Members) -> Members | None:
    """Return the one container of a model, from CreateModel's request."""
    containers = structures(parameters, "Containers")
    return structure(parameters, "PrimaryContainer") or (containers[0] if containers else None)


def container_of_model(model: Model) -> Members:
    """Return the one container that serves a model: its own, or that of its model package."""
    return getattr(model, "served_container", None) or model.primary_container or (model.containers or [{}])[0]


def is_multi_model(container: Members) -> bool:
    """Whether a container serves many models, its model data being the prefix below which they are."""
    return container.get("Mode") == "MultiModel"


def model_data_of(container: Members) -> str | None:
    """Where a container's model data is, or None.

    Raises:
        AwsError: it is given in a form that is not emulated.
    """
    source = structure(structure(container, "ModelDataSource"), "S3DataSource")
    if source:
        if source.get("CompressionType") != "Gzip" or source.get("S3DataType") != "S3Object":
            raise refusal("not emulated: uncompressed model data. Use a model.tar.gz.")
        return text(source, "S3Uri")
    return optional_text(container, "ModelDataUrl") or None


def _require_model_data(s3: Any, uri: str, role: str, region: str) -> None:
    bucket, key = split_model_uri(uri)
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except s3.exceptions.ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 403:
            raise refusal(f"Could not find model data at {uri}.") from None
        raise refusal(
            f'Could not access model data at {uri}. Please ensure that the role "{role}" exists and that its trust '
            'relationship policy allows the action "sts:AssumeRole" for the service principal '
            '"sagemaker.amazonaws.com". Also ensure that the role has "s3:GetObject" permissions and that the object '
            f"is located in {region}."
        ) from None
