"""What is answered where moto fails over a request in its own code, which it does over many that AWS refuses."""

from __future__ import annotations

from harness.emulator.door.call import Call
from harness.emulator.door.errors import AwsError
from harness.emulator.door.regions import not_emulated
from harness.emulator.door.validation import check


def refusal(call: Call) -> AwsError:
    """Say what is wrong with *call*, or that it is not emulated: an answer that no SDK tries again."""
    try:
        check(call.service, call.operation, call.parameters)
    except AwsError as error:
        return error
    return not_emulated(call.service, f"{call.operation} with these parameters (the log says what moto made of them)")
