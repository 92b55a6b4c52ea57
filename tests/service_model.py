"""Holds answers against botocore's own service models: required members, types, enumerations."""

from datetime import datetime

import botocore.session

_SESSION = botocore.session.Session()


def problems(service, operation, answer):
    """What in *answer*, as boto3 gives it, is not as the service model says; empty when all is."""
    shape = _SESSION.get_service_model(service).operation_model(operation).output_shape
    answer = {name: value for name, value in answer.items() if name != "ResponseMetadata"}
    if shape is None:
        return [f"{operation}.{name}: not in the model" for name in answer]
    return list(_check(shape, answer, operation))


def _check(shape, value, where):
    kind = shape.type_name
    if kind == "structure":
        for name in shape.required_members:
            if name not in value:
                yield f"{where}.{name}: missing"
        for name, member in value.items():
            if name not in shape.members:
                yield f"{where}.{name}: not in the model"
            else:
                yield from _check(shape.members[name], member, f"{where}.{name}")
    elif kind == "list":
        for number, item in enumerate(value):
            yield from _check(shape.member, item, f"{where}[{number}]")
    elif kind == "map":
        for name, item in value.items():
            yield from _check(shape.value, item, f"{where}[{name}]")
    elif kind == "string":
        if not isinstance(value, str):
            yield f"{where}: {value!r} is no string"
        elif shape.enum and value not in shape.enum:
            yield f"{where}: {value!r} is none of {shape.enum}"
    elif kind in ("integer", "long"):
        if not isinstance(value, int) or isinstance(value, bool):
            yield f"{where}: {value!r} is no integer"
    elif kind in ("float", "double"):
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            yield f"{where}: {value!r} is no number"
    elif kind == "boolean":
        if not isinstance(value, bool):
            yield f"{where}: {value!r} is no boolean"
    elif kind == "timestamp" and not isinstance(value, datetime):
        yield f"{where}: {value!r} is no timestamp"


def unknown_members(service, operation, document):
    """Members of an answer's JSON that the service model does not have, which boto3 passes over in silence."""
    shape = _SESSION.get_service_model(service).operation_model(operation).output_shape
    return list(_unknown(shape, document, operation)) if shape is not None else []


def _unknown(shape, value, where):
    if shape.type_name == "structure" and isinstance(value, dict):
        for name, member in value.items():
            if name not in shape.members:
                yield f"{where}.{name}: not in the model"
            else:
                yield from _unknown(shape.members[name], member, f"{where}.{name}")
    elif shape.type_name == "list" and isinstance(value, list):
        for number, member in enumerate(value):
            yield from _unknown(shape.member, member, f"{where}[{number}]")
