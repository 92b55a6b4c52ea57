"""Templates as their authors write them: YAML with CloudFormation's short forms, or JSON.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-formats.html
"""

from __future__ import annotations

from pathlib import Path
from typing import Any


class TemplateError(ValueError):
    """The template cannot be deployed; the message names the place and what is wrong with it."""


def load_template(path: Path) -> dict[str, Any]:
    """Read a template as written, with CloudFormation's short forms as their long ones.

    Raises:
        TemplateError: it is not YAML, or no template.
    """
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):  # type: ignore[misc]
        """Reads CloudFormation's short forms (``!Ref x``) as their long ones (``{"Ref": x}``)."""

    def short_form(loader: Any, suffix: str, node: Any) -> dict[str, Any]:
        if isinstance(node, yaml.ScalarNode):
            value = loader.construct_scalar(node)
        elif isinstance(node, yaml.SequenceNode):
            value = loader.construct_sequence(node, deep=True)
        else:
            value = loader.construct_mapping(node, deep=True)
        return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}

    Loader.add_multi_constructor("!", short_form)
    # A policy's Version is a text that looks like a date.
    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in base.yaml_implicit_resolvers.items()
    }
    try:
        document = yaml.load(path.read_text(), Loader)
    except yaml.YAMLError as error:
        raise TemplateError(f"{path}: not YAML: {error}") from None
    if not isinstance(document, dict):
        raise TemplateError(f"{path}: not a template")
    return document
