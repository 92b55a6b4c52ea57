"""Lambda's errors in its own words and shapes.

https://docs.aws.amazon.com/lambda/latest/api/CommonErrors.html
"""

from __future__ import annotations

from harness.emulator.door.errors import AwsError


def not_found(message: str) -> AwsError:
    """``ResourceNotFoundException``."""
    return AwsError("ResourceNotFoundException", message, 404, Type="User")


def function_not_found(arn: str) -> AwsError:
    """Return the refusal of a function, or one of its versions, that is not there."""
    return not_found(f"Function not found: {arn}")


def alias_not_found(arn: str) -> AwsError:
    """Return the refusal of an alias that is not there, where a qualifier can only be one."""
    return not_found(f"Cannot find alias arn: {arn}")


def signing_not_found(arn: str) -> AwsError:
    """``CodeSigningConfigNotFoundException``."""
    return AwsError(
        "CodeSigningConfigNotFoundException",
        f"The code signing configuration cannot be found. Check that the provided configuration is not deleted: {arn}.",
        404,
        Type="User",
    )


def invalid(message: str) -> AwsError:
    """``InvalidParameterValueException``."""
    return AwsError("InvalidParameterValueException", message, 400, Type="User")


def conflict(message: str) -> AwsError:
    """``ResourceConflictException``."""
    return AwsError("ResourceConflictException", message, 409, Type="User")


def validation(value: str, member: str, constraint: str) -> AwsError:
    """Return the ``ValidationException`` for one member of a request.

    Args:
        value: as it was sent.
        member: its name, with a small first letter as AWS writes it.
        constraint: what follows ``Member must``, e.g. ``have length less than or equal to 64``.
    """
    return AwsError(
        "ValidationException",
        f"1 validation error detected: Value {value} at '{member}' failed to satisfy constraint: "
        f"Member must {constraint}",
    )


def stale_revision(operations: str) -> AwsError:
    """``PreconditionFailedException``: somebody else changed it first."""
    return AwsError(
        "PreconditionFailedException",
        "The Revision Id provided does not match the latest Revision Id. "
        f"Call the {operations} API to retrieve the latest Revision Id",
        412,
        Type="User",
    )


def not_emulated(what: str) -> AwsError:
    """Return the refusal of what this emulator does not do, by name; no SDK tries it again."""
    return AwsError("NotImplemented", f"not emulated: {what}", 501)
