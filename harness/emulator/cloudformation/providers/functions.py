"""Lambda: functions with their code and settings, versions, aliases, layers, permissions, event sources, URLs.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_Lambda.html
"""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Mapping
from typing import Any

from harness.emulator.cloudformation.providers.base import Made, Provider, Work, gone_is_fine, required
from harness.emulator.cloudformation.providers.declared import Declared
from harness.emulator.cloudformation.shapes import fit
from harness.emulator.door.errors import AwsError

_FIRST_LOOK, _SLOWEST_LOOK, _PATIENCE = 0.01, 0.5, 300.0
_SEPARATELY = ("Tags", "ReservedConcurrentExecutions", "FunctionName", "RecursiveLoop", "RuntimeManagementConfig")

CFN_RESPONSE = """\
from __future__ import print_function
import json
import urllib.request

SUCCESS = "SUCCESS"
FAILED = "FAILED"


def send(event, context, responseStatus, responseData, physicalResourceId=None, noEcho=False, reason=None):
    body = json.dumps({
        "Status": responseStatus,
        "Reason": reason or "See the details in CloudWatch Log Stream: {}".format(context.log_stream_name),
        "PhysicalResourceId": physicalResourceId or context.log_stream_name,
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "NoEcho": noEcho,
        "Data": responseData,
    }).encode()
    request = urllib.request.Request(event["ResponseURL"], body, {"Content-Type": ""}, method="PUT")
    urllib.request.urlopen(request)
"""
"""The module that CloudFormation puts beside inline code.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-lambda-function-code-cfnresponsemodule.html
"""
CFN_RESPONSE_JS = """\
exports.SUCCESS = "SUCCESS";
exports.FAILED = "FAILED";
exports.send = function(event, context, status, data, physicalResourceId, noEcho) {
  return fetch(event.ResponseURL, {method: "PUT", headers: {"content-type": ""}, body: JSON.stringify({
    Status: status, Reason: "See the details in CloudWatch Log Stream: " + context.logStreamName,
    PhysicalResourceId: physicalResourceId || context.logStreamName, StackId: event.StackId,
    RequestId: event.RequestId, LogicalResourceId: event.LogicalResourceId, NoEcho: noEcho || false, Data: data
  })}).then(() => context.done());
};
"""


def inline_package(source: str, handler: str, runtime: str) -> bytes:
    """Return the ZIP of code that a template has in itself (``ZipFile``), with the ``cfnresponse`` module.

    Args:
        source: the code.
        handler: names the file; ``index.py`` or ``index.js`` where it is empty.
        runtime: Node.js or Python.
    """
    node = runtime.startswith("nodejs")
    name = f"{(handler or 'index').partition('.')[0]}.{'js' if node else 'py'}"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in (
            (name, source),
            ("cfn-response.js", CFN_RESPONSE_JS) if node else ("cfnresponse.py", CFN_RESPONSE),
        ):
            entry = zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, text)
    return buffer.getvalue()


