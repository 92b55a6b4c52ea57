"""Expands a SAM template into plain CloudFormation, here, so that the change set that is shown is all that is run.

AWS's own translator does it: https://github.com/aws/serverless-application-model
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from harness.project.template import TemplateError

_SERVERLESS = "AWS::Serverless-2016-10-31"


def expand(body: str, parameters: Mapping[str, str], region: str) -> str:
    """Return the template as SAM's transform leaves it; one that has no transform, or further ones, stays as it is.

    Args:
        body: JSON, which names nothing on this disk.
        parameters: values of the template's parameters, by name.
        region: that the transform asks for.

    Raises:
        TemplateError: the translator refuses it.
    """
    document = json.loads(body)
    if document.get("Transform") not in (_SERVERLESS, [_SERVERLESS]):
        return body
    import boto3
    from samtranslator.internal.managed_policies import get_bundled_managed_policy_map
    from samtranslator.model.exceptions import InvalidDocumentException
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    policies, session = get_bundled_managed_policy_map("aws"), boto3.Session(region_name=region)
    try:
        translated = Translator(policies, Parser(), boto_session=session).translate(document, dict(parameters))
    except InvalidDocumentException as error:
        raise TemplateError(error.message) from None
    return json.dumps(translated, sort_keys=True, separators=(",", ":"))
