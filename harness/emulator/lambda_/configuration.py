"""A function's configuration: what is checked of it, and what a request makes of it.

https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionConfiguration.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from harness.emulator.door.members import Members, blob, optional_text, structure, text_map
from harness.emulator.lambda_.records import Configuration, runtime_version_arn
from harness.emulator.lambda_.refusals import invalid
from harness.emulator.lambda_.runtimes import OF_SNAP_START, check_runtime
from harness.emulator.lambda_.wording import check_request
from harness.emulator.limits import (
    CREATE_REQUEST,
    FUNCTION_MEMORY,
    FUNCTION_STORAGE,
    FUNCTION_TIMEOUT,
    FUNCTION_VARIABLES,
    FUNCTION_ZIPPED,
)

_RESERVED = frozenset(
    {
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
    }
)
"""https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime"""
_TAKEN_AS_GIVEN = ("Role", "Handler", "Runtime", "Description", "Timeout", "MemorySize", "EphemeralStorage")
ONLY_IN_FULL = frozenset(
    {
        "State",
        "StateReason",
        "StateReasonCode",
        "LastUpdateStatus",
        "LastUpdateStatusReason",
        "LastUpdateStatusReasonCode",
        "RuntimeVersionConfig",
    }
)
"""What lists of functions and versions leave out."""


def check_configuration(operation: str, parameters: Members, takes_ended: bool = False) -> None:
    """Refuse what Lambda refuses of a configuration.

    Args:
        operation: ``CreateFunction`` or ``UpdateFunctionConfiguration``.
        parameters: the request's.
        takes_ended: whether a runtime may be one that AWS no longer takes.

    Raises:
        AwsError: ``ValidationException`` for a member out of its range, ``InvalidParameterValueException`` for
            variables that are reserved or too many.
    """
    package = len(blob(structure(parameters, "Code"), "ZipFile"))
    measured = package * 4 // 3 + len(str(parameters.get("Environment") or ""))
    if package <= FUNCTION_ZIPPED.most and measured > CREATE_REQUEST.most:
        raise CREATE_REQUEST.refusal()
    # The service model's own maxima are those of managed instances, which are not emulated.
    for limit, value in (
        (FUNCTION_TIMEOUT, parameters.get("Timeout")),
        (FUNCTION_MEMORY, parameters.get("MemorySize")),
        (FUNCTION_STORAGE, structure(parameters, "EphemeralStorage").get("Size")),
    ):
        if isinstance(value, int) and value > limit.most:
            raise limit.refusal(value=value)
    # AWS has its own words for runtimes, see below.
    check_request(operation, {name: value for name, value in parameters.items() if name != "Runtime"})
    _check_variables(text_map(structure(parameters, "Environment"), "Variables"))
    runtime = optional_text(parameters, "Runtime")
    if runtime:
        check_runtime(runtime, takes_ended)
        snap_start = structure(parameters, "SnapStart").get("ApplyOn")
        if snap_start == "PublishedVersions" and runtime not in OF_SNAP_START:
            raise invalid(f"{runtime} is not supported for SnapStart enabled functions.")
    if operation == "CreateFunction":
        _check_kind(parameters)


def _check_kind(parameters: Members) -> None:
    """Refuse what does not go with a function's kind of package."""
    named = [member for member in ("Runtime", "Handler") if parameters.get(member)]
    code = structure(parameters, "Code")
    if parameters.get("PackageType") == "Image":
        if named or parameters.get("Layers"):
            raise invalid(
                "Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image."
            )
        check_source({"ImageUri": code.get("ImageUri")})
        return
    if not named:
        raise invalid("Runtime and Handler are mandatory parameters for functions created with deployment packages.")
    if len(named) == 1:
        (missing,) = {"Runtime", "Handler"} - set(named)
        raise invalid(f"{missing} is mandatory for functions created with deployment packages.")
    check_source({**code, "ImageUri": None})


def check_source(code: Members) -> None:
    """Refuse code that comes from nowhere.

    Args:
        code: ``ZipFile``, ``S3Bucket`` or ``ImageUri``.

    Raises:
        AwsError: ``InvalidParameterValueException``.
    """
    if not any(code.get(member) for member in ("ZipFile", "S3Bucket", "ImageUri")):
        raise invalid("Please provide a source for function code.")


