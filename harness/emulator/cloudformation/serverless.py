"""SAM's transform, by AWS's own translator; what it made of a template is kept for the next emulator.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/transform-aws-serverless.html
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from harness.emulator.cloudformation.documents import Document, invalid

SERVERLESS = "AWS::Serverless-2016-10-31"
_MOST_KEPT = 50


class ServerlessTranslator:
    """Translates templates of SAM into plain CloudFormation.

    Importing AWS's translator takes longer than most stacks do, so what it made is kept, by the digest of what it was
    given.

    Args:
        folder: where translations are kept; None: nowhere.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def __call__(self, template: Document, values: Mapping[str, Any], region: str) -> Document:
        """Return *template* as plain CloudFormation.

        Args:
            template: with SAM's resources.
            values: of its parameters and of pseudo parameters.
            region: of the stack.

        Raises:
            AwsError: ValidationError, in the translator's words.
        """
        given = {name: ",".join(value) if isinstance(value, list) else value for name, value in values.items()}
        given.pop("AWS::StackId", None)  # another one each time; what refers to it is resolved with the stack
        path = self._path(template, given, region)
        if path is not None:
            with contextlib.suppress(OSError, ValueError):
                kept: Document = json.loads(path.read_bytes())
                return kept
        found = _translated(template, given, region)
        if path is not None:
            with contextlib.suppress(OSError):  # it is translated again next time
                _keep(path, found)
        return found

    def _path(self, template: Document, given: Mapping[str, Any], region: str) -> Path | None:
        declared = template.get("Parameters") or {}
        if self._folder is None or any(isinstance(each, Mapping) and each.get("NoEcho") for each in declared.values()):
            return None  # secrets are not written down
        asked = json.dumps([version("aws-sam-translator"), region, template, given])
        return self._folder / f"{hashlib.sha256(asked.encode()).hexdigest()}.json"


def _keep(path: Path, found: Document) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    (path.parent / ".gitignore").write_text("*\n")
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    partial.write_text(json.dumps(found))
    partial.replace(path)
    for old in sorted(path.parent.glob("*.json"), key=lambda each: each.stat().st_mtime)[:-_MOST_KEPT]:
        old.unlink()


def _translated(template: Document, given: Mapping[str, Any], region: str) -> Document:
    import boto3
    from samtranslator.internal.managed_policies import get_bundled_managed_policy_map
    from samtranslator.metrics.metrics import DummyMetricsPublisher, Metrics
    from samtranslator.model.exceptions import InvalidDocumentException
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    session = boto3.Session(region_name=region)
    metrics = Metrics("ServerlessTransform", DummyMetricsPublisher())
    policies = get_bundled_managed_policy_map("aws")
    translator = Translator(policies, Parser(), boto_session=session, metrics=metrics)
    try:
        found: Document = translator.translate(template, given)
    except InvalidDocumentException as error:
        raise invalid(f"Transform {SERVERLESS} failed with: {error.message}") from None
    finally:
        metrics.publish()  # nowhere; else it complains that nobody has
    return dict(json.loads(json.dumps(found)))  # what the translator shares between places is parted
