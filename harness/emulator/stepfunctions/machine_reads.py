"""What is asked of state machines: described, listed, and definitions looked at.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeStateMachine.html
"""

from __future__ import annotations

from harness.emulator.door.call import Call
from harness.emulator.door.members import Members, number, text
from harness.emulator.stepfunctions.arns import check_arn, qualifier_of
from harness.emulator.stepfunctions.definitions import Definitions
from harness.emulator.stepfunctions.machine_records import moment
from harness.emulator.stepfunctions.machines import Machines, does_not_exist
from harness.emulator.stepfunctions.pages import page_of


class MachineReads:
    """The operations that change nothing.

    Args:
        machines: that there are.
        definitions: reads what they are.
    """

    def __init__(self, machines: Machines, definitions: Definitions) -> None:
        self._machines = machines
        self._definitions = definitions

    def describe(self, call: Call) -> Members:
        """DescribeStateMachine, also of a version."""
        arn = text(call.parameters, "stateMachineArn")
        check_arn(arn, "stateMachine")
        with self._machines.lock:
            machine = self._machines.find(arn)
            revision, made, description = machine.revision, machine.made, None
            number = qualifier_of(arn)
            if number is not None:
                version = machine.version(number)
                if version is None:
                    raise does_not_exist(arn)
                revision = self._machines.revision(version.revision)
                made, description = version.made, version.description
            answer: dict[str, object] = {
                "stateMachineArn": arn,
                "status": "DELETING" if machine.deleting else "ACTIVE",
                "type": machine.type,
                "creationDate": moment(made),
                **revision.describe(),
            }
        if description:
            answer["description"] = description
        return _without_definition(answer, call)

    def list(self, call: Call) -> Members:
        """ListStateMachines, by name."""
        machines = self._machines.of(call.region, call.account)
        items = [
            {
                "stateMachineArn": machine.arn,
                "name": machine.revision.name,
                "type": machine.type,
                "creationDate": moment(machine.made),
            }
            for machine in sorted(machines, key=lambda machine: machine.arn)
            if not machine.deleting
        ]
        return page_of(items, "stateMachines", call.parameters)

    def validate(self, call: Call) -> Members:
        """ValidateStateMachineDefinition."""
        given = call.parameters
        found = self._definitions.diagnostics(text(given, "definition"), text(given, "type", "STANDARD"))
        shown = [each for each in found if given.get("severity") == "WARNING" or each["severity"] == "ERROR"]
        most = number(given, "maxResults", 0) or 100
        failed = any(each["severity"] == "ERROR" for each in found)
        return {
            "result": "FAIL" if failed else "OK",
            "diagnostics": shown[:most],
            "truncated": len(shown) > most,
        }


def _without_definition(answer: dict[str, object], call: Call) -> Members:
    if call.parameters.get("includedData") == "METADATA_ONLY":
        answer["definition"] = "{}"
        answer.pop("variableReferences", None)
    return answer