def _check_variables(variables: Mapping[str, str]) -> None:
    reserved = sorted(_RESERVED & set(variables))
    if reserved:
        raise invalid(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            "provided contains reserved keys that are currently not supported for modification. Reserved keys used in "
            f"this request: {', '.join(reserved)}"
        )
    measured = json.dumps(variables, separators=(",", ":"), ensure_ascii=False)
    if len(measured.encode()) > FUNCTION_VARIABLES.most:
        raise FUNCTION_VARIABLES.refusal(measured=measured)


def new_configuration(parameters: Members, name: str, arn: str, region: str) -> Configuration:
    """Return the configuration of a function that is created; code and layers are added by who knows them.

    Args:
        parameters: of CreateFunction.
        name: of the function.
        arn: of the function, without a qualifier.
        region: for the ARN of the runtime's version.
    """
    image = parameters.get("PackageType") == "Image"
    configuration: Configuration = {
        "FunctionName": name,
        "FunctionArn": arn,
        "Description": "",
        "Timeout": 3,
        "MemorySize": 128,
        "Version": "$LATEST",
        "TracingConfig": {"Mode": "PassThrough"},
        "PackageType": parameters.get("PackageType") or "Zip",
        "Architectures": parameters.get("Architectures") or ["x86_64"],
        "EphemeralStorage": {"Size": 512},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"},
    }
    change_configuration(configuration, parameters, region)
    if image:
        configuration.pop("Runtime", None)
        configuration.pop("Handler", None)
        configuration.pop("RuntimeVersionConfig", None)
    return configuration


def change_configuration(configuration: Configuration, parameters: Members, region: str) -> None:
    """Change a configuration, in place, by what a request gives; members that it lacks stay.

    Args:
        configuration: as GetFunctionConfiguration shows it.
        parameters: of CreateFunction or UpdateFunctionConfiguration.
        region: for the ARN of the runtime's version.
    """
    for member in _TAKEN_AS_GIVEN:
        if parameters.get(member) is not None:
            configuration[member] = parameters[member]
    if runtime := optional_text(parameters, "Runtime"):
        configuration["RuntimeVersionConfig"] = {"RuntimeVersionArn": runtime_version_arn(region, runtime)}
    if parameters.get("Environment") is not None:
        environment = structure(parameters, "Environment")
        if environment.get("Variables") is None:
            configuration.pop("Environment", None)
        else:
            configuration["Environment"] = {"Variables": text_map(environment, "Variables")}
    if tracing := structure(parameters, "TracingConfig").get("Mode"):
        configuration["TracingConfig"] = {"Mode": tracing}
    if parameters.get("DeadLetterConfig") is not None:
        letters = structure(parameters, "DeadLetterConfig")
        _set_or_drop(configuration, "DeadLetterConfig", letters if letters.get("TargetArn") else None)
    if parameters.get("KMSKeyArn") is not None:
        _set_or_drop(configuration, "KMSKeyArn", parameters["KMSKeyArn"])
    if parameters.get("FileSystemConfigs") is not None:
        _set_or_drop(configuration, "FileSystemConfigs", parameters["FileSystemConfigs"])
    if snap_start := structure(parameters, "SnapStart").get("ApplyOn"):
        configuration["SnapStart"] = {"ApplyOn": snap_start, "OptimizationStatus": "Off"}
    if parameters.get("ImageConfig") is not None:
        image = structure(parameters, "ImageConfig")
        _set_or_drop(configuration, "ImageConfigResponse", {"ImageConfig": dict(image)} if image else None)
    if parameters.get("LoggingConfig") is not None:
        configuration["LoggingConfig"] = _logging(configuration, structure(parameters, "LoggingConfig"))


def _set_or_drop(configuration: Configuration, member: str, value: object) -> None:
    if value:
        configuration[member] = value
    else:
        configuration.pop(member, None)


def _logging(configuration: Configuration, given: Members) -> Members:
    """Return ``LoggingConfig`` as a request changes it.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-advanced.html
    """
    before = configuration["LoggingConfig"]
    format_ = given.get("LogFormat") or before["LogFormat"]
    if format_ == "Text" and (given.get("ApplicationLogLevel") or given.get("SystemLogLevel")):
        raise invalid("To use ApplicationLogLevel or SystemLogLevel, you must set LogFormat to JSON.")
    found = {"LogFormat": format_, "LogGroup": given.get("LogGroup") or before["LogGroup"]}
    if format_ == "JSON":
        for level in ("ApplicationLogLevel", "SystemLogLevel"):
            found[level] = given.get(level) or before.get(level) or "INFO"
    return found


def listed(configuration: Configuration) -> Configuration:
    """Return a configuration as lists have it."""
    return {name: value for name, value in configuration.items() if name not in ONLY_IN_FULL}
