"""How requests name functions: by name, partial ARN or ARN, with or without a qualifier.

https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html#API_GetFunction_RequestSyntax
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.emulator.door.call import Call
from harness.emulator.door.errors import AwsError
from harness.emulator.door.members import optional_text, text
from harness.emulator.lambda_.refusals import invalid, not_found, validation
from harness.emulator.lambda_.wording import check_request

LATEST = "$LATEST"
_NAMED = re.compile(
    r"(?:arn:aws[a-zA-Z-]*:lambda:)?(?:(?P<region>(?:eusc-)?[a-z]{2}(?:-gov|-iso[a-z]?)?-[a-z]+-\d):)?"
    r"(?:(?P<account>\d{12}):)?(?:function:)?(?P<name>[a-zA-Z0-9_.-]+)(?::(?P<qualifier>\$LATEST|[a-zA-Z0-9_-]+))?"
)
_OF_OTHER_ACCOUNTS = frozenset({"Invoke", "InvokeAsync", "InvokeWithResponseStream"})
_LONGEST_NAME = 64


@dataclass(frozen=True)
class Reference:
    """A function, or one of its versions or aliases, as a request names it."""

    region: str
    account: str
    name: str
    qualifier: str | None = None

    @property
    def function_arn(self) -> str:
        """The function's own ARN."""
        return f"arn:aws:lambda:{self.region}:{self.account}:function:{self.name}"

    @property
    def arn(self) -> str:
        """ARN with the qualifier, where there is one."""
        return self.function_arn if self.qualifier is None else f"{self.function_arn}:{self.qualifier}"

    @property
    def is_version(self) -> bool:
        """Whether the qualifier is a published version's number."""
        return self.qualifier is not None and self.qualifier.isdigit()

    @property
    def is_alias(self) -> bool:
        """Whether the qualifier can only be an alias."""
        return self.qualifier is not None and not self.is_version and self.qualifier != LATEST


def reference_of(call: Call, qualifier: str | None = None) -> Reference:
    """Say which function *call* is about.

    Args:
        call: has ``FunctionName``, and ``Qualifier`` where its operation takes one.
        qualifier: in place of the request's.

    Raises:
        AwsError: no such name, another region's or account's function, or two qualifiers that differ.
    """
    named = text(call.parameters, "FunctionName")
    match = _NAMED.fullmatch(named)
    if match is None:
        check_request("Invoke", {"FunctionName": named, "Qualifier": call.parameters.get("Qualifier")})
        raise not_found(f"Function not found: arn:aws:lambda:{call.region}:{call.account}:function:{named}")
    if match["account"] and match["account"] != call.account and call.operation not in _OF_OTHER_ACCOUNTS:
        raise AwsError("AccessDeniedException", None, 403)  # type: ignore[arg-type]
    if match["region"] and match["region"] != call.region:
        raise not_found(f"Functions from '{match['region']}' are not reachable in this region ('{call.region}')")
    given = qualifier or optional_text(call.parameters, "Qualifier")
    if match["qualifier"] and given and match["qualifier"] != given:
        raise invalid("The derived qualifier from the function name does not match the specified qualifier.")
    return Reference(call.region, match["account"] or call.account, match["name"], given or match["qualifier"])


def check_new_name(text: str) -> None:
    """Refuse a name that no function can have.

    Raises:
        AwsError: ``InvalidParameterValueException``: too long.
    """
    name = text.rpartition(":")[2] if text.startswith("arn:") else text
    if len(name) > _LONGEST_NAME and name == text:
        refused = validation(f"'{name}'", "functionName", f"have length less than or equal to {_LONGEST_NAME}")
        raise invalid(refused.message)
