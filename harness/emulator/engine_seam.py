"""What it takes to fit moto's Step Functions engine out from outside: methods put around its own, and its failures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def put_around(owner: Any, name: str, make: Callable[[Any], Any], *, static: bool = False) -> None:
    """Replace ``owner.name`` by what *make* puts around the engine's own.

    A replacement that an earlier emulator of this process left is replaced itself, not wrapped once more.

    Args:
        owner: a class or a module of the engine.
        name: of its method or function.
        make: given the engine's own, gives the replacement.
        static: whether it is a static method.
    """
    present = getattr(owner, name)
    original = getattr(present, "original", present)
    replacement = make(original)
    replacement.original = original
    setattr(owner, name, staticmethod(replacement) if static else replacement)


def failure(env: Any, event: str, details: Mapping[str, Any]) -> Exception:
    """What the engine raises where a state fails.

    Args:
        env: the state's environment.
        event: type of the event that tells it, e.g. ``TaskFailed``.
        details: the event's, with the ``error``: one of the states language, or any other.
    """
    from moto.stepfunctions.parser.api import HistoryEventType
    from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
    from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
        FailureEvent,
        FailureEventException,
    )
    from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
    from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType

    error = details["error"]
    known = next((kind for kind in StatesErrorNameType if kind.to_name() == error), None)
    told = FailureEvent(
        env=env,
        error_name=StatesErrorName(typ=known) if known is not None else CustomErrorName(error),
        event_type=HistoryEventType(event),
        event_details={f"{event[0].lower()}{event[1:]}EventDetails": dict(details)},
    )
    raised: Exception = FailureEventException(failure_event=told)
    return raised