class Function(Provider):
    """``AWS::Lambda::Function``."""

    fixed = frozenset({"FunctionName", "PackageType"})

    def create(self, work: Work) -> Made:
        """Make the function and wait until it is active."""
        name = work.properties.get("FunctionName") or work.name(64)
        configuration, left = self._configuration(work, "CreateFunction")
        left += [f"{layer}, which is another account's: the function runs without" for layer in _foreign_layers(work)]
        code = self._code(work)
        asked = {**configuration, "FunctionName": name, "Code": code, "Tags": work.all_tags}
        answer = work.call("lambda", "CreateFunction", **asked)
        made = Made(name, {"Arn": answer["FunctionArn"]}, notes=left)
        with self.removed_unless_whole(work, made):
            self._await(work, name, "State", "Active")
            self._settings(work, name)
        return made

    def update(self, work: Work, made: Made) -> Made:
        """Change code and configuration, each only where it differs."""
        name, given = made.physical_id, work.properties
        if any(given.get(key) != work.before.get(key) for key in ("Code", "Architectures", "Handler", "Runtime")):
            code = {key: value for key, value in self._code(work).items() if key != "SourceKMSKeyArn"}
            work.call(
                "lambda", "UpdateFunctionCode", FunctionName=name, Architectures=given.get("Architectures"), **code
            )
            self._await(work, name, "LastUpdateStatus", "Successful")
        configuration, _ = self._configuration(work, "UpdateFunctionConfiguration")
        for key, value in _DEFAULTS.items():
            if key in work.before and key not in given:
                configuration[key] = value
        work.call("lambda", "UpdateFunctionConfiguration", FunctionName=name, **configuration)
        self._await(work, name, "LastUpdateStatus", "Successful")
        self._settings(work, name)
        work.call("lambda", "TagResource", Resource=made.attributes["Arn"], Tags=work.all_tags)
        return made

    def delete(self, work: Work, made: Made) -> None:
        """Remove the function."""
        with gone_is_fine():
            work.call("lambda", "DeleteFunction", FunctionName=made.physical_id)

    @staticmethod
    def _configuration(work: Work, operation: str) -> tuple[dict[str, Any], list[str]]:
        given = {key: value for key, value in work.properties.items() if key not in (*_SEPARATELY, "Code")}
        foreign = _foreign_layers(work)
        if foreign:
            given["Layers"] = [layer for layer in given["Layers"] if layer not in foreign]
        asked, left = fit("lambda", operation, given)
        return asked, left

    @staticmethod
    def _code(work: Work) -> dict[str, Any]:
        code = dict(required(work, "Code"))
        if "ZipFile" in code:
            source, handler = str(code["ZipFile"]), str(work.properties.get("Handler", "index.handler"))
            code["ZipFile"] = inline_package(source, handler, str(work.properties.get("Runtime", "")))
        return code

    @staticmethod
    def _settings(work: Work, name: str) -> None:
        reserved = work.properties.get("ReservedConcurrentExecutions")
        if reserved is not None:
            work.call("lambda", "PutFunctionConcurrency", FunctionName=name, ReservedConcurrentExecutions=int(reserved))
        elif "ReservedConcurrentExecutions" in work.before:
            work.call("lambda", "DeleteFunctionConcurrency", FunctionName=name)

    @staticmethod
    def _await(work: Work, name: str, member: str, wanted: str) -> None:
        pause, deadline = _FIRST_LOOK, time.monotonic() + _PATIENCE
        while True:
            found = work.call("lambda", "GetFunctionConfiguration", FunctionName=name)
            state = found.get(member, wanted)
            if state == wanted or (member == "State" and state == "Inactive"):
                return
            if state == "Failed" or time.monotonic() > deadline:
                raise AwsError("NotStabilized", str(found.get("StateReason") or f"{member} of {name} is {state}"))
            time.sleep(pause)
            pause = min(pause * 1.5, _SLOWEST_LOOK)


def _foreign_layers(work: Work) -> list[str]:
    """Layers of other accounts, as AWS's and its partners' public ones are."""
    layers = [str(layer) for layer in work.properties.get("Layers") or []]
    return [layer for layer in layers if layer.count(":") == 7 and layer.split(":")[4] != work.account]


_DEFAULTS: dict[str, Any] = {
    "Description": "",
    "Environment": {"Variables": {}},
    "Layers": [],
    "MemorySize": 128,
    "Timeout": 3,
}


