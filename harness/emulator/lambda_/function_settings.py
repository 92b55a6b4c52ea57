"""What is configured of functions beside their versions: asynchronous invocation, addresses, recursion, runtimes.

https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html
https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html
"""

from __future__ import annotations

import re
import secrets
import string
from datetime import UTC, datetime
from typing import Any

from harness.emulator.door.call import Call
from harness.emulator.door.members import Members, structure, text
from harness.emulator.lambda_.control_plane import PlaneOperations, answers
from harness.emulator.lambda_.paging import page
from harness.emulator.lambda_.records import Function, now_text
from harness.emulator.lambda_.references import LATEST, Reference, reference_of
from harness.emulator.lambda_.refusals import conflict, function_not_found, invalid, not_found, validation

_ALIAS = r"((?!^\d+$)^[0-9a-zA-Z-_]+$)"
_DESTINATION = (
    r"$|kafka://([^.]([a-zA-Z0-9\-_.]{0,248}))|arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:"
    r"((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1})?:(\d{12})?:(.*)"
)
_DESTINATIONS = ("lambda", "sns", "sqs", "events", "s3")


class FunctionSettings(PlaneOperations):
    """The operations on settings of functions."""

    # Asynchronous invocation

    @answers("PutFunctionEventInvokeConfig")
    def put_event_invoke(self, call: Call) -> Members:
        """Set how events are tried again, and who is told of them."""
        return self._set_event_invoke(call, {})

    @answers("UpdateFunctionEventInvokeConfig")
    def update_event_invoke(self, call: Call) -> Members:
        """Change how events are tried again."""
        reference, function, key = self._event_invoke(call)
        if key not in function.event_invoke:
            raise self._no_event_invoke(reference, key)
        return self._set_event_invoke(call, function.event_invoke[key])

    def _set_event_invoke(self, call: Call, before: Members) -> Members:
        given = call.parameters
        named = ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")
        if all(given.get(member) is None for member in named):
            raise invalid("You must specify at least one of error handling or destination setting.")
        reference, function, key = self._event_invoke(call)
        asked, kept = structure(given, "DestinationConfig"), structure(before, "DestinationConfig")
        self._check_destinations(asked, reference)
        destinations = {
            when: {name: arn for name, arn in structure(asked if when in asked else kept, when).items() if arn}
            for when in ("OnSuccess", "OnFailure")
        }
        config = {
            **before,
            **{member: given[member] for member in named[:2] if given.get(member) is not None},
            "FunctionArn": f"{function.arn}:{key}",
            "DestinationConfig": destinations,
            "LastModified": datetime.now(UTC),
        }
        function.event_invoke[key] = config
        return config

    def _check_destinations(self, config: Members, reference: Reference) -> None:
        named = {when: text(structure(config, when), "Destination", "") for when in ("OnSuccess", "OnFailure")}
        for when, arn in named.items():
            if not arn:
                continue
            if not re.fullmatch(_DESTINATION, arn):
                where = f"destinationConfig.{when[0].lower()}{when[1:]}.destination"
                raise validation(f"'{arn}'", where, f"satisfy regular expression pattern: {_DESTINATION}")
            service = arn.split(":")[2]
            if service not in _DESTINATIONS:
                success, failure = (f"{each}(destination={named[each]})" if named[each] else "null" for each in named)
                raise invalid(
                    f"The provided destination config DestinationConfig(onSuccess={success}, onFailure={failure}) is "
                    "invalid."
                )
            if service == "lambda":
                parts = arn.split(":")
                if (parts[3], parts[6]) not in self._store.functions:
                    raise invalid(f"The destination ARN {arn} is invalid.")
                if parts[6] == reference.name:
                    raise invalid("You can't specify the function as a destination for itself.")

    @answers("GetFunctionEventInvokeConfig")
    def get_event_invoke(self, call: Call) -> Members:
        """How events are tried again."""
        reference = reference_of(call)
        function = self._store.find(reference)
        key = reference.qualifier or LATEST
        if function is None or key not in function.event_invoke:
            raise self._no_event_invoke(reference, key)
        return function.event_invoke[key]

    @answers("DeleteFunctionEventInvokeConfig")
    def delete_event_invoke(self, call: Call) -> Members:
        """Try events again as usual."""
        reference = reference_of(call)
        function = self._store.find(reference)
        key = reference.qualifier or LATEST
        if function is None or function.event_invoke.pop(key, None) is None:
            raise self._no_event_invoke(reference, key)
        return {}

    @answers("ListFunctionEventInvokeConfigs")
    def list_event_invoke(self, call: Call) -> Members:
        """How events are tried again, for each version or alias."""
        function = self._store.find(reference_of(call))
        if function is None:
            raise not_found("The function doesn't exist.")
        return page(call, "FunctionEventInvokeConfigs", list(function.event_invoke.values()))

    def _event_invoke(self, call: Call) -> tuple[Reference, Function, str]:
        reference = reference_of(call)
        function = self._store.find(reference)
        if function is None or (reference.qualifier is not None and not function.has(reference.qualifier)):
            raise not_found("The function doesn't exist.")
        return reference, function, reference.qualifier or LATEST

    @staticmethod
    def _no_event_invoke(reference: Reference, key: str) -> Exception:
        return not_found(f"The function {reference.function_arn}:{key} doesn't have an EventInvokeConfig")

    # Addresses

    @answers("CreateFunctionUrlConfig")
    def create_url(self, call: Call) -> Members:
        """Give a function an address."""
        given = call.parameters
        reference, function = self._url(call)
        key = reference.qualifier or LATEST
        if key in function.urls:
            raise conflict(
                f"Failed to create function url config for [functionArn = {function.urls[key]['FunctionArn']}]. "
                "Error message:  FunctionUrlConfig exists for this Lambda function"
            )
        number = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(32))
        now = now_text()
        config = {
            "FunctionUrl": f"{self._plane.context.endpoint_url}/_aws/lambda-url/{number}/",
            "FunctionArn": reference.arn,
            "AuthType": given["AuthType"],
            "CreationTime": now,
            "LastModifiedTime": now,
        }
        if given.get("InvokeMode"):
            config["InvokeMode"] = given["InvokeMode"]
        if given.get("Cors"):
            config["Cors"] = given["Cors"]
        function.urls[key] = config
        return {name: config[name] for name in config if name != "LastModifiedTime"}

    @answers("GetFunctionUrlConfig")
    def get_url(self, call: Call) -> Members:
        """Return a function's address."""
        return self._known_url(call)[2]

    @answers("UpdateFunctionUrlConfig")
    def update_url(self, call: Call) -> Members:
        """Change what holds for an address."""
        self._url(call)
        _, _, config = self._known_url(call)
        for member in ("AuthType", "InvokeMode", "Cors"):
            if call.parameters.get(member) is not None:
                config[member] = call.parameters[member]
        config["LastModifiedTime"] = now_text()
        return dict(config)

    @answers("DeleteFunctionUrlConfig")
    def delete_url(self, call: Call) -> Members:
        """Take an address away."""
        reference, function, _ = self._known_url(call)
        del function.urls[reference.qualifier or LATEST]
        return {}

    @answers("ListFunctionUrlConfigs")
    def list_urls(self, call: Call) -> Members:
        """List a function's addresses."""
        function = self._store.find(reference_of(call))
        if function is None:
            raise not_found("Function does not exist")
        return page(call, "FunctionUrlConfigs", list(function.urls.values()))

    def _url(self, call: Call) -> tuple[Reference, Function]:
        reference = reference_of(call)
        qualifier = reference.qualifier
        if qualifier is not None and (qualifier.isdigit() or qualifier == LATEST):
            raise validation(f"'{qualifier}'", "qualifier", f"satisfy regular expression pattern: {_ALIAS}")
        function = self._store.find(reference)
        if function is None or (qualifier is not None and qualifier not in function.aliases):
            raise not_found("Function does not exist")
        return reference, function

    def _known_url(self, call: Call) -> tuple[Reference, Function, dict[str, Any]]:
        reference = reference_of(call)
        qualifier = reference.qualifier
        if qualifier is not None and (qualifier.isdigit() or qualifier == LATEST):
            raise validation(f"'{qualifier}'", "qualifier", f"satisfy regular expression pattern: {_ALIAS}")
        function = self._store.find(reference)
        if function is None or (qualifier or LATEST) not in function.urls:
            raise not_found("The resource you requested does not exist.")
        return reference, function, function.urls[qualifier or LATEST]

    # Recursion and runtimes

    @answers("PutFunctionRecursionConfig")
    def put_recursion(self, call: Call) -> Members:
        """Allow a function to be part of a loop, or not."""
        self._function(call).recursion = text(call.parameters, "RecursiveLoop")
        return {"RecursiveLoop": call.parameters["RecursiveLoop"]}

    @answers("GetFunctionRecursionConfig")
    def get_recursion(self, call: Call) -> Members:
        """Whether a function may be part of a loop."""
        return {"RecursiveLoop": self._function(call).recursion}

    @answers("PutRuntimeManagementConfig")
    def put_runtime_management(self, call: Call) -> Members:
        """Set when the runtime is replaced by a newer version of it; here it is what is installed."""
        reference, function = self._plane.function(call)
        config = {"UpdateRuntimeOn": call.parameters["UpdateRuntimeOn"], "FunctionArn": reference.arn}
        if call.parameters.get("RuntimeVersionArn"):
            config["RuntimeVersionArn"] = call.parameters["RuntimeVersionArn"]
        function.runtime_management[reference.qualifier or LATEST] = config
        return config

    @answers("GetRuntimeManagementConfig")
    def get_runtime_management(self, call: Call) -> Members:
        """When the runtime is replaced."""
        reference, function = self._plane.function(call)
        found = function.runtime_management.get(reference.qualifier or LATEST)
        return found or {"UpdateRuntimeOn": "Auto", "FunctionArn": reference.arn}

    def _function(self, call: Call) -> Function:
        reference = reference_of(call)
        function = self._store.find(reference)
        if function is None:
            raise function_not_found(reference.function_arn)
        return function