class Permission(Provider):
    """``AWS::Lambda::Permission``."""

    def create(self, work: Work) -> Made:
        """Add a statement to the function's policy."""
        given = {key: value for key, value in work.properties.items() if key != "FunctionName"}
        asked, left = fit("lambda", "AddPermission", given)
        statement = work.name(100, allowed=r"\w-")
        function = required(work, "FunctionName")
        work.call("lambda", "AddPermission", FunctionName=function, StatementId=statement, **asked)
        return Made(statement, {"Id": statement}, notes=left, facts={"FunctionName": function})

    def replaces(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
        """Every change makes another statement."""
        return before != after

    def delete(self, work: Work, made: Made) -> None:
        """Take the statement out."""
        with gone_is_fine():
            work.call(
                "lambda", "RemovePermission", FunctionName=made.facts["FunctionName"], StatementId=made.physical_id
            )


class Version(Provider):
    """``AWS::Lambda::Version``."""

    def create(self, work: Work) -> Made:
        """Publish what the function is now."""
        given = {
            key: value
            for key, value in work.properties.items()
            if key not in ("ProvisionedConcurrencyConfig", "RuntimePolicy")
        }
        asked, left = fit("lambda", "PublishVersion", given)
        answer = work.call("lambda", "PublishVersion", **asked)
        arn, version = answer["FunctionArn"], answer["Version"]
        arn = arn if arn.endswith(f":{version}") else f"{arn}:{version}"
        return Made(arn, {"Version": version, "FunctionArn": arn}, notes=left)

    def replaces(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
        """Every change publishes another version."""
        return before != after

    def delete(self, work: Work, made: Made) -> None:
        """Remove the version."""
        name, _, version = made.physical_id.rpartition(":")
        with gone_is_fine():
            work.call("lambda", "DeleteFunction", FunctionName=name, Qualifier=version)


class Layer(Provider):
    """``AWS::Lambda::LayerVersion``."""

    def create(self, work: Work) -> Made:
        """Publish a version of the layer."""
        given = {"LayerName": work.name(140, allowed=r"\w-"), **work.properties}
        asked, left = fit("lambda", "PublishLayerVersion", given)
        answer = work.call("lambda", "PublishLayerVersion", **asked)
        arn = answer["LayerVersionArn"]
        return Made(arn, {"LayerVersionArn": arn}, notes=left)

    def replaces(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
        """Every change publishes another version."""
        return before != after

    def delete(self, work: Work, made: Made) -> None:
        """Remove the version."""
        name, _, version = made.physical_id.rpartition(":")
        with gone_is_fine():
            work.call("lambda", "DeleteLayerVersion", LayerName=name, VersionNumber=int(version))


_MAPPING = Declared(
    "lambda",
    "CreateEventSourceMapping",
    "{UUID}",
    "DeleteEventSourceMapping",
    {"UUID": "{id}"},
    "UpdateEventSourceMapping",
    attributes={"Id": "{UUID}", "EventSourceMappingArn": "{EventSourceMappingArn}"},
    fixed=frozenset({"EventSourceArn", "StartingPosition"}),
)

PROVIDERS: dict[str, Provider] = {
    "AWS::Lambda::Function": Function(),
    "AWS::Lambda::Permission": Permission(),
    "AWS::Lambda::Version": Version(),
    "AWS::Lambda::LayerVersion": Layer(),
    "AWS::Lambda::EventSourceMapping": _MAPPING,
    "AWS::Lambda::Alias": Declared(
        "lambda",
        "CreateAlias",
        "{AliasArn}",
        "DeleteAlias",
        {"FunctionName": "{FunctionName}", "Name": "{Name}"},
        "UpdateAlias",
        attributes={"AliasArn": "{AliasArn}"},
        fixed=frozenset({"FunctionName", "Name"}),
    ),
    "AWS::Lambda::LayerVersionPermission": Declared(
        "lambda",
        "AddLayerVersionPermission",
        "{StatementId}",
        "RemoveLayerVersionPermission",
        {"LayerName": "{LayerName}", "VersionNumber": "{VersionNumber}", "StatementId": "{StatementId}"},
    ),
    "AWS::Lambda::Url": Declared(
        "lambda",
        "CreateFunctionUrlConfig",
        "{FunctionArn}",
        "DeleteFunctionUrlConfig",
        {"FunctionName": "{FunctionName}", "Qualifier": "{Qualifier}"},
        "UpdateFunctionUrlConfig",
        attributes={"FunctionUrl": "{FunctionUrl}", "FunctionArn": "{FunctionArn}"},
        renamed={"TargetFunctionArn": "FunctionName"},
        fixed=frozenset({"TargetFunctionArn", "Qualifier"}),
    ),
    "AWS::Lambda::EventInvokeConfig": Declared(
        "lambda",
        "PutFunctionEventInvokeConfig",
        "{stack}-{FunctionName}-{Qualifier}",
        "DeleteFunctionEventInvokeConfig",
        {"FunctionName": "{FunctionName}", "Qualifier": "{Qualifier}"},
        "PutFunctionEventInvokeConfig",
        fixed=frozenset({"FunctionName", "Qualifier"}),
    ),
    "AWS::Lambda::CodeSigningConfig": Declared(
        "lambda",
        "CreateCodeSigningConfig",
        "{CodeSigningConfig.CodeSigningConfigArn}",
        "DeleteCodeSigningConfig",
        {"CodeSigningConfigArn": "{id}"},
        attributes={"CodeSigningConfigArn": "{CodeSigningConfig.CodeSigningConfigArn}"},
    ),
}
